"""Lines of the log reach whoever reads them, in order, and whoever does not holds up nobody."""

import fcntl
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from bff.sink import Sink
from bff.telemetry import SELDOM_SECONDS, _Seldom
from tests.harness import ROOT, wait_until

# Characters that may wait here, of lines of ten.
LIMIT = 10_000
# Logs far more than may wait to a pipe that nobody reads, and ends.
TALKER = """
import sys, structlog
from bff.telemetry import configure_logging, lines_dropped
configure_logging("INFO")
log = structlog.get_logger()
for number in range(60_000):
    log.info("line", number=number)
sys.stderr.write(str(lines_dropped()))
"""


class Reader:
    """One end of a pipe, which reads when it is told to; `stream` is the other end, as stdout would be."""

    def __init__(self, stream: TextIO, number: int) -> None:
        self.stream = stream
        self._number = number
        self._text = ""

    def until(self, last: str) -> list[str]:
        """Reads on until the line `last` has come, last of all; the lines since the last time."""
        while not self._text.endswith(f"{last}\n"):
            ready, _, _ = select.select([self._number], [], [], 20)
            assert ready, f"no {last} after {self._text[-200:]}"
            self._text += os.read(self._number, 65_536).decode()
        text, self._text = self._text, ""
        return text.splitlines()


@pytest.fixture
def reader() -> Iterator[Reader]:
    with open_pipe() as found:
        yield found


@contextmanager
def open_pipe() -> Iterator[Reader]:
    number, other = os.pipe()
    # As small as it may be: full after one page.
    fcntl.fcntl(number, fcntl.F_SETPIPE_SZ, 4096)
    try:
        with os.fdopen(other, "w") as stream:
            yield Reader(stream, number)
    finally:
        os.close(number)


def line(number: int) -> str:
    return f"{number:09}\n"


def made(limit: int = LIMIT) -> Sink:
    """One that tells in a line of its own how many are missing."""
    sink = Sink(lambda lines: sink.write(f"missing {lines}\n"), limit)
    return sink


def test_a_reader_that_stalls_holds_up_nobody_and_a_line_says_how_many_it_missed_where_it_did(
    reader: Reader,
) -> None:
    sink = made()
    sink.redirect(reader.stream)
    for number in range(10_000):
        sink.write(line(number))
    assert not sink.drain(0)
    missed = sink.dropped
    assert 0 < missed < 10_000
    kept = 10_000 - missed
    lines = reader.until(f"missing {missed}")
    assert lines == [*(f"{number:09}" for number in range(kept)), f"missing {missed}"]
    sink.write("after\n")
    assert reader.until("after") == ["after"]
    assert sink.drain()
    assert sink.dropped == missed


def test_each_gap_is_told_by_itself(reader: Reader) -> None:
    sink = made()
    sink.redirect(reader.stream)
    for _ in range(3):
        before = sink.dropped
        for number in range(3_000):
            sink.write(line(number))
        told = f"missing {sink.dropped - before}"
        assert [each for each in reader.until(told) if each.startswith("missing")] == [told]


def test_lines_of_many_threads_come_whole_and_each_threads_in_order(reader: Reader) -> None:
    sink = made(limit=10_000_000)
    sink.redirect(reader.stream)

    def talk(name: int) -> None:
        for number in range(500):
            sink.write(f"{name} {number} {'x' * (number % 300)}\n")

    threads = [threading.Thread(target=talk, args=(name,)) for name in range(8)]
    for each in threads:
        each.start()
    wait_until(lambda: not any(each.is_alive() for each in threads), what="who waits for no reader")
    sink.write("end\n")
    found = [each.split() for each in reader.until("end")[:-1]]
    for name in range(8):
        assert [int(words[1]) for words in found if words[0] == str(name)] == list(range(500))
    assert sink.dropped == 0


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(reader: Reader) -> None:
    os.set_blocking(reader.stream.fileno(), False)
    sink = made(limit=10_000_000)
    sink.redirect(reader.stream)
    for number in range(2_000):
        sink.write(line(number))
    sink.write("end\n")
    assert len(reader.until("end")) == 2_001


def test_lines_that_a_full_disk_did_not_take_are_counted_and_told_once_it_takes_others(
    reader: Reader,
) -> None:
    sink = made()
    with Path("/dev/full").open("w") as full:
        sink.redirect(full)
        for number in range(3):
            sink.write(line(number))
            assert sink.drain(20)
        assert sink.dropped == 3
        sink.redirect(reader.stream)
    sink.write("again\n")
    assert reader.until("missing 3") == ["again", "missing 3"]


def test_a_stream_that_was_closed_or_never_there_raises_nothing(tmp_path: Path) -> None:
    sink = made()
    sink.redirect(None)
    sink.write("nowhere\n")
    with (tmp_path / "log").open("w") as closed:
        sink.redirect(closed)
        sink.write("somewhere\n")
        assert sink.drain(20)
    sink.write("nowhere\n")
    assert sink.drain(20)
    assert sink.dropped == 1
    assert (tmp_path / "log").read_text() == "somewhere\n"


def test_a_process_whose_log_nobody_reads_ends_when_it_has_done_its_work() -> None:
    with open_pipe() as reader:
        talker = subprocess.Popen(
            [sys.executable, "-c", TALKER],
            cwd=ROOT,
            stdout=reader.stream,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, told = talker.communicate(timeout=60)
    assert talker.returncode == 0, told
    assert 0 < int(told) < 60_000


def test_of_warnings_of_one_text_some_pass_with_the_number_of_those_that_did_not() -> None:
    now = 0.0
    seldom = _Seldom(lambda: now)

    def passes(text: str, level: int = logging.WARNING) -> int | None:
        record = logging.LogRecord("uvicorn.error", level, "", 0, text, (), None)
        return getattr(record, "left_out", 0) if seldom.filter(record) else None

    assert [passes("bad") for _ in range(4)] == [0, None, None, None]
    assert passes("worse") == 0
    assert [passes("bad", logging.ERROR) for _ in range(2)] == [0, 0]
    now = SELDOM_SECONDS
    assert passes("bad") == 3
    assert passes("bad") is None
    now = 2 * SELDOM_SECONDS
    assert [passes("bad"), passes("worse")] == [1, 0]
