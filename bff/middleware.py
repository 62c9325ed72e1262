"""Pure ASGI middleware; `bff.app` lists it in the order of execution."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import starlette.requests
import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.addresses import client_address
from bff.auth import Authenticator
from bff.errors import ApiError, NotFoundError, ServiceUnavailableError, UnauthorizedError
from bff.metrics import NO_ANSWER, UNKNOWN_PATH, Metrics
from bff.responses import error_response
from bff.scrubbing import scrub_path
from bff.state import Noted, Request
from bff.telemetry import REQUEST_ID_HEADER, Subject, request_id, subject
from bff.waiting import count_waiting

log = structlog.get_logger("bff.access")

# docs/security.md says why these, and why no others.
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # What falls back to default-src is named by it; base-uri, form-action and frame-ancestors do not.
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    # Named origins read by CORS, which this leaves alone; as an image or a script nobody else's page gets it.
    "Cross-Origin-Resource-Policy": "same-origin",
    # What may be kept says so itself.
    "Cache-Control": "no-store",
}
# What browsers heed in documents alone; the API's answers need not carry it.
DOCUMENT_HEADERS: Final[Mapping[str, str]] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Asked every few seconds by whatever watches the service: logged only when something is wrong.
QUIET_PATHS: Final = frozenset({"/api/live", "/api/health", "/api/metrics"})


class RequestContext:
    """Gives each request its id, sends it back, measures it, and logs one line when the answer is complete.

    The line has the path, never the query string: that of the stream holds a ticket. An answer is measured
    when it begins, here, where `send` is wrapped anyhow: a stream would count as hours, and must not pay for
    another wrapper with each frame.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_at = time.perf_counter()
        sent = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), None)
        identity = request_id(sent)
        scope.setdefault("state", {}).update(
            request_id=identity,
            started_at=started_at,
            principal=None,
            client_address=client_address(scope),
            noted=Noted(),
        )
        status = 0
        waited = count_waiting()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, identity.encode())]
                self._measure(scope, status)
            await send(message)

        # Emptied at the end: what the request leaves behind, as a stream's timers, keeps its context alive.
        answered = [scope]
        subject.set(partial(_subject, answered))
        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                answered.clear()
                if not status:
                    self._measure(scope, NO_ANSWER)
                if status >= 500 or scope["path"] not in QUIET_PATHS:
                    log.info(
                        "request",
                        method=scope["method"],
                        path=scrub_path(scope["path"]),
                        status=status,
                        duration_ms=round((time.perf_counter() - started_at) * 1000, 2),
                        upstream_ms=round(waited.seconds * 1000, 2),
                    )

    def _measure(self, scope: Scope, status: int) -> None:
        state = scope["state"]
        if state["principal"] is not None:
            self._metrics.seen(str(state["principal"].user_id))
        took = time.perf_counter() - state["started_at"]
        self._metrics.answered(scope["method"], path_template(scope), status, took)


def _subject(answered: Sequence[Scope]) -> Subject | None:
    if not answered:
        return None
    scope = answered[0]
    principal = scope["state"]["principal"]
    transaction = f"{scope['method']} {path_template(scope)}"
    return Subject(transaction, scope["method"], None if principal is None else str(principal.user_id))


def path_template(scope: Scope) -> str:
    """The path of the route that a request is for, with its parameters' names."""
    route = scope.get("route")
    if route is None:
        # Answered before it was routed: not authenticated, too large, or a preflight.
        found = (each for each in scope["app"].routes if each.matches(scope)[0] is not Match.NONE)
        route = next(found, None)
    return getattr(route, "path", UNKNOWN_PATH)


class SecurityHeaders:
    """Adds the headers of `SECURITY_HEADERS` that an answer does not set itself; to HTML, more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._headers, self._document_headers = (
            [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            for headers in (SECURITY_HEADERS, {**SECURITY_HEADERS, **DOCUMENT_HEADERS})
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower(): value for name, value in message["headers"]}
                is_document = present.get(b"content-type", b"").startswith(b"text/html")
                headers = self._document_headers if is_document else self._headers
                added = [header for header in headers if header[0] not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Errors:
    """Turns whatever is raised inside it into the one error body; the unforeseen into a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            # It left before its body was complete: there is nobody to answer.
            log.info("client_left", path=scrub_path(scope["path"]))
        except asyncio.CancelledError:
            if has_started or (task := asyncio.current_task()) is None:
                raise
            # The server's end leaves no time for it; as with any 503, it may have been carried out.
            task.uncancel()
            log.warning("cancelled", path=scrub_path(scope["path"]))
            answer = error_response(Request(scope), ServiceUnavailableError())
            await answer(scope, receive, send)
        except Exception as error:
            if has_started:
                # Too late for another answer: the server cuts the connection; nobody takes half for whole.
                raise
            answer = error_response(Request(scope), to_api_error(error))
            await answer(scope, receive, send)


def to_api_error(error: Exception) -> ApiError:
    """The error to tell the caller about; logs what they must not know."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return _from_starlette(error)
    log.error("unhandled", exc_info=error)
    return ApiError("INTERNAL_ERROR", "Something went wrong on our side.")


def _from_starlette(error: HTTPException) -> ApiError:
    codes = {
        405: ("METHOD_NOT_ALLOWED", "The path does not know this method."),
        413: ("PAYLOAD_TOO_LARGE", "The body is too large."),
    }
    if error.status_code in codes:
        code, message = codes[error.status_code]
        return ApiError(code, message, headers=error.headers)
    if error.status_code == 404:
        return NotFoundError("There is no such path.")
    log.error("unhandled", exc_info=error)
    return ApiError("INTERNAL_ERROR", "Something went wrong on our side.")


async def handle_error(request: starlette.requests.Request, error: Exception) -> Response:
    """Starlette's handler for errors of routes; the same body as `Errors` gives."""
    return error_response(Request(request.scope), to_api_error(error))


class BodyLimit:
    """Refuses bodies of more than `limit` bytes, by what they say and what they are (RFC 9110, 15.5.14)."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limit:
            raise self._refusal()
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._refusal()
            return message

        await self.app(scope, receive_within_limit, send)

    def _refusal(self) -> ApiError:
        return ApiError(
            "PAYLOAD_TOO_LARGE",
            f"The body may take at most {self._limit} bytes.",
            {"max_bytes": self._limit},
        )


class Authentication:
    """Verifies the bearer token of requests to the API, where there is one.

    Whether a route needs a caller is the route's declaration; a token that is sent must be good in any case,
    but for the paths of `unless`.
    """

    def __init__(self, app: ASGIApp, prefix: str, unless: frozenset[str] = frozenset()) -> None:
        self.app = app
        self._prefix = prefix
        self._unless = unless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith(self._prefix) and path not in self._unless:
            sent = [value for name, value in scope["headers"] if name == b"authorization"]
            if sent:
                authenticator: Authenticator = scope["state"]["authenticator"]
                scope["state"]["principal"] = await authenticator.authenticate(_bearer(sent))
        await self.app(scope, receive, send)


def _bearer(sent: list[bytes]) -> str:
    scheme, _, token = sent[0].decode("latin-1").partition(" ")
    token = token.strip()
    if len(sent) > 1 or scheme.lower() != "bearer" or not token.isascii() or not token:
        raise UnauthorizedError("The Authorization header must be one bearer token.", sent=True)
    return token
