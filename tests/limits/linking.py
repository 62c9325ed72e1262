"""Links to Redis and what counts through them, for as long as a block lasts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from bff.limits.leases import RELEASE, RENEW, TAKE, Leases
from bff.limits.limiter import Names
from bff.limits.link import Link
from bff.limits.policies import Failure, Policy
from bff.limits.shared import COUNT
from bff.limits.windows import Standing

SCRIPTS = (COUNT, TAKE, RENEW, RELEASE)
PATIENT = 5.0  # seconds that Redis may take, where nothing is wrong with it


def policy(name: str, amount: int, window: int = 60) -> Policy:
    return Policy(name, "user", frozenset({"other"}), Failure.LOCAL, amount, window)


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """A link that is looked after."""
    link = Link(url, PATIENT, SCRIPTS)
    await link.find()
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.aclose()


@asynccontextmanager
async def leased(link: Link, most: int, **times: float) -> AsyncIterator[Leases]:
    """The leases of a process that runs."""
    leases = Leases(link, Names("a secret"), most, **times)
    running = asyncio.create_task(leases.run())
    try:
        yield leases
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def seen(standings: Sequence[Standing]) -> list[tuple[bool, bool]]:
    return [(each.allowed, each.shared) for each in standings]
