"""One open stream: its opening, its backlog, and what becomes of a reader that does not read.

The hub writes each stream's chunks itself, one after the other, and waits for none. What a reader is not
ready for queues up in its stream, within bounds for each and for all together.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from bff.relay.admission import away
from bff.relay.frames import FRAMES
from bff.relay.hub import Hub
from bff.relay.log import GrantRequest
from bff.relay.organization import Subscriber
from bff.relay.outlet import CONNECTION_EXTENSION, Direct, Outlet, Stepped, body
from bff.relay.pages import UnavailableError
from bff.relay.views import Filter

# A last frame that has not gone out by then will not: the reader is stuck, and its connection is aborted.
FAREWELL_SECONDS = 2.0
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
# A connection that a stream has taken does not go back to the server (RFC 9112, 9.6).
CLOSE = (b"connection", b"close")


@dataclass(slots=True)
class Backlogs:
    """What waits for slow readers, over all streams.

    Args:
        each: bytes that may wait for one reader.
        total: bytes that may wait for all of them; beyond, the one with the most is cut off.
        stall: seconds that one write may take.
    """

    each: int
    total: int
    stall: float
    queued: int = 0
    _streams: set["Stream"] = field(default_factory=set)

    def add(self, stream: "Stream", size: int) -> None:
        """So many bytes more wait for the stream's reader."""
        stream.queued += size
        self.queued += size
        self._streams.add(stream)

    def take(self, stream: "Stream", size: int) -> None:
        """So many bytes have gone out, or are given up."""
        stream.queued -= size
        self.queued -= size
        if not stream.queued:
            self._streams.discard(stream)

    def enforce(self, stream: "Stream") -> None:
        """Cut off this stream if too much waits for it, and those with the most while all have too much."""
        if stream.queued > self.each:
            stream.cut()
        while self.queued > self.total:
            max(self._streams, key=lambda each: each.queued).cut()


