"""Streams on the wire (WHATWG HTML, 9.2, Server-sent events): their frames, and one open response each.

The hub steps each stream's ASGI `send` itself. Where that does not wait, which is nearly always, a frame
costs no task switch. Where it waits for a reader, the step is handed to the stream's slow lane, whose backlog
is bounded. Only pure pass-through wrappers may stand around `send` on this route.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from sse_starlette.event import ServerSentEvent
from starlette.types import Receive, Scope, Send

from bff.relay.hub import Hub, Subscriber, UnavailableError
from bff.relay.lane import Lane, body
from bff.relay.log import GrantRequest
from bff.relay.views import Event, Filter, ResetReason, View, stamp

ByeReason = Literal["draining", "token_expired", "access_revoked"]

# How long before the token's end a stream says so: enough for a client to refresh and to open another stream.
REAUTH_SECONDS = 60.0
# A last frame that has not gone out by then will not: the reader is stuck, and its connection is aborted.
FAREWELL_SECONDS = 2.0
# The server's own connection offers `abort` here (see bff.protocol); closing would wait for the stuck reader.
ABORT_EXTENSION = "reservepty.abort"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


def _frame(event: str, data: dict[str, Any], cursor: str | None = None, retry: int | None = None) -> bytes:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return ServerSentEvent(text, event=event, id=cursor, retry=retry, sep="\n").encode()


class Frames:
    """The frames of the stream, encoded."""

    def change(self, event: Event, view: View, mark: str) -> bytes:
        """A change of the calendar as a stream with this view and this mark is told of it."""
        kind: str = event["type"]
        payload = dict(event["payload"])
        if view != "whole":
            subject = kind.partition("_")[0]
            if view == "moved":
                kind = f"{subject}_canceled"
                payload |= {subject: None, "reason": "moved"}
            else:
                kind = "maintenance_scheduled" if subject == "maintenance" else f"{subject}_created"
                payload["previousState"] = None
        data = {
            "type": kind,
            "payload": payload,
            "timestamp": event["occurred_at"],
            "sourceUserId": event["source_user_id"],
        }
        return _frame(kind, data, stamp(event["cursor"], mark))

    def ready(self, cursor: str, *, resumed: bool) -> bytes:
        """The first frame."""
        return _frame("ready", {"resumed": resumed, "cursor": cursor}, cursor)

    def heartbeat(self, cursor: str) -> bytes:
        """The stream lives and stands here, also where nothing of late was for this stream."""
        return _frame("heartbeat", {"cursor": cursor}, cursor)

    def reset(self, reason: ResetReason) -> bytes:
        """What the client has is stale: it fetches the calendar again."""
        return _frame("reset", {"reason": reason})

    def reauth(self, expires_at: int) -> bytes:
        """The token ends soon (Unix seconds); the client opens another stream with a new one."""
        ends = datetime.fromtimestamp(expires_at, UTC).isoformat().replace("+00:00", "Z")
        return _frame("reauth", {"expiresAt": ends})

    def bye(self, reason: ByeReason, retry: int | None = None) -> bytes:
        """The last frame; `retry` tells the browser how many milliseconds to wait before it comes back."""
        return _frame("bye", {"reason": reason}, retry=retry)


FRAMES = Frames()


class Stream(Subscriber):
    """One open response.

    Args:
        hub: gives it its frames.
        request: whom it was granted to.
        expires_at: its token's end in Unix seconds.
        shown: what was asked for and granted.
        backlog: bytes that may wait for a slow reader; more, and it is cut off with `reset`.
        stall: seconds that one write may take.
        on_close: called once when it is over.
    """

    __slots__ = (
        "_abort",
        "_backlog",
        "_cancelled",
        "_lane",
        "_notes",
        "_on_close",
        "_send",
        "_stall",
        "_task",
        "_timers",
        "expires_at",
        "hub",
        "opening",
        "request",
    )

    def __init__(
        self,
        hub: Hub,
        request: GrantRequest,
        expires_at: int,
        shown: Filter,
        *,
        backlog: int,
        stall: float,
        on_close: Callable[["Stream"], None],
    ) -> None:
        super().__init__(request.organization_id, shown)
        self.hub = hub
        self.request = request
        self.expires_at = expires_at
        self.opening: tuple[bytes, ...] = ()
        self._backlog = backlog
        self._stall = stall
        self._on_close = on_close
        self._notes: list[bytes] = []
        self._lane: Lane | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._abort: Callable[[], None] | None = None
        self._cancelled = False
        self._send: Send
        self._task: asyncio.Task[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application that is this response."""
        self._send = send
        self._abort = (scope.get("extensions") or {}).get(ABORT_EXTENSION, {}).get("abort")
        self._task = asyncio.current_task()
        try:
            self._watch_token()
            await self._begin()
            # The server answers when the client is gone or the last frame is out; nothing else is awaited.
            while (await receive())["type"] != "http.disconnect":
                pass
        except TimeoutError:
            self._give_up()
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
        finally:
            self.close()

    async def _begin(self) -> None:
        """The part of the stream that its own task sends: up to where the hub stands."""
        await self._timed_send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        for chunk in self.opening:
            await self._write(chunk)
        self.opening = ()
        try:
            async for chunk in self.hub.replay(self):
                await self._write(chunk)
        except UnavailableError:
            # The client has everything up to its last cursor and comes back with it.
            self._leave()
        # From here to the return nothing is awaited while the stream is live: the hub steps `send` now.
        notes, self._notes = self._notes, []
        if self.live:
            for chunk in notes:
                self._step(chunk, more=True)
        elif self.ended:
            await self._timed_send(body(b"".join(notes), more=False))

    async def _write(self, chunk: bytes) -> None:
        await self._timed_send(body(chunk, more=True))

    async def _timed_send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._stall):
            await self._send(message)

    def push(self, chunk: bytes) -> None:
        """Take the next bytes. While the stream's own task is sending, they wait for it."""
        if self.ended:
            return
        if self.live:
            self._step(chunk, more=True)
        else:
            self._notes.append(chunk)

    def end(self, chunk: bytes) -> None:
        """Take the last bytes, and leave the hub."""
        if self.ended:
            return
        was_live = self.live
        self._leave()
        if was_live:
            self._step(chunk, more=False)
        else:
            self._notes.append(chunk)
        self._later(FAREWELL_SECONDS, self._give_up)

    def cut_if_stuck(self) -> None:
        """Cut the stream off if its reader has taken nothing for too long."""
        if self._lane is not None and time.monotonic() - self._lane.since > self._stall:
            self._cut()

    def _leave(self) -> None:
        self.ended = True
        self.hub.leave(self)

    def _step(self, chunk: bytes, *, more: bool) -> None:
        if self._lane is not None:
            if more and self._lane.queued + len(chunk) > self._backlog:
                self._cut()
            else:
                self._lane.put(chunk, more=more)
            return
        step = self._send(body(chunk, more=more)).__await__()
        try:
            waiting = step.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 - whatever one connection died of must not reach the others
            self._give_up()
        else:
            self._lane = Lane(self._send, step, waiting, self._lane_is_empty)

    def _lane_is_empty(self) -> None:
        self._lane = None

    def _cut(self) -> None:
        """The reader cannot keep up: it is told to fetch the calendar again, not skipped."""
        if self.ended:
            return
        self.hub.counts.resets["slow_consumer"] += 1
        self._leave()
        if self._lane is not None:
            self._lane.clear()
        self._step(FRAMES.reset("slow_consumer"), more=False)
        self._later(FAREWELL_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """End the connection without waiting for the reader."""
        self._leave()
        if self._abort is not None:
            self._abort()
        elif self._task is not None and self._task is not asyncio.current_task():
            self._cancelled = True
            self._task.cancel()

    def _watch_token(self) -> None:
        left = self.expires_at - time.time()
        self._later(max(0.0, left - REAUTH_SECONDS), lambda: self.push(FRAMES.reauth(self.expires_at)))
        self._later(max(0.0, left), lambda: self.end(FRAMES.bye("token_expired")))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def close(self) -> None:
        """Forget everything; may be called again."""
        self._leave()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._lane is not None:
            self._lane.cancel()
        self._on_close(self)


class Pulse:
    """Heartbeats of all streams from one timer, spread over the interval.

    Args:
        interval: seconds between two heartbeats of one stream.
    """

    def __init__(self, interval: float) -> None:
        self._tick = min(1.0, interval)
        self._slots: list[set[Stream]] = [set() for _ in range(max(1, round(interval / self._tick)))]
        self._next = 0

    def add(self, stream: Stream) -> None:
        """Give the stream a place: the emptiest, so that load is even."""
        min(self._slots, key=len).add(stream)

    def discard(self, stream: Stream) -> None:
        """Forget the stream; may be called again."""
        for slot in self._slots:
            slot.discard(stream)

    def beat(self) -> None:
        """One slot's heartbeats."""
        chunks: dict[str, bytes] = {}
        for stream in tuple(self._slots[self._next]):
            stream.cut_if_stuck()
            if stream.live:
                cursor = stamp(stream.organization.cursor, stream.filter.mark)
                stream.push(chunks.get(cursor) or chunks.setdefault(cursor, FRAMES.heartbeat(cursor)))
        self._next = (self._next + 1) % len(self._slots)

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(self._tick)
            self.beat()
