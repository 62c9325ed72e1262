"""Who may open a stream, what it shows whom, and when it ends."""

import asyncio
import time

import httpx
import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    TokenSigner,
    make_organization,
    make_user,
)
from tests.conftest import Client
from tests.relay.calendar import (
    assert_error,
    book,
    change,
    restrict,
    snapshot,
    titles,
)
from tests.relay.client import watch
from tests.relay.fakes import until
from tests.relay.supervised import link_to

pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")


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


async def test_a_client_whose_tier_changed_while_it_was_away_is_told_when_it_resumes(
    client: Client, office: Organization, live_db: Connection
) -> None:
    viewer, manager = client(office.viewer), client(office.manager)
    calendar = await snapshot(viewer, office.id)
    async with watch(viewer, office.id, params={"cursor": calendar["cursor"]}) as stream:
        await book(manager, office.assets["residences"], "seen")
        await stream.get("reservation_created")
        left_at = stream.cursor
    restrict(live_db, office, ["planes"])
    await book(manager, office.assets["planes"], "missed")
    for cursor in (calendar["cursor"], left_at):
        async with watch(viewer, office.id, headers={"Last-Event-ID": cursor}) as stream:
            assert (await stream.get("reset")).data == {"reason": "access_changed"}
            assert stream.frames[0].data["resumed"] is False
            # Cut off before the reset, it would come back as one that knows.
            assert stream.frames[0].id is None
            assert stream.changes == []
            await book(manager, office.assets["planes"], "shown")
            await stream.get("reservation_created")
            assert titles(stream) == [("reservation_created", "shown")]
    fresh = await snapshot(viewer, office.id)
    async with watch(viewer, office.id, params={"cursor": fresh["cursor"]}) as stream:
        assert stream.frames[0].data["resumed"] is True


async def test_an_asset_that_changed_its_section_while_they_were_away_is_no_matter_to_those_who_see_all(
    client: Client, office: Organization, live_db: Connection
) -> None:
    manager = client(office.manager)
    calendar = await snapshot(manager, office.id)
    live_db.execute(
        "update public.assets set section = 'residences' where id = %s", [office.assets["planes"]]
    )
    async with watch(manager, office.id, params={"cursor": calendar["cursor"]}) as stream:
        assert stream.frames[0].data["resumed"] is True
    by_section = {"cursor": calendar["cursor"], "section": "residences"}
    async with watch(manager, office.id, params=by_section) as stream:
        assert (await stream.get("reset")).data == {"reason": "access_changed"}


async def test_a_cursor_of_a_bff_that_knew_no_marks_is_taken_at_its_word(
    client: Client, office: Organization
) -> None:
    viewer = client(office.viewer)
    calendar = await snapshot(viewer, office.id)
    await book(client(office.manager), office.assets["planes"], "missed")
    log_cursor, _, mark = calendar["cursor"].rpartition("-")
    async with watch(viewer, office.id, params={"cursor": log_cursor}) as stream:
        await stream.get("reservation_created")
        assert stream.frames[0].data == {"resumed": True, "cursor": calendar["cursor"]}
        assert stream.cursor.endswith(mark)


async def test_a_cursor_of_a_bff_that_adds_more_to_it_says_reset_and_is_not_refused(
    client: Client, office: Organization
) -> None:
    viewer = client(office.viewer)
    newer = f"{(await snapshot(viewer, office.id))['cursor']}-01-region7"
    async with watch(viewer, office.id, headers={"Last-Event-ID": newer}) as stream:
        assert (await stream.get("reset")).data == {"reason": "access_changed"}
        await book(client(office.manager), office.assets["planes"], "shown")
        await stream.get("reservation_created")


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


@pytest.mark.parametrize("link", ["alive", "cut"])
async def test_a_laptop_that_wakes_with_an_expired_token_is_told_401_and_with_a_new_one_gets_what_it_missed(
    link: str, bff_url: str, client: Client, office: Organization, signer: TokenSigner
) -> None:
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    viewer, member = office.viewer, client(office.member)
    expires_at = int(time.time()) + 3
    asleep = Actor(viewer.id, viewer.email, viewer.session_id, signer.sign(viewer, exp=expires_at))
    async with link_to(bff_url) as way:
        headers = {"Authorization": f"Bearer {asleep.token}"}
        async with (
            httpx.AsyncClient(base_url=way.url, headers=headers) as http,
            watch(http, office.id) as stream,
        ):
            await book(member, office.assets["planes"], "seen")
            await stream.get("reservation_created")
            if link == "cut":
                way.abort()
            await stream.until(lambda: stream.ended)
            assert any(frame.event == "bye" for frame in stream.frames) == (link == "alive")
    for title in ("missed", "missed too"):
        await book(member, office.assets["planes"], title)
    last = {"Last-Event-ID": stream.cursor}
    await until(lambda: time.time() >= expires_at)
    response = await client(asleep).get(url, headers=last)
    assert_error(response, 401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.headers["Content-Type"] == "application/json"
    async with watch(client(viewer), office.id, headers=last) as stream:
        assert stream.frames[0].data["resumed"] is True
        await stream.until(lambda: len(stream.changes) == 2)
        assert [title for _, title in titles(stream)] == ["missed", "missed too"]


async def test_a_session_that_has_ended_opens_no_stream(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute("delete from auth.sessions where id = %s", [office.viewer.session_id])
    response = await client(office.viewer).get(f"/api/v1/organizations/{office.id}/calendar/stream")
    assert_error(response, 401, "UNAUTHORIZED")


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
