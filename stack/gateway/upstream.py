"""Forwarding an HTTP request to a process behind the gateway, and its answer back, as streams."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stack.gateway.errors import BodyTooLargeError, UnavailableError

# Node closes a connection that idled for 5 s; one reused at that moment would fail.
KEEPALIVE_SECONDS = 3.0

# Of the connection, not of the message (RFC 9110, 7.6.1), or said by the gateway itself.
_NOT_FORWARDED = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "host", "expect"),
        *("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"),
        *("date", "server"),
    }
)


class Upstream:
    """One process behind the gateway, over one pool of connections."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        connections: int,
        connect_seconds: float,
        answer_seconds: float,
        max_body_bytes: int,
    ) -> None:
        """Take the process's name (for messages), its address without a path, and the pool's bounds."""
        self.name = name
        self._base = httpx.URL(url)
        self._max_body_bytes = max_body_bytes
        # The transport, not a client: a proxy adds no header, follows no redirect and decodes no body.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
            )
        )
        self._timeout = {
            "connect": connect_seconds,
            "read": answer_seconds,
            "write": answer_seconds,
            "pool": answer_seconds,
        }

    async def aclose(self) -> None:
        """Close the pool."""
        await self._transport.aclose()

    async def forward(self, request: Request[Any], headers: Mapping[str, str | None]) -> "StreamedAnswer":
        """Pass a request on, its body as it comes in.

        Args:
            request: The request; path and query go on as they are.
            headers: Header fields to set, or to leave out where the value is None; names in lower case.

        Raises:
            UnavailableError: the process is down or takes too long.
            BodyTooLargeError: the body is over the bound.
        """
        outgoing = [(k, v) for k, v in end_to_end(request.headers.raw) if k.decode().lower() not in headers]
        outgoing.append((b"host", self._base.netloc))
        outgoing += [(k.encode(), v.encode("latin-1")) for k, v in headers.items() if v is not None]
        announced = request.headers.get("content-length")
        if announced is not None and int(announced) > self._max_body_bytes:
            raise BodyTooLargeError
        # Without this a request that has no body would be sent as an empty chunked one.
        has_body = announced not in (None, "0") or "transfer-encoding" in request.headers
        if has_body and announced is None:
            outgoing.append((b"transfer-encoding", b"chunked"))
        target = request.scope["raw_path"]
        if request.scope["query_string"]:
            target += b"?" + request.scope["query_string"]
        return StreamedAnswer(
            await self._send(
                httpx.Request(
                    request.method,
                    self._base.copy_with(raw_path=target),
                    headers=outgoing,
                    content=self._bounded(request) if has_body else None,
                    extensions={"timeout": self._timeout},
                )
            )
        )

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> httpx.Response:
        """Send a request of the gateway's own making and read the whole answer.

        Raises:
            UnavailableError: the process is down or takes too long.
        """
        response = await self._send(
            httpx.Request(
                method,
                self._base.copy_with(raw_path=target.encode()),
                headers={**headers, "host": self._base.netloc.decode()},
                content=body,
                extensions={"timeout": self._timeout},
            )
        )
        try:
            await response.aread()
        except httpx.TransportError as error:
            raise UnavailableError(self.name) from error
        finally:
            await response.aclose()
        return response

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._transport.handle_async_request(request)
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise UnavailableError(self.name, 504) from error
        except httpx.TransportError as error:
            raise UnavailableError(self.name) from error

    async def _bounded(self, request: Request[Any]) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > self._max_body_bytes:
                raise BodyTooLargeError
            if chunk:
                yield chunk


class StreamedAnswer(Response):
    """An upstream's answer, passed on as it arrives."""

    def __init__(self, upstream: httpx.Response) -> None:
        """Take an answer whose body has not been read."""
        self._upstream = upstream
        self.status_code = upstream.status_code
        self.raw_headers = [(name.lower(), value) for name, value in end_to_end(upstream.headers.raw)]
        self.background = None

    async def whole(self) -> bytes:
        """The whole body, read here instead of being passed on."""
        try:
            return await self._upstream.aread()
        finally:
            await self._upstream.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send it; should the upstream break off, the client's connection breaks off too."""
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async for chunk in self._upstream.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._upstream.aclose()


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The header fields that are of the message and not of one connection."""
    return [(name, value) for name, value in headers if name.decode().lower() not in _NOT_FORWARDED]