class Stream(Subscriber):
    """One open response.

    Args:
        hub: gives it its frames.
        request: whom it was granted to.
        expires_at: its token's end in Unix seconds.
        shown: what was asked for and granted.
        backlogs: bounds what may wait for its reader; more, and it is cut off with `reset`.
        on_close: called once when it is over.
    """

    __slots__ = (
        "_backlogs",
        "_farewell",
        "_notes",
        "_on_close",
        "_outlet",
        "_queue",
        "due",
        "expires_at",
        "hub",
        "opening",
        "queued",
        "request",
        "slot",
    )

    def __init__(
        self,
        hub: Hub,
        request: GrantRequest,
        expires_at: int,
        shown: Filter,
        *,
        backlogs: Backlogs,
        on_close: Callable[["Stream"], None],
    ) -> None:
        super().__init__(request.organization_id, shown)
        self.hub = hub
        self.request = request
        self.expires_at = expires_at
        self.opening: tuple[bytes, ...] = ()
        self.queued = 0
        """Bytes that wait for the reader; `Backlogs` counts them."""
        self.slot = self.due = -1
        """Where `Pulse` keeps the stream."""
        self._backlogs = backlogs
        self._on_close = on_close
        self._outlet: Outlet | None = None
        # What is said while the stream's own task sends; None when that is done.
        self._notes: list[bytes] | None = []
        # Pieces, and whether more follow.
        self._queue: deque[tuple[bytes, bool]] | None = None
        self._farewell: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application that is this response; it ends early where the stream takes its connection."""
        offered = (scope.get("extensions") or {}).get(CONNECTION_EXTENSION)
        direct = None if offered is None else Direct(self, offered["connection"])
        outlet = self._outlet = direct or Stepped(self, send, asyncio.current_task())
        is_taken = False
        try:
            await self._begin(send, [*HEADERS, CLOSE] if direct else list(HEADERS))
            is_taken = direct is not None and direct.take()
            if is_taken or direct is None:
                self._go_on()
            if direct is None:
                # The server answers when the client is gone or the last frame is out.
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            self._give_up()
        except asyncio.CancelledError:
            if not outlet.aborted:
                raise
        finally:
            if not is_taken:
                self.close()

    async def _begin(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        """The part of the stream that its own task sends: up to where the hub stands."""

        async def timed_send(message: dict[str, Any]) -> None:
            async with asyncio.timeout(self._backlogs.stall):
                await send(message)

        await timed_send({"type": "http.response.start", "status": 200, "headers": headers})
        for chunk in self.opening:
            await timed_send(body(chunk, more=True))
        self.opening = ()
        try:
            async with aclosing(self.hub.replay(self)) as chunks:
                async for chunk in chunks:
                    if self.ended:
                        break
                    # What tells of another access goes before the first frame under it: a client cut off in
                    # between would come back with that frame's cursor, and be taken for one that knows.
                    notes, self._notes = self._notes or [], []
                    await timed_send(body(b"".join([*notes, chunk]), more=True))
        except UnavailableError:
            # The client has everything up to its last cursor and comes back with it.
            self.end(b"")

    def _go_on(self) -> None:
        """From now on whoever has bytes writes them: nothing was awaited since the stream went live."""
        notes = b"".join(self._notes or ())
        self._notes = None
        if notes or self.ended:
            self._write(notes, more=not self.ended)

    def push(self, chunk: bytes) -> None:
        """Take the next bytes. While the stream's own task is sending, they wait for it."""
        if self.ended:
            return
        if self._notes is None:
            self._write(chunk, more=True)
        else:
            self._notes.append(chunk)

    def end(self, chunk: bytes) -> None:
        """Take the last bytes, and leave the hub."""
        if self.ended:
            return
        self._leave()
        if self._notes is None:
            self._write(chunk, more=False)
        else:
            self._notes.append(chunk)
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._give_up)

    def _leave(self) -> None:
        self.ended = True
        self.hub.leave(self)

    def _write(self, chunk: bytes, *, more: bool) -> None:
        outlet = self._outlet
        if outlet is None:
            # Closed while something was still to be said.
            return
        pieces = outlet.pieces(chunk, more=more)
        for left, piece in enumerate(pieces, 1 - len(pieces)):
            if outlet.since is not None or self._queue is not None:
                self._enqueue(piece, more=more or left < 0)
            elif not self._put(outlet, piece, more=more or left < 0):
                return
        if more and self._queue is not None:
            self._backlogs.enforce(self)

    def _put(self, outlet: Outlet, piece: bytes, *, more: bool) -> bool:
        """Hands a piece to the connection; answers whether that is still there."""
        try:
            outlet.write(piece, more=more)
        except Exception:  # noqa: BLE001 - whatever one connection died of must not reach the others
            self._give_up()
            return False
        return True

    def _enqueue(self, piece: bytes, *, more: bool) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append((piece, more))
        self._backlogs.add(self, len(piece))

    def flush(self) -> None:
        """The reader is ready: write what waits, for as long as it is."""
        queue, outlet = self._queue, self._outlet
        while queue and outlet is not None and outlet.since is None:
            piece, more = queue.popleft()
            self._backlogs.take(self, len(piece))
            if not self._put(outlet, piece, more=more):
                return
        if not queue:
            self._queue = None

    def cut(self) -> None:
        """The reader cannot keep up: it is told to fetch the calendar again, not skipped."""
        self._forget_queue()
        if self.ended:
            self._give_up()
        else:
            self.hub.counts.resets["slow_consumer"] += 1
            self.end(FRAMES.reset("slow_consumer", away()))

    def cut_if_stuck(self) -> None:
        """Cut the stream off if its reader has taken nothing for too long."""
        since = None if self._outlet is None else self._outlet.since
        if since is not None and time.monotonic() - since > self._backlogs.stall:
            self.cut()

    def _forget_queue(self) -> None:
        self._queue = None
        self._backlogs.take(self, self.queued)

    def _give_up(self) -> None:
        """End the connection without waiting for the reader."""
        self._leave()
        if self._outlet is not None:
            self._outlet.abort()

    def close(self) -> None:
        """The connection is gone: forget everything."""
        self._leave()
        self._forget_queue()
        if self._farewell is not None:
            self._farewell.cancel()
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.close()
        self._on_close(self)
