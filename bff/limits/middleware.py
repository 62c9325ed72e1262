"""Pure ASGI middleware of the limits, and what routes ask of them by themselves.

`RateLimitHeaders` stands around the errors, `AddressLimits` before authentication, `UserLimits` after it.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.errors import ApiError, ExpiredTokenError, UnauthorizedError
from bff.limits.headers import render, retry_after
from bff.limits.limiter import Limiter
from bff.limits.policies import Kind, Subject, kind_of
from bff.limits.windows import Standing
from bff.state import Request

# How a browser's EventSource says who it is: `tickets` of the relay reads it, and then the user is known.
TICKET: Final = b"ticket="


class RateLimitedError(ApiError):
    """429: too many requests (RFC 6585, 4); `details.policies` says of which kind.

    The headers come with every answer, from `RateLimitHeaders`.
    """

    def __init__(self, refused: Sequence[Standing]) -> None:
        super().__init__(
            "RATE_LIMIT_EXCEEDED",
            "You sent too many requests; wait a moment.",
            {"policies": [each.policy for each in refused]},
            retry_after=retry_after(refused),
        )


class RateLimitHeaders:
    """Says on every answer how its caller stands under the policies that have counted it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        standings: list[Standing] = []
        scope["state"]["rate_limits"] = standings

        async def send_with_headers(message: Message) -> None:
            if standings and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *render(standings, time.time())]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AddressLimits:
    """Counts by address who is not known, and whoever is about to sign in; stands before authentication.

    A request with a token is its user's; by address it counts if the token is not good, and apart from those
    if it was: who is to renew theirs must be told so, and not be held up by who guesses. One with a ticket is
    for the stream's route to count, which reads it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        kind = kind_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if kind is None:
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        has_token = any(name == b"authorization" for name, _ in scope["headers"])
        has_ticket = kind == "stream" and TICKET in scope["query_string"]
        if kind == "auth" or not (has_token or has_ticket):
            await _charge(state, kind, "address", state["client_address"])
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except ExpiredTokenError:
            await _charge(state, "expired", "address", state["client_address"])
            raise
        except UnauthorizedError:
            # Of `Authentication`: what routes raise does not come through here.
            await _charge(state, kind, "address", state["client_address"])
            raise


class UserLimits:
    """Counts by user, where a token says who it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (principal := scope["state"]["principal"]) is not None:
            kind = kind_of(scope["method"], scope["path"])
            if kind is not None:
                await _charge(scope["state"], kind, "user", str(principal.user_id))
        await self.app(scope, receive, send)


async def charge_ticket(request: Request, user_id: str) -> None:
    """Counts the opening of a stream whose user a ticket has told.

    Raises:
        RateLimitedError: the user opens too many.
    """
    await _charge(request.state, "stream", "user", user_id)


async def charge_address(request: Request) -> None:
    """Counts a request that turned out to be nobody's, unless the middleware has.

    Raises:
        RateLimitedError: too many of them come from its address.
    """
    if not request.state["rate_limits"]:
        await _charge(request.state, "stream", "address", request.state["client_address"])


async def charge_account(request: Request, account: str) -> None:
    """Counts a request that is about an account whose owner it has yet to prove to be.

    To be called before anything else is asked about the account, and whether or not it exists. Where the
    caller has a token the middleware has counted it already, by the user.

    Args:
        request: to a route below `/api/v1/auth/`.
        account: what identifies it, as it is: the token of a refresh; of an email address see
            `charge_email`. Only a keyed hash of it is kept.

    Raises:
        RateLimitedError: too many requests are about it, wherever they come from.
    """
    await _charge(request.state, "auth", "account", account)


async def charge_email(request: Request, email: str) -> None:
    """`charge_account`, for the account of an email address however it is spelt."""
    # As Supabase Auth takes addresses: it lowers them.
    await charge_account(request, email.strip().lower())


async def _charge(state: Any, kind: Kind, who: Subject, value: str) -> None:
    limiter: Limiter = state["limiter"]
    # Whoever is known to the middleware is so under an account of theirs.
    subjects: tuple[Subject, ...] = ("user", "account") if who == "user" else (who,)
    charges = [limiter.charge(policy, value) for policy in limiter.policies.under(kind, *subjects)]
    if not charges:
        return
    standings = await limiter.take(charges)
    state["rate_limits"].extend(standings)
    refused = [each for each in standings if not each.allowed]
    if refused:
        raise RateLimitedError(refused)
