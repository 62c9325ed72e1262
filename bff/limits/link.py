"""The connection to Redis: quick to be given up, and looked after beside the requests until it is back."""

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse, NoScriptError, RedisError

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
# Seconds; who has been back for longer is not blamed for the failure before.
PROVEN_SECONDS: Final = 10.0
# A timeout is waited for in so many steps. However long the event loop is held up, that takes one step only;
# to send and to read an answer takes fewer turns of the loop than these.
STEPS: Final = 20
# Commands in one exchange: some milliseconds of Redis' time, which does nothing else meanwhile.
BATCH_COMMANDS: Final = 200
PROBE_KEY: Final = "reservepty:probe"


class AwayError(Exception):
    """Redis is not asked, or did not answer in time."""


class Script:
    """A Lua script; Redis runs it as one step, and knows it by its digest."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


# A script, its number of keys, and its keys and arguments.
Command = tuple[Script, int, tuple[str | int, ...]]

# Writes, as a Redis that is full or a replica answers whoever only reads. Keys: the probe's. Arguments: what
# is to come back.
PROBE: Final = Script("redis.call('set', KEYS[1], ARGV[1], 'PX', 1000)\nreturn redis.call('get', KEYS[1])")


@dataclass(slots=True)
class _Entry:
    commands: tuple[Command, ...]
    since: float  # by `Link._waited`
    answers: asyncio.Future[list[Any]]

    def refuse(self) -> None:
        if not self.answers.done():
            self.answers.set_exception(AwayError())


class Link:
    """Redis, as long as it answers in time.

    After a failure nobody asks any more, so a dead or slow Redis costs the requests of one moment its
    timeout, and the others nothing; `run` looks whether it is back.

    What is asked while an exchange is under way goes into the next one, so a process needs one connection
    however much it asks at once, and who gives up cannot leave one in the middle of an answer.

    Args:
        url: `redis://` or `rediss://`.
        timeout: Seconds that an exchange may take, and that one may wait for those before it.
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
        # Its own retries and timeouts off: a retry is for who has the time, and one deadline is enough. Nor
        # does it tell its name, which takes two exchanges.
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            socket_keepalive=True,
            driver_info=None,
        )
        self._timeout = timeout
        self._scripts = (*scripts, PROBE)
        self._on_change = on_change
        self._on_answer = on_answer
        self._waiting: deque[_Entry] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._waited = 0.0  # seconds that Redis was waited for, all told
        self._lost = asyncio.Event()
        self._pause = PAUSE_SECONDS
        self._back_at = float("-inf")  # monotonic seconds
        self.reason = ""
        self.is_up = False
        self._is_known = False

    async def exchange(self, read: Callable[[list[Any]], T], *commands: Command) -> T:
        """What `read` makes of the answers to these commands, which run in this order.

        Commands are sent in the order in which they were handed in.

        Args:
            read: Of answers that it cannot read it raises anything; a Redis that gives such is none.
            commands: At least one.

        Raises:
            AwayError: Redis is down, has just become so, or is asked too much; it may have run them.
        """
        if not self.is_up:
            raise AwayError
        loop = asyncio.get_running_loop()
        entry = _Entry(commands, self._waited, loop.create_future())
        self._waiting.append(entry)
        if self._sending is None:
            self._sending = loop.create_task(self._send())
        answers = await entry.answers
        try:
            return read(answers)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's answer brings about
            self._lose(error)
            raise AwayError from None

    async def _send(self) -> None:
        batch: list[_Entry] = []
        try:
            while batch := self._next():
                answers = iter(await self._answers([each for entry in batch for each in entry.commands]))
                for entry in batch:
                    found = list(islice(answers, len(entry.commands)))
                    if not entry.answers.done():
                        entry.answers.set_result(found)
        except AwayError:
            pass
        finally:
            self._sending = None
            # Those behind would wait as long, and in vain.
            for entry in (*batch, *self._waiting):
                entry.refuse()
            self._waiting.clear()

    def _next(self) -> list[_Entry]:
        batch: list[_Entry] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].commands) <= BATCH_COMMANDS):
            entry = self._waiting.popleft()
            if self._waited - entry.since > self._timeout:
                # Redis is there, and has more to do than it can in time.
                entry.refuse()
            if not entry.answers.done():
                batch.append(entry)
                size += len(entry.commands)
        return batch

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        if not self.is_up:
            raise AwayError
        began = time.perf_counter()
        try:
            answers = await self._within(self._ask(commands))
        except Exception as error:  # noqa: BLE001 - the client raises what it meets: ValueError, RecursionError
            self._lose(error)
            raise AwayError from None
        self._on_answer(time.perf_counter() - began)
        return answers

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers, if it does in time.

        The time that the event loop was held up is not Redis': what was sent late, or has come and is yet
        to be read, gets the rest of its steps.

        Raises:
            TimeoutError: it does not; it was ended.
            Exception: whatever it raises.
        """
        task = asyncio.create_task(work)
        step = self._timeout / STEPS
        try:
            for _ in range(STEPS):
                began = time.monotonic()
                await asyncio.wait({task}, timeout=step)
                self._waited += min(step, time.monotonic() - began)
                if task.done():
                    return task.result()
        finally:
            task.cancel()
        raise TimeoutError

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        answers = await self._run(commands)
        unknown = [number for number, each in enumerate(answers) if isinstance(each, NoScriptError)]
        if unknown:
            # Another server than the one that was given them: a failover, or a quick restart.
            await self._teach()
            again = await self._run([commands[number] for number in unknown])
            for number, answer in zip(unknown, again, strict=True):
                answers[number] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        return await self._pipe([("EVALSHA", each.digest, keys, *values) for each, keys, values in commands])

    async def _pipe(self, commands: Sequence[tuple[str | int, ...]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for each in commands:
                pipeline.execute_command(*each)
            return await pipeline.execute(raise_on_error=False)

    async def _teach(self) -> None:
        learnt = await self._pipe([("SCRIPT LOAD", script.source) for script in self._scripts])
        for script, digest in zip(self._scripts, learnt, strict=True):
            if isinstance(digest, Exception):
                raise digest
            if digest not in (script.digest, script.digest.encode()):
                raise InvalidResponse

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
        read, probe = _probe()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # What has failed in the middle of an exchange may still be answered, to somebody else.
                await self._client.connection_pool.disconnect()
                await self._teach()
            read(await self._within(self._ask([probe])))
        except Exception as error:  # noqa: BLE001 - as in `_answers`
            self._lose(error)
            return
        self._is_known = self.is_up = True
        self._back_at = time.monotonic()
        log.info("redis_found")
        self._on_change(True)

    async def check(self) -> tuple[float, str]:
        """Milliseconds until Redis had written just now, and what is wrong; empty if nothing is."""
        began = time.perf_counter()
        # With too much before it, it is up all the same.
        with contextlib.suppress(AwayError):
            await self.exchange(*_probe())
        return (round((time.perf_counter() - began) * 1000, 2), "") if self.is_up else (0.0, self.reason)

    async def aclose(self) -> None:
        """End what is under way, and close the connections."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.aclose()


def _probe() -> tuple[Callable[[list[Any]], None], Command]:
    said = secrets.token_hex(8)

    def read(answers: list[Any]) -> None:
        if answers != [said.encode()]:
            raise InvalidResponse

    return read, (PROBE, 1, (PROBE_KEY, said))
