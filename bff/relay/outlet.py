"""How a stream's bytes reach its connection: by the server's own hand, or by ASGI's `send` on any server.

Both take a chunk at once or say that the reader is not ready; what waits then, and for how long, is the
stream's to decide. Neither costs a task while readers keep up.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

from starlette.types import Send

Step = Generator[Any, Any, None]

# Our own server offers its connection here (see bff.protocol); others do not, and streams are stepped.
CONNECTION_EXTENSION = "reservepty.connection"
# Bytes that a transport is given at once: it may hold as much for each stream, and does not say for how many.
PIECE_BYTES = 64 * 1024
# The end of a frame (WHATWG HTML, 9.2.6).
FRAME_END = b"\n\n"
# Chunks whose pieces are kept for the next streams: an event goes from one to the next, but heartbeats of
# several organisations take turns.
KEPT_CHUNKS = 8
LAST_CHUNK = b"0\r\n\r\n"


@lru_cache(KEPT_CHUNKS)
def _pieces(chunk: bytes, *, is_chunked: bool) -> tuple[bytes, ...]:
    """The chunk in pieces, the same objects for all streams: what many wait for is in memory once."""
    parts = [chunk[begin:end] for begin, end in pairwise(_bounds(chunk))]
    return tuple([b"%x\r\n%b\r\n" % (len(part), part) for part in parts] if is_chunked else parts)


def _bounds(chunk: bytes) -> Iterator[int]:
    """Where pieces begin and end: each has whole frames, and more bytes than allowed only if one frame does.

    Whoever is cut off is told so behind the last piece that went out: in the middle of a frame, what tells it
    would be read as the rest of that frame.
    """
    begin = 0
    while begin < len(chunk):
        yield begin
        end = begin + PIECE_BYTES
        if end < len(chunk):
            found = chunk.rfind(FRAME_END, begin, end)
            if found < 0:
                found = chunk.find(FRAME_END, end - len(FRAME_END) + 1)
            end = found + len(FRAME_END) if found >= 0 else len(chunk)
        begin = end
    yield len(chunk)


def body(chunk: bytes, *, more: bool) -> dict[str, Any]:
    """The ASGI message of a part of a response."""
    return {"type": "http.response.body", "body": chunk, "more_body": more}


class Owner(Protocol):
    """The stream that an outlet is for."""

    def flush(self) -> None:
        """The reader has taken what it was not ready for."""

    def close(self) -> None:
        """The connection is gone."""


class Outlet:
    """Where a stream's bytes go.

    Args:
        owner: is told when the reader is ready again.
    """

    __slots__ = ("_owner", "aborted", "is_ready")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.is_ready = True
        """Whether the reader has taken all that was written."""
        self.aborted = False
        """Whether the response's task was ended by `abort`."""

    @property
    def is_gone(self) -> bool:
        """Whether the client is known to have left, so that nothing need be sent any more."""
        return False

    def pieces(self, chunk: bytes, *, more: bool) -> Sequence[bytes]:
        """What goes out for a chunk, piece by piece; at least one where it is the last chunk."""
        raise NotImplementedError

    def write(self, piece: bytes, *, more: bool) -> None:
        """Send the next piece, or the last one. Only where `is_ready`.

        Raises:
            Exception: whatever the connection died of.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """End the connection without waiting for the reader."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of whatever is under way; may be called again."""


class _Resumed:
    """A step of `send` that began outside a task and waits for a future; awaiting this goes on with it."""

    def __init__(self, step: Step, waiting: Any) -> None:
        self._step = step
        self._waiting = waiting

    def __await__(self) -> Step:
        waiting, value = self._waiting, None
        while True:
            thrown: BaseException | None = None
            try:
                value = yield waiting
            except BaseException as error:  # noqa: BLE001 - cancellation too is the step's to handle
                thrown = error
            try:
                waiting = self._step.send(value) if thrown is None else self._step.throw(thrown)
            except StopIteration:
                return


