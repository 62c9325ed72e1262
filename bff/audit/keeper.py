"""Puts records on disk before their answers leave, many at a time and never in the event loop.

While one commit is under way, what comes meanwhile makes up the next: so a disk that is slow makes the groups
larger, and one that stands still holds up the requests that must be recorded, and no stream.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import structlog

from bff.audit.spool import DamagedError, InUseError, Spool, SpoolError, Sync, new_path

log = structlog.get_logger(__name__)

T = TypeVar("T")
Disk = Callable[..., "asyncio.Future[Any]"]

# Records that may wait in memory where the disk does not take them; some 10 MB.
MEMORY_RECORDS: Final = 10_000
# Seconds that an answer waits for the disk. Its request is carried out by then; hiding that helps nobody.
STUCK_SECONDS: Final = 2.0
# From this share of the room on, requests that must be recorded are not begun: those under way find room.
FULL: Final = 0.9
# From this share on, what nobody in particular has sent is not kept: strangers must not lock members out.
FULL_FOR_NOBODY: Final = 0.75


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """How records are kept and sent.

    Args:
        folder: of the files, shared by all processes of this host.
        project: see `bff.audit.spool.project_of`.
        sync: see `bff.audit.spool.Sync`.
        max_bytes: what this process' records may take on disk.
        when_full: without room, `refuse` what must be recorded or `serve` it unrecorded.
        retry_base: seconds; the pause after the first failure.
        retry_cap: seconds; the longest pause.
    """

    folder: Path
    project: str
    sync: Sync = "normal"
    max_bytes: int = 256 * 1024 * 1024
    when_full: Literal["refuse", "serve"] = "refuse"
    retry_base: float = 1.0
    retry_cap: float = 10.0


@dataclass(slots=True)
class Counts:
    """Records, by what became of them; see docs/metrics.md."""

    kept: int = 0
    written: int = 0
    known: int = 0
    refused: int = 0
    damaged: int = 0
    lost: int = 0
    turned_away: int = 0
    repeated: int = 0


@dataclass(slots=True)
class Room:
    """What records take on disk: this process' own, and those it has taken over."""

    own_records: int = 0
    own_bytes: int = 0
    adopted: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Records and bytes of each file."""

    @property
    def records(self) -> int:
        return self.own_records + sum(records for records, _ in self.adopted.values())

    @property
    def used(self) -> int:
        return self.own_bytes + sum(used for _, used in self.adopted.values())


def make_disk() -> tuple[ThreadPoolExecutor, Disk]:
    """The one thread that touches the files, and how something is run in it."""
    executor = ThreadPoolExecutor(1, "audit")

    def run(function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(executor, function, *arguments)

    return executor, run


class Keeper:
    """This process' own file, and what waits to get into it.

    Args:
        config: see there.
        disk: runs what touches the file.
        counts: kept up to date.
        woken: set when there is something to send.
    """

    def __init__(self, config: AuditConfig, disk: Disk, counts: Counts, woken: asyncio.Event) -> None:
        self._config = config
        self._disk = disk
        self._counts = counts
        self._woken = woken
        self._pending: list[bytes] = []
        self._under_way: list[bytes] = []
        """What the disk is being given."""
        self._waiting: asyncio.Future[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._is_stuck = False
        self._is_failing = False
        self.own: Spool | None = None
        self.room = Room()
        self.unkept: list[bytes] = []
        """What the disk did not take; sent from here."""

    async def open(self) -> None:
        """Makes the file.

        Raises:
            SpoolError: it cannot be made.
        """
        self.own = await self._disk(self._make)

    def _make(self) -> Spool:
        try:
            self._config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(f"{self._config.folder}: {error.strerror}") from error
        while True:
            path = new_path(self._config.folder, self._config.project)
            try:
                return Spool(path, self._config.sync, self._config.max_bytes)
            except InUseError:
                # An adopter was faster; under another name it may not be.
                continue

    @property
    def is_full(self) -> bool:
        """Whether a record that comes now may not find room on disk."""
        return self._is_stuck or self._is_failing or self.room.used >= FULL * self._config.max_bytes

    @property
    def waits(self) -> int:
        """Records that the database has not acknowledged, on disk or in memory."""
        return self.room.records + len(self.unkept)

    @property
    def refuses(self) -> bool:
        """Whether what must be recorded is to be refused now."""
        return self._config.when_full == "refuse" and self.is_full

    async def keep(self, record: bytes, *, by_nobody: bool = False) -> None:
        """Returns when the record is on disk, or it is known that the disk does not take it.

        Args:
            record: a JSON object.
            by_nobody: no verified person has caused it.
        """
        if (waiting := self.put(record, by_nobody=by_nobody)) is not None:
            # Others wait for the same commit: who is cancelled must not cancel them.
            await asyncio.shield(waiting)

    def put(self, record: bytes, *, by_nobody: bool = False) -> "asyncio.Future[None] | None":
        """As `keep`, without waiting; None where the record is lost at once."""
        if by_nobody and self.room.used >= FULL_FOR_NOBODY * self._config.max_bytes:
            self.lose([record], "no_room_for_nobody")
            return None
        if len(self._pending) + len(self.unkept) >= MEMORY_RECORDS:
            self.lose([record], "no_room")
            return None
        self._pending.append(record)
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        return self._waiting

    async def settle(self) -> None:
        """Waits until all that was put is on disk or known not to be."""
        while self._committing is not None:
            await asyncio.wait([self._committing])

    async def _commit(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                self._under_way = batch
                waiting, self._waiting = self._waiting, None
                if not await self._append(batch, waiting):
                    self._remember(batch)
                _release(waiting)
                self._woken.set()
        finally:
            self._committing = None

    async def _append(self, batch: list[bytes], waiting: "asyncio.Future[None] | None" = None) -> bool:
        """Whether the disk took it; `waiting` is let go where that takes too long."""
        job = self._disk(self._write, batch)
        # At the end nobody may be left who looks at it.
        job.add_done_callback(_looked_at)
        done, _ = await asyncio.wait([job], timeout=STUCK_SECONDS)
        if not done:
            self._is_stuck = True
            log.error("audit_disk_stuck", seconds=STUCK_SECONDS)
            _release(waiting)
            await asyncio.wait([job])
            self._is_stuck = False
        if (error := job.exception()) is not None:
            if not self._is_failing:
                log.error("audit_spool_failed", error=str(error), exc_info=error)
            self._is_failing = True
            return False
        self._is_failing = False
        self.room.own_bytes = job.result()
        self.room.own_records += len(batch)
        self._counts.kept += len(batch)
        return True

    def _write(self, batch: Sequence[bytes]) -> int:
        """In the disk's thread: bytes taken afterwards."""
        self.follow()
        if self.own is None:
            self.own = self._make()
        try:
            self.own.append(batch)
        except DamagedError:
            log.exception("audit_spool_damaged", file=self.own.path.name)
            self._abandon()
            self.own = self._make()
            self.own.append(batch)
        return self.own.used_bytes

    def follow(self) -> None:
        """In the disk's thread: where somebody has removed the file, what it holds goes to another one.

        Raises:
            SpoolError: none can be made; what the file holds can be read for as long as this process lives.
        """
        gone = self.own
        if gone is None or not gone.is_gone:
            return
        fresh = self._make()
        try:
            held = self._held_in(gone)
            records = [row.record for row in gone.readable()]
            fresh.append(records)
        except BaseException:
            fresh.discard()
            raise
        self.own = fresh
        gone.forget()
        self._counts.damaged += 1
        log.error("audit_spool_removed", file=gone.path.name, records=len(records), into=fresh.path.name)
        if held > len(records):
            self._counts.lost += held - len(records)
            self.room.own_records -= held - len(records)

    def _held_in(self, spool: Spool) -> int:
        try:
            return spool.count()
        except DamagedError:
            return self.room.own_records

    def _abandon(self) -> None:
        """In the disk's thread: lets go of a damaged file; adoption rescues what is in it."""
        if self.own is not None:
            self.own.close()
        self.own = None
        self.room.own_records = self.room.own_bytes = 0

    async def abandon(self) -> None:
        """Takes another file, as this one cannot be read."""
        await self._disk(self._abandon)

    def _remember(self, batch: Sequence[bytes]) -> None:
        """What the disk did not take. Those that came first stay: the sender may be sending them."""
        room = max(0, MEMORY_RECORDS - len(self.unkept))
        self.unkept.extend(batch[:room])
        if batch[room:]:
            self.lose(batch[room:], "no_room")

    async def retry(self) -> None:
        """Tries to get on disk what it did not take before."""
        if not self._is_failing:
            return
        if self.unkept:
            # There until they are on disk: whoever is cancelled here, or looks meanwhile, must not miss them.
            batch = self.unkept[:]
            if await self._append(batch):
                del self.unkept[: len(batch)]
            return
        try:
            self.room.own_bytes = await self._disk(self._probe)
        except (SpoolError, DamagedError):
            return
        self._is_failing = False

    async def end(self, seconds: float) -> None:
        """The last of it: what is in memory still is on disk when this returns, or told to be lost.

        Args:
            seconds: that the disk has for it.
        """
        left = [*self.unkept, *self._pending]
        self.unkept, self._pending = [], []
        if self._committing is not None:
            # `settle` has waited in vain: the disk stands still. Should it take them yet, nobody will see.
            self.lose([*self._under_way, *left], "disk_stuck")
            return
        if not left:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._disk(self._write, left)
        except Exception:  # noqa: BLE001 - whatever it is, they end with this process
            self.lose(left, "process_ended")

    def _probe(self) -> int:
        """In the disk's thread: bytes taken, if it takes a write now."""
        self.follow()
        if self.own is None:
            self.own = self._make()
        return self.own.probe()

    def discard(self) -> None:
        """In the disk's thread: removes the file with all that is in it; what comes next gets another one."""
        if self.own is not None:
            self.own.discard()
        self.own = None
        self.room.own_records = self.room.own_bytes = 0

    def lose(self, records: Sequence[bytes], reason: str) -> None:
        """Counts records that are nowhere any more, and logs each by its id."""
        self._counts.lost += len(records)
        for record in records:
            lost = json.loads(record)
            log.error(
                "audit_record_lost",
                reason=reason,
                id=lost["id"],
                action=lost["action"],
                status=lost["response_status"],
                lost_request_id=lost["metadata"]["request_id"],
            )


def _looked_at(job: "asyncio.Future[Any]") -> None:
    if not job.cancelled():
        job.exception()


def _release(waiting: "asyncio.Future[None] | None") -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
