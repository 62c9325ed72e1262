"""Redis: quick to be given up, and looked for beside the requests until it is back."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import RedisSSLContext, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Of one process; as many count at once, and others wait for their turn. With a Redis that takes all of the
# 100 ms that it has by default, they are 500 a second, which is about what a process can answer.
CONNECTIONS: Final = 50
# Seconds for a new connection (TLS, a login), where nobody waits for it but the next look.
CONNECT_SECONDS: Final = 2.0
# Seconds for the connections to close: a process that is to end has not many (bff.server.GRACE).
CLOSE_SECONDS: Final = 0.3
# Seconds from a failure until Redis is looked for, and what that doubles up to where it fails once more as
# soon as it is back.
PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 8.0
# Seconds; who has been back for longer is not blamed for the failure before.
PROVEN_SECONDS: Final = 10.0
# A timeout is waited for in so many steps. However long the event loop is held up, that takes one step only;
# to count a request under two policies takes fewer turns of the loop than these.
STEPS: Final = 50
PROBE_KEY: Final = "reservepty:probe"


class AwayError(Exception):
    """Redis is not asked, or did not answer in time."""


class WatchedRedis:
    """Redis, as long as it answers in time.

    After a failure nobody asks any more, so a dead or slow Redis costs the requests of one moment its
    timeout, and the others nothing; `run` looks whether it is back.

    Args:
        url: `redis://` or `rediss://`.
        timeout: Seconds that one who asks may take, once it is their turn.
        on_change: Told whether Redis is there, once for each change.
        on_answer: Told the seconds that one who asked took.

    Attributes:
        pool: Its connections, for clients that are used within `ask` only.
        client: One of those.
        is_up: Whether Redis is asked.
        reason: A sentence on why it is not.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        on_change: Callable[[bool], None] = lambda _: None,
        on_answer: Callable[[float], None] = lambda _: None,
    ) -> None:
        # The client's own timeouts are off: the time that the event loop is held up would count for them. A
        # connection that broke is tried once more, at the risk that a request is counted twice. It does not
        # tell its name, which takes two exchanges.
        self.pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=None,
            protocol=2,
            retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
            socket_timeout=None,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_keepalive=True,
            driver_info=None,
        )
        if issubclass(self.pool.connection_class, SSLConnection):
            self.pool.connection_class = _with_one_context()
        self.client: Redis = Redis(connection_pool=self.pool)
        self._timeout = timeout
        self._on_change = on_change
        self._on_answer = on_answer
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._lost = asyncio.Event()
        self._pause = PAUSE_SECONDS
        self._back_at = float("-inf")  # monotonic seconds
        self.reason = ""
        self.is_up = False
        self._is_known = False

    async def ask(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` makes of Redis' answers.

        Args:
            work: Of answers that it cannot read it raises anything; a Redis that gives such is none.

        Raises:
            AwayError: Redis is down, or has just become so; it may have done what it was asked.
        """
        # Those who wait for it now have all turns.
        if not self.is_up:
            raise AwayError
        async with self._turns:
            # Lost meanwhile: all of them are let go at once.
            if not self.is_up:
                raise AwayError
            began = time.perf_counter()
            try:
                answer = await self._within(work())
            except Exception as error:  # noqa: BLE001 - whatever a stranger's answer brings about
                self._lose(error)
                raise AwayError from None
        self._on_answer(time.perf_counter() - began)
        return answer

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers, if it does in time.

        The time that the event loop was held up is not Redis': what was sent late, or has come and is yet
        to be read, gets the rest of its steps.

        Raises:
            TimeoutError: it does not; it was ended.
            Exception: whatever it raises.
        """
        task = asyncio.create_task(work)
        try:
            for _ in range(STEPS):
                await asyncio.wait({task}, timeout=self._timeout / STEPS)
                if task.done():
                    return task.result()
        finally:
            task.cancel()
        raise TimeoutError

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
        """Look for Redis once; one that cannot be written to is none."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # What has failed in the middle may still be answered, to somebody else.
                await self.pool.disconnect()
                await self.client.ping()
            await self._within(self._probe())
        except Exception as error:  # noqa: BLE001 - as in `ask`
            self._lose(error)
            return
        self._is_known = self.is_up = True
        self._back_at = time.monotonic()
        log.info("redis_found")
        self._on_change(True)

    async def _probe(self) -> None:
        # Writes, as a Redis that is full or a replica answers whoever only reads.
        said = secrets.token_hex(8)
        await self.client.set(PROBE_KEY, said, px=1000)
        if await self.client.get(PROBE_KEY) != said.encode():
            raise InvalidResponse

    async def check(self) -> tuple[float, str]:
        """Milliseconds until Redis had written just now, and what is wrong; empty if nothing is."""
        began = time.perf_counter()
        with contextlib.suppress(AwayError):
            await self.ask(self._probe)
        return (round((time.perf_counter() - began) * 1000, 2), "") if self.is_up else (0.0, self.reason)

    async def aclose(self) -> None:
        """Close the connections."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.pool.aclose()


def _with_one_context() -> type[SSLConnection]:
    """Connections that read once whom to trust: each by itself takes tens of milliseconds for it."""
    contexts: list[RedisSSLContext] = []

    class OneContext(SSLConnection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            contexts.append(self.ssl_context)
            self.ssl_context = contexts[0]
            del contexts[1:]

    return OneContext
