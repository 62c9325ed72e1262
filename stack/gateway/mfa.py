"""`/auth/v1/factors`: time-based one-time passwords (RFC 6238) as second factors."""

import io
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyotp
import segno
from starlette.responses import JSONResponse, Response

from stack.gateway import factors, tokens
from stack.gateway.accounts import Row, session_of, text, user_of
from stack.gateway.admin import require_admin, uuid_of
from stack.gateway.errors import AuthError, session_not_found, validation_failed
from stack.gateway.sessions import client_address, json_body, live_session
from stack.gateway.upstream import body_of

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest

QR_SCALE = 3  # pixels a module, as Supabase Auth draws it
NO_STORE = {"cache-control": "no-store"}


async def enroll(request: "GatewayRequest") -> Response:
    """Make a factor, and show its secret this once."""
    session, user = await live_session(request)
    body = await _body(request)
    if body.get("factor_type") in ("phone", "webauthn"):
        kind = {"phone": "Phone", "webauthn": "WebAuthn"}[body["factor_type"]]
        raise AuthError(422, f"mfa_{kind.lower()}_enroll_not_enabled", f"MFA enroll is disabled for {kind}")
    if body.get("factor_type") != "totp":
        raise validation_failed("factor_type needs to be totp, phone, or webauthn")
    name = _text(body, "friendly_name")
    issuer = _text(body, "issuer") or urlsplit(request.state["settings"].public_url).netloc
    factor_id, secret = uuid.uuid4(), pyotp.random_base32()
    async with request.state["accounts"].connection() as connection:
        await factors.enroll(connection, session, factor_id=factor_id, name=name, secret=secret)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user["email"], issuer_name=issuer)
    answer = {
        "id": str(factor_id),
        "type": "totp",
        "friendly_name": name,
        "totp": {"qr_code": _drawn(uri), "secret": secret, "uri": uri},
    }
    return JSONResponse(answer, headers=NO_STORE)


async def challenge(request: "GatewayRequest") -> Response:
    """Begin to use a factor."""
    session, _ = await live_session(request)
    async with request.state["accounts"].connection() as connection:
        factor = await factors.factor_of(connection, session["user_id"], _factor_id(request))
        made = await factors.challenge(connection, factor, client_address(request))
    return JSONResponse({"id": str(made["id"]), "type": "totp", "expires_at": made["expires_at"]})


async def verify(request: "GatewayRequest") -> Response:
    """Answer a challenge with a code; the answer is new tokens of the same session."""
    session, _ = await live_session(request)
    body = await _body(request)
    code, challenge_id = _text(body, "code"), _text(body, "challenge_id")
    refresh_token: str | None
    async with request.state["accounts"].connection() as connection:
        factor = await factors.factor_of(connection, session["user_id"], _factor_id(request))
        if not code:
            raise validation_failed("Code needs to be non-empty")
        refresh_token = await factors.verify(
            connection,
            session,
            factor,
            challenge_id=challenge_id,
            code=code,
            address=client_address(request),
        )
        raised = await session_of(connection, session["id"], session["user_id"])
        user = await user_of(connection, session["user_id"])
    # Behind the commit, with which the challenge is gone.
    if refresh_token is None:
        what_now = "verify against another challenge or create a new challenge."
        raise AuthError(422, "mfa_challenge_expired", f"MFA challenge {challenge_id} has expired, {what_now}")
    if raised is None or user is None:
        raise session_not_found()
    return JSONResponse(tokens.answer(request.state, raised, user, refresh_token), headers=NO_STORE)


async def unenroll(request: "GatewayRequest") -> Response:
    """Remove a factor: a verified one only from a session at aal2, whatever the token says."""
    session, _ = await live_session(request)
    async with request.state["accounts"].connection() as connection:
        factor = await factors.factor_of(connection, session["user_id"], _factor_id(request))
        await factors.unenroll(connection, session, factor)
    return JSONResponse({"id": str(factor["id"])})


async def admin_list(request: "GatewayRequest") -> Response:
    """A user's factors, for the secret key."""
    require_admin(request)
    user = await request.state["accounts"].user(uuid_of(request.path_params["user_id"]))
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return JSONResponse(user.get("factors", []))


async def admin_delete(request: "GatewayRequest") -> Response:
    """Remove a user's factor, for the secret key: for whoever has lost their phone."""
    require_admin(request)
    user_id = uuid_of(request.path_params["user_id"])
    async with request.state["accounts"].connection() as connection:
        factor = await factors.factor_of(connection, user_id, _factor_id(request))
        await factors.delete(connection, factor)
    return JSONResponse(_shown(factor))


def _shown(factor: Row) -> Row:
    return {name: text(value) for name, value in factor.items() if name != "secret"}


def _drawn(uri: str) -> str:
    drawing = io.BytesIO()
    segno.make(uri, error="h", micro=False).save(drawing, kind="svg", scale=QR_SCALE, xmldecl=False)
    return drawing.getvalue().decode()


def _factor_id(request: "GatewayRequest") -> uuid.UUID:
    return uuid_of(request.path_params["factor_id"], "factor_id")


async def _body(request: "GatewayRequest") -> dict[str, Any]:
    return json_body(await body_of(request))


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name) or ""
    # A NUL is no text to Postgres.
    if not isinstance(value, str) or "\x00" in value:
        raise AuthError(400, "bad_json", f"Could not parse request body as JSON: {name} must be text")
    return value
