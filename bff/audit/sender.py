"""Carries records from disk to the database, in order, until it has said of each what became of it."""

import asyncio
import contextlib
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from bff.audit.keeper import AuditConfig, Counts, Disk, Keeper
from bff.audit.spool import (
    DamagedError,
    InUseError,
    Row,
    Spool,
    SpoolError,
    new_path,
    paths,
    rename_damaged,
)
from bff.audit.writer import AwayError, Receipt, RejectedError

log = structlog.get_logger(__name__)

Write = Callable[[Sequence[bytes]], Awaitable[Receipt]]

# Records in one call: at some 800 bytes each it stays below what gateways let through.
BATCH: Final = 500
# Seconds that a call waits for others to come along, while there are few.
LINGER_SECONDS: Final = 0.2
# Seconds after which an answer is not waited for at the process' end, and between looks whether all is sent.
LATE_SECONDS: Final = 0.25
GLANCE_SECONDS: Final = 0.01
# Seconds between two looks for files whose process is gone.
ADOPT_SECONDS: Final = 5.0
# So many records failed alone, one after the other: the database refuses all, and none of them is to blame.
SUSPECTS: Final = 20
# A record is to blame when it failed alone so often, and others passed each time after it: once, the database
# may just have come to itself.
STRIKES: Final = 3
# A loop that died of a fault of ours is taken up again after this.
RESTART_SECONDS: Final = 1.0
# What the database refuses lies here, for the operator, up to the size of a spool.
REFUSED: Final = "refused.jsonl"


