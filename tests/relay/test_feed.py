"""The feed against the embedded Realtime: it hears, and no end of a life is its own end."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bff.relay import RelayConfig, open_relay
from bff.relay.feed import Feed, Message, classify
from bff.relay.views import Filter
from tests.actors import Connection, Organization, as_user, rpc
from tests.harness import RunningStack
from tests.relay.conftest import turn
from tests.relay.fakes import Reader, until

pytestmark = pytest.mark.usefixtures("knobs_at_rest")
numbers = itertools.count(1)


class Listener:
    """A feed and what it heard."""

    def __init__(self, stack: RunningStack, **options: Any) -> None:
        self.queue: asyncio.Queue[Message] = asyncio.Queue(100)
        self.changes: list[bool] = []
        self.feed = Feed(stack.url, stack.secret_key, self.queue, self.changes.append, **options)

    async def hears(self, db: Connection) -> None:
        """A message sent now arrives."""
        number = next(numbers)
        while not self.queue.empty():
            self.queue.get_nowait()
        send(db, number)
        async with asyncio.timeout(10):
            while (await self.queue.get()).payload["seq"] != number:
                pass


def send(db: Connection, number: int) -> None:
    db.execute(
        "select realtime.send(jsonb_build_object('seq', %s::int), 'calendar_event', 'calendar-events', true)",
        [number],
    )


@asynccontextmanager
async def listening(stack: RunningStack, **options: Any) -> AsyncIterator[Listener]:
    listener = Listener(stack, **options)
    task = asyncio.create_task(listener.feed.run())
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_it_joins_the_private_topic_and_hears_what_sql_sends(
    stack: RunningStack, live_db: Connection
) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)
        assert listener.changes == [True]


@pytest.mark.parametrize("code", [1000, 1001, 1012])
async def test_after_a_close_a_new_life_hears(stack: RunningStack, live_db: Connection, code: int) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        turn(stack, close=code)
        await until(lambda: listener.changes == [True, False, True])
        await listener.hears(live_db)


async def test_after_its_token_expired_a_new_life_hears(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        turn(stack, expire_tokens=True)
        await until(lambda: listener.changes == [True, False, True])
        await listener.hears(live_db)


async def test_after_realtime_was_killed_a_new_life_hears(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        stack.wait_ready("realtime", died=stack.kill("realtime"))
        await until(lambda: listener.changes == [True, False, True], 30)
        await listener.hears(live_db)


async def test_a_dead_listening_task_ends_its_life(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "AsyncRealtimeClient._listen":
                task.cancel()
        await until(lambda: listener.changes == [True, False, True])
        await listener.hears(live_db)


async def test_a_refused_join_is_called_unauthorized_and_not_stormed(
    stack: RunningStack, live_db: Connection
) -> None:
    turn(stack, refuse_joins=True)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.reason == "unauthorized")
        lives = listener.feed.lives
        turn(stack, reset=True)
        await asyncio.sleep(1)
        assert listener.feed.lives == lives
        listener.feed.rebuild()
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)


async def test_a_realtime_that_is_away_is_tried_again(stack: RunningStack, live_db: Connection) -> None:
    turn(stack, refuse_connects=True)
    async with listening(stack) as listener:
        await until(lambda: listener.feed.lives >= 3)
        assert listener.feed.state == "down"
        turn(stack, reset=True)
        await until(lambda: listener.feed.state == "up")
        await listener.hears(live_db)


async def test_a_connection_is_replaced_before_supabase_would_end_it(stack: RunningStack) -> None:
    async with listening(stack, max_life=0.3) as listener:
        await until(lambda: listener.changes[:3] == [True, False, True])
        assert listener.feed.reason == "rebuild"


async def test_a_full_queue_loses_messages_and_not_the_feed(stack: RunningStack, live_db: Connection) -> None:
    async with listening(stack) as listener:
        await until(lambda: listener.feed.state == "up")
        for _ in range(120):
            send(live_db, next(numbers))
        await until(lambda: listener.feed.lost > 0)
        await listener.hears(live_db)
        assert listener.changes == [True]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"reason": "Unauthorized: You do not have permissions"}', "unauthorized"),
        ('{"reason": "InvalidJWTToken: Token has expired"}', "unauthorized"),
        ('{"reason": "ClientJoinRateLimitReached: Too many joins"}', "limited"),
        ("CLOSED", "lost"),
    ],
)
def test_the_reason_of_an_end_is_classified(error: str, kind: str) -> None:
    assert classify(error) == kind


def book(stack: RunningStack, office: Organization, day: int) -> None:
    """A booking straight in the database."""
    with as_user(stack.database_url, office.member) as member:
        rpc(
            member,
            "create_reservation",
            p_asset_id=office.assets["planes"],
            p_title="Trip",
            p_start_date=f"2031-01-{day:02}T10:00:00Z",
            p_end_date=f"2031-01-{day:02}T12:00:00Z",
        )


async def test_a_silent_realtime_is_found_deaf_by_the_log_and_rebuilt_once(
    stack: RunningStack, office: Organization
) -> None:
    config = RelayConfig(stack.url, stack.secret_key, poll_seconds=0.5, fast_poll_seconds=0.25)
    async with open_relay(config) as relay:
        reader = Reader(office.id, Filter())
        relay.hub.enter(reader, "0-00000000")
        await relay.hub.place(reader, None)
        async for _ in relay.hub.replay(reader):
            pass
        await until(lambda: relay.status()["status"] == "up")
        seqs: list[int] = []
        reader.push = lambda chunk: seqs.append(int(chunk.split(b"-")[0].removeprefix(b"id: ")))  # type: ignore[method-assign]
        await until(lambda: relay._cadence.delay == 0.5)
        turn(stack, silent=True)
        book(stack, office, 1)
        await until(lambda: seqs == [1])
        await until(lambda: relay.status()["lives"] == 2)
        turn(stack, reset=True)
        await until(lambda: relay.status()["status"] == "up")
        book(stack, office, 2)
        await until(lambda: seqs == [1, 2])
