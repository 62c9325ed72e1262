"""A gateway of a test's own, in front of stand-ins that show what it passes on."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.harness import RunningStack, free_port, running_module

NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once
SECRET = "the secret of the stand-in for lite"


@dataclass(frozen=True)
class RunningGateway:
    """A gateway process; its keys and its database are the stack's."""

    url: str
    publishable_key: str
    secret_key: str

    @property
    def websocket_url(self) -> str:
        url = self.url.replace("http", "ws", 1)
        return f"{url}/realtime/v1/websocket?apikey={self.publishable_key}&vsn=1.0.0"


@contextmanager
def running_gateway(
    stack: RunningStack, log: Path, *, rest: str = NOBODY, realtime: str = NOBODY, **settings: str
) -> Iterator[RunningGateway]:
    """`python -m stack.gateway` on a free port, in front of the given processes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "GATEWAY_PORT": str(port),
        "GATEWAY_PUBLIC_URL": stack.url,
        "GATEWAY_REST_URL": rest,
        "GATEWAY_REALTIME_URL": realtime,
        "GATEWAY_DATABASE_URL": stack.admin_database_url,
        "GATEWAY_JWT_SECRET": SECRET,
        "GATEWAY_SIGNING_KEY_FILE": str(stack.directory / "signing-key.pem"),
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "SUPABASE_SECRET_KEY": stack.secret_key,
        **settings,
    }
    with running_module("stack.gateway", f"{url}/_ready", environment, log):
        yield RunningGateway(url, stack.publishable_key, stack.secret_key)


class _Mirror(BaseHTTPRequestHandler):
    """Answers what it was asked; `/rest/v1/status/<n>` with that status and the body as it came."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self._body()
        status = 200
        if "/status/" in self.path:
            status, answer = int(self.path.rpartition("/")[2]), body
        else:
            seen = {name.lower(): value for name, value in self.headers.items()}
            answer = json.dumps(
                {"method": self.command, "path": self.path, "headers": seen, "body": body.decode()}
            ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Access-Control-Allow-Origin", "https://lite.example")
        self.send_header("Keep-Alive", "timeout=5")
        self.send_header("X-Kept", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        # An empty line instead of a size: the gateway has broken off.
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - the library's

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@contextmanager
def mirror() -> Iterator[str]:
    """A stand-in for lite; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Mirror) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
