"""People of the tests, by name: who they are, and connections that act as them.

Rows are laid by role `postgres`, as a dashboard would; what is tested is always done as the real role.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import psycopg
import psycopg.conninfo
from psycopg import sql
from psycopg.rows import dict_row

Connection = psycopg.Connection[dict[str, Any]]

SECTIONS = ("planes", "helicopters", "residences", "watercraft")


@dataclass(frozen=True)
class Actor:
    """A user. `token` is set for those of a live stack (fixture `office`)."""

    id: str
    email: str
    session_id: str
    token: str = ""

    @property
    def claims(self) -> dict[str, Any]:
        """What PostgREST puts into `request.jwt.claims` for this user."""
        return {
            "sub": self.id,
            "role": "authenticated",
            "email": self.email,
            "aal": "aal1",
            "session_id": self.session_id,
        }


@dataclass(frozen=True)
class Organization:
    """An organisation with one member of each role and one asset a section."""

    id: str
    owner: Actor
    admin: Actor
    manager: Actor
    member: Actor
    viewer: Actor
    tier: str
    assets: dict[str, str] = field(default_factory=dict)

    def actor(self, role: str) -> Actor:
        """The member with that role."""
        actor: Actor = getattr(self, role)
        return actor


@dataclass(frozen=True)
class TokenSigner:
    """Signs access tokens as the stack's Auth does, without the cost of a password."""

    key: str
    kid: str
    issuer: str

    def sign(self, actor: Actor, *, lifetime: int = 3600, **claims: Any) -> str:
        """An ES256 access token for `actor`, valid for `lifetime` seconds; `claims` replace or add claims."""
        now = int(time.time())
        body = {
            "iss": self.issuer,
            "sub": actor.id,
            "aud": "authenticated",
            "iat": now,
            "exp": now + lifetime,
            "email": actor.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": actor.session_id,
            "is_anonymous": False,
            **claims,
        }
        return jwt.encode(body, self.key, algorithm="ES256", headers={"kid": self.kid})


def connect(conninfo: str) -> Connection:
    """A connection with dict rows that commits each statement."""
    return psycopg.connect(conninfo, autocommit=True, row_factory=dict_row)


def _conninfo(connection: Connection) -> str:
    # `info.dsn` leaves the password out.
    return psycopg.conninfo.make_conninfo(connection.info.dsn, password=connection.info.password)


def make_user(db: Connection, name: str, *, signer: TokenSigner | None = None) -> Actor:
    """A confirmed user with a session and, through the trigger on sign-up, a profile."""
    user_id, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    actor = Actor(id=user_id, email=f"{name}.{user_id[:8]}@example.test", session_id=session_id)
    db.execute(
        """
        with person as (
            insert into auth.users
                (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data)
            values (%(id)s, 'authenticated', 'authenticated', %(email)s, now(), '{"provider": "email"}',
                    jsonb_build_object('first_name', initcap(%(name)s), 'last_name', 'Testigo'))
            returning id)
        insert into auth.sessions (id, user_id, aal) select %(session)s, id, 'aal1' from person
        """,
        {"id": user_id, "email": actor.email, "name": name, "session": session_id},
    )
    if signer is None:
        return actor
    return Actor(actor.id, actor.email, session_id, signer.sign(actor))


def add_factor(db: Connection, actor: Actor, *, status: str = "verified") -> None:
    """Gives `actor` a second factor, as Supabase Auth would."""
    db.execute(
        """
        insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
        values (gen_random_uuid(), %s, 'totp', %s, now(), now())
        """,
        (actor.id, status),
    )


def add_member(db: Connection, organization_id: str, actor: Actor, role: str, tier_id: str | None) -> None:
    """Makes `actor` a member, as the dashboard would."""
    db.execute(
        """
        insert into public.organization_members (organization_id, user_id, role, tier_id)
        values (%s, %s, %s, %s)
        """,
        (organization_id, actor.id, role, tier_id),
    )


