"""Who and what most tests of the database begin with."""

from collections.abc import Iterator

import pytest

from tests.actors import Connection, Organization, as_user
from tests.db.booking import Watcher


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