class Sender:
    """The one loop of a process that calls the database.

    Args:
        config: see there.
        disk: runs what touches files.
        keeper: has this process' own file.
        counts: kept up to date.
        woken: set when there is something to send.
        write: calls the database.
    """

    def __init__(
        self,
        config: AuditConfig,
        disk: Disk,
        keeper: Keeper,
        counts: Counts,
        woken: asyncio.Event,
        write: Write,
    ) -> None:
        self._config = config
        self._disk = disk
        self._keeper = keeper
        self._counts = counts
        self._write = write
        self._adopted: dict[Path, Spool] = {}
        self._adopt_at = 0.0
        self._size = BATCH
        self._failures = 0
        self._suspects: list[tuple[Spool, Row, str]] = []
        self._strikes: dict[tuple[Path, int], int] = {}
        self._unremoved: dict[Spool, list[int]] = {}
        """Sent, and still on a disk that is too full to forget."""
        self._woken = woken
        self._is_draining = False
        self._called_at: float | None = None
        """Monotonic seconds; since when a call waits for its answer."""
        self._oldest: float | None = None
        """Unix seconds of the oldest record that was read and has not been sent."""

    @property
    def is_up(self) -> bool:
        """Whether the database took what it was last given."""
        return self._failures == 0

    @property
    def oldest_seconds(self) -> float:
        """The age of what waits longest."""
        if self._oldest is None or not self._keeper.room.records:
            return 0.0
        return max(0.0, time.time() - self._oldest)

    async def drain(self) -> None:
        """Returns when all is sent, or the database answers too slowly to wait for it."""
        self._is_draining = True
        self._woken.set()
        while True:
            if not self._keeper.room.records or not self.is_up or self._is_late:
                return
            await asyncio.sleep(GLANCE_SECONDS)

    @property
    def _is_late(self) -> bool:
        return self._called_at is not None and time.monotonic() - self._called_at > LATE_SECONDS

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                await self._turn()
            except AwayError as error:
                await self._back_off(error)
            except SpoolError as error:
                log.warning("audit_spool_unreadable", error=str(error))
                await asyncio.sleep(RESTART_SECONDS)
            except Exception:
                log.exception("audit_sender_failed")
                await asyncio.sleep(RESTART_SECONDS)

    async def _turn(self) -> None:
        self._woken.clear()
        await self._adopt()
        if await self.send_some():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ADOPT_SECONDS):
                await self._woken.wait()
        if not self._is_draining:
            await asyncio.sleep(LINGER_SECONDS)

    async def _back_off(self, error: AwayError) -> None:
        self._failures += 1
        longest = min(self._config.retry_cap, self._config.retry_base * 2.0 ** min(self._failures - 1, 16))
        # Half of it at random: processes that failed together do not return together.
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        log.warning(
            "audit_waits", error=str(error), seconds=round(pause, 2), records=self._keeper.room.records
        )
        await asyncio.sleep(pause)

    async def send_some(self) -> bool:
        """One batch of the oldest records; whether there was any.

        Raises:
            AwayError: the database does not take them now.
            SpoolError: they cannot be read now.
        """
        await self._keeper.retry()
        if self._keeper.unkept:
            await self._send_unkept()
            return True
        for spool in [*self._adopted.values(), self._keeper.own]:
            if spool is None:
                continue
            try:
                if await self._send_of(spool):
                    return True
            except DamagedError:
                await self._rescue(spool)
                return True
        if self._suspects:
            # Nothing else is there to compare them with.
            reason = self._suspects[-1][2]
            self._suspects.clear()
            raise AwayError(reason)
        return False

    async def _send_unkept(self) -> None:
        """Straight from memory, as the disk does not take them."""
        batch = self._keeper.unkept[: self._size]
        rows = [Row(number, record) for number, record in enumerate(batch)]
        try:
            receipt = await self._call(batch)
        except RejectedError as error:
            raise AwayError(str(error)) from error
        # Nothing was taken from the front meanwhile: only this loop does that.
        del self._keeper.unkept[: len(batch)]
        await self._note(receipt, rows)

    async def _send_of(self, spool: Spool) -> bool:
        but = [row.seq for owner, row, _ in self._suspects if owner is spool]
        but += self._unremoved.get(spool, ())
        rows: list[Row] = await self._disk(spool.oldest, self._size, but)
        if not rows:
            if spool.path in self._adopted and not but:
                await self._disk(spool.close)
                del self._adopted[spool.path], self._keeper.room.adopted[spool.path]
            if not but:
                self._oldest = None
            return False
        damaged = [row for row in rows if not row.intact]
        if damaged:
            await self._set_aside(spool, [(row, "damaged on disk") for row in damaged])
            self._counts.damaged += len(damaged)
            return True
        self._oldest = _created_at(rows[0])
        try:
            receipt = await self._call([row.record for row in rows])
        except RejectedError as error:
            self._suspect(spool, rows, str(error))
            return True
        except AwayError as error:
            if error.late:
                self._size = max(1, self._size // 2)
            raise
        await self._note(receipt, rows)
        await self._remove(spool, [row.seq for row in rows])
        await self._condemn()
        return True

    async def _call(self, records: Sequence[bytes]) -> Receipt:
        self._called_at = time.monotonic()
        try:
            return await self._write(records)
        finally:
            self._called_at = None

    async def _note(self, receipt: Receipt, rows: Sequence[Row]) -> None:
        """After a call that went well."""
        self._failures = 0
        self._size = min(BATCH, self._size * 2)
        self._counts.written += receipt.written
        self._counts.known += receipt.known
        if receipt.refused:
            refused = [(rows[place], reason) for place, reason in receipt.refused.items()]
            await self._disk(self._to_file, refused)
            self._counts.refused += len(refused)

    def _suspect(self, spool: Spool, rows: Sequence[Row], reason: str) -> None:
        """The database fails over a batch: find the record, if it is one, and leave it out for now."""
        if len(rows) > 1:
            self._size = len(rows) // 2
            return
        self._suspects.append((spool, rows[0], reason))
        if len(self._suspects) > SUSPECTS:
            self._suspects.clear()
            raise AwayError(reason)

    async def _condemn(self) -> None:
        """Others have passed: those that failed before them are tried again, or set aside."""
        suspects, self._suspects = self._suspects, []
        for spool, row, reason in suspects:
            key = spool.path, row.seq
            self._strikes[key] = self._strikes.get(key, 0) + 1
            if self._strikes[key] >= STRIKES:
                await self._set_aside(spool, [(row, reason)])
                self._counts.refused += 1
                del self._strikes[key]

    async def _set_aside(self, spool: Spool, rows: Sequence[tuple[Row, str]]) -> None:
        await self._disk(self._to_file, rows)
        await self._remove(spool, [row.seq for row, _ in rows])

    def _to_file(self, rows: Sequence[tuple[Row, str]]) -> None:
        """In the disk's thread: a line for each; it is on disk before the record leaves the spool."""
        for row, reason in rows:
            record = row.record.decode("utf-8", "replace")
            line = json.dumps({"reason": reason, "record": record if not row.intact else json.loads(record)})
            log.error("audit_record_refused", reason=reason, id=_id(row), file=REFUSED)
            path = self._config.folder / REFUSED
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(descriptor).st_size > self._config.max_bytes:
                    log.error("audit_refused_file_full", file=REFUSED)
                    continue
                os.write(descriptor, f"{line}\n".encode())
            except OSError as error:
                raise SpoolError(f"{path}: {error.strerror}") from error
            finally:
                os.close(descriptor)

    async def _remove(self, spool: Spool, seqs: Sequence[int]) -> None:
        """Forgets what was sent; what the disk does not let go of now is not sent again meanwhile."""
        sent = [*self._unremoved.pop(spool, ()), *seqs]

        def remove() -> int:
            spool.remove(sent)
            return spool.used_bytes

        try:
            used = await self._disk(remove)
        except SpoolError as error:
            self._unremoved[spool] = sent
            log.warning("audit_spool_not_freed", error=str(error))
            if await self._disk(self._discard, spool, len(sent)):
                del self._unremoved[spool]
                if spool.path in self._adopted:
                    del self._adopted[spool.path], self._keeper.room.adopted[spool.path]
            return
        room = self._keeper.room
        if spool is self._keeper.own:
            room.own_records -= len(sent)
            room.own_bytes = used
        elif spool.path in self._adopted:
            room.adopted[spool.path] = room.adopted[spool.path][0] - len(sent), used

    def _discard(self, spool: Spool, sent: int) -> bool:
        """In the disk's thread, where nothing comes between: removes a file of which all is sent.

        That frees a disk that is too full to write what is to go.
        """
        if spool.count() != sent:
            return False
        if spool is self._keeper.own:
            self._keeper.discard()
        else:
            spool.discard()
        return True

    async def _adopt(self) -> None:
        """Takes over files whose process is gone, however it went."""
        if time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + ADOPT_SECONDS
        ours = {*self._adopted, *([] if self._keeper.own is None else [self._keeper.own.path])}
        for spool, records, used in await self._disk(self._find_orphans, ours):
            self._adopted[spool.path] = spool
            self._keeper.room.adopted[spool.path] = records, used
            log.info("audit_spool_adopted", file=spool.path.name, records=records)

    def _find_orphans(self, ours: set[Path]) -> list[tuple[Spool, int, int]]:
        found = []
        for path in paths(self._config.folder, self._config.project):
            if path in ours:
                continue
            try:
                spool = Spool(path, self._config.sync, self._config.max_bytes)
            except (InUseError, SpoolError):
                continue
            except DamagedError as error:
                self._give_up(rename_damaged(path), str(error))
                continue
            try:
                records, used = spool.count(), spool.used_bytes
            except DamagedError:
                records, used = 1, 0
            if records:
                found.append((spool, records, used))
            else:
                spool.close()
        return found

    async def _rescue(self, spool: Spool) -> None:
        """Moves what can be read of a damaged file to another one, and puts the file out of the way."""
        if spool is self._keeper.own:
            await self._keeper.abandon()
            self._adopt_at = 0.0
            return
        self._suspects = [each for each in self._suspects if each[0] is not spool]
        rescued, records, used = await self._disk(self._move_readable, spool)
        del self._adopted[spool.path], self._keeper.room.adopted[spool.path]
        self._adopted[rescued.path] = rescued
        self._keeper.room.adopted[rescued.path] = records, used

    def _move_readable(self, spool: Spool) -> tuple[Spool, int, int]:
        rescued = Spool(
            new_path(self._config.folder, self._config.project), self._config.sync, self._config.max_bytes
        )
        try:
            rescued.append([row.record for row in spool.readable()])
        except BaseException:
            rescued.close()
            raise
        count = rescued.count()
        self._give_up(spool.set_aside(), f"{count} records could be read")
        return rescued, count, rescued.used_bytes

    def _give_up(self, path: Path, error: str) -> None:
        self._counts.damaged += 1
        log.error("audit_spool_damaged", file=path.name, error=error)

    def close(self) -> None:
        """In the disk's thread: lets go of all files; what is left in them is for whoever comes next."""
        for spool in self._adopted.values():
            spool.close()
        if self._keeper.own is not None:
            self._keeper.own.close()


def _id(row: Row) -> Any:
    try:
        return json.loads(row.record)["id"]
    except (ValueError, KeyError, TypeError):
        return None


def _created_at(row: Row) -> float | None:
    try:
        return datetime.fromisoformat(json.loads(row.record)["created_at"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
