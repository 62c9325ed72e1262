"""The audit of one process: what keeps records, what sends them, and how both are doing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final

from bff.audit.keeper import AuditConfig, Counts, Keeper, make_disk
from bff.audit.sealing import Ask, SealingWatch, watched
from bff.audit.sender import Sender, Write
from bff.audit.writer import Backlog

# Seconds at the end to send what is there still, out of the little that whoever supervises us gives. The rest
# is on disk, and for the next process.
CLOSE_SECONDS: Final = 0.5


class Recorder:
    """The audit of one process; see `open_audit`."""

    def __init__(
        self,
        config: AuditConfig,
        keeper: Keeper,
        sender: Sender,
        counts: Counts,
        sealing: SealingWatch | None,
    ) -> None:
        self._config = config
        self._keeper = keeper
        self._sender = sender
        self._counts = counts
        self._sealing = sealing

    @property
    def refuses(self) -> bool:
        """Whether a request that must be recorded is to be refused, as there is no room for its record."""
        return self._keeper.refuses

    def turn_away(self) -> None:
        """Counts a request that was refused for want of room."""
        self._counts.turned_away += 1

    async def keep(self, record: bytes, *, by_nobody: bool = False) -> None:
        """See `bff.audit.keeper.Keeper.keep`."""
        await self._keeper.keep(record, by_nobody=by_nobody)

    def put(self, record: bytes, *, by_nobody: bool = False) -> None:
        """As `keep`, without waiting: for who cannot."""
        self._keeper.put(record, by_nobody=by_nobody)

    def status(self) -> Mapping[str, Any]:
        """How it is, for health and metrics.

        `status` is `up`, `waiting` (the database does not take records; they are on disk) or `full` (nor does
        the disk). The rest are numbers: records by what became of them, and what waits.
        """
        working = "up" if self._sender.is_up else "waiting"
        backlog = Backlog() if self._sealing is None else self._sealing.backlog
        return {
            "status": "full" if self._keeper.is_full else working,
            **asdict(self._counts),
            "spooled": self._keeper.room.records + len(self._keeper.unkept),
            "spool_bytes": self._keeper.room.used,
            "spool_limit": self._config.max_bytes,
            "oldest_seconds": round(self._sender.oldest_seconds, 3),
            "unsealed": backlog.unsealed,
            "unsealed_seconds": backlog.seconds,
        }


@asynccontextmanager
async def open_audit(
    config: AuditConfig, write: Write, backlog: Ask | None = None
) -> AsyncIterator[Recorder]:
    """A recorder that keeps and sends while the context is open.

    Args:
        config: see there.
        write: hands a batch to the database (`bff.audit.writer.Writer`).
        backlog: asks it what waits to be sealed; without it nobody does.

    Raises:
        SpoolError: records cannot be kept in the folder.
    """
    executor, disk = make_disk()
    counts = Counts()
    woken = asyncio.Event()
    keeper = Keeper(config, disk, counts, woken)
    sender = Sender(config, disk, keeper, counts, woken, write)
    sealing = None if backlog is None else SealingWatch(backlog)
    try:
        await keeper.open()
        sending = asyncio.create_task(sender.run())
        try:
            async with watched(sealing):
                yield Recorder(config, keeper, sender, counts, sealing)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await keeper.settle()
                    await sender.drain()
            sending.cancel()
            await asyncio.wait([sending])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await disk(sender.close)
    finally:
        executor.shutdown(wait=False)
