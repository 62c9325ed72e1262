"""Children are kept running; what an earlier run has left is ended, a stranger with its process id is not."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from stack import processes
from stack.processes import Child, Spec, end_left_over, kill_tree
from tests.harness import wait_until
from tests.stack.realtime.wire import until


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as started:
        yield started
        started.kill()


@pytest.fixture
def deaf_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sh", "-c", "trap '' TERM; echo; sleep 1000"], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        kill_tree(started.pid)


def test_a_process_of_an_earlier_run_is_ended(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert end_left_over(process.pid, created, signal.SIGTERM, timeout=10)
    assert not psutil.pid_exists(process.pid)


def test_one_that_ignores_its_signal_is_killed_with_its_children(
    deaf_process: subprocess.Popen[bytes],
) -> None:
    member = psutil.Process(deaf_process.pid)
    children = wait_until(member.children, what="its child")
    assert end_left_over(deaf_process.pid, member.create_time(), signal.SIGTERM, timeout=0.2)
    assert not psutil.pid_exists(deaf_process.pid)
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_stranger_with_the_same_process_id_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert not end_left_over(process.pid, created - 3600, signal.SIGTERM, timeout=10)
    assert process.poll() is None


def test_a_process_that_has_ended_needs_no_end(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    process.kill()
    process.wait()
    assert not end_left_over(process.pid, created, signal.SIGTERM, timeout=10)


class Part:
    """A child that serves when it is let, and notes at each start whether what it needs served."""

    def __init__(self, name: str, folder: Path, needs: "Part | None" = None) -> None:
        self.serves = True
        self.starts: list[bool] = []
        self._needs: Child | None = needs.child if needs else None
        spec = Spec(name, ["sleep", "1000"], self._is_ready)
        self.child: Child = Child(
            spec, folder / f"{name}.log", self._note, start_timeout=10, stop_timeout=5, needs=self._needs
        )

    async def _is_ready(self) -> bool:
        return self.serves

    def _note(self, child: Child) -> None:
        if child.pid is not None and not child.ready:
            self.starts.append(self._needs is None or self._needs.ready)

    def kill(self) -> int:
        assert self.child.pid is not None
        os.kill(self.child.pid, signal.SIGKILL)
        return self.child.restarts

    async def again(self, restarts: int) -> None:
        """Returns when it serves after a further restart."""
        await until(lambda: self.child.ready and self.child.restarts > restarts, "ready again")


@asynccontextmanager
async def running(*parts: Part) -> AsyncIterator[None]:
    for part in parts:
        await part.child.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            await part.child.stop()


async def test_a_child_is_started_again_only_once_what_it_needs_serves(tmp_path: Path) -> None:
    server = Part("server", tmp_path)
    client = Part("client", tmp_path, server)
    async with running(server, client):
        server.serves = False
        before = server.kill(), client.kill()
        await spawned(server, 2)
        server.serves = True
        await server.again(before[0])
        await client.again(before[1])
    assert client.starts == [True, True]


async def test_a_child_whose_need_ends_while_it_starts_is_started_anew(tmp_path: Path) -> None:
    server = Part("server", tmp_path)
    client = Part("client", tmp_path, server)
    async with running(server, client):
        client.serves = False  # it hangs
        restarts = client.kill()
        await spawned(client, 2)
        await server.again(server.kill())
        await spawned(client, 3)
        client.serves = True
        await client.again(restarts + 1)


async def spawned(part: Part, times: int) -> None:
    await until(lambda: len(part.starts) >= times, "another start")


async def test_a_child_that_dies_ten_times_in_a_row_is_still_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MAX_BACKOFF", 0.2)
    part = Part("part", tmp_path)
    async with running(part):
        for _ in range(10):
            await part.again(part.kill())
        assert part.child.restarts == 10


async def test_a_log_that_grows_too_long_is_put_aside_while_its_child_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 100)
    part = Part("part", tmp_path)
    part.child.spec = Spec(
        "part", ["sh", "-c", "while sleep 0.01; do echo word; done"], part.child.spec.is_ready
    )
    async with running(part):
        await until(lambda: part.child.log.stat().st_size > 100, "a long log")
        part.child.trim_log()
        assert (tmp_path / "part.log.1").read_text().startswith("word\n")
        await until(lambda: "word" in part.child.log.read_text(), "further words")
        assert "\0" not in part.child.log.read_text()
