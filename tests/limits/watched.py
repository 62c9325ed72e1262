"""Watched Redises and what counts in them, for as long as a block lasts."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from limits import RateLimitItem, RateLimitItemPerSecond

from bff.limits.leases import Leases
from bff.limits.limiter import Names
from bff.limits.redis import WatchedRedis
from bff.limits.windows import Asked, Standing, in_redis

PATIENT = 5.0  # seconds that Redis may take, where nothing is wrong with it


def policy(name: str, amount: int, window: int = 60) -> RateLimitItem:
    return RateLimitItemPerSecond(amount, window, name)


class Shared:
    """Counts in a Redis."""

    def __init__(self, redis: WatchedRedis) -> None:
        self._redis = redis
        self._windows = in_redis(redis.pool)

    async def take(self, *asked: Asked) -> list[Standing]:
        return await self._redis.ask(partial(self._windows.take, asked))


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def _beside(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    running = asyncio.create_task(loop)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def watched(url: str, seconds: float = PATIENT) -> AsyncIterator[WatchedRedis]:
    """A Redis that is looked after."""
    redis = WatchedRedis(url, seconds)
    await redis.find()
    async with contextlib.aclosing(redis), _beside(redis.run()):
        yield redis


@asynccontextmanager
async def leased(redis: WatchedRedis, most: int, **times: float) -> AsyncIterator[Leases]:
    """The leases of a process that runs."""
    leases = Leases(redis, Names("a secret"), most, **times)
    async with _beside(leases.run()):
        yield leases


def seen(standings: Sequence[Standing]) -> list[tuple[bool, bool]]:
    return [(each.allowed, each.shared) for each in standings]


class Middleman:
    """Stands before a Redis.

    Attributes:
        delay: Seconds that each answer takes on its way.
        instead: What is answered to each command, which then goes nowhere; None lets them through.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.delay = 0.0
        self.instead: bytes | None = None

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its address without a scheme."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0, ssl=tls)
        async with server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}/1"

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        loop = asyncio.get_running_loop()

        async def there() -> None:
            while sent := await reader.read(1 << 20):
                if self.instead is None:
                    inner_writer.write(sent)
                else:
                    writer.write(self.instead * sum(line[:1] == b"*" for line in sent.split(b"\r\n")))
            inner_writer.close()

        async def back() -> None:
            while sent := await inner_reader.read(1 << 20):
                loop.call_later(self.delay, writer.write, sent)
            loop.call_later(self.delay, writer.close)

        with contextlib.suppress(OSError):
            await asyncio.gather(there(), back())
