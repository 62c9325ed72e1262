"""Forwarding an HTTP request to a process behind the gateway, and its answer back as a stream."""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from yarl import URL

from stack.gateway.errors import BodyTooLargeError, UnavailableError

# Node closes a connection that idled for 5 s; one reused at that moment would fail.
KEEPALIVE_SECONDS = 3.0
MAX_FIELD_BYTES = 64 * 1024  # of a header field of an answer

# Of the connection, not of the message (RFC 9110, 7.6.1), or said by the gateway itself.
_NOT_FORWARDED = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "host", "expect"),
        *("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"),
        *("date", "server"),
    }
)

# ".." in any spelling (WHATWG URL, 4.4): what is behind resolves it, and serves what is not let through here.
_DOT_SEGMENT = re.compile(rb"(?:^|[/\\])(?:\.|%2e){1,2}(?=[/\\]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An upstream's whole answer."""

    status_code: int
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300


class Upstream:
    """One process behind the gateway, over one pool of connections. To be made in a running event loop."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        connections: int,
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        """Take the process's name (for messages), its address without a path, and the pool's bounds."""
        self.name = name
        self._base = url.rstrip("/")
        # A proxy adds no header, keeps no cookie, follows no redirect and decodes no body.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=answer_seconds, sock_connect=connect_seconds, sock_read=answer_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            auto_decompress=False,
            max_field_size=MAX_FIELD_BYTES,
        )

    async def aclose(self) -> None:
        """Close the pool."""
        await self._session.close()

    async def forward(
        self, request: Request[Any], headers: Mapping[str, str | None], body: bytes | None = None
    ) -> "StreamedAnswer":
        """Pass a request on.

        Args:
            request: The request; path and query go on as they are.
            headers: Header fields to set, or to leave out where the value is None; names in lower case.
            body: What to send in place of the request's own body.

        Raises:
            UnavailableError: the process is down or takes too long.
            BodyTooLargeError: the body is over the bound.
            HTTPException: 404, the path has a dot segment.
        """
        path = request.scope["raw_path"]
        if _DOT_SEGMENT.search(path):
            raise HTTPException(404)
        outgoing = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in end_to_end(request.headers.raw)
            if name.decode("latin-1") not in headers and name != b"content-length"
        ]
        outgoing += [(name, value) for name, value in headers.items() if value is not None]
        query = request.scope["query_string"]
        target = path + b"?" + query if query else path
        body = await body_of(request) if body is None else body
        return StreamedAnswer(self.name, await self._send(request.method, target, outgoing, body))

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request of the gateway's own making and read the whole answer.

        Raises:
            UnavailableError: the process is down or takes too long.
        """
        response = await self._send(method, target.encode(), headers.items(), body)
        return Answer(response.status, await _read(self.name, response))

    async def _send(
        self, method: str, target: bytes, headers: Iterable[tuple[str, str]], body: bytes
    ) -> aiohttp.ClientResponse:
        # aiohttp would write a raw byte beyond ASCII as another one.
        url = URL(self._base + quote(target, safe=string.punctuation), encoded=True)
        try:
            return await self._session.request(
                method, url, headers=list(headers), data=body or None, allow_redirects=False
            )
        except aiohttp.ConnectionTimeoutError as error:
            raise UnavailableError(self.name) from error
        except TimeoutError as error:
            raise UnavailableError(self.name, 504) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(self.name) from error


class StreamedAnswer(Response):
    """An upstream's answer, passed on as it arrives."""

    def __init__(self, name: str, upstream: aiohttp.ClientResponse) -> None:
        """Take the upstream's name and an answer whose body has not been read."""
        self._name = name
        self._upstream = upstream
        self.status_code = upstream.status
        self.raw_headers = [(field.lower(), value) for field, value in end_to_end(upstream.raw_headers)]
        self.background = None

    async def whole(self) -> bytes:
        """The whole body, read here instead of being passed on.

        Raises:
            UnavailableError: the process broke off or takes too long.
        """
        return await _read(self._name, self._upstream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send it; should the upstream break off, the client's connection breaks off too."""
        async with self._upstream as upstream:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async for chunk in upstream.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def body_of(request: Request[Any]) -> bytes:
    """A request's whole body; it can be read once.

    Raises:
        BodyTooLargeError: it is over the bound.
    """
    bound = request.state["settings"].max_body_bytes
    if int(request.headers.get("content-length", 0)) > bound:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    taken = 0
    async for chunk in request.stream():
        taken += len(chunk)
        if taken > bound:
            raise BodyTooLargeError
        chunks.append(chunk)
    return b"".join(chunks)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The header fields that are of the message and not of one connection."""
    fields = [(name, name.decode("latin-1").lower(), value) for name, value in headers]
    named = {
        option.strip()
        for _, name, value in fields
        if name == "connection"
        for option in value.decode("latin-1").lower().split(",")
    }
    return [(raw, value) for raw, name, value in fields if name not in _NOT_FORWARDED and name not in named]


async def _read(name: str, response: aiohttp.ClientResponse) -> bytes:
    try:
        async with response:
            return await response.read()
    except TimeoutError as error:
        raise UnavailableError(name, 504) from error
    except aiohttp.ClientError as error:
        raise UnavailableError(name) from error
