"""Sliding windows of the library `limits`: how a subject stands, and the counts of a process by itself."""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool

# Before each key in Redis.
PREFIX: Final = "reservepty:limit"
# Counters of one process, of which a subject has two under each policy. Some 300 bytes each; beyond, the
# oldest are forgotten, and their subjects begin anew.
MAX_KEYS: Final = 100_000

# One request of a subject: under which policy, and a key that says nothing of who it is.
Asked = tuple[RateLimitItem, str]


class UnreadableError(Exception):
    """Refused, although nothing was counted: what says "nil" to everything is no Redis."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands after its request.

    Attributes:
        policy: Its name.
        quota: Requests in a window, or of streams at once.
        window: Seconds; None for what is open at once.
        remaining: Further requests that would be let in now.
        reset: Seconds until one more would be.
        allowed: Whether this one was.
        shared: Whether it was counted for all processes.
    """

    policy: str
    quota: int
    window: int | None
    remaining: int
    reset: float
    allowed: bool
    shared: bool = False


class Windows:
    """Counts requests.

    Args:
        storage: Where; what it raises, this does.
    """

    def __init__(self, storage: RedisStorage | MemoryStorage) -> None:
        self._storage = storage
        self._strategy = SlidingWindowCounterRateLimiter(storage)
        self._is_shared = isinstance(storage, RedisStorage)

    async def take(self, asked: Sequence[Asked]) -> list[Standing]:
        """Counts one request under all of these policies, or under none where one of them refuses it.

        The library takes one at a time: where another request takes the last of the wider one's amount just
        now, the narrower ones have counted one that is refused.
        """
        refuser = await self._hit(sorted(asked, key=lambda each: each[0].amount))
        return [await self._standing(each, refuser) for each in asked]

    async def count(self, asked: Sequence[Asked]) -> None:
        """Counts a request that was let in elsewhere."""
        for each in asked:
            await self._strategy.hit(*each)

    async def _hit(self, narrowest_first: Sequence[Asked]) -> Asked | None:
        for wider in narrowest_first[1:]:
            if not await self._strategy.test(*wider):
                return wider
        for each in narrowest_first:
            if not await self._strategy.hit(*each):
                return each
        return None

    async def _standing(self, asked: Asked, refuser: Asked | None) -> Standing:
        item, key = asked
        window = item.get_expiry()
        # The strategy's own `get_window_stats` has a window that has just begun end now.
        counts = await self._storage.get_sliding_window(item.key_for(key), window)
        previous, previous_left, current, current_left = counts
        if asked is refuser and not (previous or current):
            raise UnreadableError
        # Of the window before, the part that the sliding one covers.
        carried = math.floor(previous * previous_left / window)
        if carried:
            reset = previous_left - carried * window / previous
        else:
            reset = current_left - window if current else 0.0
        # Who was refused may have room by now.
        remaining = 0 if asked is refuser else max(0, item.amount - carried - current)
        allowed = refuser is None or remaining > 0
        return Standing(item.namespace, item.amount, window, remaining, reset, allowed, self._is_shared)


def in_redis(pool: BlockingConnectionPool) -> Windows:
    """Counts of all processes.

    Args:
        pool: Connections to Redis.
    """
    # The pool knows the address.
    storage = RedisStorage("redis://", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)  # type: ignore[arg-type]
    return Windows(storage)


class BoundedMemory(MemoryStorage):
    """Counts of this process.

    The library's own looks for what ran out through all keys at each hit: tens of milliseconds where tens of
    thousands ask, which is when Redis is away. Here all windows are of one length, so that what was counted
    first runs out first.

    Args:
        max_keys: See `MAX_KEYS`.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        # A dict would look for its first key through all that were dropped before.
        self.expirations: OrderedDict[str, float] = OrderedDict()
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self.expirations)

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Counts; nothing is awaited, so that a whole hit is one step.

        Args:
            key: Of a subject's window.
            expiry: Seconds until it may be forgotten, from its first count.
            amount: To be added.
        """
        now = time.time()
        while self.expirations:
            oldest, ends = next(iter(self.expirations.items()))
            has_room = key in self.expirations or len(self.expirations) < self._max_keys
            if ends > now and has_room:
                break
            del self.expirations[oldest], self.storage[oldest]
        self.storage[key] += amount
        self.expirations.setdefault(key, now + expiry)
        return self.storage[key]
