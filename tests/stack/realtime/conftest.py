"""A Realtime of the module's own, with policies to be allowed and refused by."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.actors import Actor, Connection, TokenSigner, make_user
from tests.harness import RunningStack
from tests.stack.realtime.wire import RunningRealtime, running_realtime

# Topics `notes:<user>` can be read by that user, `wall` by all who are signed in and written by nobody,
# `desk:<user>` can be read and written by that user.
POLICIES = """
create policy "users can read what is theirs" on realtime.messages for select to authenticated
    using (extension = 'broadcast' and (
        realtime.topic() = 'wall'
        or realtime.topic() in ('notes:' || (select auth.uid()), 'desk:' || (select auth.uid()))));
create policy "users can write on their desk" on realtime.messages for insert to authenticated
    with check (extension = 'broadcast' and realtime.topic() = 'desk:' || (select auth.uid()));
create policy "users can be present at the wall" on realtime.messages for select to authenticated
    using (extension = 'presence' and realtime.topic() = 'lobby');
"""


@pytest.fixture(scope="module")
def module_realtime(
    stack: RunningStack, database: str, admin_database: str, request: pytest.FixtureRequest
) -> Iterator[RunningRealtime]:
    """The module's Realtime process."""
    with psycopg.connect(database, autocommit=True) as postgres:
        postgres.execute(POLICIES)
    log = stack.directory / f"{request.module.__name__.rpartition('.')[2]}.log"
    with running_realtime(stack, admin_database, log) as running:
        yield running


@pytest.fixture
def realtime(module_realtime: RunningRealtime) -> Iterator[RunningRealtime]:
    """The module's Realtime with every knob at rest, before and after."""
    module_realtime.turn(reset=True)
    yield module_realtime
    module_realtime.turn(reset=True)


@pytest.fixture
def anna(db: Connection, signer: TokenSigner) -> Actor:
    """A signed-in user."""
    return make_user(db, "anna", signer=signer)


@pytest.fixture
def ben(db: Connection, signer: TokenSigner) -> Actor:
    """Another one."""
    return make_user(db, "ben", signer=signer)
