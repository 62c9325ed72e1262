"""Places of streams, counted over all processes: leases in Redis, renewed as long as the stream is open.

A process that is killed renews nothing, and its leases run out; on its own machine they are known to be
nobody's at once. While Redis is away each process knows its own streams only; when it is back, they are all
entered.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from bff.limits.limiter import Names
from bff.limits.link import AwayError, Command, Link, Script
from bff.limits.owners import Owner

T = TypeVar("T")

PREFIX: Final = "reservepty:streams"
# Seconds. The streams of a machine that died count for as long, against who comes back with them.
LEASE_SECONDS: Final = 30
# Seconds between renewals: two may fail.
RENEWAL_SECONDS: Final = 10.0
# Users in one exchange; what comes meanwhile has its turn in between.
BATCH_SIZE: Final = 200
# Seconds for the last farewells: a process that is to end has not many (bff.server.GRACE).
CLOSE_SECONDS: Final = 0.3

_NOW: Final = """
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = now + ARGV[1]
"""
# Keys: the user's. Arguments: a lease's milliseconds, the most leases, the lease. Answers the leases that are
# in its way; none if it is held now.
TAKE: Final = Script(
    _NOW
    + """
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
local held = redis.call('zrange', KEYS[1], 0, -1)
if #held >= tonumber(ARGV[2]) then
    return held
end
redis.call('zadd', KEYS[1], ends, ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[1])
return {}
"""
)
# Keys: the user's. Arguments: a lease's milliseconds, the leases. They hold however many: they are open.
RENEW: Final = Script(
    _NOW
    + """
for index = 2, #ARGV do
    redis.call('zadd', KEYS[1], ends, ARGV[index])
end
redis.call('pexpire', KEYS[1], ARGV[1])
return 1
"""
)
# Keys: the user's. Arguments: the lease.
RELEASE: Final = Script("return redis.call('zrem', KEYS[1], ARGV[1])")


class Leases:
    """The leases of one process.

    Args:
        link: To Redis; knows the scripts of this module.
        names: Makes the users' keys.
        most: Leases of one user, over all processes.
        seconds: A lease's life.
        renewal: Seconds between renewals.
    """

    def __init__(
        self,
        link: Link,
        names: Names,
        most: int,
        seconds: float = LEASE_SECONDS,
        renewal: float = RENEWAL_SECONDS,
    ) -> None:
        self._link = link
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
        take: Command = (TAKE, 1, (key, self._milliseconds, self._most, lease))
        others = await self._link.exchange(_in_the_way, take)
        dead = [other for other in others if self._owner.is_dead(other)]
        if dead:
            # Their streams went with their process, and are coming back.
            releases = [_release(key, each) for each in dead]
            others = await self._link.exchange(_in_the_way, *releases, take)
        return not others

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
                releases = (_release(self._key(user_id), lease) for user_id, lease in part)
                await self._link.exchange(sum, *releases)

    async def _renew(self) -> None:
        by_user: dict[str, list[str]] = {}
        for lease, user_id in self._held.items():
            by_user.setdefault(user_id, []).append(lease)
        with contextlib.suppress(AwayError):
            for part in _parts(list(by_user)):
                commands: list[Command] = []
                for user_id in part:
                    # Those that were closed since are left out.
                    leases = [lease for lease in by_user[user_id] if lease in self._held]
                    if leases:
                        commands.append((RENEW, 1, (self._key(user_id), self._milliseconds, *leases)))
                if commands:
                    await self._link.exchange(sum, *commands)

    async def aclose(self) -> None:
        """Give back what was let go of last."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._give_back()


def _release(key: str, lease: str) -> Command:
    return RELEASE, 1, (key, lease)


def _in_the_way(answers: list[Any]) -> list[str]:
    return [lease.decode() for lease in answers[-1]]


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[begin : begin + BATCH_SIZE] for begin in range(0, len(items), BATCH_SIZE))
