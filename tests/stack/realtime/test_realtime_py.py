"""realtime-py, the official client, unmodified."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates

from tests.actors import Actor, Connection, TokenSigner
from tests.stack.realtime.wire import ANSWER_SECONDS, RunningRealtime

Status = tuple[RealtimeSubscribeStates, str]


@asynccontextmanager
async def official(realtime: RunningRealtime, key: str) -> AsyncIterator[AsyncRealtimeClient]:
    """A client that is closed at the end."""
    client = AsyncRealtimeClient(f"{realtime.url}/realtime/v1", key, timeout=5, initial_backoff=0.1)
    try:
        yield client
    finally:
        await client.close()


def private(client: AsyncRealtimeClient, topic: str, **broadcast: bool) -> AsyncRealtimeChannel:
    """A private channel, as the relay opens its own."""
    config: Any = {
        "broadcast": {"self": False, "ack": False, **broadcast},
        "presence": {"key": "", "enabled": False},
        "private": True,
    }
    return client.channel(topic, {"config": config})


def watch(queue: "asyncio.Queue[Status]") -> Callable[[RealtimeSubscribeStates, Exception | None], None]:
    """A status callback that only enqueues."""
    return lambda status, error: queue.put_nowait((status, str(error or "")))


async def take(queue: "asyncio.Queue[Any]") -> Any:
    """The next of a queue, or a failure."""
    async with asyncio.timeout(ANSWER_SECONDS):
        return await queue.get()


def send(db: Connection, payload: str, topic: str) -> None:
    """A message from SQL."""
    db.execute("select realtime.send(%s::jsonb, 'order', %s)", [payload, topic])


async def test_it_hears_what_sql_sends(realtime: RunningRealtime, db: Connection) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    async with official(realtime, realtime.secret_key) as client:
        channel = private(client, "orders").on_broadcast("order", messages.put_nowait)
        await channel.subscribe(watch(statuses))
        assert await take(statuses) == (RealtimeSubscribeStates.SUBSCRIBED, "")
        send(db, '{"id": "1", "n": 7}', "orders")
        message = await take(messages)
        assert (message["event"], message["payload"]) == ("order", {"id": "1", "n": 7})
        assert len(message["meta"]["id"]) == 36


async def test_users_join_what_is_theirs_and_are_refused_the_rest(
    realtime: RunningRealtime, db: Connection, anna: Actor, ben: Actor
) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    async with official(realtime, realtime.publishable_key) as client:
        await client.set_auth(anna.token)
        own = private(client, f"notes:{anna.id}").on_broadcast("*", messages.put_nowait)
        await own.subscribe(watch(statuses))
        assert (await take(statuses))[0] == RealtimeSubscribeStates.SUBSCRIBED
        another = private(client, f"notes:{ben.id}")
        await another.subscribe(watch(statuses))
        status, error = await take(statuses)
        assert status == RealtimeSubscribeStates.CHANNEL_ERROR
        assert "Unauthorized: You do not have permissions to read" in error
        send(db, '{"id": "ben\'s"}', f"notes:{ben.id}")
        send(db, '{"id": "anna\'s"}', f"notes:{anna.id}")
        assert (await take(messages))["payload"] == {"id": "anna's"}


async def test_it_broadcasts_to_others_and_over_http(realtime: RunningRealtime, anna: Actor) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    desk = f"desk:{anna.id}"
    async with official(realtime, realtime.publishable_key) as client:
        await client.set_auth(anna.token)
        channel = private(client, desk, self=True, ack=True).on_broadcast("note", messages.put_nowait)
        await channel.subscribe(watch(statuses))
        assert (await take(statuses))[0] == RealtimeSubscribeStates.SUBSCRIBED
        await channel.send_broadcast("note", {"via": "socket"})
        assert (await take(messages))["payload"] == {"via": "socket"}
        await channel.http_send("note", {"via": "http"})
        assert (await take(messages))["payload"] == {"via": "http"}


async def test_a_channel_outlives_its_first_token_when_it_is_refreshed(
    realtime: RunningRealtime, signer: TokenSigner, db: Connection, anna: Actor
) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    witness_statuses: asyncio.Queue[Status] = asyncio.Queue()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    async with official(realtime, realtime.publishable_key) as client:
        async with official(realtime, realtime.publishable_key) as witness:
            short = signer.sign(anna, lifetime=2)
            await client.set_auth(short)
            await witness.set_auth(short)
            channel = private(client, "wall").on_broadcast("*", messages.put_nowait)
            await channel.subscribe(watch(statuses))
            await private(witness, "wall").subscribe(watch(witness_statuses))
            await client.set_auth(signer.sign(anna))
            states = [(await take(witness_statuses))[0] for _ in range(3)]
            assert states == [
                RealtimeSubscribeStates.SUBSCRIBED,
                RealtimeSubscribeStates.CHANNEL_ERROR,
                RealtimeSubscribeStates.CLOSED,
            ]
        send(db, '{"id": "still here"}', "wall")
        assert (await take(messages))["payload"] == {"id": "still here"}


# realtime-py reads a deprecated property in its listening task, which a warning made an error would end.
@pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")
@pytest.mark.parametrize("code", [1000, 1001, 1012])
async def test_it_reconnects_and_subscribes_again_after_a_close(
    realtime: RunningRealtime, db: Connection, code: int
) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    async with official(realtime, realtime.secret_key) as client:
        channel = private(client, "orders").on_broadcast("*", messages.put_nowait)
        await channel.subscribe(watch(statuses))
        assert (await take(statuses))[0] == RealtimeSubscribeStates.SUBSCRIBED
        realtime.turn(close=code)
        assert (await take(statuses))[0] == RealtimeSubscribeStates.CHANNEL_ERROR
        assert (await take(statuses))[0] == RealtimeSubscribeStates.SUBSCRIBED
        send(db, '{"id": "after"}', "orders")
        assert (await take(messages))["payload"] == {"id": "after"}


async def test_it_is_told_that_postgres_changes_are_not_provided(realtime: RunningRealtime) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    async with official(realtime, realtime.secret_key) as client:
        channel = client.channel("changes").on_postgres_changes("*", print, table="reservations")  # type: ignore[arg-type]
        await channel.subscribe(watch(statuses))
        status, error = await take(statuses)
        assert status == RealtimeSubscribeStates.CHANNEL_ERROR
        assert "not provided by the embedded stack" in error


async def test_presence_can_be_tracked_without_effect(realtime: RunningRealtime) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    synced: asyncio.Queue[None] = asyncio.Queue()
    async with official(realtime, realtime.publishable_key) as client:
        channel = client.channel("room").on_presence_sync(lambda: synced.put_nowait(None))
        await channel.subscribe(watch(statuses))
        assert (await take(statuses))[0] == RealtimeSubscribeStates.SUBSCRIBED
        await take(synced)
        await channel.track({"online": True})
        assert channel.presence_state() == {}
