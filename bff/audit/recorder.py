"""The audit of one process: what keeps records, what sends them, and how both are doing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final

from pydantic_core import to_json

from bff.audit.keeper import AuditConfig, Counts, Keeper, make_disk
from bff.audit.repeats import Fields, Refusal, Repeats
from bff.audit.sealing import Ask, SealingWatch, watched
from bff.audit.sender import Sender, Write
from bff.audit.writer import Backlog

# Seconds at the end to send what is there still, out of the little that whoever supervises us gives. The rest
# is on disk, and for the next process.
CLOSE_SECONDS: Final = 0.5
# Seconds between two looks whether counted refusals are due.
COUNT_SECONDS: Final = 1.0
# Refused by a limit: the one denial that a person causes as often as they like.
TOO_MANY: Final = 429
# Of nobody in particular: addresses cost an attacker nothing, so the sum is what bounds the log. These make
# some 400,000 records a day at most, whoever asks for what, in each process.
NOBODYS_KEYS: Final = 200
NOBODYS_SINGLY: Final = 100
# Of people with a token, whose requests are limited one by one.
MEMBERS_KEYS: Final = 2_000
MEMBERS_SINGLY: Final = 2_000


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
        self._nobodys = Repeats(NOBODYS_KEYS, NOBODYS_SINGLY)
        self._members = Repeats(MEMBERS_KEYS, MEMBERS_SINGLY)

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

    def is_counted(self, refusal: Refusal, fields: Fields) -> bool:
        """Whether a refusal is one of those that are only counted, and gets no record of its own.

        Args:
            refusal: see there.
            fields: of the record that it would get.
        """
        repeats = self._nobodys if fields["user_id"] is None else self._members
        if repeats.take(refusal, fields):
            return False
        self._counts.repeated += 1
        return True

    def put_counts(self, *, everything: bool = False) -> None:
        """Keeps a record of what repeated in the minutes that are over, or of all."""
        for fields in self._nobodys.due(everything=everything):
            self._keeper.put(to_json(fields), by_nobody=True)
        for fields in self._members.due(everything=everything):
            self._keeper.put(to_json(fields), by_nobody=fields["response_status"] == TOO_MANY)

    async def count(self) -> None:
        """Puts counts when they are due, for ever."""
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            self.put_counts()

    def status(self) -> Mapping[str, Any]:
        """How it is, for health and metrics.

        `status` is `up`, `waiting` (the database does not take records, or a file of them cannot be opened;
        they are on disk) or `full` (nor does the disk). The rest are numbers: records by what became of them,
        and what waits.
        """
        backlog = Backlog() if self._sealing is None else self._sealing.backlog
        working = "up" if self._sender.is_up and not self._sender.unopened else "waiting"
        return {
            "status": "full" if self._keeper.is_full else working,
            **asdict(self._counts),
            "spooled": self._keeper.waits,
            "spool_bytes": self._keeper.room.used,
            "spool_limit": self._config.max_bytes,
            "unopened": self._sender.unopened,
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
        recorder = Recorder(config, keeper, sender, counts, sealing)
        counting = asyncio.create_task(recorder.count())
        try:
            async with watched(sealing):
                yield recorder
        finally:
            counting.cancel()
            recorder.put_counts(everything=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await keeper.settle()
                    await sender.drain()
            sending.cancel()
            await asyncio.wait([sending, counting])
            await keeper.end(CLOSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await disk(sender.close)
    finally:
        executor.shutdown(wait=False)
