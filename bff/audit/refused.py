"""The file of records that the database will never take: for the operator, a JSON object a line."""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from bff.audit.spool import Row, SpoolError, Sync

log = structlog.get_logger(__name__)

REFUSED: Final = "refused.jsonl"


class RefusedFile:
    """Shared by the processes of a host; everything here blocks.

    Args:
        folder: Where it lies.
        sync: `full` waits for the disk.
        max_bytes: More it never takes.

    """

    def __init__(self, folder: Path, sync: Sync, max_bytes: int) -> None:
        self._path = folder / REFUSED
        self._sync = sync
        self._max_bytes = max_bytes

    def add(self, rows: Sequence[tuple[Row, str]]) -> int:
        """Adds records with why they were refused; how many found no room, and are lost.

        Raises:
            SpoolError: the disk does not take them; no part of a line was left.

        """
        lines = [_line(row, reason) for row, reason in rows]
        for row, reason in rows:
            log.error("audit_record_refused", reason=reason, id=id_of(row), file=REFUSED)
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                # One at a time: what is taken back below must be ours. The lock goes with the descriptor.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                return self._write(descriptor, lines)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SpoolError(f"{self._path}: {error.strerror}") from error

    def _write(self, descriptor: int, lines: Sequence[bytes]) -> int:
        before = os.fstat(descriptor).st_size
        taken = 0
        content = b""
        for line in lines:
            if before + len(content) + len(line) > self._max_bytes:
                break
            content += line
            taken += 1
        if taken < len(lines):
            log.error("audit_refused_file_full", file=REFUSED, lost=len(lines) - taken)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            if self._sync == "full":
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
        return len(lines) - taken


def id_of(row: Row) -> Any:
    """A record's id, where it can be read."""
    try:
        return json.loads(row.record)["id"]
    except (ValueError, KeyError, TypeError):
        return None


def _line(row: Row, reason: str) -> bytes:
    record = row.record.decode("utf-8", "replace")
    return (
        f"{json.dumps({'reason': reason, 'record': json.loads(record) if row.intact else record})}\n".encode()
    )
