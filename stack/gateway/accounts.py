"""Schema auth, where lite has no API for it: sessions looked up, users administered."""

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import bcrypt
import psycopg
from psycopg.errors import DataError, UniqueViolation
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncNullConnectionPool, PoolTimeout

from stack.gateway.errors import UnavailableError

BCRYPT_COST = 10  # as Supabase Auth
BCRYPT_BYTES = 72  # what bcrypt reads of a password

_logger = logging.getLogger(__name__)

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[DictRow]


class EmailTakenError(Exception):
    """Another user has this address."""


class UserTakenError(Exception):
    """Another user has this id."""


class UnstorableError(Exception):
    """Postgres takes no such text: it holds a NUL, or half of a surrogate pair."""


class Accounts:
    """Reads and writes of schema auth, over few connections at once."""

    def __init__(self, pool: "AsyncNullConnectionPool[Connection]") -> None:
        """Take an open pool."""
        self._pool = pool

    async def session(self, session_id: str, user_id: str) -> tuple[Row, Row] | None:
        """A session and its user; None once it was signed out."""
        async with self.connection() as connection:
            session = await session_of(connection, session_id, user_id)
            user = await user_of(connection, user_id)
        return (session, user) if session and user else None

    async def begin_session(self, session_id: str, user_id: str) -> tuple[Row, Row] | None:
        """The same, for one that a password has just begun; notes that it was one."""
        async with self.connection() as connection:
            await note_password(connection, session_id)
        return await self.session(session_id, user_id)

    async def end_other_sessions(self, user_id: str, session_id: str) -> None:
        """Sign a user out everywhere but in one session."""
        async with self.connection() as connection:
            await connection.execute(
                "delete from auth.sessions where user_id = %s and id <> %s", (user_id, session_id)
            )

    async def user(self, user_id: uuid.UUID) -> Row | None:
        """A user as Auth's API shows one, None if there is no such user."""
        async with self.connection() as connection:
            return await user_of(connection, user_id)

    async def users(self, *, limit: int, offset: int) -> tuple[list[Row], int]:
        """A page of users, the newest first, and how many there are in all."""
        async with self.connection() as connection:
            rows = await connection.execute(
                f"{_USERS} order by created_at desc, id limit %s offset %s", (limit, offset)
            )
            page = [_shown(row) for row in await rows.fetchall()]
            counted = await connection.execute("select count(*) as n from auth.users")
            total = await counted.fetchone()
        return page, total["n"] if total else 0

    async def create_user(
        self,
        *,
        user_id: uuid.UUID,
        email: str,
        password: str | None,
        confirmed: bool,
        role: str,
        user_metadata: Row,
        app_metadata: Row,
    ) -> Row:
        """Create a user with an e-mail identity, so that signing in with the password works.

        Raises:
            EmailTakenError: the address is another user's.
            UserTakenError: the id is another user's.
            UnstorableError: one of the values is no text to Postgres.
        """
        # Without a password nobody can sign in with one; Auth too stores a random one.
        encrypted = await asyncio.to_thread(_hash, password or secrets.token_urlsafe(48))
        now = datetime.now(UTC)
        if confirmed:
            user_metadata = {**user_metadata, "email_verified": True}
        try:
            async with self.connection() as connection:
                await connection.execute(
                    """insert into auth.users
                         (id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
                          raw_user_meta_data, created_at, updated_at)
                       values (%s, 'authenticated', %s, %s, %s, %s, %s, %s, %s, %s)""",
                    (
                        *(user_id, role, email, encrypted, now if confirmed else None),
                        *(Jsonb(app_metadata), Jsonb(user_metadata), now, now),
                    ),
                )
                identity = {
                    "sub": str(user_id),
                    "email": email,
                    "email_verified": False,
                    "phone_verified": False,
                }
                await connection.execute(
                    """insert into auth.identities
                         (id, provider, provider_id, user_id, identity_data, created_at, updated_at)
                       values (%s, 'email', %s, %s, %s, %s, %s)""",
                    (uuid.uuid4(), str(user_id), user_id, Jsonb(identity), now, now),
                )
                user = await user_of(connection, user_id)
        except UniqueViolation as error:
            if error.diag.constraint_name == "users_pkey":
                raise UserTakenError from error
            raise EmailTakenError from error
        except (DataError, UnicodeEncodeError) as error:
            raise UnstorableError(str(error).partition("\n")[0]) from error
        if user is None:
            raise RuntimeError("a trigger on auth.users removed the new user")
        return user

    async def delete_user(self, user_id: uuid.UUID) -> bool:
        """Delete a user with sessions and identities; False if there is no such user."""
        async with self.connection() as connection:
            deleted = await connection.execute("delete from auth.users where id = %s", (user_id,))
            return deleted.rowcount > 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in a transaction; 503 while Postgres is away."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            _logger.warning("postgres is not answering: %s: %s", type(error).__name__, error)
            raise UnavailableError("postgres") from error


