"""The calendar stream end to end: a real stack, a real `python -m bff`, real sockets."""

import asyncio
from functools import partial
from typing import Any

import httpx
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_service,
)
from tests.conftest import Client
from tests.harness import RunningStack, running_bff, stop
from tests.relay.calendar import (
    apply,
    book,
    by_id,
    cancel,
    change,
    slot,
    snapshot,
    titles,
)
from tests.relay.client import Watching, watch
from tests.relay.conftest import turn


def shown(stream: Watching, title: str) -> bool:
    """Whether a frame with that title came."""
    return any(seen == title for _, seen in titles(stream))


pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")


async def test_a_booking_made_by_one_member_appears_on_anothers_stream(
    client: Client, office: Organization
) -> None:
    async with watch(client(office.viewer), office.id) as stream:
        booked = await book(client(office.member), office.assets["planes"])
        frame = await stream.get("reservation_created")
    assert frame.data["payload"]["reservation"]["id"] == booked["id"]
    assert frame.data["sourceUserId"] == office.member.id
    assert "notes" not in frame.data["payload"]["reservation"]


async def test_the_stream_is_never_cached_buffered_or_compressed(
    client: Client, office: Organization
) -> None:
    async with watch(client(office.viewer), office.id, headers={"Accept-Encoding": "gzip"}) as stream:
        headers = stream.response.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


async def test_snapshot_and_events_are_a_fresh_snapshot_for_every_kind_of_event(
    client: Client, office: Organization, live_db: Connection
) -> None:
    member = client(office.member)
    before = await book(member, office.assets["planes"], "before")
    start = await snapshot(member, office.id)
    async with watch(client(office.viewer), office.id, params={"cursor": start["cursor"]}) as stream:
        created = await book(member, office.assets["planes"], "created")
        await change(member, before["id"], title="renamed")
        await change(member, before["id"], **slot())
        await change(member, created["id"], asset_id=office.assets["residences"])
        gone = await book(member, office.assets["watercraft"], "canceled")
        await cancel(member, gone["id"])
        for title in ("edited", "deleted"):
            booked = await book(member, office.assets["helicopters"], title)
            if title == "edited":
                live_db.execute(
                    "update public.reservations set title = 'by hand' where id = %s", [booked["id"]]
                )
            else:
                live_db.execute("delete from public.reservations where id = %s", [booked["id"]])
        end = await snapshot(member, office.id)
        await stream.until(lambda: stream.cursor == end["cursor"])
    assert apply(by_id(start), stream.changes) == by_id(end)
    assert {frame.event for frame in stream.changes} == {
        "reservation_created",
        "reservation_updated",
        "reservation_canceled",
    }


async def test_a_client_that_was_away_gets_what_it_missed_once_and_in_order(
    client: Client, office: Organization
) -> None:
    member, viewer = client(office.member), client(office.viewer)
    async with watch(viewer, office.id) as stream:
        await book(member, office.assets["planes"], "1")
        await stream.get("reservation_created")
        seen = stream.cursor
    for title in ("2", "3"):
        await book(member, office.assets["planes"], title)
    ways: list[dict[str, Any]] = [
        {"headers": {"Last-Event-ID": seen}},
        {"params": {"cursor": seen}},
        {"headers": {"Last-Event-ID": seen}, "params": {"cursor": "0-00000000"}},
    ]
    for way in ways:
        async with watch(viewer, office.id, **way) as stream:
            assert stream.frames[0].data == {"resumed": True, "cursor": seen}
            await stream.until(lambda: len(stream.changes) == 2)
            assert [title for _, title in titles(stream)] == ["2", "3"]


@pytest.mark.parametrize("cursor", ["999999-01234567", "1-ffffffff"])
async def test_a_cursor_of_another_history_says_reset(
    client: Client, office: Organization, cursor: str
) -> None:
    await book(client(office.member), office.assets["planes"])
    await book(client(office.member), office.assets["planes"])
    async with watch(client(office.viewer), office.id, params={"cursor": cursor}) as stream:
        assert (await stream.get("reset")).data == {"reason": "cursor_unknown"}
        assert stream.frames[0].data["resumed"] is False
        await book(client(office.member), office.assets["planes"], "later")
        await stream.get("reservation_created")
        assert titles(stream) == [("reservation_created", "later")]


async def test_a_cursor_beyond_the_logs_retention_says_reset(
    client: Client, office: Organization, live_db: Connection, stack: RunningStack
) -> None:
    start = await snapshot(client(office.member), office.id)
    for _ in range(3):
        await book(client(office.member), office.assets["planes"])
    live_db.execute(
        """
        update public.calendar_events set occurred_at = now() - interval '8 days' where organization_id = %s
        """,
        [office.id],
    )
    with as_service(stack.database_url) as service:
        service.execute("select public.prune_calendar_events()")
    async with watch(client(office.viewer), office.id, params={"cursor": start["cursor"]}) as stream:
        assert (await stream.get("reset")).data == {"reason": "cursor_expired"}


