"""A stand-in for the BFF behind nginx: it is alive, drops all other requests, and closes nothing idle."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class DroppingUpstream(ThreadingHTTPServer):
    """Answers `/api/live`, closes the connection at any other request, and never closes an idle one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.dropped: list[str] = []
        self.left_by_peer = threading.Event()
        """Set once an idle connection was closed from the other side."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DroppingUpstream

    def do_GET(self) -> None:
        if self.path == "/api/live":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.server.dropped.append(self.path)
            self.close_connection = True

    def handle(self) -> None:
        dropped = len(self.server.dropped)
        super().handle()
        if len(self.server.dropped) == dropped:
            self.server.left_by_peer.set()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def dropping_upstream() -> Iterator[DroppingUpstream]:
    """One that serves while the block lasts."""
    with DroppingUpstream() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()
