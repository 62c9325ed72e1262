"""Who and what most tests of the database begin with."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.actors import Connection, Organization, as_user, make_asset
from tests.db.approving import Act, House, join, make_tier
from tests.db.booking import Watcher
from tests.db.ruling import bench


@pytest.fixture
def member(database: str, organization: Organization) -> Iterator[Connection]:
    """The fresh organisation's member, connected."""
    with as_user(database, organization.member) as connection:
        yield connection


@pytest.fixture
def plane(organization: Organization) -> str:
    """The id of the fresh organisation's plane."""
    return organization.assets["planes"]


@pytest.fixture
def watcher(database: str, organization: Organization) -> Watcher:
    """One who holds a calendar of the fresh organisation and applies its events."""
    return Watcher(database, organization)


@pytest.fixture
def court(database: str, organization: Organization) -> Iterator[Connection]:
    """The judge of bookings, asked by the fresh organisation's member."""
    with bench(database, organization.member) as connection:
        yield connection


@pytest.fixture
def flat(db: Connection, organization: Organization) -> str:
    """A residence in New York; the fresh organisation's other assets are in Panama."""
    return make_asset(db, organization.id, "residences", "Flat", timezone="America/New_York")


@pytest.fixture
def family(db: Connection, organization: Organization) -> Organization:
    """The fresh organisation, whose owner is of a tier that can override; the default tier is weaker."""
    principals = make_tier(db, organization, "Principals", 1, can_override=True)
    db.execute("update public.tiers set priority = 50 where id = %s", [organization.tier])
    db.execute(
        "update public.organization_members set tier_id = %s where user_id = %s",
        [principals, organization.owner.id],
    )
    return organization


@pytest.fixture
def house(db: Connection, organization: Organization) -> House:
    """The fresh organisation with two principals beside its five."""
    principals = make_tier(db, organization, "Principals", 1)
    people = {
        "ana": join(db, organization, "ana", "member", principals),
        "luis": join(db, organization, "luis", "member", principals),
        **{role: organization.actor(role) for role in ("owner", "admin", "manager", "member", "viewer")},
    }
    return House(organization, principals, people)


@pytest.fixture
def act(database: str, house: House) -> Iterator[Act]:
    """`act("ana")`: a connection as that person."""
    connections: dict[str, Connection] = {}
    with ExitStack() as stack:

        def connection_of(name: str) -> Connection:
            if name not in connections:
                connections[name] = stack.enter_context(as_user(database, house.people[name]))
            return connections[name]

        yield connection_of


@pytest.fixture
def manager(database: str, organization: Organization) -> Iterator[Connection]:
    """The fresh organisation's manager, connected."""
    with as_user(database, organization.manager) as connection:
        yield connection


@pytest.fixture
def owner(database: str, organization: Organization) -> Iterator[Connection]:
    """The fresh organisation's owner, connected."""
    with as_user(database, organization.owner) as connection:
        yield connection
