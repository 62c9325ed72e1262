"""Tokens: an access token for a session, and refresh tokens that are swapped for new ones.

The rules are those of Supabase Auth (`internal/tokens` of supabase/auth): a refresh token is good once; the
parent of the newest one gets that one again, since its answer may have been lost; within the reuse interval
an older one gets one more; beyond it the whole family ends.
"""

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from stack.gateway.accounts import Connection, Row, note_password, session_of, user_of
from stack.gateway.errors import AuthError, validation_failed

if TYPE_CHECKING:
    from stack.gateway.app import GatewayState

_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # what lite makes


def answer(state: "GatewayState", session: Row, user: Row, refresh_token: str) -> dict[str, Any]:
    """What sign-in, refresh and a verified factor answer."""
    settings = state["settings"]
    issued_at = int(time.time())
    expires_at = issued_at + settings.access_token_seconds
    access_token = state["signing_key"].sign(
        {
            "iss": settings.issuer,
            "sub": user["id"],
            "aud": user["aud"],
            "exp": expires_at,
            "iat": issued_at,
            "email": user["email"],
            "phone": user["phone"],
            "app_metadata": user["app_metadata"],
            "user_metadata": user["user_metadata"],
            "role": user["role"],
            "aal": session["aal"],
            "amr": session["amr"],
            "session_id": str(session["id"]),
            "is_anonymous": user["is_anonymous"],
        }
    )
    return {
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": settings.access_token_seconds,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": user,
    }


async def refresh(
    state: "GatewayState", refresh_token: object, *, address: str, agent: str | None
) -> dict[str, Any]:
    """Tokens for a refresh token.

    Args:
        state: the gateway's.
        refresh_token: what was sent as one.
        address: the client's, kept with the session.
        agent: the client's User-Agent, kept with the session.

    Raises:
        AuthError: 400 validation_failed, refresh_token_not_found or refresh_token_already_used.
    """
    if not isinstance(refresh_token, str) or not _TOKEN.fullmatch(refresh_token):
        raise validation_failed("Refresh token is not valid")
    async with state["accounts"].connection() as connection:
        used = await _lock(connection, refresh_token)
        issued = await _successor(connection, used, state["settings"].refresh_reuse_seconds)
        session_id, user_id = str(used["session_id"]), str(used["user_id"])
        if issued is not None:
            await connection.execute(
                "update auth.sessions set refreshed_at = now() at time zone 'utc', ip = %s, user_agent = %s,"
                " updated_at = now() where id = %s",
                (address, agent, session_id),
            )
            await note_password(connection, session_id)
            session = await session_of(connection, session_id, user_id)
            user = await user_of(connection, user_id)
    # Behind the commit: the end of a family is to last.
    if issued is None:
        raise AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
    if session is None or user is None:
        raise _not_found()
    return answer(state, session, user, issued)


async def swap_newest(connection: Connection, session_id: str, user_id: str) -> str:
    """A new refresh token in place of a session's newest; those before are used up."""
    newest = await (
        await connection.execute(
            "select token from auth.refresh_tokens where session_id = %s"
            " order by created_at desc, id desc limit 1 for update",
            (session_id,),
        )
    ).fetchone()
    return await _swap(connection, session_id, user_id, newest["token"] if newest else None)


async def _lock(connection: Connection, refresh_token: str) -> Row:
    """The token's row under its session's lock: of two refreshes at once one comes after the other."""
    # The session first, as whoever raises or ends it does, or the two would wait for each other.
    await connection.execute(
        """select from auth.sessions s
           where s.id = (select t.session_id from auth.refresh_tokens t where t.token = %s)
           for update""",
        (refresh_token,),
    )
    found = await (
        await connection.execute(
            """select t.token, t.user_id, t.session_id, t.revoked,
                      extract(epoch from now() - t.updated_at) as used_ago
               from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
               where t.token = %s""",
            (refresh_token,),
        )
    ).fetchone()
    if found is None:
        raise _not_found()
    return found


async def _successor(connection: Connection, used: Row, reuse_seconds: float) -> str | None:
    session_id, user_id = str(used["session_id"]), str(used["user_id"])
    if used["revoked"]:
        newest = await (
            await connection.execute(
                "select token, parent from auth.refresh_tokens where session_id = %s and not revoked"
                " order by created_at desc, id desc limit 1",
                (session_id,),
            )
        ).fetchone()
        if newest is not None and newest["parent"] == used["token"]:
            return str(newest["token"])
        if used["used_ago"] > reuse_seconds:
            await connection.execute(
                "update auth.refresh_tokens set revoked = true where session_id = %s and not revoked",
                (session_id,),
            )
            return None
    return await _swap(connection, session_id, user_id, str(used["token"]))


async def _swap(connection: Connection, session_id: str, user_id: str, parent: str | None) -> str:
    await connection.execute(
        "update auth.refresh_tokens set revoked = true, updated_at = now() where token = %s", (parent,)
    )
    issued = str(uuid.uuid4())
    await connection.execute(
        """insert into auth.refresh_tokens
             (id, token, user_id, session_id, revoked, parent, created_at, updated_at)
           values (%s, %s, %s, %s, false, %s, clock_timestamp(), clock_timestamp())""",
        (str(uuid.uuid4()), issued, user_id, session_id, parent),
    )
    return issued


def _not_found() -> AuthError:
    return AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
