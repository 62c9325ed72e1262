"""Connections to Supabase: HTTP/1.1 (RFC 9112) to one origin, kept open and shared by all requests.

Why not httpx: docs/decisions/own-connection-pool.md. There are no redirects, cookies, proxies or compression.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
import httpx

# Servers close idle connections, node after 5 s; one that is used at that very moment loses its request.
IDLE_SECONDS: Final = 4.0
# PostgREST cuts lists at 1,000 rows; whatever is larger than this is no answer of ours.
MAX_ANSWER: Final = 64 * 1024 * 1024  # bytes


class ConnectionFailedError(Exception):
    """No connection, or one that broke before the answer was complete."""


class MalformedAnswerError(Exception):
    """What came back is not HTTP, or too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is of the 200s."""
        return 200 <= self.status < 300


class _Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self) -> None:
        self.idle_since = 0.0  # monotonic seconds
        self.is_open = False
        self.is_reusable = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(ConnectionFailedError(str(exc or "closed by the server")))

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            # Nobody asked: whatever it is, it must not become the next request's answer.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(MalformedAnswerError(type(error).__name__))
            self.close()

    def on_message_begin(self) -> None:
        """httptools: a response begins (once more after an interim one)."""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """httptools."""
        self._size += len(body)
        if self._size > MAX_ANSWER:
            self._fail(MalformedAnswerError("too long"))
            self.close()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools."""
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None or self._answer.done():  # interim
            return
        self.is_reusable = self._parser.should_keep_alive()
        self._answer.set_result(Answer(status, self._headers, b"".join(self._body)))

    async def exchange(self, message: bytes) -> Answer:
        """Sends a request and waits for its answer."""
        self.is_reusable = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        """Closes at once; a request under way fails."""
        self.is_reusable = False
        self._transport.abort()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class Pool:
    """Connections to one origin. Deadlines are the caller's: cancelling a request closes its connection.

    Args:
        url: Any URL of the origin.
        connections: Most that are open at once; further requests wait.

    """

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._ssl: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._ssl = httpx.create_ssl_context()
        self._port = parts.port or (443 if self._ssl else 80)
        self._host_line = b"Host: %b\r\n" % parts.netloc.rpartition("@")[2].encode("ascii")
        self._idle: list[_Connection] = []
        self._free = asyncio.Semaphore(connections)

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[bytes, bytes]], content: bytes | None
    ) -> Answer:
        """Sends a request and returns the complete answer.

        Args:
            method: Not HEAD or CONNECT.
            target: Path and query, percent-encoded.
            headers: Without Host and Content-Length.
            content: The body, or None.

        Raises:
            ConnectionFailedError: The request may or may not have been carried out.
            MalformedAnswerError: The answer is not HTTP.

        """
        lines = [b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), target.encode("ascii")), self._host_line]
        lines += [b"%b: %b\r\n" % header for header in headers]
        if content is not None:
            lines.append(b"Content-Length: %d\r\n" % len(content))
        message = b"".join([*lines, b"\r\n", content or b""])
        async with self._free:
            connection = self._take_idle() or await self._connect()
            try:
                return await connection.exchange(message)
            finally:
                # Also when cancelled: an answer that nobody waits for must not reach the next request.
                self._give_back(connection)

    def _take_idle(self) -> _Connection | None:
        oldest = time.monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, self._host, self._port, ssl=self._ssl
            )
        except OSError as error:
            raise ConnectionFailedError(type(error).__name__) from None
        return connection

    def _give_back(self, connection: _Connection) -> None:
        if connection.is_reusable and connection.is_open:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes the idle connections; those under way end with their requests."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
