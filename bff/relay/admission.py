"""Who may open a stream now: refused at once, and told when to come back, before memory or time run out.

What is refused costs next to nothing, and what is let in is served: a process that takes in more than it can
serve serves nobody.
"""

import asyncio
import ctypes
import os
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

# How often the event loop and the memory are looked at, in seconds.
LOOK_SECONDS = 0.25
# Whoever is sent away comes back between so many seconds and so many later, not at once with all others.
RETRY_SECONDS = (1, 5)
# Where no place comes free by waiting a moment.
FULL_SECONDS = (5, 30)
# A process that is big with no more than this part of the most streams, and no more bytes waiting for their
# readers, is not big by them: to let nobody in would not make it shrink, and it would lock everybody out.
FEW_STREAMS = 1 / 20
FEW_BYTES = 8 * 1024 * 1024
# What the allocator keeps is given back to the system so often at most, in seconds: it takes milliseconds.
TRIM_SECONDS = 1.0
# One opening's share in the mean of how long openings take.
WEIGHT = 0.05


# The same for clients of a stream that ends, in milliseconds.
RETRY_MILLISECONDS = (500, 5_000)


def away() -> int:
    """In how many milliseconds a client is to come back: everyone at another moment."""
    return random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - spreads the return, no secret


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """A stream is not opened; `reason` is the database's, or one of `Admission`.

    `retry_after` is in seconds, and different for each who is told.
    """

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Places(Protocol):
    """Places of users' streams, counted over all processes."""

    async def take(self, user_id: str) -> str | None:
        """One more of the user's; None where all are taken. Where nobody can tell, there is one."""

    def release(self, place: str) -> None:
        """It is free; may be called again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process.

    Args:
        streams: open, or being opened.
        streams_per_user: the same, of one user; `Places` bounds them over all processes.
        openings: under way at once; others wait for them.
        opening_seconds: whoever would wait longer for that is refused at once.
        lag_seconds: while the event loop is that late, nobody is let in.
        resident_bytes: while streams make the process that big, nobody is let in; None is any size.
    """

    streams: int = 5_000
    streams_per_user: int = 10
    openings: int = 256
    opening_seconds: float = 10.0
    lag_seconds: float = 2.0
    resident_bytes: int | None = None


def resident_bytes() -> int:
    """What the process has in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def trim() -> None:
    """Give memory that the allocator keeps back to the system, where the C library can (glibc)."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class Admission:
    """Counts what is open, and lets in what there is room for.

    Refuses for these reasons: `draining`; `full` (streams); `memory`; `busy` (the event loop is late, or the
    openings before it would take too long); `too_many` (streams of one user).

    Args:
        limits: the bounds.
        resident: tells the process' size in bytes.
        clock: seconds that only go forward.
        queued: tells how many bytes wait for the streams' readers.
        trim: gives memory back to the system; tried before anybody is refused for it.
    """

    def __init__(
        self,
        limits: Limits,
        resident: Callable[[], int] = resident_bytes,
        clock: Callable[[], float] = time.monotonic,
        queued: Callable[[], int] = lambda: 0,
        trim: Callable[[], None] = trim,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._resident = resident
        self._queued = queued
        self._trim = trim
        self._trimmed_at = clock() - TRIM_SECONDS
        self._is_big = False
        self._users: Counter[str] = Counter()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mean = 0.0
        self.draining = False
        self._streams = 0
        self._openings = 0
        self.lag = 0.0
        """By how many seconds the event loop was late of late."""
        self._look_at_memory()
        self._refused: Counter[str] = Counter()

    def enter(self, user_id: str) -> None:
        """Count a stream of the user's; `leave` when it is closed.

        Raises:
            Refusal: there is no room for it.
        """
        reason = self._objection(user_id)
        if reason is not None:
            raise self._refusal(reason)
        self._streams += 1
        self._users[user_id] += 1

    def too_many(self) -> Refusal:
        """What to raise where the user has all of their streams open, here or elsewhere."""
        return self._refusal("too_many")

    def check_draining(self) -> None:
        """Whether that has begun since.

        Raises:
            Refusal: it has.
        """
        if self.draining:
            raise self._refusal("draining")

    def leave(self, user_id: str) -> None:
        """One stream of the user's less."""
        self._streams -= 1
        self._users[user_id] -= 1
        if self._users[user_id] <= 0:
            del self._users[user_id]

    def _objection(self, user_id: str) -> str | None:
        limits = self._limits
        if self.draining:
            return "draining"
        if self._users[user_id] >= limits.streams_per_user:
            return "too_many"
        if self._streams >= limits.streams:
            return "full"
        if self._is_big and not self._is_idle:
            return "memory"
        if self.lag >= limits.lag_seconds or self._wait >= limits.opening_seconds:
            return "busy"
        return None

    @property
    def _is_idle(self) -> bool:
        """Whether what is open cannot be what fills the memory."""
        return self._streams <= self._limits.streams * FEW_STREAMS and self._queued() <= FEW_BYTES

    @property
    def _wait(self) -> float:
        """Seconds that one opening more would wait for those before it, as it looks now."""
        return (len(self._waiting) + 1) * self._mean / self._limits.openings if self._is_crowded else 0.0

    @property
    def _is_crowded(self) -> bool:
        return self._openings >= self._limits.openings

    def _refusal(self, reason: str) -> Refusal:
        self._refused[reason] += 1
        least, most = FULL_SECONDS if reason in ("full", "memory") else RETRY_SECONDS
        if reason == "busy":
            most += int(self._wait)
        return Refusal(reason, random.randint(least, most))  # noqa: S311 - spreads the return, no secret

    def status(self) -> Mapping[str, Any]:
        """What is under way, and what was refused since the process began, by reason."""
        return {
            "users": self._users,
            "openings": self._openings,
            "openings_waiting": len(self._waiting),
            "loop_lag_seconds": self.lag,
            "resident_bytes": self.resident,
            "refused": dict(self._refused),
        }

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """One opening under way; waits for its turn."""
        await self._turn()
        begun = self._clock()
        try:
            yield
        finally:
            self._mean += WEIGHT * (self._clock() - begun - self._mean)
            self._next()

    async def _turn(self) -> None:
        if not self._is_crowded:
            self._openings += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was its turn already.
                self._next()
            raise

    def _next(self) -> None:
        """A place is free: for the one who has waited longest, if there is one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._openings -= 1

    async def run(self) -> None:
        """Look at the event loop and the memory for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            self.look(loop.time() - due)

    def look(self, late: float) -> None:
        """The event loop was so many seconds late just now."""
        # What was late is forgotten soon, not at once: a loop that breathes once is not well.
        self.lag = max(late, self.lag / 2)
        self._look_at_memory()

    def _look_at_memory(self) -> None:
        self.resident = self._resident()
        limit = self._limits.resident_bytes
        if limit is None:
            return
        if self.resident >= limit and self._clock() - self._trimmed_at >= TRIM_SECONDS:
            self._trimmed_at = self._clock()
            self._trim()
            self.resident = self._resident()
        was_big, self._is_big = self._is_big, self.resident >= limit
        if self._is_big and not was_big:
            log.error("memory_limit_reached", resident=self.resident, limit=limit, streams=self._streams)
