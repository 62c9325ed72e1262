"""A hosted project in a box, whose answers a test may change, and a proxy that writes down what is sent."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.server import ServerConnection, serve

from ops.check_hosted.expected import Expected

REQUEST_LINE = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.1\r\n", re.MULTILINE)
DENIED = {"code": "42501", "message": "permission denied"}


@dataclass
class HostedProject:
    """What a sound project answers, by path; `nobody` holds the answers to the publishable key."""

    url: str
    answers: dict[str, tuple[int, Any]]
    nobody: dict[str, tuple[int, Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    everything: bytes | None = None
    """Answered to every request with 200, whatever it asks for."""


def sound_answers(expected: Expected) -> dict[str, tuple[int, Any]]:
    """As PostgREST, Auth and Storage answer for a project that is as it should be."""
    names = [f"/{table}" for table in expected.tables] + [
        f"/rpc/{each}" for each in expected.service_functions
    ]
    schemas = "The schema must be one of the following: public, graphql_public"
    return {
        "/auth/v1/health": (200, {"name": "GoTrue"}),
        "/auth/v1/.well-known/jwks.json": (200, {"keys": [{"alg": "ES256", "kid": "k"}]}),
        "/auth/v1/settings": (
            200,
            {"external": {"anonymous_users": False}, "disable_signup": False, "mailer_autoconfirm": False},
        ),
        "/storage/v1/bucket/asset-photos": (
            200,
            {"public": False, "file_size_limit": 10485760, "allowed_mime_types": ["image/png"]},
        ),
        "/rest/v1/": (200, {"swagger": "2.0", "paths": {name: {} for name in names}}),
        "/rest/v1/occupancy": (406, {"code": "PGRST106", "message": schemas}),
        **{f"/rest/v1/{table}": (200, []) for table in expected.tables},
    }


@contextmanager
def hosted_project(expected: Expected, publishable_key: str) -> Iterator[HostedProject]:
    """A project on a port of loopback, as sound as the test leaves it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: a body that waits for the head's acknowledgement costs 40 ms.
        wbufsize = -1

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            status, body = project.answers.get(path, (404, {"message": "not found"}))
            if path.startswith("/rest/v1/") and self.headers["apikey"] == publishable_key:
                status, body = project.nobody.get(path, (401, DENIED))
            content = json.dumps(body).encode()
            if project.everything is not None:
                status, content = 200, project.everything
            self.send_response_only(status)
            for name, value in {"Date": self.date_time_string(), **project.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    project = HostedProject(f"http://127.0.0.1:{server.server_port}", sound_answers(expected))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield project
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def careless_realtime(frame: str | None = None) -> Iterator[str]:
    """A Realtime that lets everybody join everything, or answers `frame`; yields the project's address."""

    def answer(connection: ServerConnection) -> None:
        for text in connection:
            message = json.loads(text)
            reply = {"status": "ok", "response": {}}
            connection.send(frame or json.dumps({**message, "event": "phx_reply", "payload": reply}))

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Recorder:
    """Where a proxy listens, and what clients have sent through it."""

    url: str
    sent: list[bytes] = field(default_factory=list)

    def requests(self) -> list[tuple[str, str]]:
        """Method and target of each request, in the order of their connections."""
        # What follows a websocket's handshake is masked, and holds no request line.
        return [
            (method.decode(), target.decode())
            for stream in self.sent
            for method, target in REQUEST_LINE.findall(stream)
        ]


@contextmanager
def recording_proxy(target: str) -> Iterator[Recorder]:
    """Passes bytes on to a URL's host and back, and keeps those that clients send."""
    host, port = str(urlsplit(target).hostname), urlsplit(target).port
    listener = socket.create_server(("127.0.0.1", 0))
    recorder = Recorder(f"http://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []
    lock = threading.Lock()

    def pump(source: socket.socket, sink: socket.socket, index: int | None) -> None:
        try:
            while data := source.recv(65536):
                if index is not None:
                    with lock:
                        recorder.sent[index] += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side is gone, and both are closed below

    def carry(client: socket.socket, index: int) -> None:
        with client, socket.create_connection((host, port)) as upstream:
            back = threading.Thread(target=pump, args=(upstream, client, None))
            back.start()
            pump(client, upstream, index)
            back.join()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with lock:
                recorder.sent.append(b"")
                index = len(recorder.sent) - 1
            threads.append(threading.Thread(target=carry, args=(client, index)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield recorder
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()
