"""A stack's own Realtime through restarts of Postgres and of itself."""

import asyncio
from collections.abc import Iterator

import psycopg.conninfo
import pytest
from psycopg import sql

from tests.actors import connect
from tests.harness import RunningStack, running_stack, scratch_directory
from tests.stack.realtime.wire import ANSWER_SECONDS, RunningRealtime, joined, until, wire


@pytest.fixture(scope="module")
def own_stack() -> Iterator[RunningStack]:
    """A stack whose parts may be killed."""
    with scratch_directory() as directory, running_stack(directory / "stack") as running:
        yield running


@pytest.fixture
def own_realtime(own_stack: RunningStack) -> RunningRealtime:
    """Its Realtime, spoken to directly."""
    return RunningRealtime(
        own_stack.control_url, own_stack.process, own_stack.publishable_key, own_stack.secret_key
    )


def send(stack: RunningStack, payload: str) -> None:
    """A message from SQL, on a connection of its own."""
    with connect(stack.database_url) as db:
        db.execute("select realtime.send(%s::jsonb, 'order', 'orders')", [payload])


async def test_a_client_stays_connected_through_a_restart_of_postgres_and_loses_what_was_sent_meanwhile(
    own_stack: RunningStack, own_realtime: RunningRealtime
) -> None:
    async with wire(own_realtime, apikey=own_realtime.secret_key) as client:
        assert joined(await client.join("orders"))
        send(own_stack, '{"id": "before"}')
        assert (await client.broadcast())["payload"] == {"id": "before"}

        died = await asyncio.to_thread(own_stack.kill, "postgres")
        await until(lambda: not own_realtime.state()["listening"], "the listener has noticed")
        await asyncio.to_thread(own_stack.wait_ready, "postgres", died=died)
        await until(lambda: own_realtime.state()["listening"], "listening again")
        send(own_stack, '{"id": "after"}')
        assert (await client.broadcast())["payload"] == {"id": "after"}
        # The probes' connections have recovered too.
        assert joined(await client.join("elsewhere"))


async def test_after_a_kill_of_realtime_nothing_is_pushed_of_what_was_committed_meanwhile(
    own_stack: RunningStack, own_realtime: RunningRealtime
) -> None:
    async with wire(own_realtime, apikey=own_realtime.secret_key) as client:
        assert joined(await client.join("orders"))
        died = await asyncio.to_thread(own_stack.kill, "realtime")
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.socket.wait_closed()
        send(own_stack, '{"id": "meanwhile"}')
        await asyncio.to_thread(own_stack.wait_ready, "realtime", died=died)
    async with wire(own_realtime, apikey=own_realtime.secret_key) as client:
        assert joined(await client.join("orders"))
        send(own_stack, '{"id": "after"}')
        assert (await client.broadcast())["payload"] == {"id": "after"}


async def test_private_joins_are_refused_while_the_database_is_away(
    realtime: RunningRealtime, stack: RunningStack, database: str
) -> None:
    name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(database)["dbname"]))
    with connect(stack.admin_database_url) as admin:
        admin.execute(sql.SQL("alter database {} allow_connections false").format(name))
        try:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and usename = 'supabase_admin'",
                [name.as_string().strip('"')],
            )
            await until(lambda: not realtime.state()["listening"], "the listener has noticed")
            async with wire(realtime, apikey=realtime.secret_key) as client:
                reply = await client.join("orders")
                assert reply["status"] == "error"
                assert "unable to connect to the project database" in reply["response"]["reason"]
                # Public channels need no database.
                assert joined(await client.join("orders", private=False))
        finally:
            admin.execute(sql.SQL("alter database {} allow_connections true").format(name))
        await until(lambda: realtime.state()["listening"], "listening again")
        async with wire(realtime, apikey=realtime.secret_key) as client:
            assert joined(await client.join("orders"))
