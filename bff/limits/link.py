"""The connection to Redis: quick to be given up, and looked after beside the requests until it is back."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Seconds for a new connection (TLS, a login) and the scripts; nobody waits for it but the next look.
CONNECT_SECONDS: Final = 2.0
# Seconds for the connections to close: a process that is to end has not many (bff.server.GRACE).
CLOSE_SECONDS: Final = 0.3
# Seconds from a failure until Redis is looked at again, and what that doubles up to where it fails once more
# as soon as it is back.
PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 8.0
# Turns of the event loop that an answer which lies in the socket needs to be read.
LATE_TURNS: Final = 10
# Seconds; who has been back for longer is not blamed for the failure before.
PROVEN_SECONDS: Final = 10.0


class AwayError(Exception):
    """Redis is not asked, or did not answer in time."""


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers, if it does in time.

    Where the event loop was held up, time is up although the answer has come, unread. Redis is not to be
    given up for that: what is there already is heard first.

    Raises:
        TimeoutError: it does not; it was ended.
        Exception: whatever it raises.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        for _ in range(LATE_TURNS):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
    finally:
        task.cancel()
    raise TimeoutError


class Script:
    """A Lua script by its digest; Redis runs it as one step."""

    def __init__(self, source: str | bytes) -> None:
        self.source = source
        self.digest = ""


# A script, its number of keys, and its keys and arguments.
Command = tuple[Script, int, tuple[str | int, ...]]


class Link:
    """Redis, as long as it answers in time.

    After a failure nobody asks any more, so a dead or slow Redis costs the requests of one moment its
    timeout, and the others nothing; `run` looks whether it is back.

    Args:
        url: `redis://` or `rediss://`.
        timeout: Seconds that any exchange may take.
        scripts: All that will be run.
        on_change: Told whether Redis is there, once for each change.
        on_answer: Told the seconds that an exchange took.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        scripts: tuple[Script, ...],
        on_change: Callable[[bool], None] = lambda _: None,
        on_answer: Callable[[float], None] = lambda _: None,
    ) -> None:
        # Its own retries and timeouts off: a retry is for who has the time, and one deadline is enough.
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            socket_keepalive=True,
        )
        self._timeout = timeout
        self._scripts = scripts
        self._on_change = on_change
        self._on_answer = on_answer
        self._lost = asyncio.Event()
        self._pause = PAUSE_SECONDS
        self._back_at = float("-inf")  # monotonic seconds
        self.reason = ""
        self.is_up = False
        self._is_known = False

    async def exchange(self, *commands: Command) -> list[Any]:
        """The answers to scripts that are sent together: one way there and back.

        Raises:
            AwayError: Redis is down, or has just become so.
        """
        if not self.is_up:
            raise AwayError
        began = time.perf_counter()
        try:
            answers = await within(self._timeout, self._ask(commands))
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise AwayError from None
        self._on_answer(time.perf_counter() - began)
        return answers

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        answers = await self._send(commands)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            # Another server than the one that was given them: a failover, or a quick restart.
            await self._teach()
            answers = await self._send(commands)
        return answers

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        pipeline: Pipeline = self._client.pipeline(transaction=False)
        async with pipeline:
            for script, keys, values in commands:
                pipeline.evalsha(script.digest, keys, *values)
            return await pipeline.execute(raise_on_error=False)

    async def _teach(self) -> None:
        for script in self._scripts:
            script.digest = await self._client.script_load(script.source)

    def _lose(self, error: Exception) -> None:
        self.reason = "No answer in time." if isinstance(error, TimeoutError) else "It cannot be used."
        if self._is_known and not self.is_up:
            return
        self._is_known, self.is_up = True, False
        recently = time.monotonic() - self._back_at < PROVEN_SECONDS
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS) if recently else PAUSE_SECONDS
        log.warning("redis_lost", error=type(error).__name__, again_in=self._pause)
        self._on_change(False)
        self._lost.set()

    async def run(self) -> None:
        """Look for Redis for ever, where it was lost."""
        while True:
            await self._lost.wait()
            self._lost.clear()
            while not self.is_up:
                await asyncio.sleep(self._pause)
                await self.find()

    async def find(self) -> None:
        """Look for Redis once."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # What has failed in the middle of an exchange may still be answered, to somebody else.
                await self._client.connection_pool.disconnect()
                await self._teach()
            await self._hear()
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            return
        self._is_known = self.is_up = True
        self._back_at = time.monotonic()
        log.info("redis_found")
        self._on_change(True)

    async def _hear(self) -> None:
        await within(self._timeout, self._ping())

    async def _ping(self) -> None:
        answer: Awaitable[Any] = self._client.ping()
        await answer

    async def check(self) -> tuple[float, str]:
        """Milliseconds that Redis took to answer just now, and what is wrong; empty if nothing is."""
        if not self.is_up:
            return 0.0, self.reason
        began = time.perf_counter()
        try:
            await self._hear()
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            return 0.0, self.reason
        return round((time.perf_counter() - began) * 1000, 2), ""

    async def aclose(self) -> None:
        """Close the connections."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.aclose()
