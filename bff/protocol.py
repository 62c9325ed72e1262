"""The server's side of one HTTP connection: uvicorn's, with bounds, which open streams may take over.

A stream lives for hours, and nearly all that uvicorn and the middleware hold of it is needed only until it is
open: the parser, the request, a task with a dozen coroutines. A stream that takes its connection keeps none
of that, and is written to without a coroutine (docs/decisions/streams-take-their-connection.md).
"""

import asyncio
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Self, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from bff.relay.outlet import CONNECTION_EXTENSION, Direct

# Requests that may wait behind the one under way; browsers send none so, and a read holds thousands.
PIPELINED = 16
# Headers of one head. Those beyond what the application allows are its to answer; this is for memory.
HEADERS = 1_000
# Seconds for the rest of a body that nobody waits for, so that its sender can read the answer: a connection
# that is closed while bytes come in is reset, and the answer with it (RFC 9112, 9.6).
LINGER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take.

    Args:
        connections: open at once, streams too; further ones are closed with 503.
        head_bytes: of a request's line and headers.
        head_seconds: for those to arrive, from the connection or from their first byte on.
        body_bytes: of a body on the wire, with what chunks add to it.
        body_seconds: for it to arrive.
        write_seconds: for the reader of an answer to take what is buffered.
    """

    connections: int = 10_000
    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    body_bytes: int = 2 * 1024 * 1024
    body_seconds: float = 10.0
    write_seconds: float = 20.0


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which also hands itself out (`bff.relay.outlet.Connection`).

    It ends the request under way when the client goes. Of pipelined requests uvicorn knows only the last
    one: a client that sends a second request behind an open stream and leaves would leave the first for ever.

    It gives up on clients that take their time over a head, a body or an answer, for which uvicorn waits for
    ever, and on heads and bodies without an end.
    """

    bounds: ClassVar[Bounds] = Bounds()
    _running: RequestResponseCycle | None = None
    _outlet: Direct | None = None
    _is_in_head = True
    _is_retiring = False
    _is_stream = False  # which has its own idea of a stuck reader
    _is_over = False  # whatever comes, nobody listens any more
    _came = 0  # bytes of the head or the body under way
    _refusal: HTTPStatus | None = None
    _arrival: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    @classmethod
    def within(cls, bounds: Bounds) -> type[Self]:
        """The protocol with other bounds."""
        return cast("type[Self]", type(cls.__name__, (cls,), {"bounds": bounds}))

    @property
    def is_unheard(self) -> bool:
        """Whether no request has come yet."""
        return self._running is None and self._outlet is None

    def retire(self) -> None:
        """Answer with `Connection: close` from now on: the process is about to end."""
        self._is_retiring = True
        if self._running is not None:
            self._running.keep_alive = False

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what stands behind a chunked body is none (RFC 9110, 6.5.1)."""
        if not self._is_in_head:
            return
        if len(self.headers) >= HEADERS:
            self._refuse_while_parsing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Offer the connection to the application."""
        self._is_in_head = False
        self._expect_nothing()
        self._check_head()
        self.scope["extensions"] = {CONNECTION_EXTENSION: {"connection": self}}
        super().on_headers_complete()

    def _check_head(self) -> None:
        """What the parser lets through, and a proxy in front may read differently (RFC 9112, 3.2 and 6.1)."""
        version = self.parser.get_http_version()
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (version == "1.1" and not hosts) or (codings and version != "1.1"):
            self._refuse_while_parsing(HTTPStatus.BAD_REQUEST)
        if version not in ("1.0", "1.1"):
            self._refuse_while_parsing(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if codings not in ([], [b"chunked"]):
            self._refuse_while_parsing(HTTPStatus.NOT_IMPLEMENTED)
        if len(self.pipeline) >= PIPELINED:
            self._refuse_while_parsing(HTTPStatus.TOO_MANY_REQUESTS)

    def _unsupported_upgrade_warning(self) -> None:
        """An offer to upgrade may be ignored (RFC 9110, 7.8), and is nothing to fill the log with."""

    def on_message_complete(self) -> None:
        """Another head may come."""
        self._is_in_head = True
        self._expect_nothing()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if self._is_retiring:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Give what is left of the body a moment, and the answer its time to be read."""
        super().on_response_complete()
        if self._outlet is not None:
            return
        if not self._is_in_head and self.cycle.response_complete:
            self._expect(LINGER_SECONDS)
        self._watch_writing()

    def _refuse_while_parsing(self, status: HTTPStatus) -> None:
        self._refusal = status
        # The parser ends with it, and `send_400_response` answers.
        raise ValueError(status.phrase)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or more of it than we take. Nothing of it is said in the log."""
        status, self._refusal = self._refusal or HTTPStatus.BAD_REQUEST, None
        self._refuse(status, msg if status is HTTPStatus.BAD_REQUEST else status.phrase)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        headers = [
            STATUS_LINE[status],
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(message),
            b"retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else b"",
            b"connection: close\r\n\r\n",
        ]
        self.transport.write(b"".join(headers) + message.encode("ascii"))
        self._is_over = True
        if not self._is_answered or not self._came or not self.transport.can_write_eof():
            self._close()
            return
        # What comes now is thrown away.
        self.transport.write_eof()
        self._expect(LINGER_SECONDS)

    @property
    def _is_answered(self) -> bool:
        return self._running is None or self._running.response_complete

    def _close(self) -> None:
        self._is_over = True
        self.transport.close()
        self._watch_writing()

    # Deadlines

    def _expect(self, seconds: float) -> None:
        """What is under way is to be complete in time."""
        self._expect_nothing()
        self._arrival = self.loop.call_later(seconds, self._too_late)

    def _expect_nothing(self) -> None:
        self._came = 0
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _too_late(self) -> None:
        self._arrival = None
        if self._is_over:
            self.transport.abort()
        elif self._is_in_head and not self._is_answered:
            # It is slow with its next request, but waits for the answer to this one.
            self._expect_more(self.bounds.head_seconds)
        elif self._is_in_head and self._came:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")
        elif self._is_answered:
            self._close()
        else:
            self.transport.abort()

    def _watch_writing(self) -> None:
        self._stop_watching_writing()
        if not self._is_stream and self.transport.get_write_buffer_size():
            self._writing = self.loop.call_later(self.bounds.write_seconds, self._is_stuck)

    def _is_stuck(self) -> None:
        self._writing = None
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()

    def _stop_watching_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    # What a stream calls

    @property
    def is_gone(self) -> bool:
        """See `bff.relay.outlet.Connection`."""
        return self._running is None or self._running.disconnected or self.transport.is_closing()

    def prepare(self) -> None:
        """See `bff.relay.outlet.Connection`. uvicorn would send chunks to HTTP/1.0 too (RFC 9112, 6.1)."""
        self._is_stream = True
        cycle = self._running
        if cycle is not None and cycle.scope["http_version"] == "1.0":
            cycle.chunked_encoding = False
            cycle.expected_content_length = sys.maxsize

    def take(self, outlet: Direct) -> bool:
        """See `bff.relay.outlet.Connection`. From now on what the client sends is not looked at."""
        cycle = self._running
        if cycle is None or self.is_gone:
            return False
        self._outlet = outlet
        self._expect_nothing()
        self._stop_watching_writing()
        # The request's task may end now without uvicorn's missing the end of the response.
        cycle.response_complete = True
        is_paused = self.flow.write_paused
        # A request behind this one has paused reading; unread, the client's leaving would go unnoticed.
        self.flow.resume_reading()
        is_chunked = bool(cycle.chunked_encoding)
        self._running = self.cycle = self.flow = self.parser = self.scope = None  # type: ignore[assignment]
        del self.headers, self.pipeline, self.url
        outlet.attach(self.transport, is_chunked=is_chunked, is_paused=is_paused)
        return True

    def abort(self) -> None:
        """See `bff.relay.outlet.Connection`."""
        self.transport.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that has connected has so long to say what it wants."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")
        else:
            self._expect(self.bounds.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Requests, until a stream has the connection."""
        if self._outlet is not None or self._is_over:
            return
        # Before it is parsed: a read that completes the head or the body starts to count anew.
        self._came += len(data)
        super().data_received(data)
        if self._outlet is None and not self._is_over:
            self._bound_arrival()

    def _bound_arrival(self) -> None:
        """What has begun to arrive and is not complete has its bounds; complete requests cost no timer."""
        if not self._came and self._is_in_head:
            return
        bounds = self.bounds
        if self._is_in_head:
            if self._came > bounds.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
            elif self._arrival is None:
                self._expect_more(bounds.head_seconds)
        elif self._came > bounds.body_bytes and not self.cycle.response_complete:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
        elif self._arrival is None:
            # The application's own deadline is sooner, and says so in its own words.
            self._expect_more(bounds.body_seconds + LINGER_SECONDS)

    def _expect_more(self, seconds: float) -> None:
        came = self._came
        self._expect(seconds)
        self._came = came

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        if self._outlet is None:
            super().pause_writing()
            self._watch_writing()
        else:
            self._outlet.pause()

    def resume_writing(self) -> None:
        """The transport's buffer has room."""
        if self._outlet is None:
            super().resume_writing()
            self._stop_watching_writing()
        else:
            self._outlet.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way, also if it is not the last one, or the stream."""
        self._expect_nothing()
        self._stop_watching_writing()
        super().connection_lost(exc)
        running, self._running = self._running, None
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.lost()
