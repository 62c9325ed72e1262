"""The server's side of one HTTP connection: uvicorn's, which open streams may take over.

A stream lives for hours, and nearly all that uvicorn and the middleware hold of it is needed only until it is
open: the parser, the request, a task with a dozen coroutines. A stream that takes its connection keeps none
of that, and is written to without a coroutine (docs/decisions/streams-take-their-connection.md).
"""

import sys
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bff.relay.outlet import CONNECTION_EXTENSION, Direct


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which also hands itself out (`bff.relay.outlet.Connection`).

    And it ends the request under way when the client goes. Of pipelined requests uvicorn knows only the last
    one: a client that sends a second request behind an open stream and leaves would leave the first for ever.
    """

    _running: RequestResponseCycle | None = None
    _outlet: Direct | None = None

    @property
    def is_unheard(self) -> bool:
        """Whether no request has come yet."""
        return self._running is None and self._outlet is None

    def on_headers_complete(self) -> None:
        """Offer the connection to the application."""
        self.scope["extensions"] = {CONNECTION_EXTENSION: {"connection": self}}
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # What a stream calls

    @property
    def is_gone(self) -> bool:
        """See `bff.relay.outlet.Connection`."""
        return self._running is None or self._running.disconnected or self.transport.is_closing()

    def prepare(self) -> None:
        """See `bff.relay.outlet.Connection`. uvicorn would send chunks to HTTP/1.0 too (RFC 9112, 6.1)."""
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

    def data_received(self, data: bytes) -> None:
        """Requests, until a stream has the connection."""
        if self._outlet is None:
            super().data_received(data)

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        if self._outlet is None:
            super().pause_writing()
        else:
            self._outlet.pause()

    def resume_writing(self) -> None:
        """The transport's buffer has room."""
        if self._outlet is None:
            super().resume_writing()
        else:
            self._outlet.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way, also if it is not the last one, or the stream."""
        super().connection_lost(exc)
        running, self._running = self._running, None
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.lost()
