"""The faults that tests can ask for."""

import asyncio
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.actors import Actor, Connection
from tests.harness import RunningStack, end_listening
from tests.stack.realtime.wire import RunningRealtime, Wire, joined, running_realtime, until, wire


def send(db: Connection, *numbers: int) -> None:
    """One message each, in one transaction."""
    with db.transaction():
        for number in numbers:
            db.execute(
                "select realtime.send(jsonb_build_object('n', %s::int), 'number', 'numbers')", [number]
            )


def has_published(realtime: RunningRealtime, total: int) -> bool:
    """Whether so many messages have come from the database."""
    return bool(realtime.state()["published"] == total)


async def numbers(client: Wire, count: int) -> list[int]:
    """The numbers of the next broadcasts."""
    return [(await client.broadcast())["payload"]["n"] for _ in range(count)]


async def test_the_next_messages_can_be_dropped(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        before = realtime.turn(drop=2)["dropped"]
        send(db, 1, 2, 3)
        assert await numbers(client, 1) == [3]
        state = realtime.state()
        assert (state["drop"], state["dropped"] - before) == (0, 2)


async def test_all_messages_can_be_dropped(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        before = realtime.turn(drop=True)["dropped"]
        send(db, 1, 2)
        await until(lambda: realtime.state()["dropped"] == before + 2, "two messages dropped")
        realtime.turn(drop=False)
        send(db, 3)
        assert await numbers(client, 1) == [3]


async def test_a_fraction_is_dropped_in_the_same_way_for_one_seed(
    realtime: RunningRealtime, db: Connection
) -> None:
    runs: list[list[int]] = []
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        for _ in range(2):
            published = realtime.turn(drop=0.5, seed=7)["published"] + 100
            send(db, *range(100))
            await until(partial(has_published, realtime, published), "100 messages")
            ref = await client.push("phoenix", "heartbeat", {})
            runs.append([])
            while (message := await client.receive()).ref != ref:
                runs[-1].append(message.payload["payload"]["n"])
    assert runs[0] == runs[1] == sorted(runs[0])
    assert 20 < len(runs[0]) < 80


async def test_messages_can_be_late_and_keep_their_order(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        realtime.turn(delay_ms=300)
        started = time.monotonic()
        send(db, *range(20))
        assert await numbers(client, 20) == list(range(20))
        assert time.monotonic() - started >= 0.3


async def test_messages_can_come_twice(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        realtime.turn(duplicate=True)
        send(db, 1, 2)
        assert await numbers(client, 4) == [1, 1, 2, 2]


async def test_messages_can_change_places(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        realtime.turn(reorder=True)
        send(db, 1, 2, 3, 4, 5)
        # The fifth finds no partner, and comes late.
        assert await numbers(client, 5) == [2, 1, 4, 3, 5]


async def test_messages_beyond_the_rate_are_lost(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        realtime.turn(rate_limit=3)
        send(db, *range(10))
        assert await numbers(client, 3) == [0, 1, 2]
        realtime.turn(rate_limit=None)
        send(db, 10)
        assert await numbers(client, 1) == [10]


async def test_joins_can_be_refused_late_and_with_a_reason(realtime: RunningRealtime) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        realtime.turn(refuse_joins=True, refusal_delay_ms=200)
        started = time.monotonic()
        reply = await client.join("numbers")
        assert time.monotonic() - started >= 0.2
        expected = "Unauthorized: You do not have permissions to read from this Channel topic: numbers"
        assert reply == {"status": "error", "response": {"reason": expected}}
        reason = "ChannelRateLimitReached: Too many channels"
        realtime.turn(refuse_joins=reason, refusal_delay_ms=0)
        assert (await client.join("numbers"))["response"] == {"reason": reason}
        realtime.turn(refuse_joins=False)
        assert joined(await client.join("numbers"))


@pytest.mark.parametrize(("knob", "status"), [(True, 503), (429, 429)])
async def test_connections_can_be_refused(realtime: RunningRealtime, knob: bool | int, status: int) -> None:
    realtime.turn(refuse_connects=knob)
    with pytest.raises(InvalidStatus) as refusal:
        async with wire(realtime):
            pass
    assert refusal.value.response.status_code == status


async def test_sockets_can_be_closed_with_a_code(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("room", private=False))
        realtime.turn(close=4321)
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4321


async def test_sockets_can_fall_silent(realtime: RunningRealtime, db: Connection) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        before = realtime.turn(silent=True)["delivered"]
        send(db, 1)
        unanswered = await client.push("phoenix", "heartbeat", {})
        await until(lambda: realtime.state()["delivered"] == before + 1, "the message")
        # The socket itself is alive: a ping is answered, and so the frames before it have been read.
        async with asyncio.timeout(10):
            await (await client.socket.ping())
        realtime.turn(silent=False)
        answered = await client.push("phoenix", "heartbeat", {})
        reply = await client.receive()
        assert reply.ref == answered != unanswered


async def test_the_sockets_of_now_can_be_muted_and_new_ones_hear(
    realtime: RunningRealtime, db: Connection
) -> None:
    key = realtime.secret_key
    async with wire(realtime, apikey=key) as former:
        assert joined(await former.join("numbers"))
        realtime.turn(mute=True)
        async with wire(realtime, apikey=key) as later:
            assert joined(await later.join("numbers"))
            send(db, 1)
            assert await numbers(later, 1) == [1]
        await former.push("phoenix", "heartbeat", {})
        async with asyncio.timeout(10):
            await (await former.socket.ping())
        # The pong, which came after whatever there was, is handed out by no `recv`.
        realtime.turn(close=4000)
        with pytest.raises(ConnectionClosed):
            await former.receive()


async def test_channels_can_be_closed_for_no_reason(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("room", private=False))
        realtime.turn(close_channels=True)
        assert (await client.receive()).event == "phx_close"
        assert (await client.heartbeat())["status"] == "ok"


async def test_cut_off_from_the_database_it_can_stay_away_and_misses_what_is_sent(
    realtime: RunningRealtime, db: Connection, admin_database: str
) -> None:
    async with wire(realtime, apikey=realtime.secret_key) as client:
        assert joined(await client.join("numbers"))
        realtime.turn(relisten_ms=1_000)
        assert end_listening(admin_database) == 1
        send(db, 1)
        await until(lambda: not realtime.state()["listening"], "cut off")
        await until(lambda: realtime.state()["listening"], "listening again")
        send(db, 2)
        assert await numbers(client, 1) == [2]


async def test_tokens_can_expire_at_once(realtime: RunningRealtime, anna: Actor) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("wall", token=anna.token))
        realtime.turn(expire_tokens=True)
        assert (await client.receive()).event == "system"
        assert (await client.receive()).event == "phx_close"


async def test_a_cold_join_misses_what_comes_too_soon(realtime: RunningRealtime, db: Connection) -> None:
    key = realtime.secret_key
    async with wire(realtime, apikey=key) as cold, wire(realtime, apikey=key) as warm:
        realtime.turn(cold_join_ms=600_000)
        assert joined(await cold.join("numbers"))
        realtime.turn(cold_join_ms=0)
        assert joined(await warm.join("numbers"))
        send(db, 1)
        assert await numbers(warm, 1) == [1]
        assert (await cold.heartbeat())["status"] == "ok"


async def test_sigterm_closes_sockets_with_1012_and_ends_with_0(
    stack: RunningStack, admin_database: str, tmp_path: Path
) -> None:
    with running_realtime(stack, admin_database, tmp_path / "realtime.log") as own:
        async with wire(own) as client:
            assert joined(await client.join("room", private=False))
            own.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert await asyncio.to_thread(own.process.wait, 10) == 0
        assert time.monotonic() - started < 5
