"""Who and what most tests of the database begin with."""

from collections.abc import Iterator

import pytest

from tests.actors import Connection, Organization, as_user, make_asset
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
