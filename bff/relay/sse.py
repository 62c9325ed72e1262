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
# When too much waits for all readers, this part of it is made free: so one seldom looks for whom to cut off.
ROOM = 8
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
# A connection that a stream has taken does not go back to the server (RFC 9112, 9.6).
CLOSE = (b"connection", b"close")


@dataclass(slots=True)
class Backlogs:
    """What waits for slow readers, over all streams. What many wait for is in memory once, and counted once.

    Args:
        each: bytes; a reader for whom more waits when something more comes is cut off.
        total: bytes that may wait for all of them; beyond, those with the most are cut off.
        stall: seconds that one write may take.
        clock: seconds that only go forward.
    """

    each: int
    total: int
    stall: float
    clock: Callable[[], float] = time.monotonic
    queued: int = 0
    """Bytes of memory."""
    # Those whose readers are not ready, and since when; the longest first.
    _lagging: dict["Stream", float] = field(default_factory=dict)
    # For how many readers a piece waits, by its identity: whoever counts it here holds it.
    _counts: dict[int, int] = field(default_factory=dict)

    def add(self, stream: "Stream", piece: bytes) -> None:
        """That waits for the stream's reader too."""
        stream.queued += len(piece)
        count = self._counts.get(id(piece), 0)
        self._counts[id(piece)] = count + 1
        if not count:
            self.queued += len(piece)

    def take(self, stream: "Stream", piece: bytes) -> None:
        """That has gone out, or is given up."""
        stream.queued -= len(piece)
        count = self._counts.pop(id(piece)) - 1
        if count:
            self._counts[id(piece)] = count
        else:
            self.queued -= len(piece)

    def begin(self, stream: "Stream") -> None:
        """The stream's reader is not ready from now on."""
        self._lagging[stream] = self.clock()

    def end(self, stream: "Stream") -> None:
        """It is ready again, or the stream has ended and is not to be cut off; may be called again."""
        self._lagging.pop(stream, None)

    def cut_stuck(self) -> None:
        """Cut off those whose readers have taken nothing for too long."""
        before = self.clock() - self.stall
        for stream in [each for each, since in self._lagging.items() if since < before]:
            stream.cut()

    def enforce(self) -> None:
        """Where too much waits for all, cut off those with the most until there is room for a while."""
        if self.queued <= self.total:
            return
        enough = self.total - self.total // ROOM
        for stream in sorted(self._lagging, key=lambda each: each.queued, reverse=True):
            if self.queued <= enough:
                return
            stream.cut()


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
        "_in_hand",
        "_notes",
        "_on_close",
        "_outlet",
        "_queue",
        "due",
        "expires_at",
        "hub",
        "opening",
        "place",
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
        self.place: str | None = None
        """What it holds among its user's streams of all processes."""
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
        # What the connection holds, where its reader has not taken it.
        self._in_hand: bytes | None = None
        self._farewell: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application that is this response; it ends early where the stream takes its connection."""
        offered = (scope.get("extensions") or {}).get(CONNECTION_EXTENSION)
        direct = None if offered is None else Direct(self, offered["connection"])
        outlet = self._outlet = direct or Stepped(self, send, asyncio.current_task())
        is_taken = False
        try:
            await self._begin(outlet, send, [*HEADERS, CLOSE] if direct else list(HEADERS))
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

    async def _begin(self, outlet: Outlet, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
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
                    if outlet.is_gone:
                        return
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
        if self._outlet is not None and not self._outlet.is_ready:
            self._lag()
        if notes or self.ended:
            self._write(notes, more=not self.ended)

    def push(self, chunk: bytes) -> None:
        """Take the next bytes. While the stream's own task is sending, they wait for it."""
        if self.ended:
            return
        if self._notes is not None:
            self._notes.append(chunk)
        elif self.queued > self._backlogs.each:
            self.cut()
        else:
            self._write(chunk, more=True)
            if self.queued:
                self._backlogs.enforce()

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
        self._backlogs.end(self)

    def _write(self, chunk: bytes, *, more: bool) -> None:
        outlet = self._outlet
        if outlet is None:
            # Closed while something was still to be said.
            return
        pieces = outlet.pieces(chunk, more=more)
        for left, piece in enumerate(pieces, 1 - len(pieces)):
            if not outlet.is_ready or self._queue is not None:
                self._enqueue(piece, more=more or left < 0)
            elif not self._put(outlet, piece, more=more or left < 0):
                return

    def _put(self, outlet: Outlet, piece: bytes, *, more: bool) -> bool:
        """Hands a piece to the connection; answers whether that is still there."""
        try:
            outlet.write(piece, more=more)
        except Exception:  # noqa: BLE001 - whatever one connection died of must not reach the others
            self._give_up()
            return False
        if not outlet.is_ready:
            self._in_hand = piece
            self._backlogs.add(self, piece)
            self._lag()
        return True

    def _lag(self) -> None:
        if not self.ended:
            self._backlogs.begin(self)

    def _enqueue(self, piece: bytes, *, more: bool) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append((piece, more))
        self._backlogs.add(self, piece)

    def flush(self) -> None:
        """The reader is ready: write what waits, for as long as it is."""
        self._let_go()
        self._backlogs.end(self)
        queue, outlet = self._queue, self._outlet
        while queue and outlet is not None and outlet.is_ready:
            piece, more = queue.popleft()
            self._backlogs.take(self, piece)
            if not self._put(outlet, piece, more=more):
                return
        if not queue:
            self._queue = None

    def cut(self) -> None:
        """The reader cannot keep up: it is told to fetch the calendar again, not skipped."""
        if not self.ended:
            self._forget_queue()
            self.hub.counts.resets["slow_consumer"] += 1
            self.end(FRAMES.reset("slow_consumer", away()))

    def _forget_queue(self) -> None:
        queue, self._queue = self._queue, None
        for piece, _ in queue or ():
            self._backlogs.take(self, piece)

    def _let_go(self) -> None:
        """The connection holds nothing any more."""
        piece, self._in_hand = self._in_hand, None
        if piece is not None:
            self._backlogs.take(self, piece)

    def _give_up(self) -> None:
        """End the connection without waiting for the reader."""
        self._leave()
        if self._outlet is not None:
            self._outlet.abort()

    def close(self) -> None:
        """The connection is gone: forget everything."""
        self._leave()
        self._forget_queue()
        self._let_go()
        if self._farewell is not None:
            self._farewell.cancel()
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.close()
        self._on_close(self)
