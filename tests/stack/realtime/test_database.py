"""Broadcast from the database: at commit, in commit order, and not at all after a rollback."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.actors import Actor, Connection, as_user, connect
from tests.stack.realtime.wire import RunningRealtime, Wire, joined, until, wire

CONNECTIONS = 8
COMMITS = 25


def send(connection: Connection, payload: str, topic: str = "orders", private: bool = True) -> None:
    """`realtime.send` as any migration's function would call it."""
    connection.execute("select realtime.send(%s::jsonb, 'order', %s, %s)", (payload, topic, private))


async def listener(client: Wire, topic: str = "orders") -> Wire:
    """The service's client, joined."""
    assert joined(await client.join(topic))
    return client


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
async def test_a_committed_message_arrives_with_its_id(
    realtime: RunningRealtime, db: Connection, version: str
) -> None:
    async with wire(realtime, version=version, apikey=realtime.secret_key) as client:
        await listener(client)
        send(db, '{"text": "año"}')
        message = await client.receive()
        assert (message.topic, message.event, message.ref) == ("realtime:orders", "broadcast", None)
        assert message.is_binary == (version == "2.0.0")
        payload = message.payload
        assert (payload["type"], payload["event"]) == ("broadcast", "order")
        assert payload["payload"] == {"text": "año", "id": payload["meta"]["id"]}