def make_asset(db: Connection, organization_id: str, section: str, name: str, **columns: Any) -> str:
    """An asset; `columns` are further columns of `assets`."""
    values = {"organization_id": organization_id, "section": section, "name": name, **columns}
    row = db.execute(
        sql.SQL("insert into public.assets ({}) values ({}) returning id").format(
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        ),
        [json.dumps(value) if isinstance(value, dict) else value for value in values.values()],
    ).fetchone()
    assert row is not None
    return str(row["id"])


def make_organization(db: Connection, *, signer: TokenSigner | None = None) -> Organization:
    """A fresh organisation: owner, admin, manager, member and viewer, one tier, an asset in each section."""
    people = {
        role: make_user(db, role, signer=signer) for role in ("owner", "admin", "manager", "member", "viewer")
    }
    with as_user(_conninfo(db), people["owner"]) as owner:
        row = owner.execute(
            "select public.create_organization(%s) as organization",
            [json.dumps({"legal_name": "Testigo Holdings", "commercial_name": "Testigo"})],
        ).fetchone()
    assert row is not None
    organization_id = row["organization"]["id"]
    tier = db.execute(
        "select id from public.tiers where organization_id = %s and is_default", [organization_id]
    ).fetchone()
    assert tier is not None
    tier_id = str(tier["id"])
    for role, actor in people.items():
        if role != "owner":
            add_member(db, organization_id, actor, role, tier_id)
    assets = {section: make_asset(db, organization_id, section, f"{section} one") for section in SECTIONS}
    return Organization(id=organization_id, tier=tier_id, assets=assets, **people)


@contextmanager
def _as_role(conninfo: str, role: str, claims: dict[str, Any]) -> Iterator[Connection]:
    with connect(conninfo) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps(claims)])
        connection.execute(f"set role {role}")
        yield connection


@contextmanager
def as_user(conninfo: str, actor: Actor, **claims: Any) -> Iterator[Connection]:
    """A connection that is `authenticated` with the actor's claims, as a request through PostgREST is."""
    with _as_role(conninfo, "authenticated", {**actor.claims, **claims}) as connection:
        yield connection


@contextmanager
def as_anonymous(conninfo: str) -> Iterator[Connection]:
    """A connection of a caller with the publishable key and no token."""
    with _as_role(conninfo, "anon", {"role": "anon"}) as connection:
        yield connection


@contextmanager
def as_service(conninfo: str) -> Iterator[Connection]:
    """A connection of a caller with the secret key."""
    with _as_role(conninfo, "service_role", {"role": "service_role"}) as connection:
        yield connection


def rpc(connection: Connection, function: str, **arguments: Any) -> Any:
    """Calls a function of schema public by named arguments, as PostgREST does; dicts go as json."""
    placeholders = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in arguments
    )
    query = sql.SQL("select public.{}({}) as result").format(sql.Identifier(function), placeholders)
    row = connection.execute(query, {name: _argument(value) for name, value in arguments.items()}).fetchone()
    assert row is not None
    return row["result"]


def _argument(value: Any) -> Any:
    is_json = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value))
    return json.dumps(value) if is_json else value


class RefusedError(Exception):
    """A business error of a function: sqlstate PGRST, as PostgREST would word it."""

    def __init__(self, error: psycopg.Error) -> None:
        body = json.loads(error.diag.message_primary or "{}")
        super().__init__(body.get("message"))
        self.code: str = body["code"]
        self.message: str = body["message"]
        self.details: Any = json.loads(body["details"]) if body.get("details") else None
        self.status: int = json.loads(error.diag.message_detail or "{}")["status"]


@contextmanager
def refused(code: str, status: int | None = None) -> Iterator[list[RefusedError]]:
    """The block must fail with that business code; the failure is left in the yielded list."""
    failures: list[RefusedError] = []
    try:
        yield failures
    except psycopg.Error as error:
        if error.sqlstate != "PGRST":
            raise
        failure = RefusedError(error)
        assert failure.code == code, f"expected {code}, got {failure.code}: {failure.message}"
        assert status is None or failure.status == status
        failures.append(failure)
    else:
        raise AssertionError(f"expected {code}, but it was allowed")
