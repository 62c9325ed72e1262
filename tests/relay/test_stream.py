"""The calendar stream end to end: a real stack, a real `python -m bff`, real sockets."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    TokenSigner,
    as_service,
    make_organization,
    make_user,
)
from tests.conftest import Client
from tests.harness import RunningStack, running_bff, stop, wait_until
from tests.relay.client import Sent, Watching, watch
from tests.relay.conftest import turn

pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")

WINDOW = {"from": "2032-01-01T00:00:00Z", "to": "2032-12-31T00:00:00Z"}
slots = itertools.count()


@pytest.fixture
def realtime_up(bff_url: str) -> None:
    """The BFF's feed is joined again, whatever the test before did to Realtime."""

    def is_up() -> bool:
        checks = httpx.get(f"{bff_url}/api/health", timeout=10).json()["checks"]
        return bool(checks["realtime"]["status"] == "pass")

    wait_until(is_up, seconds=90, what="the feed up")


def slot() -> dict[str, str]:
    """Two hours that nobody has taken yet."""
    day, hour = divmod(next(slots), 8)
    month, day = divmod(day, 28)
    date = f"2032-{month + 1:02}-{day + 1:02}"
    return {"start_date": f"{date}T{hour * 3:02}:00:00Z", "end_date": f"{date}T{hour * 3 + 2:02}:00:00Z"}


async def book(client: httpx.AsyncClient, asset: str, title: str = "Trip") -> dict[str, Any]:
    response = await client.post("/api/v1/reservations", json={"asset_id": asset, "title": title, **slot()})
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def change(client: httpx.AsyncClient, reservation: str, **changes: Any) -> None:
    response = await client.patch(f"/api/v1/reservations/{reservation}", json=changes)
    assert response.status_code == 200, response.text


async def cancel(client: httpx.AsyncClient, reservation: str) -> None:
    response = await client.post(f"/api/v1/reservations/{reservation}/cancel", json={"reason": "Weather"})
    assert response.status_code == 200, response.text


async def snapshot(client: httpx.AsyncClient, organization: str) -> dict[str, Any]:
    response = await client.get(f"/api/v1/organizations/{organization}/calendar", params=WINDOW)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def by_id(calendar: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in calendar["reservations"]}


def apply(state: dict[str, dict[str, Any]], frames: list[Sent]) -> dict[str, dict[str, Any]]:
    """What a client's calendar shows after these frames."""
    state = dict(state)
    for frame in frames:
        payload = frame.data["payload"]
        if frame.event == "reservation_canceled":
            state.pop((payload["reservation"] or payload["previousState"])["id"], None)
        else:
            state[payload["reservation"]["id"]] = payload["reservation"]
    return state


def titles(stream: Watching) -> list[tuple[str, str]]:
    return [
        (
            frame.event,
            (frame.data["payload"]["reservation"] or frame.data["payload"]["previousState"])["title"],
        )
        for frame in stream.changes
    ]


def restrict(db: Connection, organization: Organization, sections: list[str] | None) -> None:
    """What the members' tier shows."""
    db.execute("update public.tiers set sections = %s where id = %s", [sections, organization.tier])


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
            await stream.until(lambda title=title: any(seen == title for _, seen in titles(stream)), 10)
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