async def test_a_payload_s_own_id_is_kept(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        send(db, '{"id": "mine"}')
        assert (await client.broadcast())["payload"] == {"id": "mine"}


async def test_a_rollback_sends_nothing(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        with db.transaction(force_rollback=True):
            send(db, '{"id": "undone"}')
        with db.transaction():
            with db.transaction(force_rollback=True):
                send(db, '{"id": "undone too"}')
            send(db, '{"id": "done"}')
        assert (await client.broadcast())["payload"] == {"id": "done"}


async def test_a_large_message_arrives_whole_and_in_its_place(
    realtime: RunningRealtime, db: Connection
) -> None:
    sizes = [10, 7_900, 20_000, 20, 500_000, 30]
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        with db.transaction():
            for size in sizes:
                send(db, f'{{"text": "{"é" * size}"}}')
        received = [await client.broadcast() for _ in sizes]
        assert [len(payload["payload"]["text"]) for payload in received] == sizes


async def test_messages_arrive_in_the_order_of_their_commits(
    realtime: RunningRealtime, db: Connection, database: str
) -> None:
    db.execute("create table public.tally (commits int not null)")
    db.execute("insert into public.tally values (0)")
    barrier = threading.Barrier(CONNECTIONS)

    def commit_many(worker: int) -> None:
        with connect(database) as connection:
            barrier.wait()
            for turn in range(COMMITS):
                with connection.transaction():
                    send(connection, f'{{"id": "{worker}-{turn}"}}')
                    # From this lock on, the transactions commit one after the other.
                    row = connection.execute(
                        "update public.tally set commits = commits + 1 returning commits"
                    ).fetchone()
                    assert row is not None
                    send(connection, f'{{"id": "{worker}-{turn}", "commit": {row["commits"]}}}')

    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            done = [pool.submit(commit_many, worker) for worker in range(CONNECTIONS)]
            received: list[Any] = [
                (await client.broadcast())["payload"] for _ in range(2 * CONNECTIONS * COMMITS)
            ]
            for future in done:
                future.result()
    pairs = list(zip(received[::2], received[1::2], strict=True))
    assert [first["id"] for first, _ in pairs] == [second["id"] for _, second in pairs]
    assert [second["commit"] for _, second in pairs] == list(range(1, CONNECTIONS * COMMITS + 1))


async def test_private_messages_reach_private_channels_only(
    realtime: RunningRealtime, db: Connection
) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as private, wire(realtime) as public:
        await listener(private)
        assert joined(await public.join("orders", private=False))
        send(db, '{"id": "secret"}')
        send(db, '{"id": "open"}', private=False)
        assert (await private.broadcast())["payload"] == {"id": "secret"}
        assert (await public.broadcast())["payload"] == {"id": "open"}


async def test_a_sender_without_the_right_to_insert_loses_the_message(
    realtime: RunningRealtime, database: str, anna: Actor
) -> None:
    warnings: list[str | None] = []
    desk = f"desk:{anna.id}"
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        await client.push(f"realtime:{desk}", "phx_join", {"config": {"private": True}})
        assert joined((await client.receive()).payload)
        with as_user(database, anna) as user:
            user.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
            send(user, '{"id": "refused"}')
            send(user, '{"id": "allowed"}', topic=desk)
        assert (await client.broadcast())["payload"] == {"id": "allowed"}
    assert len(warnings) == 1
    assert str(warnings[0]).startswith("ErrorSendingBroadcastMessage: ")


async def test_a_missing_partition_is_but_a_warning(db: Connection, admin_database: str) -> None:
    warnings: list[str | None] = []
    db.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    with connect(admin_database) as admin, admin.transaction(force_rollback=True):
        admin.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
        admin.execute("truncate realtime.messages")
        for partition in partitions(admin):
            admin.execute(f"drop table realtime.{partition}")
        send(admin, "{}")
    assert [str(warning).partition(":")[0] for warning in warnings] == ["ErrorSendingBroadcastMessage"]


async def test_broadcast_changes_tells_the_old_and_the_new_row(
    realtime: RunningRealtime, db: Connection
) -> None:
    db.execute("create table public.notes (id int primary key, text text)")
    db.execute(
        """
        create function public.tell() returns trigger language plpgsql as $$
        begin
          perform realtime.broadcast_changes(
            'orders', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          return null;
        end $$
        """
    )
    db.execute(
        "create trigger tell after insert or update on public.notes"
        " for each row execute function public.tell()"
    )
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        db.execute("insert into public.notes values (1, 'a')")
        db.execute("update public.notes set text = 'b'")
        inserted, updated = await client.broadcast(), await client.broadcast()
        assert inserted["event"] == "INSERT"
        assert inserted["payload"]["record"] == {"id": 1, "text": "a"}
        assert updated["payload"]["old_record"] == {"id": 1, "text": "a"}
        assert (updated["payload"]["schema"], updated["payload"]["table"]) == ("public", "notes")


def partitions(admin: Connection) -> list[str]:
    """The partitions' names."""
    rows = admin.execute(
        "select relname from pg_inherits join pg_class on oid = inhrelid"
        " where inhparent = 'realtime.messages'::regclass order by relname"
    ).fetchall()
    return [row["relname"] for row in rows]


def test_old_messages_are_dropped_and_days_to_come_prepared(admin_database: str) -> None:
    with connect(admin_database) as admin, admin.transaction(force_rollback=True):
        before = partitions(admin)
        admin.execute(
            "create table realtime.messages_2020_01_01 partition of realtime.messages"
            " for values from ('2020-01-01') to ('2020-01-02')"
        )
        admin.execute(
            "insert into realtime.messages (topic, extension, inserted_at)"
            " values ('t', 'broadcast', '2020-01-01')"
        )
        admin.execute(f"drop table realtime.{before[-1]}")
        admin.execute("select _realtime.maintain_messages()")
        assert partitions(admin) == before
        assert len(before) == 10


def test_the_schema_can_be_laid_again(admin_database: str, root: Any) -> None:
    script = (root / "stack" / "sql" / "realtime.sql").read_text()
    with connect(admin_database) as admin:
        before = partitions(admin)
        admin.execute("insert into realtime.messages (topic, extension) values ('kept', 'broadcast')")
        admin.execute(script)
        kept = admin.execute("delete from realtime.messages where topic = 'kept' returning 1").fetchall()
        assert len(kept) == 1
        assert partitions(admin) == before


def test_the_server_s_own_schema_is_closed(database: str, anna: Actor) -> None:
    with as_user(database, anna) as user, pytest.raises(psycopg.errors.InsufficientPrivilege):
        user.execute("select _realtime.maintain_messages()")


async def test_messages_are_heard_again_after_the_connection_was_lost(
    realtime: RunningRealtime, db: Connection, admin_database: str
) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        await listener(client)
        with connect(admin_database) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'"
                " and datname = current_database()"
            )
        # Until it listens again, messages are lost; the client notices nothing of it.
        received: list[str] = []
        attempt = 0
        while not received:
            attempt += 1
            send(db, f'{{"id": "{attempt}"}}')
            reply = await client.push("phoenix", "heartbeat", {})
            message = await client.receive()
            if message.event == "broadcast":
                received.append(message.payload["payload"]["id"])
            else:
                assert message.ref == reply
            assert attempt < 10_000


async def test_realtime_listens_again_while_a_transaction_keeps_it_from_making_partitions(
    realtime: RunningRealtime, db: Connection, admin_database: str
) -> None:
    with connect(admin_database) as admin:
        admin.execute(f"drop table realtime.{partitions(admin)[-1]}")
        with db.transaction(force_rollback=True):
            send(db, "{}")
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'"
                " and datname = current_database()"
            )
            await until(lambda: not realtime.state()["listening"], "the listener has noticed")
            await until(lambda: realtime.state()["listening"], "listening again")
        admin.execute("select _realtime.maintain_messages()")
        assert len(partitions(admin)) == 10


