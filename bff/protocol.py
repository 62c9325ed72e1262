"""The server's side of one HTTP connection: uvicorn's, with what open streams need of it."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bff.relay.sse import ABORT_EXTENSION


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which also hands out its `abort` and ends the request under way when the client goes.

    Of pipelined requests uvicorn knows only the last one: a client that sends a second request behind an open
    stream and leaves would leave the stream's task for ever.
    """

    _running: RequestResponseCycle | None = None

    def on_headers_complete(self) -> None:
        """Offer the application a way to cut off a reader that takes nothing."""
        self.scope["extensions"] = {ABORT_EXTENSION: {"abort": self.transport.abort}}
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way, if it is not the last one."""
        super().connection_lost(exc)
        running, self._running = self._running, None
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