class Stepped(Outlet):
    """Steps `send` itself: where that does not wait, which is nearly always, a chunk costs no task switch.

    A step that waits for its reader is handed to a task, which ends with it. Only pure pass-through wrappers
    may stand around `send`: a cancel scope there would cancel the hub.

    Args:
        owner: see `Outlet`.
        send: the response's.
        task: that of the response; ended to abort it.
    """

    __slots__ = ("_send", "_step", "_task")

    def __init__(self, owner: Owner, send: Send, task: asyncio.Task[Any] | None) -> None:
        super().__init__(owner)
        self._send = send
        self._task = task
        self._step: asyncio.Task[None] | None = None

    def pieces(self, chunk: bytes, *, more: bool) -> Sequence[bytes]:
        """See `Outlet.pieces`."""
        return _pieces(chunk, is_chunked=False) or (() if more else (b"",))

    def write(self, piece: bytes, *, more: bool) -> None:
        """See `Outlet.write`."""
        step = self._send(body(piece, more=more)).__await__()
        try:
            waiting = step.send(None)
        except StopIteration:
            return
        self.is_ready = False
        self._step = asyncio.get_running_loop().create_task(self._go_on(step, waiting))

    async def _go_on(self, step: Step, waiting: Any) -> None:
        # A connection that dies here is noticed by the response's own task.
        with contextlib.suppress(OSError, RuntimeError):
            await _Resumed(step, waiting)
            self.is_ready = True
            self._owner.flush()

    def abort(self) -> None:
        """See `Outlet.abort`: the server closes the connection of a response that ends early."""
        if self._task is not None and self._task is not asyncio.current_task():
            self.aborted = True
            self._task.cancel()

    def close(self) -> None:
        """See `Outlet.close`."""
        if self._step is not None and self._step is not asyncio.current_task():
            self._step.cancel()


class Connection(Protocol):
    """A connection of our own server, which an open stream may take over."""

    @property
    def is_gone(self) -> bool:
        """Whether the client has left; asked before `take`."""

    def prepare(self) -> None:
        """To be called before the response's head is sent."""

    def take(self, outlet: "Direct") -> bool:
        """Give the connection away, after the head: the request's task may end, and all that it held.

        Returns:
            Whether the client is still there.
        """

    def abort(self) -> None:
        """End the connection at once."""


class Direct(Outlet):
    """Writes to a connection of our own server (HTTP/1.1, RFC 9112, 7.1; or until its end, for HTTP/1.0).

    Args:
        owner: see `Outlet`; is told when the connection is gone.
        connection: the server's.
    """

    __slots__ = ("_connection", "_is_chunked", "_transport")

    def __init__(self, owner: Owner, connection: Connection) -> None:
        super().__init__(owner)
        self._connection = connection
        self._transport: asyncio.Transport
        self._is_chunked = True
        connection.prepare()

    @property
    def is_gone(self) -> bool:
        """See `Outlet.is_gone`."""
        return self._connection.is_gone

    def take(self) -> bool:
        """Take the connection over, once the head is sent; False where the client is gone."""
        return self._connection.take(self)

    def attach(self, transport: asyncio.Transport, *, is_chunked: bool, is_paused: bool) -> None:
        """The connection is ours: with no room in the transport, it says at once that a reader lags."""
        self._transport = transport
        self._is_chunked = is_chunked
        if is_paused:
            self.pause()
        transport.set_write_buffer_limits(high=0)

    def pieces(self, chunk: bytes, *, more: bool) -> Sequence[bytes]:
        """See `Outlet.pieces`."""
        pieces = _pieces(chunk, is_chunked=self._is_chunked)
        if more:
            return pieces
        *before, last = pieces or (b"",)
        return (*before, last + LAST_CHUNK if self._is_chunked else last)

    def write(self, piece: bytes, *, more: bool) -> None:
        """See `Outlet.write`."""
        self._transport.write(piece)
        if not more:
            self._transport.close()

    def pause(self) -> None:
        """The reader has not taken all."""
        self.is_ready = False

    def resume(self) -> None:
        """The reader has taken all."""
        self.is_ready = True
        self._owner.flush()

    def lost(self) -> None:
        """The connection is gone."""
        self._owner.close()

    def abort(self) -> None:
        """See `Outlet.abort`."""
        self._connection.abort()
