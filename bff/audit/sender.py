"""Carries records from disk to the database, in order, until it has said of each what became of it."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from bff.audit.keeper import AuditConfig, Counts, Disk, Keeper
from bff.audit.orphans import Orphans
from bff.audit.refused import RefusedFile
from bff.audit.spool import (
    DamagedError,
    Row,
    Spool,
    SpoolError,
)
from bff.audit.suspects import Suspect, Suspects
from bff.audit.writer import AwayError, Receipt, RejectedError

log = structlog.get_logger(__name__)

Write = Callable[[Sequence[bytes]], Awaitable[Receipt]]

# Records in one call: at some 800 bytes each it stays below what gateways let through, and below the 2,000
# that `record_requests` takes.
BATCH: Final = 500
# Seconds that a call waits for more records to come along, while there are few: a call for each two or three
# would cost the process and the database more than the requests themselves do.
LINGER_SECONDS: Final = 0.2
# Seconds after which an answer is not waited for at the process' end, and between looks whether all is sent.
LATE_SECONDS: Final = 0.25
GLANCE_SECONDS: Final = 0.01
# Seconds between two looks for files whose process is gone.
ADOPT_SECONDS: Final = 5.0
# A loop that died of a fault of ours is taken up again after this.
RESTART_SECONDS: Final = 1.0


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
        self._suspects = Suspects()
        self._refused = RefusedFile(config.folder, config.sync, config.max_bytes)
        self._orphans = Orphans(config, counts)
        self._unremoved: dict[Spool, list[int]] = {}
        """Sent, and still on a disk that is too full to forget."""
        self._woken = woken
        self._has_sent_all = False
        """Whether the last call took what there was; there are few, then."""
        self._draining = asyncio.Event()
        self._called_at: float | None = None
        """Monotonic seconds; since when a call waits for its answer."""
        self._oldest: float | None = None
        """Unix seconds of the oldest record that was read and has not been sent."""

    @property
    def is_up(self) -> bool:
        """Whether the database took what it was last given."""
        return self._failures == 0

    @property
    def unopened(self) -> int:
        """Files of ended processes that the disk does not let us open."""
        return len(self._orphans.unopened)

    @property
    def oldest_seconds(self) -> float:
        """The age of what waits longest."""
        if self._oldest is None or not self._keeper.room.records:
            return 0.0
        return max(0.0, time.time() - self._oldest)

    async def drain(self) -> None:
        """Returns when all is sent, or the database answers too slowly to wait for it."""
        self._draining.set()
        self._woken.set()
        while True:
            if not self._keeper.waits or not self.is_up or self._is_late:
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
        await self._follow()
        self._has_sent_all = False
        if await self.send_some():
            if self._has_sent_all:
                await self._linger()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ADOPT_SECONDS):
                await self._woken.wait()
        await self._linger()

    async def _linger(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._draining.wait()

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
        if (reason := self._suspects.acquit()) is not None:
            raise AwayError(reason)
        return False

    async def _send_unkept(self) -> None:
        """Straight from memory, as the disk does not take them."""
        batch = self._keeper.unkept[: self._size]
        rows = [Row(number, record) for number, record in enumerate(batch)]
        try:
            receipt = await self._call(batch)
        except RejectedError as error:
            if len(batch) > 1:
                self._size = len(batch) // 2
                return
            # Behind the others, which it may not hold up. Once it is on disk it is looked into.
            self._keeper.unkept.append(self._keeper.unkept.pop(0))
            raise AwayError(str(error)) from error
        # Nothing was taken from the front meanwhile: only this loop does that.
        del self._keeper.unkept[: len(batch)]
        try:
            await self._note(receipt, rows)
        except SpoolError:
            # The database does not take them, nor does the disk, and memory would keep them for ever.
            self._keeper.lose([rows[place].record for place in receipt.refused], "refused_and_no_room")

    async def _send_of(self, spool: Spool) -> bool:
        but = [*self._suspects.of(spool), *self._unremoved.get(spool, ())]
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
            await self._set_aside(spool, [(row, "damaged on disk") for row in damaged], is_damaged=True)
            return True
        self._oldest = _created_at(rows[0])
        is_all = len(rows) < self._size
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
        self._has_sent_all = is_all
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
            await self._to_file(refused)

    def _suspect(self, spool: Spool, rows: Sequence[Row], reason: str) -> None:
        """The database fails over a batch: find the record, if it is one, and leave it out for now."""
        if len(rows) > 1:
            self._size = len(rows) // 2
            return
        if not self._suspects.add(Suspect(spool, rows[0], reason)):
            raise AwayError(reason)

    async def _condemn(self) -> None:
        """Others have passed: those that are to blame for failing before are set aside."""
        for spool, row, reason in self._suspects.convict():
            await self._set_aside(spool, [(row, reason)])

    async def _set_aside(
        self, spool: Spool, rows: Sequence[tuple[Row, str]], *, is_damaged: bool = False
    ) -> None:
        await self._to_file(rows, is_damaged=is_damaged)
        await self._remove(spool, [row.seq for row, _ in rows])

    async def _to_file(self, rows: Sequence[tuple[Row, str]], *, is_damaged: bool = False) -> None:
        """On disk before the record leaves the spool."""
        lost: int = await self._disk(self._refused.add, rows)
        self._counts.lost += lost
        if is_damaged:
            self._counts.damaged += len(rows) - lost
        else:
            self._counts.refused += len(rows) - lost

    async def _remove(self, spool: Spool, seqs: Sequence[int]) -> None:
        """Forgets what was sent; what the disk does not let go of now is not sent again meanwhile."""
        sent = [*self._unremoved.pop(spool, ()), *seqs]

        def remove() -> int | None:
            if spool.is_closed:
                return None
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
        if used is None:
            # It was removed meanwhile, and all that it held is in another one: the database will know these.
            self._suspects.forget(spool)
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

    async def _follow(self) -> None:
        """Moves records out of files that somebody has removed; their connections still have them."""
        try:
            await self._disk(self._keeper.follow)
            for spool in await self._disk(self._find_gone):
                log.error("audit_spool_removed", file=spool.path.name)
                await self._rescue(spool)
        except SpoolError as error:
            # They can be sent from where they are.
            log.warning("audit_spool_not_followed", error=str(error))

    def _find_gone(self) -> list[Spool]:
        return [spool for spool in self._adopted.values() if spool.is_gone]

    async def _adopt(self) -> None:
        """Takes over files whose process is gone, however it went."""
        if time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + ADOPT_SECONDS
        ours = {*self._adopted, *([] if self._keeper.own is None else [self._keeper.own.path])}
        for spool, records, used in await self._disk(self._orphans.find, ours):
            self._adopted[spool.path] = spool
            self._keeper.room.adopted[spool.path] = records, used
            log.info("audit_spool_adopted", file=spool.path.name, records=records)

    async def _rescue(self, spool: Spool) -> None:
        """Moves what can be read of a damaged file to another one, and puts the file out of the way."""
        if spool is self._keeper.own:
            await self._keeper.abandon()
            self._adopt_at = 0.0
            return
        self._suspects.forget(spool)
        rescued, records, used = await self._disk(self._orphans.move_readable, spool)
        del self._adopted[spool.path], self._keeper.room.adopted[spool.path]
        self._adopted[rescued.path] = rescued
        self._keeper.room.adopted[rescued.path] = records, used

    def close(self) -> None:
        """In the disk's thread: lets go of all files; what is left in them is for whoever comes next."""
        for spool in self._adopted.values():
            spool.close()
        if self._keeper.own is not None:
            self._keeper.own.close()


def _created_at(row: Row) -> float | None:
    try:
        return datetime.fromisoformat(json.loads(row.record)["created_at"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
