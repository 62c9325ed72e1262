"""Supabase Auth, asked on behalf of whoever signs in: the one module that talks to it about people.

Tokens pass through and are kept nowhere. What Auth refuses is told by its error codes, never by its words,
and such that nobody learns whether an address has an account. Nothing is tried twice: a refresh or a code
that is sent again is another one.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from pydantic import BaseModel
from pydantic_core import to_json

from bff.addresses import UNKNOWN
from bff.errors import (
    ApiError,
    BadGatewayError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthorizedError,
    UpstreamTimeoutError,
)
from bff.exchange import Exchange
from bff.pool import Answer
from bff.repository import parse
from bff.schemas.auth import Challenge, Enrollment, SignedIn, SignOutScope, UserFactors
from bff.turns import Turns
from bff.upstream import AWAY, LATE, read_object

log = structlog.get_logger(__name__)

# What an authenticator shows above the code.
ISSUER: Final = "ReservePTY"
# Auth looks an address up before it checks a password, which takes 60 to 300 ms by the host: a refusal is
# told at the next multiple of this since its beginning, so that its time says nothing either. Long enough
# for a password that waits behind some others.
REFUSAL_SECONDS: Final = 1.0
# Where Auth says "too many" without saying for how long; its buckets gain a call in ten seconds.
RETRY_AFTER: Final = 10  # seconds
# Beyond it a User-Agent tells nothing more.
MAX_AGENT: Final = 256  # characters
CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}

# Auth's names of errors (supabase/auth, internal/api/apierrors) that mean: the token's session is over.
SESSION_OVER: Final = frozenset({"bad_jwt", "no_authorization", "session_expired", "user_banned"})
# Of a challenge that cannot be answered, or not any more, or not from here: a new one can.
CHALLENGE_OVER: Final = frozenset(
    {"mfa_challenge_expired", "mfa_ip_address_mismatch", "mfa_factor_not_found"}
)
MFA_OFF: Final = frozenset(
    {
        *("mfa_totp_enroll_not_enabled", "mfa_totp_verify_not_enabled"),
        *("mfa_totp_enroll_disabled", "mfa_totp_verify_disabled"),
    }
)
Operation = Literal["sign_in", "refresh", "sign_out", "factors", "enroll", "challenge", "verify", "unenroll"]
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as Auth is told.

    Attributes:
        address: IP address, or `unknown`.
        agent: User-Agent, or empty.
        deadline: In seconds of `time.perf_counter`.
        token: The access token, where there is one.
        name: Who takes turns: the user where a token has told who it is, and else the address.

    """

    address: str
    agent: str
    deadline: float
    token: str | None
    name: str


