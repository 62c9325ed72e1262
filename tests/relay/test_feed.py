"""The feed against the embedded Realtime: it hears, and no end of a life is its own end."""

import asyncio
import os
import signal

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from bff.relay import feed as feed_module
from bff.relay.feed import (
    LIMITED_SECONDS,
    MAX_BACKOFF_SECONDS,
    REFUSED_SECONDS,
    Feed,
    Message,
    classify,
)
from tests.actors import Connection
from tests.harness import RunningStack
from tests.relay.conftest import turn
from tests.relay.fakes import until
from tests.relay.supervised import link_to, listening, numbers, send

pytestmark = pytest.mark.usefixtures("knobs_at_rest")
AGAIN = [True, False, True]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lives follow each other without long pauses."""
    monkeypatch.setattr(feed_module, "MAX_BACKOFF_SECONDS", 0.05)


async def test_it_joins_the_private_topic_and_hears_what_sql_sends(
    stack: RunningStack, live_db: Connection
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)
        assert listener.changes == [True]


# Ends of a life


@pytest.mark.parametrize("code", [1000, 1001, 1012])
async def test_after_a_close_a_new_life_hears(stack: RunningStack, live_db: Connection, code: int) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        turn(stack, close=code)
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_after_its_socket_was_reset_a_new_life_hears(stack: RunningStack, live_db: Connection) -> None:
    async with link_to(stack.url) as link, listening(stack, link.url) as listener:
        await until(lambda: listener.feed.state == "up")
        link.abort()
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_after_its_token_expired_a_new_life_hears(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        turn(stack, expire_tokens=True)
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_after_its_channel_was_closed_for_no_reason_a_new_life_hears(
    stack: RunningStack, live_db: Connection
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        turn(stack, close_channels=True)
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
async def test_after_realtime_was_ended_a_new_life_hears(
    stack: RunningStack, live_db: Connection, signal_number: signal.Signals
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        died = stack.pids()["realtime"]
        os.kill(died, signal_number)
        await asyncio.to_thread(stack.wait_ready, "realtime", died=died)
        await until(lambda: listener.changes[-1] and listener.feed.lives > 1, 30)
        await listener.hears(live_db)


async def test_after_a_frame_too_large_for_it_a_new_life_hears(
    stack: RunningStack, live_db: Connection
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        send(live_db, next(numbers), padding="x" * 1024 * 1024)
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_a_dead_listening_task_ends_its_life(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "AsyncRealtimeClient._listen":
                task.cancel()
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_a_callback_that_raises_ends_its_life_and_not_the_feed(
    stack: RunningStack, live_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")

        def fail(_message: Message) -> None:
            monkeypatch.undo()
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(listener.queue, "put_nowait", fail)
        send(live_db, next(numbers))
        await until(lambda: listener.changes == AGAIN)
        await listener.hears(live_db)


async def test_a_connection_is_replaced_before_supabase_would_end_it(stack: RunningStack) -> None:
    async with listening(stack, max_life=0.3) as listener:
        await until(lambda: listener.changes[:3] == AGAIN)
        assert (listener.feed.reason, listener.feed.retry_in) == ("rebuild", 0)


async def test_processes_that_began_together_do_not_replace_their_connections_together() -> None:
    feed = Feed("http://127.0.0.1", "key", asyncio.Queue(1), lambda _up: None)
    lives = {feed._longest_life() for _ in range(50)}
    assert len(lives) > 1
    assert feed_module.SHORTEST_LIFE <= min(lives) / feed_module.MAX_LIFE_SECONDS < 1


class LateClient(AsyncRealtimeClient):
    """One whose join is answered while it is closed already."""

    async def close(self) -> None:
        for channel in self.get_channels():
            if channel.subscribe_callback is not None:
                channel.subscribe_callback(RealtimeSubscribeStates.SUBSCRIBED, None)
        await super().close()


async def test_an_answer_that_comes_while_a_life_is_closed_does_not_call_the_feed_up(
    stack: RunningStack, live_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "AsyncRealtimeClient", LateClient)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        listener.feed.rebuild()
        await until(lambda: listener.feed.lives == 2 and listener.feed.state == "up")
        assert listener.changes == AGAIN
        await listener.hears(live_db)


# Refusals, and a Realtime that is away


@pytest.mark.parametrize("delay", [0, 5_200])
async def test_a_refused_join_is_called_unauthorized_and_not_stormed_however_late_it_is_answered(
    stack: RunningStack, live_db: Connection, delay: int
) -> None:
    turn(stack, refuse_joins=True, refusal_delay_ms=delay)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.reason != "")
        assert (listener.feed.reason, listener.feed.lives) == ("unauthorized", 1)
        assert listener.feed.retry_in >= REFUSED_SECONDS / 2
        turn(stack, reset=True)
        listener.feed.rebuild()
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)


@pytest.mark.parametrize(
    "knobs",
    [
        {"refuse_joins": "ChannelRateLimitReached: Too many channels"},
        {"refuse_joins": "ClientJoinRateLimitReached: Too many joins per second"},
        {"refuse_connects": 429},
    ],
    ids=["channels", "joins", "connects"],
)
async def test_where_realtime_limits_it_pauses_and_does_not_storm(
    stack: RunningStack, live_db: Connection, knobs: dict[str, str | int]
) -> None:
    turn(stack, **knobs)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.reason != "")
        assert (listener.feed.reason, listener.feed.lives) == ("limited", 1)
        assert listener.feed.retry_in >= LIMITED_SECONDS / 2
        turn(stack, reset=True)
        listener.feed.rebuild()
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)


@pytest.mark.usefixtures("impatient")
async def test_a_realtime_that_is_away_for_many_connects_is_still_tried(
    stack: RunningStack, live_db: Connection
) -> None:
    turn(stack, refuse_connects=True)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.lives > 8)
        assert listener.changes == [False]
        turn(stack, reset=True)
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)


async def test_failures_space_out_the_lives_until_one_was_up_for_a_while() -> None:
    feed = Feed("http://127.0.0.1", "key", asyncio.Queue(1), lambda _up: None)
    spaced = []
    for failures in (0, 1, 3, 5, 10_000):
        feed._failures = failures
        spaced.append(feed._pause("lost"))
    assert spaced[0] <= 0.25 < spaced[2] < spaced[3] <= spaced[-1] * 2
    assert MAX_BACKOFF_SECONDS / 2 <= spaced[-1] <= MAX_BACKOFF_SECONDS
    assert not feed._is_proven()
    feed._up_since = asyncio.get_running_loop().time()
    assert not feed._is_proven()
    feed._up_since -= feed_module.PROVEN_SECONDS + 1
    assert feed._is_proven()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"reason": "Unauthorized: You do not have permissions"}', "unauthorized"),
        ('{"reason": "InvalidJWTToken: Token has expired"}', "unauthorized"),
        ('{"reason": "MalformedJWT: The token provided is not a valid JWT"}', "unauthorized"),
        ('{"reason": "JwtSignatureError: Failed to validate JWT signature"}', "unauthorized"),
        ('{"reason": "ClientJoinRateLimitReached: Too many joins"}', "limited"),
        ('{"message": "Token has expired 0 seconds ago"}', "lost"),
        ("CLOSED", "lost"),
    ],
)
def test_the_reason_of_an_end_is_classified(error: str, kind: str) -> None:
    assert classify(error) == kind


# The queue


async def test_a_full_queue_loses_messages_says_so_and_is_not_the_end_of_the_feed(
    stack: RunningStack, live_db: Connection
) -> None:
    async with listening(stack, room=5) as listener:
        await until(lambda: listener.feed.state == "up")
        for _ in range(8):
            send(live_db, next(numbers))
        await until(lambda: listener.feed.lost == 3)
        assert listener.changes == [True, True], "a gap is told once, not for each message"
        await listener.hears(live_db)
        for _ in range(6):
            send(live_db, next(numbers))
        await until(lambda: listener.feed.lost > 3)
        assert listener.changes == [True, True, True]
        assert listener.feed.lives == 1


@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "null", "{}"])
async def test_a_message_of_another_making_is_not_the_end_of_the_feed(
    stack: RunningStack, live_db: Connection, payload: str
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        live_db.execute(
            """
            insert into realtime.messages (topic, extension, event, payload, private)
            values ('calendar-events', 'broadcast', 'calendar_event', %s::jsonb, true)
            """,
            [payload],
        )
        await listener.hears(live_db)
        assert listener.changes == [True]
