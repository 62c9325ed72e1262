"""Several organisations, their people, and the ways in: the API of either process, the dashboard's SQL."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg.rows import dict_row

from tests.actors import (
    Actor,
    Connection,
    Organization,
    TokenSigner,
    add_member,
    make_asset,
    make_organization,
    make_user,
)
from tests.db.approving import make_rule, make_tier
from tests.db.booking import insert_booking
from tests.prove.journal import READ, Journal, keep_journal
from tests.prove.records import Json
from tests.prove.verdict import Log

T = TypeVar("T")

# All bookings lie in it: frames come for any time, a snapshot is of a window.
WINDOW_DAYS = 120
FIRST_DAY, LAST_DAY = 2, 40
SEEDED_BOOKINGS = 60
# Who may be given another tier, another role, or be removed; owners, admins and managers stay what they are.
CHANGING = ("ana", "luis", "eva", "rita", "omar")
NARROW = ("planes", "watercraft")
# Answers that say: come again.
AGAIN = frozenset({429, 500, 502, 503, 504})
# How long a request is tried again before whoever sent it gives up.
PATIENCE_SECONDS = 20.0
SQL_SECONDS = 3
LOG = """
select seq, event from prove.pruned where organization_id = %(org)s
union
select e.seq, app.event_json(e) from public.calendar_events e where e.organization_id = %(org)s
order by 1
"""


@dataclass(frozen=True)
class House:
    """An organisation as the acts know it."""

    organization: Organization
    people: Mapping[str, Actor]
    tiers: Mapping[str, str]
    assets: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.organization.id


def make_house(db: Connection, signer: TokenSigner, lifetime: int) -> House:
    """An organisation with staff, people whose rights change, three tiers, a rule that asks, and bookings.

    Args:
        db: as the dashboard.
        signer: signs everyone's token.
        lifetime: of the tokens, in seconds.
    """
    office = make_organization(db, signer=signer)
    tiers = {
        "open": office.tier,
        "narrow": make_tier(db, office, "Narrow", 60, sections=list(NARROW)),
        "asking": make_tier(db, office, "Asking", 70),
    }
    make_rule(db, office, tier_id=tiers["asking"], approval_type="any_approver")
    people = {role: office.actor(role) for role in ("owner", "admin", "manager")}
    for name, role, tier in (
        ("ana", "member", "narrow"),
        ("luis", "member", "asking"),
        ("eva", "viewer", "narrow"),
        ("rita", "member", "open"),
        ("omar", "member", "asking"),
    ):
        people[name] = make_user(db, name)
        add_member(db, office.id, people[name], role, tiers[tier])
    people = {
        name: Actor(each.id, each.email, each.session_id, signer.sign(each, lifetime=lifetime))
        for name, each in people.items()
    }
    more = [make_asset(db, office.id, section, f"{section} two") for section in ("planes", "residences")]
    house = House(office, people, tiers, (*office.assets.values(), *more))
    _book_some(db, house)
    return house


def _book_some(db: Connection, house: House) -> None:
    for number in range(SEEDED_BOOKINGS):
        asset = house.assets[number % len(house.assets)]
        start = day(FIRST_DAY + number // len(house.assets), 8)
        insert_booking(
            db,
            house.organization,
            asset,
            start,
            start + timedelta(hours=3),
            user_id=house.people["rita"].id,
            title=f"seeded-{number}",
        )


def day(number: int, hour: int = 0) -> datetime:
    """That many days from today, at this hour UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=number, hours=hour)


def window() -> dict[str, str]:
    """What a snapshot asks for: more than whatever is booked."""
    return {"from": day(-1).isoformat(), "to": day(WINDOW_DAYS).isoformat()}


class Dashboard:
    """SQL as role postgres, from one place after the other; a connection that died is made anew."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._busy = asyncio.Lock()

    async def run(self, query: str, arguments: Any = None) -> list[dict[str, Any]]:
        """One statement, committed.

        Raises:
            psycopg.Error: it was refused, or the database is away; then it may have been committed or not.
        """
        async with self.transaction() as connection:
            cursor = await connection.execute(query.encode(), arguments)
            return await cursor.fetchall() if cursor.description else []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[dict[str, Any]]]:
        """A transaction; see `run` for what it raises."""
        async with self._busy:
            if self._connection is None or self._connection.closed:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._conninfo,
                    autocommit=True,
                    row_factory=dict_row,
                    connect_timeout=SQL_SECONDS,
                    options="-c statement_timeout=8000",
                )
            async with self._connection.transaction():
                yield self._connection

    async def read(self, query: str, arguments: Any = None) -> list[dict[str, Any]]:
        """A query that is tried again until the database is back."""
        return await self.patiently(lambda: self.run(query, arguments))

    async def patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        """Does what may be done twice, again until the database is back.

        Raises:
            psycopg.OperationalError: it is not back in time.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await act()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


@dataclass(frozen=True)
class Answer:
    """What the API said at last; `status` is 0 where nothing came within the sender's patience."""

    status: int
    body: Any = None

    @property
    def outcome(self) -> str:
        """`done`, `unanswered`, or the code of the refusal."""
        if self.status == 0:
            return "unanswered"
        if self.status < httpx.codes.BAD_REQUEST:
            return "done"
        return str(self.body["error"]["code"])

    @property
    def data(self) -> Json:
        found: Json = self.body["data"]
        return found


@dataclass
class World:
    """All that the acts, the faults and the views share."""

    urls: tuple[str, ...]
    houses: tuple[House, ...]
    reader: Dashboard
    http: httpx.AsyncClient
    journal: Journal = field(default_factory=Journal)

    async def send(
        self,
        actor: Actor,
        method: str,
        path: str,
        dice: random.Random,
        key: str | None = None,
        **options: Any,
    ) -> Answer:
        """A request, sent again, to either process, until it is answered or patience ends.

        Args:
            actor: whose token it carries.
            method: of HTTP.
            path: below /api/v1.
            dice: chooses the process.
            key: the Idempotency-Key of all tries.
            options: httpx's.
        """
        headers = {"Authorization": f"Bearer {actor.token}", **({"Idempotency-Key": key} if key else {})}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            url = f"{dice.choice(self.urls)}/api/v1{path}"
            with contextlib.suppress(httpx.TransportError):
                response = await self.http.request(method, url, headers=headers, **options)
                if response.status_code not in AGAIN:
                    return Answer(response.status_code, response.json() if response.content else None)
            await asyncio.sleep(dice.uniform(0.05, 0.4))
        return Answer(0)

    async def read_journal(self) -> None:
        """Takes in what the journal holds by now; all of it, as numbers are not in the order of commits."""
        self.journal = Journal(await self.reader.read(READ))

    async def logs(self) -> dict[str, Log]:
        """Each organisation's log, with what was pruned from it."""
        return {house.id: Log(await self._log(house.id)) for house in self.houses}

    async def _log(self, organization_id: str) -> list[Json]:
        rows = await self.reader.read(LOG, {"org": organization_id})
        return [each["event"] for each in rows]

    async def heads(self) -> dict[str, int]:
        """The last number of each log."""
        rows = await self.reader.read("select organization_id::text, last_seq from app.event_counters")
        return {row["organization_id"]: row["last_seq"] for row in rows}


def make_world(db: Connection, signer: TokenSigner, houses: int, lifetime: int) -> tuple[House, ...]:
    """The organisations, and the journal from their beginning."""
    keep_journal(db)
    return tuple(make_house(db, signer, lifetime) for _ in range(houses))
