"""`/auth/v1` for users: lite signs people up, in and out; its tokens come out as Supabase Auth's."""

import contextlib
import ipaddress
import json
import uuid
from typing import TYPE_CHECKING, Any

import jwt
from starlette.responses import JSONResponse, Response

from stack.gateway import tokens
from stack.gateway.accounts import Row
from stack.gateway.credentials import Caller
from stack.gateway.errors import AuthError, session_not_found, validation_failed
from stack.gateway.upstream import body_of

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest, GatewayState

JWKS_SECONDS = 600  # how long a client may keep the key set, as hosted
_LITE_HEADERS = ("content-type", "user-agent")


async def jwks(request: "GatewayRequest") -> Response:
    """The public key that verifies access tokens (RFC 7517)."""
    cache = {"cache-control": f"public, max-age={JWKS_SECONDS}"}
    return JSONResponse({"keys": [request.state["signing_key"].jwk]}, headers=cache)


async def public(request: "GatewayRequest") -> Response:
    """What lite says of itself: health and settings."""
    caller = request.state["credentials"].caller(request)
    return await request.state["rest"].forward(request, {"apikey": caller.key, "authorization": None})


async def issue(request: "GatewayRequest") -> Response:
    """Sign-up, and tokens for a password or a refresh token."""
    key, _ = request.state["credentials"].key_of(request)
    body = await body_of(request)
    if request.query_params.get("grant_type") == "refresh_token" and request.url.path.endswith("/token"):
        answer = await tokens.refresh(
            request.state,
            json_body(body).get("refresh_token"),
            address=client_address(request),
            agent=request.headers.get("user-agent"),
        )
        return JSONResponse(answer, headers={"cache-control": "no-store"})
    answer = await _ask_lite(request, key, None, body=body)
    if "access_token" in answer:
        answer = await _reissued(request.state, answer)
    return JSONResponse(answer, headers={"cache-control": "no-store"})


async def user(request: "GatewayRequest") -> Response:
    """The user of the token: read (GET), or changed (PUT)."""
    caller = signed_in(request)
    claims, accounts = caller.claims or {}, request.state["accounts"]
    body = await body_of(request)
    await _ask_lite(request, caller.key, caller.inner_token, body=body)
    if request.method == "PUT" and "password" in _json(body):
        # lite leaves them; Auth ends them, so that a stolen session does not survive the new password.
        await accounts.end_other_sessions(claims["sub"], claims["session_id"])
    # Lite shows some times as Postgres prints them, which official clients do not read.
    return JSONResponse(await accounts.user(uuid.UUID(claims["sub"])))


async def logout(request: "GatewayRequest") -> Response:
    """End the token's session (`scope=local`), all of its user's (`global`, the default) or the `others`."""
    caller = signed_in(request)
    scope = request.query_params.get("scope") or "global"
    if scope not in ("global", "local", "others"):
        raise validation_failed(f'Unsupported logout scope "{scope}"')
    await _ask_lite(request, caller.key, caller.inner_token, query=f"scope={scope}")
    return Response(status_code=204)


def signed_in(request: "GatewayRequest") -> Caller:
    """Who makes a request that only a user can make.

    Raises:
        KeyRefusedError: the API key is missing or wrong.
        TokenError: the token does not hold.
        AuthError: 401 no_authorization, there is none.
    """
    caller = request.state["credentials"].caller(request)
    if caller.claims is None:
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    return caller


async def _ask_lite(
    request: "GatewayRequest", key: str, token: str | None, *, body: bytes = b"", query: str | None = None
) -> dict[str, Any]:
    """Lite's answer to this request, {} for an empty one; its refusals in Auth's words."""
    headers = {name: request.headers[name] for name in _LITE_HEADERS if name in request.headers}
    headers["apikey"] = key
    if token:
        headers["authorization"] = f"Bearer {token}"
    query = request.url.query if query is None else query
    answer = await request.state["rest"].ask(request.method, f"{request.url.path}?{query}", headers, body)
    content = _json(answer.content)
    if answer.is_success:
        return content
    if "error_code" not in content:
        raise AuthError(500, "unexpected_failure", "Unexpected failure, please check server logs")
    name, message = content.pop("error_code"), content.pop("msg", "")
    content.pop("code", None)
    raise AuthError(answer.status_code, name, message, content)


async def _reissued(state: "GatewayState", answer: dict[str, Any]) -> dict[str, Any]:
    """Lite's answer with an access token as Supabase Auth makes it, for the same session and time."""
    try:
        inner = state["credentials"].inner_claims(answer["access_token"])
    except jwt.InvalidTokenError as error:
        raise AuthError(500, "unexpected_failure", "The embedded Auth signed with another secret") from error
    found = await state["accounts"].begin_session(inner["session_id"], inner["sub"])
    if found is None:  # signed out or deleted meanwhile
        raise session_not_found()
    session, account = found
    return {**answer, **tokens.answer(state, session, account, answer["refresh_token"])}


async def live_session(request: "GatewayRequest") -> tuple[Row, Row]:
    """The session and the user of the token, which must both still be there.

    Raises:
        KeyRefusedError: the API key is missing or wrong.
        TokenError: the token does not hold.
        AuthError: 401 no_authorization, 403 user_not_found or session_not_found.
    """
    claims = signed_in(request).claims or {}
    accounts = request.state["accounts"]
    try:
        user_id, session_id = uuid.UUID(claims["sub"]), uuid.UUID(claims["session_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise session_not_found() from error
    if await accounts.user(user_id) is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    found: tuple[Row, Row] | None = await accounts.session(str(session_id), str(user_id))
    if found is None:
        raise session_not_found()
    return found


def client_address(request: "GatewayRequest") -> str:
    """Where a request comes from, as Supabase Auth sees it.

    `Sb-Forwarded-For` counts with the secret key only ("IP address forwarding" of hosted projects), then the
    first address in `X-Forwarded-For`, then the peer's.
    """
    _, role = request.state["credentials"].key_of(request)
    named = request.headers.get("sb-forwarded-for", "").partition(",")[:1] if role == "service_role" else ()
    for part in (*named, *request.headers.get("x-forwarded-for", "").split(",")):
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(part.strip()))
    return request.client.host if request.client else "127.0.0.1"


def json_body(content: bytes) -> dict[str, Any]:
    """A request's body, which must be a JSON object.

    Raises:
        AuthError: 400 bad_json.
    """
    try:
        parsed = json.loads(content or b"{}")
    except (ValueError, RecursionError) as error:
        raise AuthError(400, "bad_json", f"Could not parse request body as JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: an object is expected")
    return parsed


def _json(content: bytes) -> dict[str, Any]:
    """A JSON object, {} where it is none."""
    try:
        parsed = json.loads(content)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
