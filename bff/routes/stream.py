"""The calendar stream (Server-sent events), and tickets for browsers that cannot send a token with it."""

import asyncio
import random
import re
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff.auth import Principal
from bff.errors import (
    ApiError,
    InvalidRequestError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthorizedError,
)
from bff.http import endpoint, path_id, principal_of, single_header
from bff.limits.middleware import charge_address, charge_ticket
from bff.relay import Identity, Refusal, UnavailableError
from bff.relay.grants import SWITCHED_OFF
from bff.relay.sse import Stream
from bff.relay.tickets import TICKET_SECONDS
from bff.responses import success
from bff.schemas.stream import CURSOR_PATTERN, StreamEvent, StreamQuery, StreamTicket, StreamTicketRequest
from bff.state import Request

CURSOR: Final = re.compile(CURSOR_PATTERN)
# Whoever comes while the database is away comes back within so many seconds, not at once with all others.
AWAY_SECONDS: Final = (1, 5)
# The same where an operator has switched streams off: an EventSource does not come back after a 403, and apps
# are to find them again when they are on.
SWITCHED_OFF_SECONDS: Final = (30, 90)


class StreamResponse(Response):
    """An open stream as a response; it has no body of its own."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._stream(scope, receive, send)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/calendar/stream",
    summary="The calendar's changes, as they happen",
    description=(
        "Server-sent events: `ready`, then each change once and in order. Resumes after `Last-Event-ID` or "
        "`cursor`. After `reset` fetch the calendar again and open a stream from its cursor; `bye` is the "
        "last frame. Takes a bearer token or a ticket."
    ),
    tag="calendar",
    query=StreamQuery,
    response=StreamEvent,
    envelope=False,
    media_type="text/event-stream",
    errors=("UNAUTHORIZED", "MFA_REQUIRED", "NOT_FOUND", "SERVICE_UNAVAILABLE"),
    request_headers=("Last-Event-ID",),
    public=True,
    credentials=("bearer", "ticket"),
)
async def stream_calendar(request: Request, query: StreamQuery) -> Response:
    """Everything that can be refused is refused before the stream opens."""
    if request.method == "HEAD":
        raise ApiError("METHOD_NOT_ALLOWED", "A stream has no HEAD.", headers={"Allow": "GET"})
    organization_id = path_id(request, "org")
    cursor = _cursor(request, query)
    identity = await _identity(request, query.ticket, organization_id)
    if identity.expires_at <= time.time():
        # Other routes still take it for a while, as clocks differ; a stream would end as it begins, and its
        # client come back at once.
        raise UnauthorizedError("The access token has expired.", sent=True)
    with _refusals(request):
        opening = request.state["relay"].open(
            identity,
            str(organization_id),
            cursor,
            [str(asset) for asset in query.asset_id] or None,
            query.section or None,
        )
        stream = await unless_gone(request.receive, opening)
    return StreamResponse(stream)


@endpoint(
    "POST",
    "/api/v1/stream-tickets",
    summary="A ticket that opens one stream, once",
    description="For EventSource, which cannot send a token. It holds who you are, not your token.",
    tag="calendar",
    body=StreamTicketRequest,
    response=StreamTicket,
    errors=("MFA_REQUIRED", "NOT_FOUND"),
)
async def create_stream_ticket(request: Request, body: StreamTicketRequest) -> Response:
    """Checked here too: an EventSource cannot read why its stream was refused."""
    identity = _to_identity(principal_of(request))
    relay = request.state["relay"]
    with _refusals(request):
        await relay.check(identity, str(body.organization_id))
        ticket = relay.tickets.issue(identity, str(body.organization_id))
    expires_at = datetime.now(UTC) + timedelta(seconds=TICKET_SECONDS)
    response = success(request, StreamTicket(ticket=ticket, expires_at=expires_at))
    response.headers["Cache-Control"] = "no-store"
    return response


def _cursor(request: Request, query: StreamQuery) -> str | None:
    """Where to begin: what the browser has seen last wins over what the page asked for at first."""
    last = single_header(request, "Last-Event-ID")
    if not last:
        return query.cursor
    if not CURSOR.fullmatch(last):
        raise InvalidRequestError.of("Last-Event-ID", "string_pattern_mismatch", "It must be a frame's id.")
    return last


async def _identity(request: Request, ticket: str | None, organization_id: UUID) -> Identity:
    if request.state["principal"] is not None:
        return _to_identity(principal_of(request))
    identity = None
    if ticket is not None:
        identity = request.state["relay"].tickets.read(ticket, str(organization_id))
        if identity is None:
            request.state["metrics"].refused("ticket_invalid")
    if identity is None:
        await charge_address(request)
        raise UnauthorizedError if ticket is None else _to_error("ticket_invalid")
    await charge_ticket(request, identity.user_id)
    return identity


def _to_identity(principal: Principal) -> Identity:
    if principal.session_id is not None:
        try:
            UUID(principal.session_id)
        except ValueError:
            # The database would refuse it, and with it all others of the same call.
            raise UnauthorizedError("The access token is not valid.", sent=True) from None
    return Identity(str(principal.user_id), principal.session_id, principal.aal, principal.expires_at)


async def unless_gone(receive: Receive, opening: Coroutine[Any, Any, Stream]) -> Stream:
    """The stream that is being opened, for as long as its client is there.

    The places of those who left while the database was slow would count against their users: whoever reloads
    a page a few times would be refused, and an EventSource does not come back after that.

    Args:
        receive: of the request, which has no body to be read.
        opening: cancelled where the client leaves.

    Raises:
        ClientDisconnect: it left.
        Exception: whatever opening raises.
    """
    task, leaving = asyncio.create_task(opening), asyncio.create_task(_left(receive))
    try:
        await asyncio.wait([task, leaving], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await _drop(task)
        raise
    finally:
        leaving.cancel()
    if task.done():
        return task.result()
    await _drop(task)
    leaving.result()
    raise ClientDisconnect


async def _drop(task: asyncio.Task[Stream]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and task.exception() is None:
        # It was open already in the moment that nobody wanted it any more.
        task.result().close()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def _refusals(request: Request) -> Iterator[None]:
    """The relay's refusals, counted, as errors of the API."""
    try:
        yield
    except Refusal as refusal:
        request.state["metrics"].refused(refusal.reason)
        if refusal.reason == "too_many":
            full = request.state["limiter"].streams_full(refusal.retry_after or 1)
            request.state["rate_limits"].append(full)
        raise _to_error(refusal.reason, refusal.retry_after) from None
    except UnavailableError:
        request.state["metrics"].refused("unavailable")
        wait = random.randint(*AWAY_SECONDS)  # noqa: S311 - spreads the return, no secret
        raise ServiceUnavailableError(retry_after=wait) from None


def _to_error(reason: str, retry_after: int | None = None) -> ApiError:
    if reason == "session_ended":
        return UnauthorizedError("The session has ended; sign in again.", sent=True)
    if reason in ("ticket_invalid", "ticket_spent"):
        return UnauthorizedError("The ticket is not good, or not any more; take a new one.", sent=True)
    if reason == "mfa_required":
        return ApiError("MFA_REQUIRED", "The organisation asks for a second factor.")
    if reason == SWITCHED_OFF:
        return ApiError(
            "SERVICE_UNAVAILABLE",
            "The calendar's stream is switched off at present; fetch the calendar.",
            {"reason": "switched_off", "feature": "calendar_stream"},
            retry_after=random.randint(*SWITCHED_OFF_SECONDS),  # noqa: S311 - spreads the return, no secret
        )
    if reason == "too_many":
        return ApiError(
            "RATE_LIMIT_EXCEEDED",
            "Too many streams are open; close one.",
            {"reason": "streams"},
            retry_after=retry_after,
        )
    if retry_after is not None:
        return ServiceUnavailableError("No more streams can be opened here now; try again.", retry_after)
    return NotFoundError()


ENDPOINTS: Final = (stream_calendar, create_stream_ticket)