@pytest.mark.parametrize(
    "forged",
    [
        *("garbage", "[]", "7", '"topic"', "{}", "[" * 7_000),
        '{"id": "no uuid", "inserted_at": "never"}',
        '{"id": "1", "topic": "orders", "private": true, "event": 7, "payload": {}}',
        '{"id": "1", "topic": {}, "private": true, "event": "e", "payload": {}}',
    ],
)
async def test_a_notification_that_announces_no_message_is_ignored(
    realtime: RunningRealtime, db: Connection, forged: str
) -> None:
    key = realtime.secret_key
    async with wire(realtime, version="2.0.0", apikey=key) as client:
        await listener(client)
        db.execute("select pg_notify('realtime_messages', %s)", [forged])
        send(db, '{"id": "next"}')
        assert (await client.broadcast())["payload"] == {"id": "next"}
        assert realtime.state()["listening"]


async def test_a_reader_that_cannot_keep_up_with_large_messages_is_cut_off_before_memory_runs_out(
    realtime: RunningRealtime, db: Connection
) -> None:
    key = realtime.secret_key
    async with wire(realtime, apikey=key) as stuck:
        await listener(stuck)
        db.execute(
            "select realtime.send(jsonb_build_object('text', repeat('x', 1000000)), 'order', 'orders')"
            " from generate_series(1, 100)"
        )
        await until(lambda: realtime.state()["connections"] == 0, "the stuck one is cut off")


async def test_a_reader_that_cannot_keep_up_is_cut_off_and_others_are_not(
    realtime: RunningRealtime, db: Connection
) -> None:
    count = 12_000
    key = realtime.secret_key
    async with wire(realtime, apikey=key) as stuck, wire(realtime, apikey=key) as reader:
        await listener(stuck)
        await listener(reader)
        db.execute(
            "select realtime.send(jsonb_build_object('id', n, 'text', repeat('x', 2000)), 'order', 'orders')"
            " from generate_series(1, %s) as n",
            [count],
        )
        assert [(await reader.broadcast())["payload"]["id"] for _ in range(count)] == list(
            range(1, count + 1)
        )
        await until(lambda: realtime.state()["connections"] == 1, "the stuck one is cut off")
        # What it had been sent before is all that it gets, without a gap.
        heard: list[int] = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                heard.append((await stuck.broadcast())["payload"]["id"])
        assert heard == list(range(1, len(heard) + 1))
        assert len(heard) < count
