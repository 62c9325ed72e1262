"""Places of streams, counted over all processes: leases in Redis, renewed as long as the stream is open.

A process that is killed renews nothing, and its leases run out; on its own machine they are known to be
nobody's at once. While Redis is away each process knows its own streams only; when it is back, they are all
entered.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from bff.limits.limiter import Names
from bff.limits.owners import Owner
from bff.limits.redis import AwayError, WatchedRedis

T = TypeVar("T")

PREFIX: Final = "reservepty:streams"
# Seconds. The streams of a machine that died count for as long, against who comes back with them.
LEASE_SECONDS: Final = 30
# Seconds between renewals: two may fail.
RENEWAL_SECONDS: Final = 10.0
# Users in one exchange, so that none takes long.
BATCH_SIZE: Final = 200
# Seconds for the last farewells: a process that is to end has not many (bff.server.GRACE).
CLOSE_SECONDS: Final = 0.3

# Keys: the user's. Arguments: a lease's milliseconds, the most leases, the lease. Answers the leases that are
# in its way; none if it is held now.
TAKE: Final = """
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
local held = redis.call('zrange', KEYS[1], 0, -1)
if #held >= tonumber(ARGV[2]) then
    return held
end
redis.call('zadd', KEYS[1], now + ARGV[1], ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[1])
return {}
"""


class Leases:
    """The leases of one process.

    Args:
        redis: Where they are held.
        names: Makes the users' keys.
        most: Leases of one user, over all processes.
        seconds: A lease's life.
        renewal: Seconds between renewals.
    """

    def __init__(
        self,
        redis: WatchedRedis,
        names: Names,
        most: int,
        seconds: float = LEASE_SECONDS,
        renewal: float = RENEWAL_SECONDS,
    ) -> None:
        self._redis = redis
        self._script = redis.client.register_script(TAKE)
        self._names = names
        self._most = most
        self._milliseconds = round(seconds * 1000)
        self._renewal = renewal
        self._owner = Owner()
        self._held: dict[str, str] = {}
        self._released: list[tuple[str, str]] = []
        self._woken = asyncio.Event()
        self._is_due = False

    def __len__(self) -> int:
        return len(self._held)

    async def take(self, user_id: str) -> str | None:
        """A place for one more stream of the user's; None where they are all taken.

        Where Redis is away there is one: the process' own count decides then.
        """
        lease = self._owner.lease()
        try:
            is_held = await self._take(self._key(user_id), lease)
        except AwayError:
            is_held = True
        except BaseException:
            # Given up by who wanted it, and perhaps already ours.
            self._let_go(user_id, lease)
            raise
        if not is_held:
            return None
        # Not any sooner: a renewal would hold it, whatever the answer is.
        self._held[lease] = user_id
        return lease

    async def _take(self, key: str, lease: str) -> bool:
        others = await self._redis.ask(partial(self._try, key, lease))
        dead = [other for other in others if self._owner.is_dead(other)]
        if dead:
            # Their streams went with their process, and are coming back.
            others = await self._redis.ask(partial(self._try, key, lease, dead))
        return not others

    async def _try(self, key: str, lease: str, dead: Sequence[str] = ()) -> list[str]:
        """The leases that are in its way."""
        if dead:
            await self._redis.client.zrem(key, *dead)
        arguments = (self._milliseconds, self._most, lease)
        return [each.decode() for each in await self._script([key], arguments)]

    def release(self, lease: str) -> None:
        """The stream is gone; may be called again."""
        user_id = self._held.pop(lease, None)
        if user_id is not None:
            self._let_go(user_id, lease)

    def _let_go(self, user_id: str, lease: str) -> None:
        self._released.append((user_id, lease))
        self._woken.set()

    def _key(self, user_id: str) -> str:
        return f"{PREFIX}:{self._names.key('user', user_id)}"

    def renew_soon(self) -> None:
        """Redis is back, and may know nothing of what is open."""
        self._is_due = True
        self._woken.set()

    async def run(self) -> None:
        """Renew and give back for ever; in turn, so that no renewal revives what was given back."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._renewal
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
            await self._give_back()
            if self._is_due or loop.time() >= due:
                self._is_due = False
                due = loop.time() + self._renewal
                await self._renew()

    async def _give_back(self) -> None:
        self._woken.clear()
        released, self._released = self._released, []
        # Where Redis is away, they run out.
        with contextlib.suppress(AwayError):
            for part in _parts(released):
                await self._redis.ask(partial(self._remove, part))

    async def _remove(self, released: Sequence[tuple[str, str]]) -> None:
        async with self._redis.client.pipeline(transaction=False) as pipeline:
            for user_id, lease in released:
                pipeline.zrem(self._key(user_id), lease)
            await pipeline.execute()

    async def _renew(self) -> None:
        by_user: dict[str, list[str]] = {}
        for lease, user_id in self._held.items():
            by_user.setdefault(user_id, []).append(lease)
        with contextlib.suppress(AwayError):
            for part in _parts(list(by_user.items())):
                await self._redis.ask(partial(self._prolong, part))

    async def _prolong(self, by_user: Sequence[tuple[str, list[str]]]) -> None:
        """They hold however many: they are open."""
        seconds, microseconds = await self._redis.client.time()
        ends = seconds * 1000 + microseconds // 1000 + self._milliseconds
        async with self._redis.client.pipeline(transaction=False) as pipeline:
            for user_id, leases in by_user:
                # Those that were closed since are left out.
                if open_ := {lease: ends for lease in leases if lease in self._held}:
                    pipeline.zadd(self._key(user_id), open_)
                    pipeline.pexpire(self._key(user_id), self._milliseconds)
            await pipeline.execute()

    async def aclose(self) -> None:
        """Give back what was let go of last."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._give_back()


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[begin : begin + BATCH_SIZE] for begin in range(0, len(items), BATCH_SIZE))
