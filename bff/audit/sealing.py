"""Watches how far the sealing of the audit log is behind: a schedule does it, and nothing else shows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from bff.audit.writer import AwayError, Backlog

log = structlog.get_logger(__name__)

# Seconds between two calls of a process. Sealing is due every ten, and late after minutes.
EVERY_SECONDS: Final = 30.0

Ask = Callable[[], Awaitable[Backlog]]


class SealingWatch:
    """Asks now and then; between, and while the database is away, what was said last holds.

    Args:
        ask: the database (`bff.audit.writer.Writer.backlog`).
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.backlog = Backlog()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                self.backlog = await self._ask()
            except AwayError as error:
                # An outage is told by what waits on disk; what waited then is not sealed by it.
                log.info("audit_backlog_unknown", error=str(error))
            except Exception:
                log.exception("audit_backlog_failed")


@asynccontextmanager
async def watched(watch: SealingWatch | None) -> AsyncIterator[None]:
    """Runs the watch, if there is one, while the context is open."""
    if watch is None:
        yield
        return
    running = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