class AuthServer:
    """Supabase Auth.

    Args:
        exchange: How calls get there; belongs to the caller.
        url: The project's address.
        publishable_key: Sent as `apikey`.
        forwarding_key: Secret key by which a hosted project believes `Sb-Forwarded-For`; None without one.
        has_mfa: Whether second factors are offered here.
        clock: Monotonic seconds.
        sleep: Waits for seconds.

    """

    def __init__(
        self,
        exchange: Exchange,
        url: str,
        publishable_key: str,
        *,
        forwarding_key: str | None,
        has_mfa: bool = True,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._exchange = exchange
        self._base = urlsplit(url).path.rstrip("/")
        self._key = forwarding_key or publishable_key
        self._is_believed = forwarding_key is not None
        self._has_mfa = has_mfa
        self._clock = clock
        self._sleep = sleep
        self._turns = Turns()

    async def sign_in(self, caller: Caller, email: str, password: str) -> SignedIn:
        """Tokens for a password.

        Raises:
            ApiError: UNAUTHORIZED, the same whatever is wrong with the two; or Auth is away, late or busy.

        """
        body = {"email": email, "password": password}
        # Passwords that are checked at once wait for each other, which would tell which addresses have one. A
        # place is held until the refusal is told: those without a password queue alike.
        places = (f"from {caller.address}", f"as {email.strip().lower()}")
        async with _until(caller.deadline), self._turns.of(places[0]), self._turns.of(places[1]):
            begun = self._clock()
            try:
                answer = await self._ask("sign_in", caller, "POST", "/token?grant_type=password", body)
            except ApiError as error:
                if error.code == "UNAUTHORIZED":
                    await self._sleep(rest(self._clock() - begun))
                raise
        return _read(SignedIn, answer)

    async def refresh(self, caller: Caller, refresh_token: str) -> SignedIn:
        """New tokens for a refresh token, which is good once.

        Whoever loses the answer asks again: Auth gives it again to the parent of the newest token.

        Raises:
            ApiError: UNAUTHORIZED, it is not good (any more); or Auth is away, late or busy.

        """
        body = {"refresh_token": refresh_token}
        answer = await self._ask("refresh", caller, "POST", "/token?grant_type=refresh_token", body)
        return _read(SignedIn, answer)

    async def sign_out(self, caller: Caller, scope: SignOutScope) -> None:
        """Ends this session, the user's others, or all of them; one that is over already has ended too.

        Raises:
            ApiError: UNAUTHORIZED, the token does not hold; or Auth is away, late or busy.

        """
        with contextlib.suppress(_SessionGoneError):
            await self._ask("sign_out", caller, "POST", f"/logout?scope={scope}", None)

    async def factors(self, caller: Caller) -> UserFactors:
        """The user's second factors, also those that were never verified."""
        return _read(UserFactors, await self._ask("factors", caller, "GET", "/user", None))

    async def enroll(self, caller: Caller, friendly_name: str | None) -> Enrollment:
        """A new factor, which counts once it is verified. Its secret is told this once.

        Raises:
            ApiError: CONFLICT, the name is taken; INVALID_STATE, there are too many; MFA_REQUIRED, another
                one has not been confirmed in this session; or what everything here raises.

        """
        body = {"factor_type": "totp", "issuer": ISSUER, "friendly_name": friendly_name or ""}
        return _read(Enrollment, await self._ask("enroll", caller, "POST", "/factors", body))

    async def challenge(self, caller: Caller, factor_id: UUID) -> Challenge:
        """A challenge to be answered with a code, once, for five minutes, from the same address."""
        answer = await self._ask("challenge", caller, "POST", f"/factors/{factor_id}/challenge", {})
        return _read(Challenge, answer)

    async def verify(self, caller: Caller, factor_id: UUID, challenge_id: UUID, code: str) -> SignedIn:
        """Tokens at aal2 of the same session.

        Raises:
            ApiError: MFA_VERIFICATION_FAILED, `reason` code or challenge; or what everything here raises.

        """
        body = {"challenge_id": str(challenge_id), "code": code}
        answer = await self._ask("verify", caller, "POST", f"/factors/{factor_id}/verify", body)
        return _read(SignedIn, answer)

    async def unenroll(self, caller: Caller, factor_id: UUID) -> None:
        """Removes a factor.

        Raises:
            ApiError: MFA_REQUIRED, it is verified and this session is not at aal2; or what everything here
                raises.

        """
        await self._ask("unenroll", caller, "DELETE", f"/factors/{factor_id}", None)

    async def _ask(
        self,
        operation: Operation,
        caller: Caller,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        if not self._has_mfa and operation not in ("sign_in", "refresh", "sign_out"):
            raise _mfa_disabled()
        headers, content = self._headers(caller), None
        if body is not None:
            headers.append(("Content-Type", "application/json"))
            content = to_json(body)
        message = (method, f"{self._base}/auth/v1{path}", headers, content)
        return await self._exchange.send(
            "auth",
            caller.name,
            message,
            lambda answer: to_auth_error(operation, answer),
            safe=False,
            deadline=caller.deadline,
        )

    def _headers(self, caller: Caller) -> list[tuple[str, str]]:
        headers = [("apikey", self._key)]
        if caller.token is not None:
            headers.append(("Authorization", f"Bearer {caller.token}"))
        if caller.address != UNKNOWN:
            # Auth of one's own believes the first, hosted Supabase the second, with a secret key only.
            headers.append(("X-Forwarded-For", caller.address))
            if self._is_believed:
                headers.append(("Sb-Forwarded-For", caller.address))
        if caller.agent.isascii() and caller.agent.isprintable():
            headers.append(("User-Agent", caller.agent[:MAX_AGENT]))
        return headers


@asynccontextmanager
async def _until(deadline: float) -> AsyncIterator[None]:
    """The block until a deadline in seconds of `time.perf_counter`; then it is too late."""
    try:
        async with asyncio.timeout(deadline - time.perf_counter()):
            yield
    except TimeoutError:
        raise ServiceUnavailableError from None


class _SessionGoneError(UnauthorizedError):
    """401: the token holds, and the session that it names is no more."""


def rest(elapsed: float) -> float:
    """Seconds from now to the next multiple of `REFUSAL_SECONDS` since the beginning."""
    return REFUSAL_SECONDS - elapsed % REFUSAL_SECONDS


def to_auth_error(operation: Operation, answer: Answer) -> ApiError:
    """What an unsuccessful answer of Supabase Auth comes to."""
    name = _error_name(answer)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many(answer)
    if answer.status in LATE:
        return UpstreamTimeoutError()
    if answer.status in AWAY or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("auth_failed", operation=operation, status=answer.status, code=name)
        return ServiceUnavailableError()
    if answer.status == HTTPStatus.CONFLICT:
        # More refreshes of one session at once than it lets wait.
        return ServiceUnavailableError()
    if not name:
        log.error("auth_unreadable", operation=operation, status=answer.status)
        return BadGatewayError()
    if operation == "sign_in":
        if name not in ("invalid_credentials", "email_not_confirmed"):
            log.warning("sign_in_refused", code=name)
        return ApiError(
            "UNAUTHORIZED", "The email or the password is not right.", {"reason": "credentials"}, CHALLENGE
        )
    if operation == "refresh":
        return ApiError(
            "UNAUTHORIZED",
            "The session has ended; sign in again.",
            {"reason": "refresh_token"},
            CHALLENGE,
        )
    if name in ("session_not_found", "user_not_found"):
        return _SessionGoneError("The session has ended; sign in again.", sent=True)
    if name in SESSION_OVER:
        return UnauthorizedError("The session has ended; sign in again.", sent=True)
    return _of_factors(operation, name, answer.status)


def _of_factors(operation: Operation, name: str, status: int) -> ApiError:
    if name == "insufficient_aal":
        return ApiError("MFA_REQUIRED", "Confirm your second factor first.")
    # With 422 it is the challenge that is not found.
    if name == "mfa_factor_not_found" and status == HTTPStatus.NOT_FOUND:
        return NotFoundError()
    if operation == "verify":
        if name == "mfa_verification_failed":
            return ApiError("MFA_VERIFICATION_FAILED", "The code is not right.", {"reason": "code"})
        if name in CHALLENGE_OVER:
            return ApiError(
                "MFA_VERIFICATION_FAILED", "Ask for a new challenge first.", {"reason": "challenge"}
            )
    if name == "mfa_factor_name_conflict":
        return ApiError("CONFLICT", "Another factor has this name.", {"reason": "factor_name"})
    if name == "too_many_enrolled_mfa_factors":
        return ApiError(
            "INVALID_STATE", "There are too many factors; remove one.", {"reason": "factor_limit"}
        )
    if name == "mfa_recovery_codes_sole_factor":
        return ApiError("INVALID_STATE", "Remove the recovery codes first.", {"reason": "recovery_codes"})
    if name in MFA_OFF:
        return _mfa_disabled()
    log.error("auth_refused", operation=operation, code=name)
    return ForbiddenError()


def _mfa_disabled() -> ApiError:
    return ApiError("FORBIDDEN", "Second factors are not offered here.", {"reason": "mfa_disabled"})


def _too_many(answer: Answer) -> ApiError:
    said = answer.headers.get("Retry-After", "")
    seconds = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else RETRY_AFTER
    return ApiError("RATE_LIMIT_EXCEEDED", "Too many attempts; wait a moment.", retry_after=max(seconds, 1))


def _error_name(answer: Answer) -> str:
    """`error_code`, or `code` as newer versions call it; empty where the answer is not Auth's own."""
    body = read_object(answer.content)
    name = body.get("error_code") or body.get("code")
    return name if isinstance(name, str) else ""


def _read(model: type[T], answer: Answer) -> T:
    return parse(model, answer.content)
