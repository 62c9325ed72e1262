"""Signing in and out, and second factors, by Supabase Auth."""

from typing import Final

from starlette.responses import Response

from bff.http import endpoint, path_id, principal_of
from bff.identity import AuthServer, Caller
from bff.limits.middleware import charge_account, charge_email
from bff.responses import no_content, success
from bff.schemas.auth import (
    Challenge,
    ChallengeCreate,
    Enrollment,
    FactorCreate,
    FactorVerify,
    Refresh,
    SignedIn,
    SignIn,
    SignOut,
    UserFactors,
)
from bff.state import Request, caller_of

AWAY: Final = ("BAD_GATEWAY", "SERVICE_UNAVAILABLE", "TIMEOUT", "RATE_LIMIT_EXCEEDED")
OF_FACTORS: Final = ("FORBIDDEN", "RATE_LIMIT_EXCEEDED")
NO_STORE: Final = "Nothing of the answer is kept here, and no cache may keep it."


def _auth(request: Request) -> AuthServer:
    return request.state["identity"]


def _caller(request: Request, token: str | None = None) -> Caller:
    return Caller(
        address=request.state["client_address"],
        agent=request.headers.get("user-agent", ""),
        deadline=request.state["started_at"] + request.state["supabase"].exchange.timing.request,
        token=token,
        name=caller_of(request.state),
    )


def _signed_in(request: Request) -> Caller:
    return _caller(request, principal_of(request).token)


@endpoint(
    "POST",
    "/api/v1/auth/sign-in",
    summary="Tokens for an email and a password",
    description=f"One refusal, whatever is wrong: 401, `reason` credentials. {NO_STORE}",
    tag="auth",
    body=SignIn,
    response=SignedIn,
    errors=("UNAUTHORIZED", *AWAY),
    public=True,
)
async def sign_in(request: Request, body: SignIn) -> Response:
    """One call to Auth; a session at aal1, whatever factors there are."""
    await charge_email(request, body.email)
    tokens = await _auth(request).sign_in(_caller(request), body.email, body.password)
    request.state["noted"].user_id = str(tokens.user.id)
    return success(request, tokens, secret=True)


@endpoint(
    "POST",
    "/api/v1/auth/refresh",
    summary="New tokens for a refresh token",
    description="A refresh token is good once. Whoever has not got the answer sends the same token again. A "
    f"401, `reason` refresh_token, is the session's end. {NO_STORE}",
    tag="auth",
    body=Refresh,
    response=SignedIn,
    errors=("UNAUTHORIZED", *AWAY),
    public=True,
)
async def refresh_session(request: Request, body: Refresh) -> Response:
    """One call to Auth, never a second one: what became of the first is Auth's to know."""
    await charge_account(request, body.refresh_token)
    tokens = await _auth(request).refresh(_caller(request), body.refresh_token)
    request.state["noted"].user_id = str(tokens.user.id)
    return success(request, tokens, secret=True)


@endpoint(
    "POST",
    "/api/v1/auth/sign-out",
    summary="End this session, my others, or all",
    description="Ends the sessions' streams too, and their refresh tokens. An access token stays good until "
    "it expires, as everywhere at Supabase: forget it.",
    tag="auth",
    body=SignOut,
    status=204,
    errors=("RATE_LIMIT_EXCEEDED",),
)
async def sign_out(request: Request, body: SignOut) -> Response:
    """Other processes are told by the database, see migration 20261128000410."""
    principal = principal_of(request)
    await _auth(request).sign_out(_signed_in(request), body.scope)
    request.state["relay"].sign_out(str(principal.user_id), principal.session_id, body.scope)
    return no_content()


@endpoint(
    "GET",
    "/api/v1/auth/mfa/factors",
    summary="My second factors",
    tag="auth",
    response=UserFactors,
    errors=OF_FACTORS,
)
async def list_factors(request: Request) -> Response:
    """Auth tells them with the user."""
    return success(request, await _auth(request).factors(_signed_in(request)), secret=True)


@endpoint(
    "POST",
    "/api/v1/auth/mfa/factors",
    summary="A new second factor: the secret for an authenticator",
    description="It counts once a challenge of it has been answered. The secret is shown this once.",
    tag="auth",
    body=FactorCreate,
    response=Enrollment,
    status=201,
    errors=(*OF_FACTORS, "CONFLICT", "INVALID_STATE", "MFA_REQUIRED"),
)
async def enroll_factor(request: Request, body: FactorCreate) -> Response:
    """Time-based one-time passwords (RFC 6238)."""
    enrolled = await _auth(request).enroll(_signed_in(request), body.friendly_name)
    return success(request, enrolled, status=201, secret=True)


@endpoint(
    "POST",
    "/api/v1/auth/mfa/factors/{id}/challenge",
    summary="A challenge to answer with a code",
    tag="auth",
    body=ChallengeCreate,
    response=Challenge,
    status=201,
    errors=(*OF_FACTORS, "NOT_FOUND"),
)
async def challenge_factor(request: Request, _: ChallengeCreate) -> Response:
    """Good once, for five minutes."""
    made = await _auth(request).challenge(_signed_in(request), path_id(request, "id"))
    return success(request, made, status=201, secret=True)


@endpoint(
    "POST",
    "/api/v1/auth/mfa/factors/{id}/verify",
    summary="Tokens at aal2 for the code of a challenge",
    description="Of the same session, in place of its tokens; the user's sessions at aal1 end. 422, `reason` "
    "code (try another with the same challenge) or challenge (ask for a new one).",
    tag="auth",
    body=FactorVerify,
    response=SignedIn,
    errors=(*OF_FACTORS, "NOT_FOUND", "MFA_VERIFICATION_FAILED"),
)
async def verify_factor(request: Request, body: FactorVerify) -> Response:
    """One call to Auth, never a second one: a challenge is good once."""
    tokens = await _auth(request).verify(
        _signed_in(request), path_id(request, "id"), body.challenge_id, body.code
    )
    return success(request, tokens, secret=True)


@endpoint(
    "DELETE",
    "/api/v1/auth/mfa/factors/{id}",
    summary="Remove a second factor",
    description="A verified one asks for a session at aal2, and takes it back to aal1: refresh then.",
    tag="auth",
    status=204,
    errors=(*OF_FACTORS, "NOT_FOUND", "MFA_REQUIRED"),
)
async def unenroll_factor(request: Request) -> Response:
    """Sessions that it had raised are lowered; streams that asked for more end."""
    await _auth(request).unenroll(_signed_in(request), path_id(request, "id"))
    return no_content()


ENDPOINTS: Final = (
    sign_in,
    refresh_session,
    sign_out,
    list_factors,
    enroll_factor,
    challenge_factor,
    verify_factor,
    unenroll_factor,
)
