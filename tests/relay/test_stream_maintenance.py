"""Maintenance on the stream, end to end: told to whom bookings are told, and in the same order."""

import httpx
import pytest

from tests.actors import Connection, Organization
from tests.conftest import Client
from tests.relay.calendar import (
    apply,
    book,
    by_id,
    cancel,
    cancel_maintenance,
    change,
    change_maintenance,
    maintain,
    restrict,
    slot,
    snapshot,
    state_of,
    titles,
)
from tests.relay.client import watch

pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")


async def test_snapshot_and_events_are_a_fresh_snapshot_for_every_kind_of_maintenance_change(
    client: Client, office: Organization, live_db: Connection
) -> None:
    admin, member = client(office.admin), client(office.member)
    before = await maintain(admin, office.assets["planes"], "before")
    start = await snapshot(member, office.id)
    async with watch(client(office.viewer), office.id, params={"cursor": start["cursor"]}) as stream:
        await change_maintenance(admin, before["id"], title="renamed", **slot())
        await change_maintenance(admin, before["id"], asset_id=office.assets["residences"])
        gone = await maintain(admin, office.assets["watercraft"], "canceled")
        await cancel_maintenance(admin, gone["id"])
        for resolution in ("cancel", "keep"):
            booked = await book(member, office.assets["planes"], resolution)
            times = {key: booked[key] for key in ("start_date", "end_date")}
            window = await maintain(admin, office.assets["planes"], resolution=resolution, **times)
        await cancel(member, booked["id"])
        await change_maintenance(admin, window["id"], end_date="2032-12-30T00:00:00Z")
        await _edit_in_dashboard(admin, office, live_db)
        end = await snapshot(member, office.id)
        await stream.until(lambda: stream.cursor == end["cursor"])
    assert apply(by_id(start), stream.changes) == by_id(end)
    assert {frame.event for frame in stream.changes} >= {
        "maintenance_scheduled",
        "maintenance_updated",
        "maintenance_canceled",
        "reservation_canceled",
    }


async def _edit_in_dashboard(admin: httpx.AsyncClient, office: Organization, db: Connection) -> None:
    for statement in (
        "update public.maintenance_windows set title = 'by hand' where id = %s",
        "update public.maintenance_windows set status = 'canceled' where id = %s",
        "update public.maintenance_windows set resolution = 'keep' where id = %s",
        "delete from public.maintenance_windows where id = %s",
    ):
        window = await maintain(admin, office.assets["helicopters"], "edited")
        db.execute(statement.encode(), [window["id"]])
    db.execute("update public.assets set deleted_at = now() where id = %s", [office.assets["helicopters"]])


async def test_a_frame_shows_what_everyone_who_sees_the_asset_may_see(
    client: Client, office: Organization
) -> None:
    async with watch(client(office.viewer), office.id) as stream:
        window = await maintain(client(office.admin), office.assets["planes"], "Engine")
        frame = await stream.get("maintenance_scheduled")
    shown = ("id", "asset_id", "title", "start_date", "end_date", "status", "version")
    assert frame.data["payload"] == {
        "maintenance": {key: window[key] for key in shown},
        "previousState": None,
    }
    assert (frame.data["type"], frame.data["sourceUserId"]) == ("maintenance_scheduled", office.admin.id)


async def test_a_window_that_moves_shows_each_stream_its_side_only(
    client: Client, office: Organization, live_db: Connection
) -> None:
    restrict(live_db, office, ["planes"])
    admin, viewer, manager = client(office.admin), client(office.viewer), client(office.manager)
    plane, house = office.assets["planes"], office.assets["residences"]
    async with (
        watch(viewer, office.id) as limited,
        watch(manager, office.id, params={"asset_id": [house]}) as by_asset,
        watch(manager, office.id, params={"section": ["planes", "residences"]}) as both,
    ):
        window = await maintain(admin, plane, "shown")
        await change_maintenance(admin, window["id"], asset_id=house, title="away")
        await change_maintenance(admin, window["id"], asset_id=plane, title="back")
        await cancel_maintenance(admin, window["id"])
        await limited.until(lambda: len(limited.changes) == 4)
        await both.until(lambda: len(both.changes) == 4)
        await by_asset.until(lambda: len(by_asset.changes) == 2)
    assert titles(limited) == [
        ("maintenance_scheduled", "shown"),
        ("maintenance_canceled", "shown"),
        ("maintenance_scheduled", "back"),
        ("maintenance_canceled", "back"),
    ]
    moved, back = (frame.data["payload"] for frame in limited.changes[1:3])
    assert moved == {"maintenance": None, "previousState": moved["previousState"], "reason": "moved"}
    assert back["previousState"] is None
    assert house not in str([frame.data for frame in limited.frames])
    assert titles(by_asset) == [("maintenance_scheduled", "away"), ("maintenance_canceled", "away")]
    assert [frame.event.partition("_")[2] for frame in both.changes] == [
        "scheduled",
        "updated",
        "updated",
        "canceled",
    ]


async def test_maintenance_and_bookings_come_in_one_order_also_to_who_was_away(
    client: Client, office: Organization
) -> None:
    admin, member, viewer = client(office.admin), client(office.member), client(office.viewer)
    booked = await book(member, office.assets["planes"], "booked")
    start = await snapshot(viewer, office.id)
    times = {key: booked[key] for key in ("start_date", "end_date")}
    window = await maintain(admin, office.assets["planes"], "over it", resolution="cancel", **times)
    await cancel_maintenance(admin, window["id"])
    again = await book(member, office.assets["planes"], "again")
    await change(member, again["id"], title="renamed")
    async with watch(viewer, office.id, headers={"Last-Event-ID": start["cursor"]}) as stream:
        await stream.until(lambda: len(stream.changes) == 5)
        assert [(frame.event, state_of(frame)["title"]) for frame in stream.changes] == [
            ("maintenance_scheduled", "over it"),
            ("reservation_canceled", "booked"),
            ("maintenance_canceled", "over it"),
            ("reservation_created", "again"),
            ("reservation_updated", "renamed"),
        ]
