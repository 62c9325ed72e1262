"""Pure ASGI middleware that keeps a flood, or a client that takes its time, from taking the process."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.errors import ApiError, ServiceUnavailableError, spread
from bff.state import caller_of

# The service's own paths are asked for by whatever watches it, most of all when it has too much to do.
COUNTED_PREFIX: Final = "/api/v1/"
# Streams are let in by the relay, which has limits of its own, and may stay for hours.
STREAM_SUFFIX: Final = "/calendar/stream"
# Of the bodies on their way, those that may be one caller's.
SHARES: Final = 4
# Bytes of a header line beside its name and value: `: ` and the line's end.
LINE_BYTES: Final = 4


class HeadLimit:
    """Refuses what is too long before the body: the target with 414, the headers with 431 (RFC 6585, 5).

    `bff.protocol` ends a head that does not end long before memory runs out; this answers what is complete.
    """

    def __init__(self, app: ASGIApp, url_bytes: int, header_bytes: int, headers: int) -> None:
        self.app = app
        self._url_bytes = url_bytes
        self._header_bytes = header_bytes
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            target = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
            if target > self._url_bytes:
                limit = {"max_bytes": self._url_bytes}
                raise ApiError("URI_TOO_LONG", f"The URL may take at most {self._url_bytes} bytes.", limit)
            headers = scope["headers"]
            size = sum(len(name) + len(value) + LINE_BYTES for name, value in headers)
            if len(headers) > self._headers or size > self._header_bytes:
                raise ApiError(
                    "HEADERS_TOO_LARGE",
                    f"There may be {self._headers} headers of {self._header_bytes} bytes in all.",
                    {"max_count": self._headers, "max_bytes": self._header_bytes},
                )
        await self.app(scope, receive, send)


class Overload:
    """Refuses API requests beyond those that may be under way at once: memory is bounded, whatever hangs.

    A request does not count while its body is on its way: bodies that come slowly cost their sender nothing,
    and must not refuse everybody else. As many may be on their way besides, a quarter of them of one caller.

    Args:
        app: What stands behind it.
        limit: Requests under way at once, and bodies on their way.

    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._limit = limit
        self._share = max(1, limit // SHARES)
        self._under_way = 0
        self._bodies: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(COUNTED_PREFIX) or path.endswith(STREAM_SUFFIX):
            await self.app(scope, receive, send)
            return
        self._begin()
        is_under_way, is_complete = True, False

        async def receive_apart() -> Message:
            nonlocal is_under_way, is_complete
            if is_complete:
                return await receive()
            if is_under_way:
                # Only now is it known whose it is.
                caller = caller_of(scope["state"])
                self._begin_body(caller)
                self._under_way -= 1
                is_under_way = False
                held.callback(self._end_body, caller)
            message = await receive()
            if not message.get("more_body", False):
                is_complete = True
                held.close()
                self._begin()
                is_under_way = True
            return message

        with ExitStack() as held:
            try:
                await self.app(scope, receive_apart, send)
            finally:
                self._under_way -= is_under_way

    def _begin(self) -> None:
        if self._under_way >= self._limit:
            raise ServiceUnavailableError(retry_after=spread())
        self._under_way += 1

    def _begin_body(self, caller: str) -> None:
        if self._bodies[caller] >= self._share or self._bodies.total() >= self._limit:
            raise ServiceUnavailableError(retry_after=spread())
        self._bodies[caller] += 1

    def _end_body(self, caller: str) -> None:
        self._bodies[caller] -= 1
        if not self._bodies[caller]:
            del self._bodies[caller]


class BodyDeadline:
    """Ends a request with 408 whose body is not complete in time, however slowly or steadily it comes."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        is_complete = False

        async def receive_in_time() -> Message:
            nonlocal is_complete
            # Behind the body comes nothing but the client's leaving, which streams wait for.
            if is_complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise ApiError(
                    "REQUEST_TIMEOUT",
                    "The body did not arrive in time.",
                    # RFC 9110, 15.5.9; what is left of it would be taken for the next request.
                    headers={"Connection": "close"},
                ) from None
            is_complete = not message.get("more_body", False)
            return message

        await self.app(scope, receive_in_time, send)
