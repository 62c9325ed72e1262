"""The file of what the database refuses: whole lines, or an error and none."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bff.audit.refused import REFUSED, RefusedFile
from bff.audit.spool import Row, SpoolError

ROWS = [(Row(number, b'{"id": "%d", "text": "%b"}' % (number, b"y" * 300)), "no") for number in range(3)]


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / REFUSED).read_text().splitlines()]


def writing(monkeypatch: pytest.MonkeyPatch, limit: Callable[[], int]) -> None:
    """Each write takes as much as `limit` says."""
    write = os.write

    def short(descriptor: int, content: bytes) -> int:
        if (size := limit()) == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:size])

    monkeypatch.setattr(os, "write", short)


def test_a_write_that_is_cut_short_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing(monkeypatch, lambda: 100)
    assert RefusedFile(tmp_path, "normal", 1 << 20).add(ROWS) == 0
    assert lines(tmp_path) == [{"reason": why, "record": json.loads(row.record)} for row, why in ROWS]


def test_what_the_disk_does_not_take_is_an_error_and_leaves_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RefusedFile(tmp_path, "normal", 1 << 20)
    file.add(ROWS[:1])
    with monkeypatch.context() as full:
        sizes = iter([500, 0])
        writing(full, lambda: next(sizes))
        with pytest.raises(SpoolError, match="No space"):
            file.add(ROWS[1:])
    assert len(lines(tmp_path)) == 1
    file.add(ROWS[1:])
    assert [each["record"]["id"] for each in lines(tmp_path)] == ["0", "1", "2"]


def test_a_folder_that_is_gone_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(SpoolError):
        RefusedFile(tmp_path / "gone", "normal", 1 << 20).add(ROWS)


@pytest.mark.parametrize(("sync", "count"), [("normal", 0), ("full", 1)])
def test_it_waits_for_the_disk_where_the_spool_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: Any, count: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    RefusedFile(tmp_path, sync, 1 << 20).add(ROWS)
    assert len(synced) == count


def test_what_finds_no_room_is_said_to_be_lost(tmp_path: Path) -> None:
    assert RefusedFile(tmp_path, "normal", 800).add(ROWS) == 1
    assert len(lines(tmp_path)) == 2