async def test_what_realtime_loses_is_read_from_the_log(
    client: Client, office: Organization, stack: RunningStack
) -> None:
    member = client(office.member)
    async with watch(client(office.viewer), office.id) as stream:
        await book(member, office.assets["planes"], "0")
        await stream.get("reservation_created")
        turn(stack, drop=2)
        for title in ("1", "2", "3"):
            await book(member, office.assets["planes"], title)
        await stream.until(lambda: len(stream.changes) == 4, 5)
    assert [title for _, title in titles(stream)] == ["0", "1", "2", "3"]


async def test_what_comes_twice_late_and_in_another_order_is_seen_once_and_in_order(
    client: Client, office: Organization, stack: RunningStack
) -> None:
    member = client(office.member)
    turn(stack, duplicate=True, reorder=True, delay_ms=20)
    async with watch(client(office.viewer), office.id) as stream:
        booked = await asyncio.gather(*(book(member, office.assets["planes"]) for _ in range(6)))
        await asyncio.gather(*(change(member, each["id"], title="new") for each in booked))
        await stream.until(lambda: len(stream.changes) >= 12)
        end = await snapshot(member, office.id)
        await book(member, office.assets["planes"], "last")
        await stream.until(lambda: any(title == "last" for _, title in titles(stream)))
    seqs = [int(frame.id.split("-")[0]) for frame in stream.changes if frame.id]
    assert seqs == list(range(seqs[0], seqs[0] + 13))
    assert apply({}, stream.changes[:-1]) == by_id(end)


async def test_without_realtime_the_calendar_still_moves(
    client: Client, office: Organization, stack: RunningStack
) -> None:
    member = client(office.member)
    async with watch(client(office.viewer), office.id) as stream:
        turn(stack, refuse_connects=True)
        turn(stack, close=1012)
        for title in ("1", "2", "3"):
            await book(member, office.assets["planes"], title)
            await stream.until(partial(shown, stream, title), 10)
    assert [title for _, title in titles(stream)] == ["1", "2", "3"]


async def test_a_whole_series_in_one_transaction_arrives_complete(
    client: Client, office: Organization, live_db: Connection
) -> None:
    async with watch(client(office.viewer), office.id) as stream:
        live_db.execute(
            """
            insert into public.reservations
                (organization_id, asset_id, user_id, title, start_date, end_date, status)
            select %s, %s, %s, 'week ' || w, timestamptz '2033-01-03 10:00Z' + w * interval '7 days',
                   timestamptz '2033-01-03 12:00Z' + w * interval '7 days', 'approved'
            from generate_series(1, 40) as w
            """,
            [office.id, office.assets["planes"], office.member.id],
        )
        await stream.until(lambda: len(stream.changes) == 40, 5)
    assert [title for _, title in titles(stream)] == [f"week {week}" for week in range(1, 41)]


async def test_sigterm_says_goodbye_with_a_retry_and_ends_with_zero(
    stack: RunningStack, office: Organization
) -> None:
    with running_bff(stack.env, stack.directory / "bff-term.log") as bff:
        headers = {"Authorization": f"Bearer {office.viewer.token}"}
        async with (
            httpx.AsyncClient(base_url=bff.url, headers=headers) as http,
            watch(http, office.id) as one,
            watch(http, office.id) as two,
        ):
            code = await asyncio.to_thread(stop, bff.process)
            for stream in (one, two):
                bye = await stream.get("bye", 5)
                assert bye.data == {"reason": "draining"}
                assert bye.retry is not None
                await stream.until(partial(getattr, stream, "ended"))
        assert code == 0


async def test_after_kill_9_of_the_bff_a_client_resumes_at_another_with_every_event_once(
    stack: RunningStack, office: Organization, client: Client
) -> None:
    member = client(office.member)
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    with running_bff(stack.env, stack.directory / "bff-killed.log") as bff:
        async with (
            httpx.AsyncClient(base_url=bff.url, headers=headers) as http,
            watch(http, office.id) as first,
        ):
            await book(member, office.assets["planes"], "1")
            await first.get("reservation_created")
            bff.process.kill()
            await first.until(lambda: first.ended)
    await book(member, office.assets["planes"], "2")
    last = {"Last-Event-ID": first.cursor}
    async with watch(client(office.viewer), office.id, headers=last) as second:
        await book(member, office.assets["planes"], "3")
        await second.until(lambda: len(second.changes) == 2)
    assert [title for _, title in titles(first) + titles(second)] == ["1", "2", "3"]


@pytest.mark.parametrize("part", ["lite", "postgres"])
async def test_after_kill_9_of_a_part_of_supabase_the_open_stream_has_every_event_once(
    stack: RunningStack, office: Organization, client: Client, part: str
) -> None:
    member = client(office.member)
    async with watch(client(office.viewer), office.id) as stream:
        await book(member, office.assets["planes"], "1")
        await stream.get("reservation_created")
        died = stack.kill(part)
        await asyncio.to_thread(stack.wait_ready, part, died=died)
        async with asyncio.timeout(60):
            while True:
                body = {"asset_id": office.assets["planes"], "title": "2", **slot()}
                if (await member.post("/api/v1/reservations", json=body)).status_code == 201:
                    break
        await stream.until(lambda: len(stream.changes) == 2, 30)
        await book(member, office.assets["planes"], "3")
        await stream.until(lambda: len(stream.changes) == 3, 30)
    assert [title for _, title in titles(stream)] == ["1", "2", "3"]
    assert not any(frame.event == "reset" for frame in stream.frames)
