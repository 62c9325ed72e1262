"""Realtime -> hub: one connection and one private channel with the service key, supervised.

realtime-py's own reconnects are not used: each life is a fresh client, and whatever status follows SUBSCRIBED
ends it. Its callbacks only enqueue, because one that raises kills the listening task without a word.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates
from realtime.types import BroadcastPayload
from websockets.exceptions import InvalidStatus

log = structlog.get_logger(__name__)

TOPIC = "calendar-events"
MESSAGES = ("calendar_event", "read_log", "access_changed")
# One connect. A host that does not answer must not hold up a life for longer.
CONNECT_SECONDS = 5.0
# One answer to a join. A refusal comes after about five seconds; cut off sooner, it would pass for a loss and
# be asked for again at once.
ANSWER_SECONDS = 10
# Connect and join together, whatever the client makes of its own timeouts.
JOIN_SECONDS = 20.0
# A dead server does not answer the closing handshake.
CLOSE_SECONDS = 2.0
# Supabase ends connections after a day; we choose the moment, and not the same one in each process: a life
# lasts for at least this part of the longest.
MAX_LIFE_SECONDS = 23 * 3600.0
SHORTEST_LIFE = 0.9
# A life that was joined for less than this counts as a failure, so that a server that closes at once is not
# stormed, nor one that takes long to refuse.
PROVEN_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 15.0
# Nothing changes by itself about a refused key; a rate limit is counted by the minute.
REFUSED_SECONDS = 60.0
LIMITED_SECONDS = 30.0
REFUSED_STATUS = {401: "unauthorized", 403: "unauthorized", 429: "limited"}
REFUSALS = ("Unauthorized", "InvalidJWTToken", "MalformedJWT", "JwtSignatureError", "JwtSignerError")


class Message(NamedTuple):
    """What Realtime brought; `kind` is one of `MESSAGES`."""

    kind: str
    payload: dict[str, Any]


def classify(error: object) -> str:
    """What kind of end a life found: `unauthorized`, `limited`, or else `lost`."""
    if isinstance(error, InvalidStatus):
        return REFUSED_STATUS.get(error.response.status_code, "lost")
    text = str(error)
    if any(reason in text for reason in REFUSALS):
        return "unauthorized"
    return "limited" if "RateLimitReached" in text else "lost"


def _listening_task(before: set[asyncio.Task[Any]]) -> asyncio.Task[Any] | None:
    # The client has no public handle of the task that everything depends on.
    for task in asyncio.all_tasks() - before:
        if getattr(task.get_coro(), "__qualname__", "") == "AsyncRealtimeClient._listen":
            return task
    return None


class Feed:
    """Keeps the channel joined and hands on what it hears.

    Args:
        url: the project's base URL.
        key: the service key.
        queue: takes the messages; a full one loses them, which the log makes up for.
        on_change: told True when messages may have been missed and more will be heard (the channel has been
            joined, or the queue was full), False when the channel is not joined (any more).
        max_life: seconds after which a connection is replaced, at the latest.
    """

    def __init__(
        self,
        url: str,
        key: str,
        queue: asyncio.Queue[Message],
        on_change: Callable[[bool], None],
        *,
        max_life: float = MAX_LIFE_SECONDS,
    ) -> None:
        self._url = f"{url.rstrip('/')}/realtime/v1"
        self._key = key
        self._queue = queue
        self._on_change = on_change
        self._max_life = max_life
        self._rebuild = asyncio.Event()
        self._failures = 0
        self._up_since: float | None = None
        self._is_losing = False
        self.state = "starting"
        self.reason = ""
        self.retry_in = 0.0
        """Seconds from the end of the last life to the next."""
        self.lives = 0
        self.lost = 0

    def rebuild(self) -> None:
        """End the present life, or the wait for the next."""
        self._rebuild.set()

    async def run(self) -> None:
        """Live again and again, for ever."""
        while True:
            self.lives += 1
            self._up_since = None
            self._rebuild.clear()
            reason = await self._live()
            self._failures = 0 if self._is_proven() else self._failures + 1
            self.reason, self.retry_in = reason, self._pause(reason)
            log.warning("realtime_lost", reason=reason, retry_in=round(self.retry_in, 2))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.retry_in):
                    await self._rebuild.wait()

    def _is_proven(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._up_since is not None and now - self._up_since > PROVEN_SECONDS

    def _pause(self, reason: str) -> float:
        if reason == "rebuild":
            return 0.0
        longest: float = min(MAX_BACKOFF_SECONDS, 0.25 * 2 ** min(self._failures, 10))
        longest = {"unauthorized": REFUSED_SECONDS, "limited": LIMITED_SECONDS}.get(reason, longest)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads processes, no secret

    def _longest_life(self) -> float:
        return self._max_life * random.uniform(SHORTEST_LIFE, 1.0)  # noqa: S311 - spreads processes, no secret

    async def _live(self) -> str:
        """One connection from its beginning to its end; why it ended."""
        ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def on_status(status: RealtimeSubscribeStates, error: Exception | None) -> None:
            if ended.done():
                return
            if status == RealtimeSubscribeStates.SUBSCRIBED and self.state != "up":
                self._change("up")
            else:
                ended.set_result(error or status.value)

        client = AsyncRealtimeClient(
            self._url, token=self._key, auto_reconnect=False, max_retries=1, timeout=ANSWER_SECONDS
        )
        listening = None
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                before = asyncio.all_tasks()
                async with asyncio.timeout(CONNECT_SECONDS):
                    await client.connect()
                listening = _listening_task(before)
                await self._join(client, on_status)
            return await self._watch(ended, listening)
        except Exception as error:  # noqa: BLE001 - the client raises plain Exception among others
            return classify(error)
        finally:
            # An answer that comes while the client closes must not call the feed up.
            ended.cancel()
            self._change("down")
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()
            if listening is not None:
                listening.cancel()

    async def _join(
        self,
        client: AsyncRealtimeClient,
        on_status: Callable[[RealtimeSubscribeStates, Exception | None], None],
    ) -> None:
        channel = client.channel(
            TOPIC,
            {
                "config": {
                    "broadcast": {"ack": False, "self": False},
                    "presence": {"key": "", "enabled": False},
                    "private": True,
                }
            },
        )
        for kind in MESSAGES:
            channel.on_broadcast(kind, self._take)
        await channel.subscribe(on_status)

    async def _watch(self, ended: asyncio.Future[object], listening: asyncio.Task[Any] | None) -> str:
        rebuild = asyncio.ensure_future(self._rebuild.wait())
        watched: set[asyncio.Future[Any]] = {ended, rebuild}
        if listening is not None:
            watched.add(listening)
        try:
            done, _ = await asyncio.wait(
                watched, timeout=self._longest_life(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            rebuild.cancel()
        if ended in done:
            return classify(ended.result())
        return "lost" if listening in done else "rebuild"

    def _take(self, message: BroadcastPayload) -> None:
        try:
            self._queue.put_nowait(Message(message["event"], message["payload"]))
        except (asyncio.QueueFull, KeyError, TypeError):
            self.lost += 1
            # The last one of a burst has none behind it that would show the gap.
            if not self._is_losing and self.state == "up":
                self._is_losing = True
                self._on_change(True)
        else:
            self._is_losing = False

    def _change(self, state: str) -> None:
        if state != self.state:
            self.state = state
            if state == "up":
                self._up_since = asyncio.get_running_loop().time()
            self._on_change(state == "up")