@asynccontextmanager
async def open_accounts(conninfo: str, *, connections: int, wait_seconds: float) -> AsyncIterator[Accounts]:
    """Open the pool, which connects for each request anew.

    Kept connections would be dead after Postgres was: psycopg_pool 3.3 pauses for longer and longer between
    two that it finds dead, so that the first requests after Postgres' return would end in 503.
    """
    async with AsyncNullConnectionPool(
        conninfo,
        connection_class=Connection,
        kwargs={"row_factory": dict_row, "application_name": "gateway"},
        max_size=connections,
        timeout=wait_seconds,
        open=False,
    ) as pool:
        yield Accounts(pool)


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], bcrypt.gensalt(BCRYPT_COST)).decode()


async def user_of(connection: Connection, user_id: uuid.UUID | str) -> Row | None:
    """A user as Auth's API shows one."""
    row = await (await connection.execute(f"{_USERS} where id = %s", (user_id,))).fetchone()
    return _shown(row) if row else None


async def session_of(connection: Connection, session_id: str, user_id: str) -> Row | None:
    """A session: `id`, `user_id`, `aal`, and `amr` with the first method first."""
    query = """
        select s.id, s.user_id, coalesce(s.aal::text, 'aal1') as aal, coalesce((
            select jsonb_agg(jsonb_build_object(
                'method', c.authentication_method,
                'timestamp', floor(extract(epoch from c.updated_at))::bigint
              ) order by c.updated_at)
            from auth.mfa_amr_claims c where c.session_id = s.id), '[]') as amr
        from auth.sessions s where s.id = %s and s.user_id = %s"""
    return await (await connection.execute(query, (session_id, user_id))).fetchone()


async def note_password(connection: Connection, session_id: str) -> None:
    """Note that a session without methods began with a password: lite knows no other, and notes none."""
    await connection.execute(
        """insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
           select gen_random_uuid(), s.id, 'password', s.created_at, s.created_at
           from auth.sessions s
           where s.id = %(session)s
             and not exists (select from auth.mfa_amr_claims c where c.session_id = s.id)
           on conflict do nothing""",
        {"session": session_id},
    )


def _shown(row: Row) -> Row:
    """The fields as Auth's API names them, without those that are empty there."""
    shown = {name: text(value) for name, value in row.items()}
    optional = ("email_confirmed_at", "confirmed_at", "last_sign_in_at", "banned_until", "factors")
    return {name: value for name, value in shown.items() if value is not None or name not in optional}


def text(value: object) -> object:
    """Times and ids as Auth writes them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, uuid.UUID) else value


_USERS = """
select id, coalesce(aud, '') as aud, coalesce(role, '') as role, coalesce(email, '') as email,
       email_confirmed_at, coalesce(phone, '') as phone, confirmed_at, last_sign_in_at,
       raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata,
       coalesce((
         select jsonb_agg(jsonb_build_object(
             'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'provider', i.provider,
             'identity_data', i.identity_data, 'email', i.email,
             'last_sign_in_at', coalesce(i.last_sign_in_at, i.created_at),
             'created_at', i.created_at, 'updated_at', i.updated_at
           ) order by i.created_at)
         from auth.identities i where i.user_id = users.id), '[]') as identities,
       (select jsonb_agg(jsonb_build_object(
             'id', f.id, 'created_at', f.created_at, 'updated_at', f.updated_at, 'status', f.status,
             'friendly_name', nullif(f.friendly_name, ''), 'factor_type', f.factor_type, 'phone', f.phone,
             'last_challenged_at', f.last_challenged_at) order by f.created_at)
         from auth.mfa_factors f where f.user_id = users.id) as factors,
       created_at, updated_at, banned_until, is_anonymous
from auth.users
"""
