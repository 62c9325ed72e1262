"""Second factors in schema auth: what Supabase Auth keeps of them, and its rules (`internal/api/mfa.go`)."""

import uuid

import pyotp
from psycopg.errors import UniqueViolation

from stack.gateway.accounts import Connection, Row, session_of
from stack.gateway.errors import AuthError, session_not_found
from stack.gateway.tokens import swap_newest

MAX_FACTORS = 10  # of one user, as on hosted projects
CHALLENGE_SECONDS = 300  # how long a challenge may be answered
UNVERIFIED_SECONDS = 300  # after which a factor that nobody went on with gives its name up
SKEW_STEPS = 1  # of 30 s, before and after: what a phone's clock may be off


async def enroll(
    connection: Connection, session: Row, *, factor_id: uuid.UUID, name: str, secret: str
) -> None:
    """Keep a new factor, which is nothing until it is verified.

    Raises:
        AuthError: 422 mfa_factor_name_conflict or too_many_enrolled_mfa_factors, 403 insufficient_aal.
    """
    session = await _locked(connection, session)
    user_id = session["user_id"]
    await connection.execute(
        """delete from auth.mfa_factors f
           where f.user_id = %s and f.status <> 'verified' and f.created_at + %s * interval '1 second' < now()
             and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)""",
        (user_id, UNVERIFIED_SECONDS),
    )
    rows = await connection.execute(
        "select coalesce(friendly_name, '') as name, status::text from auth.mfa_factors where user_id = %s",
        (user_id,),
    )
    factors = await rows.fetchall()
    if any(factor["name"] == name for factor in factors):
        raise _name_conflict(name)
    if len(factors) >= MAX_FACTORS:
        message = "Maximum number of verified factors reached, unenroll to continue"
        raise AuthError(422, "too_many_enrolled_mfa_factors", message)
    if session["aal"] != "aal2" and any(factor["status"] == "verified" for factor in factors):
        raise AuthError(403, "insufficient_aal", "AAL2 required to enroll a new factor")
    try:
        await connection.execute(
            """insert into auth.mfa_factors
                 (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at)
               values (%s, %s, %s, 'totp', 'unverified', %s, now(), now())""",
            (factor_id, user_id, name, secret),
        )
    except UniqueViolation as error:
        raise _name_conflict(name) from error


async def challenge(connection: Connection, factor: Row, address: str) -> Row:
    """A new challenge: its `id` and when it ends, `expires_at` in Unix seconds."""
    # Before the insert, whose reference shares the factor's lock: of two who share it neither gets it whole.
    await connection.execute(
        "update auth.mfa_factors set last_challenged_at = clock_timestamp() where id = %s", (factor["id"],)
    )
    made = await connection.execute(
        """insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
           values (%s, %s, now(), %s)
           returning id, floor(extract(epoch from created_at))::bigint + %s as expires_at""",
        (uuid.uuid4(), factor["id"], address, CHALLENGE_SECONDS),
    )
    row = await made.fetchone()
    if row is None:
        raise RuntimeError("insert returning nothing")
    return row


