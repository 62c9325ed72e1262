"""What is switched off, over HTTP: a clear code, by table or by deployment, and the app is told before."""

from collections.abc import Iterator

import httpx
import pytest

from bff.flags import FEATURES
from tests.actors import Connection, Organization
from tests.api.shape import assert_error, data
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, running_bff
from tests.metering import scrape
from tests.relay.calendar import book
from tests.relay.client import watch


@pytest.fixture(scope="module")
def spare(stack: RunningStack) -> Iterator[RunningBff]:
    """A deployment that does without much, listens to nobody, and asks for grants anew each moment."""
    settings = {
        "FEATURES_OFF": "bulk_assets,waitlist",
        "ENABLE_REALTIME": "false",
        "RELAY_GRANT_SECONDS": "0.2",
        "RELAY_FAST_POLL_SECONDS": "0.1",
    }
    with running_bff(stack.env, stack.directory / "bff-spare.log", **settings) as running:
        yield running


def switch_off(db: Connection, feature: str, organization: Organization) -> None:
    db.execute(
        "insert into app.feature_flags (feature, organization_id, enabled) values (%s, %s, false)",
        [feature, organization.id],
    )


def bulk_path(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.id}/assets/bulk"


BULK = {"mode": "partial", "operations": [{"op": "create", "asset": {"section": "planes", "name": "Piper"}}]}


async def test_a_feature_is_refused_by_name_and_me_says_so(
    client: Client, live_db: Connection, office: Organization
) -> None:
    switch_off(live_db, "bulk_assets", office)
    switch_off(live_db, "waitlist", office)
    admin = client(office.admin)
    refusal = assert_error(await admin.post(bulk_path(office), json=BULK), "FEATURE_DISABLED")
    assert refusal["details"] == {"feature": "bulk_assets"}
    spanish = await admin.post(bulk_path(office), json=BULK, headers={"Accept-Language": "es"})
    assert spanish.json()["error"]["message"] == "Esta función está desactivada por el momento."
    taken = await book(client(office.owner), office.assets["planes"])
    time = {name: taken[name] for name in ("start_date", "end_date")}
    wish = {"asset_id": office.assets["planes"], "title": "Wish", **time}
    waiting = await client(office.member).post(f"/api/v1/organizations/{office.id}/waitlist", json=wish)
    assert assert_error(waiting, "FEATURE_DISABLED")["details"] == {"feature": "waitlist"}
    [membership] = data(await admin.get("/api/v1/me"))["memberships"]
    assert membership["features"] == {
        "displacement": True,
        "waitlist": False,
        "bulk_assets": False,
        "calendar_stream": True,
    }


async def test_without_streams_the_calendar_can_still_be_fetched(
    bff_url: str, client: Client, live_db: Connection, office: Organization
) -> None:
    viewer = client(office.viewer)
    ticket = data(await viewer.post("/api/v1/stream-tickets", json={"organization_id": office.id}))["ticket"]
    switch_off(live_db, "calendar_stream", office)
    before = scrape(bff_url).get("relay_refusals_total", reason="switched_off")
    stream = f"/api/v1/organizations/{office.id}/calendar/stream"
    for response in (
        await viewer.get(stream),
        await client(None).get(stream, params={"ticket": ticket}),
        await viewer.post("/api/v1/stream-tickets", json={"organization_id": office.id}),
    ):
        refusal = assert_error(response, "SERVICE_UNAVAILABLE")
        assert refusal["details"] == {"reason": "switched_off", "feature": "calendar_stream"}
        assert 30 <= int(response.headers["Retry-After"]) <= 90
    assert scrape(bff_url).get("relay_refusals_total", reason="switched_off") == before + 3
    window = {"from": "2027-01-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}
    assert (await viewer.get(f"/api/v1/organizations/{office.id}/calendar", params=window)).status_code == 200


async def test_open_streams_end_soon_after_they_are_switched_off_and_come_back_later(
    spare: RunningBff, live_db: Connection, office: Organization
) -> None:
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    async with (
        httpx.AsyncClient(base_url=spare.url, headers=headers, timeout=20) as client,
        watch(client, office.id) as stream,
    ):
        await stream.get("ready")
        switch_off(live_db, "calendar_stream", office)
        bye = await stream.get("bye")
        assert bye.data == {"reason": "switched_off"}
        assert bye.retry is not None
        await stream.until(lambda: stream.ended)
        refused = await client.get(f"/api/v1/organizations/{office.id}/calendar/stream")
        assert_error(refused, "SERVICE_UNAVAILABLE")
        live_db.execute("delete from app.feature_flags where organization_id = %s", [office.id])
        async with watch(client, office.id) as again:
            await again.get("ready")


async def test_what_a_deployment_does_without_is_off_there_alone(
    spare: RunningBff, client: Client, office: Organization
) -> None:
    headers = {"Authorization": f"Bearer {office.admin.token}"}
    async with httpx.AsyncClient(base_url=spare.url, headers=headers, timeout=20) as without:
        refusal = assert_error(await without.post(bulk_path(office), json=BULK), "FEATURE_DISABLED")
        assert refusal["details"] == {"feature": "bulk_assets"}
        [there] = data(await without.get("/api/v1/me"))["memberships"]
    assert [name for name, on in there["features"].items() if not on] == ["waitlist", "bulk_assets"]
    # A client's own header does not get through us.
    mine = client(office.admin)
    [here] = data(await mine.get("/api/v1/me", headers={"X-Features-Off": "waitlist"}))["memberships"]
    assert here["features"] == dict.fromkeys(FEATURES, True)
    assert (await mine.post(bulk_path(office), json=BULK)).status_code == 200


async def test_without_realtime_the_log_brings_each_event_once_and_health_says_so(
    spare: RunningBff, office: Organization
) -> None:
    headers = {"Authorization": f"Bearer {office.member.token}"}
    async with (
        httpx.AsyncClient(base_url=spare.url, headers=headers, timeout=20) as client,
        watch(client, office.id) as stream,
    ):
        await stream.get("ready")
        for _ in range(3):
            await book(client, office.assets["planes"])
        await stream.until(lambda: len(stream.changes) >= 3)
        assert [change.event for change in stream.changes] == ["reservation_created"] * 3
        health = (await client.get("/api/health")).json()
    check = health["checks"]["realtime"]
    assert (check["status"], check["message"]) == ("pass", "Switched off; the relay reads the log.")
    metered = scrape(spare.url)
    assert metered.get("relay_realtime_lives_total") == 0
    assert (metered.get("relay_feed_up"), metered.get("relay_realtime_wanted")) == (0, 0)
    assert metered.get("relay_events_from_log_total") == metered.get("relay_events_published_total") >= 3