async def test_another_organisations_events_are_never_seen(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    other = make_organization(live_db, signer=signer)
    async with watch(client(office.owner), office.id) as stream:
        await book(client(other.member), other.assets["planes"], "theirs")
        await book(client(office.member), office.assets["planes"], "ours")
        await stream.get("reservation_created")
        assert titles(stream) == [("reservation_created", "ours")]


async def test_a_tier_limits_the_stream_to_its_sections_and_a_move_shows_one_side_only(
    client: Client, office: Organization, live_db: Connection
) -> None:
    restrict(live_db, office, ["planes"])
    manager = client(office.manager)
    async with watch(client(office.viewer), office.id) as limited, watch(manager, office.id) as whole:
        await book(manager, office.assets["residences"], "hidden")
        shown = await book(manager, office.assets["planes"], "shown")
        await change(manager, shown["id"], asset_id=office.assets["residences"])
        await change(manager, shown["id"], title="away")
        await change(manager, shown["id"], asset_id=office.assets["planes"])
        await limited.until(lambda: len(limited.changes) == 3)
        await whole.until(lambda: len(whole.changes) == 5)
    assert titles(limited) == [
        ("reservation_created", "shown"),
        ("reservation_canceled", "shown"),
        ("reservation_created", "away"),
    ]
    moved, back = (frame.data["payload"] for frame in limited.changes[1:])
    assert moved == {"reservation": None, "previousState": moved["previousState"], "reason": "moved"}
    assert back["previousState"] is None
    assert office.assets["residences"] not in str([frame.data for frame in limited.frames])


async def test_a_stream_may_ask_for_assets_and_sections(client: Client, office: Organization) -> None:
    member = client(office.member)
    by_asset = {"asset_id": [office.assets["planes"], office.assets["watercraft"]]}
    by_section = {"section": ["residences"]}
    async with (
        watch(client(office.viewer), office.id, params=by_asset) as assets,
        watch(client(office.viewer), office.id, params=by_section) as sections,
    ):
        for section in ("helicopters", "planes", "residences", "watercraft"):
            await book(member, office.assets[section], section)
        await assets.until(lambda: len(assets.changes) == 2)
        await sections.until(lambda: len(sections.changes) == 1)
        assert [title for _, title in titles(assets)] == ["planes", "watercraft"]
        assert [title for _, title in titles(sections)] == ["residences"]


async def test_a_changed_tier_resets_the_stream_and_shows_what_it_now_may(
    client: Client, office: Organization, live_db: Connection
) -> None:
    async with watch(client(office.viewer), office.id) as stream:
        restrict(live_db, office, ["planes"])
        assert (await stream.get("reset", 5)).data == {"reason": "access_changed"}
        await book(client(office.manager), office.assets["residences"], "hidden")
        await book(client(office.manager), office.assets["planes"], "shown")
        await stream.get("reservation_created")
        assert titles(stream) == [("reservation_created", "shown")]


async def test_an_assets_changed_section_resets_the_streams_that_are_limited_to_sections(
    client: Client, office: Organization, live_db: Connection
) -> None:
    restrict(live_db, office, ["planes"])
    async with (
        watch(client(office.viewer), office.id) as limited,
        watch(client(office.owner), office.id) as whole,
    ):
        live_db.execute(
            "update public.assets set section = 'residences' where id = %s", [office.assets["planes"]]
        )
        assert (await limited.get("reset", 5)).data == {"reason": "access_changed"}
        await book(client(office.owner), office.assets["watercraft"])
        await whole.get("reservation_created")
        assert not any(frame.event == "reset" for frame in whole.frames)


async def test_a_stream_ends_when_the_membership_does(
    client: Client, office: Organization, live_db: Connection
) -> None:
    async with (
        watch(client(office.viewer), office.id) as gone,
        watch(client(office.member), office.id) as stays,
    ):
        live_db.execute(
            "delete from public.organization_members where organization_id = %s and user_id = %s",
            [office.id, office.viewer.id],
        )
        assert (await gone.get("bye", 5)).data == {"reason": "access_revoked"}
        await gone.until(lambda: gone.ended)
        await book(client(office.owner), office.assets["planes"])
        await stays.get("reservation_created")
        assert gone.changes == []


async def test_a_stream_ends_with_its_token_after_it_said_so(
    client: Client, office: Organization, signer: TokenSigner
) -> None:
    token = signer.sign(office.viewer, lifetime=2)
    actor = Actor(office.viewer.id, office.viewer.email, office.viewer.session_id, token)
    async with watch(client(actor), office.id) as stream:
        assert (await stream.get("bye", 6)).data == {"reason": "token_expired"}
        await stream.until(lambda: stream.ended)
        events = [frame.event for frame in stream.frames if frame.event != "heartbeat"]
        assert events == ["ready", "reauth", "bye"]


async def test_a_session_that_has_ended_opens_no_stream(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute("delete from auth.sessions where id = %s", [office.viewer.session_id])
    response = await client(office.viewer).get(f"/api/v1/organizations/{office.id}/calendar/stream")
    assert_error(response, 401, "UNAUTHORIZED")


def assert_error(response: httpx.Response, status: int, code: str, path: str | None = None) -> None:
    body = response.json()
    assert (response.status_code, body["success"], body["error"]["code"]) == (status, False, code), body
    if path is not None:
        assert [field["path"] for field in body["error"]["details"]["fields"]] == [path]


async def test_what_is_refused_is_refused_before_the_stream_opens(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    viewer = client(office.viewer)
    assert_error(await client(None).get(url), 401, "UNAUTHORIZED")
    assert_error(await client(make_user(live_db, "stranger", signer=signer)).get(url), 404, "NOT_FOUND")
    assert_error(await viewer.get(url, params={"cursor": "7"}), 400, "VALIDATION_ERROR", "cursor")
    assert_error(
        await viewer.get(url, headers={"Last-Event-ID": "x"}), 400, "VALIDATION_ERROR", "Last-Event-ID"
    )
    assert_error(await viewer.get(url, params={"section": "yachts"}), 400, "VALIDATION_ERROR", "section.0")
    assert (await viewer.head(url)).status_code == 405
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    assert_error(await viewer.get(url), 403, "MFA_REQUIRED")


async def test_a_user_with_ten_streams_open_gets_no_eleventh(client: Client, office: Organization) -> None:
    viewer, url = client(office.viewer), f"/api/v1/organizations/{office.id}/calendar/stream"
    opened = [watch(viewer, office.id) for _ in range(10)]
    for each in opened:
        await each.__aenter__()
    response = await viewer.get(url)
    assert_error(response, 429, "RATE_LIMIT_EXCEEDED")
    assert int(response.headers["retry-after"]) > 0
    for each in reversed(opened):
        await each.__aexit__(None, None, None)
    async with asyncio.timeout(10):
        while await _status(viewer, office.id) != 200:
            pass


async def _status(client: httpx.AsyncClient, organization: str) -> int:
    async with client.stream("GET", f"/api/v1/organizations/{organization}/calendar/stream") as response:
        return response.status_code


async def test_a_ticket_opens_one_stream_once_for_its_organisation(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    viewer, nobody = client(office.viewer), client(None)
    other = make_organization(live_db, signer=signer)

    async def ticket() -> str:
        response = await viewer.post("/api/v1/stream-tickets", json={"organization_id": office.id})
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        return str(response.json()["data"]["ticket"])

    good = await ticket()
    async with watch(nobody, office.id, params={"ticket": good}) as stream:
        await book(client(office.member), office.assets["planes"])
        await stream.get("reservation_created")
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    assert_error(await nobody.get(url, params={"ticket": good}), 401, "UNAUTHORIZED")
    elsewhere = f"/api/v1/organizations/{other.id}/calendar/stream"
    assert_error(await nobody.get(elsewhere, params={"ticket": await ticket()}), 401, "UNAUTHORIZED")
    stranger = client(other.owner)
    refused = await stranger.post("/api/v1/stream-tickets", json={"organization_id": office.id})
    assert_error(refused, 404, "NOT_FOUND")


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
                await stream.until(lambda stream=stream: stream.ended)
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
