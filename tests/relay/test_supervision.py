"""The relay under a Realtime that loses, stalls or says nothing: the log makes up for it and finds it out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bff.relay import relay as relay_module
from tests.actors import Connection, Organization, TokenSigner, make_organization
from tests.harness import RunningStack, end_listening, stopped
from tests.relay.conftest import turn
from tests.relay.fakes import until
from tests.relay.supervised import believed, realtime, send, supervised

pytestmark = pytest.mark.usefixtures("knobs_at_rest")
# Longer than any test: what comes sooner was not brought by a poll of this kind.
NEVER = 600.0
# How long a channel may be deaf after its join here: enough to book something, on a busy machine too.
COLD_SECONDS = 3


async def test_a_feed_that_fell_silent_is_found_deaf_by_the_log_rebuilt_once_and_hears_again(
    stack: RunningStack, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    other = make_organization(live_db, signer=signer)
    async with supervised(stack, office, other) as watched:
        ours, theirs = watched.followers
        await watched.believed()
        turn(stack, mute=True)
        watched.book(ours, 3)
        watched.book(theirs)
        await watched.sees(ours, 3)
        await watched.sees(theirs, 1)
        assert watched.hinted == 0
        await until(lambda: watched.lives == 2)
        await watched.believed()
        await watched.hears(ours)
        await watched.hears(theirs)
        assert watched.lives == 2


async def test_what_a_rate_limit_drops_arrives_and_the_feed_is_rebuilt_once_and_believed_again_afterwards(
    stack: RunningStack, office: Organization
) -> None:
    async with believed(stack, office) as (watched, stream):
        turn(stack, rate_limit=3)
        booked = 0
        # Which of a burst are dropped is up to Realtime's clock: the last ones are in one of these.
        while watched.status != "deaf":
            assert booked < 200
            watched.book(stream, 20)
            booked += 20
            await watched.sees(stream, booked)
            await until(lambda: not watched.cadence._suspects)
        assert watched.lives == 2
        assert realtime(stack)["dropped"] > 0
        turn(stack, reset=True)
        await watched.hears(stream)
        await watched.believed()
        assert watched.lives == 2, "another rebuild would not have helped"


async def test_a_commit_made_while_realtime_is_cut_off_from_the_database_arrives_once_and_in_order(
    stack: RunningStack, office: Organization
) -> None:
    async with believed(stack, office) as (watched, stream):
        turn(stack, relisten_ms=1_000)
        assert end_listening(stack.admin_database_url) == 1
        watched.book(stream, 2)
        await watched.sees(stream, 2)
        assert watched.hinted == 0, "nothing was pushed, and no status told"
        await until(lambda: realtime(stack)["listening"])
        await watched.believed()
        await watched.hears(stream)


async def test_what_is_lost_in_the_first_moments_of_a_join_is_read_from_the_log_soon(
    stack: RunningStack, office: Organization
) -> None:
    turn(stack, cold_join_ms=COLD_SECONDS * 1000)
    async with supervised(stack, office, slow=NEVER, haste=1) as watched:
        warm_at = time.monotonic() + COLD_SECONDS
        (stream,) = watched.followers
        watched.book(stream)
        await watched.sees(stream, 1)
        assert watched.hinted == 0
        await watched.believed()
        await until(lambda: time.monotonic() > warm_at)
        await watched.hears(stream)
        assert watched.lives == 1


async def test_the_log_is_read_as_soon_as_the_feed_is_joined_again(
    stack: RunningStack, office: Organization
) -> None:
    async with believed(stack, office, slow=NEVER) as (watched, stream):
        watched.cadence._fast = NEVER
        turn(stack, refuse_connects=True)
        reads = watched.reads
        turn(stack, close=1012)
        await until(lambda: watched.status == "down" and watched.reads > reads)
        # The read for the end of that life is done: the next one is for the next life.
        watched.book(stream)
        turn(stack, reset=True)
        watched.relay.feed.rebuild()
        await watched.sees(stream, 1)
        assert watched.hinted == 0


async def test_while_realtime_is_stopped_the_calendar_moves_and_afterwards_nothing_comes_twice(
    stack: RunningStack, office: Organization
) -> None:
    async with believed(stack, office) as (watched, stream):
        with stopped(stack.pids()["realtime"]):
            watched.book(stream, 2)
            await watched.sees(stream, 2)
            await until(lambda: watched.lives > 1)
            watched.book(stream)
            await watched.sees(stream, 3)
        await watched.believed()
        await watched.hears(stream)


async def test_what_realtime_send_swallowed_is_read_from_the_log(
    stack: RunningStack, office: Organization
) -> None:
    async with believed(stack, office) as (watched, stream):
        with no_partitions(stack.admin_database_url):
            watched.book(stream, 2)
            await watched.sees(stream, 2)
            assert watched.hinted == 0
        await watched.believed()
        await watched.hears(stream)


@contextmanager
def no_partitions(admin_database_url: str) -> Iterator[None]:
    """`realtime.messages` without a partition: each `realtime.send` ends in a warning."""
    with psycopg.connect(admin_database_url, autocommit=True) as admin:
        # Realtime's upkeep takes this lock; it must not bring the partitions back meanwhile.
        admin.execute("select pg_advisory_lock(hashtext('_realtime.maintain_messages'))")
        names = admin.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'realtime.messages'::regclass"
        ).fetchall()
        try:
            admin.execute(f"drop table {', '.join(name for (name,) in names)}")
            yield
        finally:
            admin.execute("select _realtime.maintain_messages()")


async def test_what_a_full_queue_lost_is_read_from_the_log_at_once_and_is_not_held_against_realtime(
    stack: RunningStack, office: Organization, live_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "QUEUE_SIZE", 2)
    async with believed(stack, office, slow=NEVER) as (watched, stream):
        seen = 0
        # Whether frames come close together is up to the network: those of one of these do.
        while not watched.relay.feed.lost:
            assert seen < 200
            book_in_one_transaction(live_db, office)
            seen += 8
            await watched.sees(stream, seen)
        await watched.believed()
        assert (watched.lives, watched.cadence.deaf) == (1, False)


def book_in_one_transaction(db: Connection, office: Organization, count: int = 8) -> None:
    """Bookings; up to ten are each announced by a message of its own, more by a single one for all."""
    db.execute(
        """
        insert into public.reservations
            (organization_id, asset_id, user_id, title, start_date, end_date, status)
        select %(org)s, %(asset)s, %(user)s, 'Trip', last + number * interval '2 hours',
               last + number * interval '2 hours' + interval '1 hour', 'approved'
        from (select coalesce(max(end_date), '2034-01-01Z') as last from public.reservations
              where organization_id = %(org)s) as taken,
             generate_series(1, %(count)s) as number
        """,
        {"org": office.id, "asset": office.assets["planes"], "user": office.member.id, "count": count},
    )


async def test_a_series_that_one_message_announced_is_not_held_against_realtime(
    stack: RunningStack, office: Organization, live_db: Connection
) -> None:
    async with believed(stack, office, slow=0.2) as (watched, stream):
        book_in_one_transaction(live_db, office, 40)
        await watched.sees(stream, 40)
        # Polls enough for patience to end.
        reads = watched.reads
        await until(lambda: watched.reads >= reads + 5)
        assert (watched.lives, watched.cadence.deaf, watched.cadence._suspects) == (1, False, {})


async def test_a_message_of_another_making_holds_up_no_other(
    stack: RunningStack, office: Organization, live_db: Connection
) -> None:
    async with believed(stack, office, slow=NEVER) as (watched, stream):
        with live_db.transaction():
            send(live_db, 1)
            send(live_db, 1, organization_id=office.id)
            send(live_db, 1, organization_id=office.id, cursor=7)
            send(live_db, 1, organization_id=office.id, cursor="2-01234567")
            send(live_db, 1, organization_id=[office.id], cursor="1-01234567")
            book_in_one_transaction(live_db, office)
        await watched.sees(stream, 8)
        assert watched.hinted == 8
