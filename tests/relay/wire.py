"""Streams over a hub without a database, on a wire of ours or behind the BFF's own socket and protocol."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message

from bff.protocol import Protocol
from bff.relay.frames import FRAMES
from bff.relay.hub import Hub
from bff.relay.log import GrantRequest
from bff.relay.outlet import CONNECTION_EXTENSION, Direct
from bff.relay.sse import Backlogs, Stream
from bff.relay.views import Filter
from bff.server import listen
from tests.relay.fakes import FakeLog, until

ORG = "org-1"


@dataclass
class World:
    """A hub over a log without a database, and the streams that are open; `cursor` is where they resume."""

    log: FakeLog = field(default_factory=FakeLog)
    backlog: int = 64 * 1024
    total: int = 10**9
    stall: float = 20.0
    cursor: str | None = None
    now: float = 0.0
    """Seconds, by which it is told who is stuck."""
    streams: list[Stream] = field(default_factory=list)
    closed: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hub = Hub(self.log.read, FRAMES)
        self.backlogs = Backlogs(self.backlog, self.total, self.stall, lambda: self.now)

    def make(self, expires_in: float = 3600) -> Stream:
        """A stream that is not open yet."""
        return Stream(
            self.hub,
            GrantRequest("user", ORG, "aal1", None),
            int(time.time() + expires_in),
            Filter(),
            backlogs=self.backlogs,
            on_close=self.closed.append,
        )

    async def open(self, expires_in: float = 3600) -> Stream:
        stream = self.make(expires_in)
        self.streams.append(stream)
        self.hub.enter(stream, self.log.head(ORG))
        await self.hub.place(stream, self.cursor)
        stream.opening = (FRAMES.ready(stream.cursor, resumed=self.cursor is not None),)
        return stream

    def commit(self, size: int = 0, count: int = 1) -> None:
        """So many events, as one page."""
        payload = {"reservation": {"title": "x" * size}}
        self.hub.publish([self.log.commit(ORG, payload=payload) for _ in range(count)])


def dechunked(raw: bytes) -> tuple[bytes, bool]:
    """What chunks hold (RFC 9112, 7.1), and whether the last one is there."""
    content = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        content, end, raw = content + raw[:length], raw[length : length + 2], raw[length + 2 :]
        assert end == b"\r\n"
        if not length:
            assert not raw
            return content, True
    return content, False


class Wire(asyncio.Transport):
    """The other end of a response, by ASGI's `send` or as a connection that is taken over.

    Its reader takes nothing between `stop` and `go`.
    """

    def __init__(self, *, direct: bool) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.gone = asyncio.Event()
        self.broken = False
        self.is_aborted = False
        self.is_gone = False
        self.scope: dict[str, Any] = {"type": "http"}
        if direct:
            self.scope["extensions"] = {CONNECTION_EXTENSION: {"connection": self}}
        self.written: list[bytes] = []
        """What the transport was given, piece by piece."""
        self._outlet: Direct | None = None
        self._ready = asyncio.Event()
        self._ready.set()

    def stop(self) -> None:
        """The reader takes one write more, and is not ready for another."""
        self._ready.clear()

    def go(self) -> None:
        """The reader takes whatever comes."""
        self._ready.set()
        if self._outlet is not None and not self._outlet.is_ready:
            self._outlet.resume()

    async def send(self, message: Message) -> None:
        await self._ready.wait()
        self._write_to_broken()
        self.messages.append(message)

    def _write_to_broken(self) -> None:
        if self.broken:
            raise RuntimeError("handler is closed")

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    # As our own server's connection and its transport

    def prepare(self) -> None:
        pass

    def take(self, outlet: Direct) -> bool:
        if self.is_gone:
            return False
        self._outlet = outlet
        outlet.attach(self, is_chunked=True, is_paused=False)
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, None)

    def write(self, data: Any) -> None:
        self._write_to_broken()
        self.written.append(data)
        if not self._ready.is_set():
            assert self._outlet is not None
            self._outlet.pause()

    def close(self) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True
        if self._outlet is not None:
            asyncio.get_running_loop().call_soon(self._outlet.lost)

    def leave(self) -> None:
        """The client goes."""
        self.go()
        self.gone.set()
        if self._outlet is not None:
            self._outlet.lost()

    # What came

    @property
    def text(self) -> str:
        body = b"".join(message.get("body", b"") for message in self.messages)
        return (body + dechunked(b"".join(self.written))[0]).decode()

    @property
    def last(self) -> tuple[str, Any]:
        """Name and data of the last frame, which must say when to come back (500 to 5,000 ms)."""
        lines = self.text.removesuffix("\n\n").rpartition("\n\n")[2].split("\n")
        fields = dict(line.split(": ", 1) for line in lines)
        assert 500 <= int(fields["retry"]) <= 5_000
        return fields["event"], json.loads(fields["data"])

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1].get("more_body", True) or dechunked(b"".join(self.written))[1]

    @property
    def seqs(self) -> list[int]:
        ids = [line for line in self.text.splitlines() if line.startswith("id: ")]
        return [int(line[4:].split("-")[0]) for line in ids][1:]


@asynccontextmanager
async def connected(world: World, *, direct: bool) -> AsyncIterator[tuple[Stream, Wire]]:
    """A stream that is live on a wire of ours."""
    wire = Wire(direct=direct)
    stream = await world.open()
    task = asyncio.create_task(stream(wire.scope, wire.receive, wire.send))
    await until(lambda: stream.live)
    try:
        yield stream, wire
    finally:
        wire.leave()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def serving(world: World, *, direct: bool) -> AsyncIterator[str]:
    """The streams behind the BFF's own socket and protocol; the address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        stream = await world.open()
        if not direct:
            del scope["extensions"]
        await stream(scope, receive, send)

    async with serving_app(app) as url:
        try:
            yield url
        finally:
            for stream in world.streams:
                stream.end(b"")


@asynccontextmanager
async def serving_app(app: ASGIApp) -> AsyncIterator[str]:
    """An application behind the BFF's own socket and protocol; the address."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=Protocol, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def connect(
    url: str, *, receive_buffer: int = 4096, requests: int = 1, version: str = "1.1"
) -> socket.socket:
    """A raw client that has asked and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    host, port = url.removeprefix("http://").split(":")
    client.connect((host, int(port)))
    client.sendall(f"GET /stream HTTP/{version}\r\nHost: x\r\n\r\n".encode() * requests)
    return client


async def read_all(client: socket.socket) -> bytes:
    """Whatever the server still sends until it closes."""
    loop, data = asyncio.get_running_loop(), b""
    client.setblocking(False)
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            while part := await loop.sock_recv(client, 65_536):
                data += part
    return data