async def verify(
    connection: Connection, session: Row, factor: Row, *, challenge_id: str, code: str, address: str
) -> str | None:
    """Answer a challenge: raises the session to aal2, and ends the user's sessions that are lower.

    As at the real one, a challenge is good once and a code is not: it may answer another challenge until it
    is too old.

    Returns:
        The session's new refresh token; None where the challenge had expired.

    Raises:
        AuthError: 422 mfa_factor_not_found (no such challenge), mfa_ip_address_mismatch (also for one that is
            used up) or mfa_verification_failed.
    """
    session = await _locked(connection, session)
    user_id, session_id = session["user_id"], session["id"]
    found = await (
        await connection.execute(
            """select verified_at, host(ip_address) as address,
                      created_at + %s * interval '1 second' < now() as expired
               from auth.mfa_challenges where id::text = %s and factor_id = %s for update""",
            (CHALLENGE_SECONDS, challenge_id.lower(), factor["id"]),
        )
    ).fetchone()
    if found is None:
        message = "MFA factor with the provided challenge ID not found"
        raise AuthError(422, "mfa_factor_not_found", message)
    if found["verified_at"] is not None or found["address"] != address:
        message = "Challenge and verify IP addresses mismatch."
        raise AuthError(422, "mfa_ip_address_mismatch", message)
    if found["expired"]:
        await connection.execute("delete from auth.mfa_challenges where id::text = %s", (challenge_id,))
        return None
    if not pyotp.TOTP(factor["secret"]).verify(code, valid_window=SKEW_STEPS):
        raise AuthError(422, "mfa_verification_failed", "Invalid TOTP code entered")
    await connection.execute(
        "update auth.mfa_challenges set verified_at = now() where id::text = %s", (challenge_id.lower(),)
    )
    await connection.execute(
        "update auth.mfa_factors set status = 'verified', updated_at = now()"
        " where id = %s and status <> 'verified'",
        (factor["id"],),
    )
    await connection.execute(
        """insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
           values (gen_random_uuid(), %s, 'totp', now(), now())
           on conflict (session_id, authentication_method) do update set updated_at = now()""",
        (session_id,),
    )
    await connection.execute(
        "update auth.sessions set aal = 'aal2', factor_id = %s, updated_at = now() where id = %s",
        (factor["id"], session_id),
    )
    refresh_token = await swap_newest(connection, str(session_id), str(user_id))
    await connection.execute("delete from auth.sessions where user_id = %s and aal < 'aal2'", (user_id,))
    await connection.execute(
        "delete from auth.mfa_factors where user_id = %s and status = 'unverified' and factor_type = 'totp'",
        (user_id,),
    )
    return refresh_token


async def unenroll(connection: Connection, session: Row, factor: Row) -> None:
    """Remove a factor; sessions that it raised are aal1 again.

    Raises:
        AuthError: 422 insufficient_aal.
    """
    session = await _locked(connection, session)
    if factor["status"] == "verified" and session["aal"] != "aal2":
        raise AuthError(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
    await delete(connection, factor)
    await connection.execute(
        """delete from auth.mfa_amr_claims c using auth.sessions s
           where s.id = c.session_id and s.factor_id = %s and c.authentication_method = %s""",
        (factor["id"], factor["factor_type"]),
    )
    await connection.execute(
        "update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now() where factor_id = %s",
        (factor["id"],),
    )


async def delete(connection: Connection, factor: Row) -> None:
    """Remove a factor and nothing else, as an administrator does."""
    await connection.execute("delete from auth.mfa_factors where id = %s", (factor["id"],))


async def factor_of(connection: Connection, user_id: uuid.UUID | str, factor_id: uuid.UUID) -> Row:
    """A user's factor, with its secret.

    Raises:
        AuthError: 404 mfa_factor_not_found.
    """
    factor = await (
        await connection.execute(
            """select id, status::text, factor_type::text, friendly_name, secret, created_at, updated_at
               from auth.mfa_factors where id = %s and user_id = %s""",
            (factor_id, user_id),
        )
    ).fetchone()
    if factor is None:
        raise AuthError(404, "mfa_factor_not_found", "Factor not found")
    return factor


async def _locked(connection: Connection, session: Row) -> Row:
    """The session as it is now. Of what one user does to factors at once, one comes after the other."""
    await connection.execute("select from auth.users where id = %s for no key update", (session["user_id"],))
    # For update, as a refresh has it: a session that is raised gets another refresh token.
    await connection.execute("select from auth.sessions where id = %s for update", (session["id"],))
    now = await session_of(connection, session["id"], session["user_id"])
    if now is None:
        raise session_not_found()
    return now


def _name_conflict(name: str) -> AuthError:
    message = f'A factor with the friendly name "{name}" for this user already exists'
    return AuthError(422, "mfa_factor_name_conflict", message)
