"""Maintenance, against the real stack."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.actors import Connection, Organization, make_organization
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client

# The first of a month far enough ahead that nothing else of a run is there.
START = datetime(datetime.now(UTC).year + 1, 6, 1, 15, tzinfo=UTC)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def window(first: float = 0, last: float = 1, **fields: Any) -> dict[str, Any]:
    return {"title": "Inspección anual", "start_date": at(first), "end_date": at(last), **fields}


def booking(office: Organization, first: float, last: float) -> dict[str, Any]:
    return {
        "asset_id": office.assets["planes"],
        "title": "Trip",
        "start_date": at(first),
        "end_date": at(last),
    }


def path_of(office: Organization, section: str = "planes") -> str:
    return f"/api/v1/assets/{office.assets[section]}/maintenance"


async def test_maintenance_is_scheduled_read_moved_and_cancelled(
    client: Client, office: Organization
) -> None:
    admin, viewer = client(office.admin), client(office.viewer)
    response = await admin.post(path_of(office), json=window())
    made = data(response, 201)
    path = response.headers["location"]
    assert path == f"/api/v1/maintenance/{made['id']}"
    assert response.headers["etag"] == '"1"'
    assert (made["start_date"], made["end_date"], made["status"]) == (at(0), at(1), "scheduled")
    assert (made["time_zone"], made["created_by"]) == ("America/Panama", office.admin.id)

    read = await viewer.get(path)
    assert data(read) == {key: made[key] for key in made if key != "canceled_reservation_ids"}
    assert (await viewer.get(path, headers={"If-None-Match": '"1"'})).status_code == 304

    moved = await admin.patch(path, json={"end_date": at(2)}, headers={"If-Match": '"1"'})
    assert (data(moved)["end_date"], moved.headers["etag"]) == (at(2), '"2"')
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        stale = await admin.request(method, path, json=body, headers={"If-Match": '"1"'})
        assert assert_error(stale, "PRECONDITION_FAILED")["details"]["current"]["end_date"] == at(2)

    gone = await admin.delete(path, params={"reason": "Postponed"}, headers={"If-Match": '"2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    after = data(await viewer.get(path))
    assert (after["status"], after["cancellation_reason"]) == ("canceled", "Postponed")
    details = assert_error(await admin.delete(path), "INVALID_STATE")["details"]
    assert details == {"reason": "status", "status": "canceled"}


async def test_over_bookings_it_needs_a_word_about_them(client: Client, office: Organization) -> None:
    admin, member = client(office.admin), client(office.member)
    kept = data(await member.post("/api/v1/reservations", json=booking(office, 0, 1)), 201)
    details = assert_error(await admin.post(path_of(office), json=window(-1, 2)), "CONFLICT")["details"]
    assert [conflict["id"] for conflict in details["conflicts"]] == [kept["id"]]
    assert details["resolutions"] == ["cancel", "keep"]

    made = data(await admin.post(path_of(office), json=window(-1, 2, resolution="keep")), 201)
    assert (made["resolution"], made["canceled_reservation_ids"]) == ("keep", [])
    refused = await member.post("/api/v1/reservations", json=booking(office, 1, 2))
    assert assert_error(refused, "CONFLICT")["details"]["conflicts"][0]["kind"] == "maintenance"

    path = f"/api/v1/maintenance/{made['id']}"
    changed = data(await admin.patch(path, json={"resolution": "cancel", "reason": "Engine"}))
    assert changed["canceled_reservation_ids"] == [kept["id"]]
    told = data(await member.get(f"/api/v1/reservations/{kept['id']}"))
    assert (told["status"], told["cancellation_reason"]) == ("canceled", "Engine")


async def test_a_request_sent_twice_is_done_once(client: Client, office: Organization) -> None:
    admin, headers = client(office.admin), {"Idempotency-Key": str(uuid.uuid4())}
    first, second = [await admin.post(path_of(office), json=window(), headers=headers) for _ in range(2)]
    assert data(first, 201) == data(second, 201)
    other = await admin.post(path_of(office), json=window(5, 6), headers=headers)
    assert_error(other, "IDEMPOTENCY_KEY_REUSED")


async def test_the_calendar_shows_maintenance_beside_bookings(client: Client, office: Organization) -> None:
    admin, viewer = client(office.admin), client(office.viewer)
    made = data(await admin.post(path_of(office), json=window()), 201)
    await admin.post(path_of(office, "watercraft"), json=window())
    gone = data(await admin.post(path_of(office), json=window(3, 4)), 201)
    await admin.delete(f"/api/v1/maintenance/{gone['id']}")
    params = {"from": at(-1), "to": at(9), "section": "planes"}
    calendar = data(await viewer.get(f"/api/v1/organizations/{office.id}/calendar", params=params))
    shown = ("id", "asset_id", "title", "start_date", "end_date", "status", "version")
    assert calendar["maintenance"] == [{key: made[key] for key in shown}]
    assert calendar["reservations"] == []


async def test_an_assets_maintenance_is_listed(client: Client, office: Organization) -> None:
    admin, viewer, path = client(office.admin), client(office.viewer), path_of(office)
    made = [data(await admin.post(path, json=window(day, day + 1, title=str(day))), 201) for day in range(3)]
    await admin.delete(f"/api/v1/maintenance/{made[0]['id']}")
    listed = await viewer.get(path, params={"sort": "-start_date", "pageSize": 2})
    assert [each["title"] for each in data(listed)] == ["2", "1"]
    assert (pagination(listed).totalItems, pagination(listed).hasNext) == (3, True)
    for params, titles in (
        ({"status": "canceled"}, ["0"]),
        ({"from": at(1.5)}, ["1", "2"]),
        ({"to": at(1)}, ["0"]),
    ):
        assert [each["title"] for each in data(await viewer.get(path, params=params))] == titles
    assert data(await viewer.get(path_of(office, "residences"))) == []


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_only_admins_and_owners_write_maintenance(
    client: Client, office: Organization, role: str
) -> None:
    made = data(await client(office.owner).post(path_of(office), json=window()), 201)
    someone, path = client(office.actor(role)), f"/api/v1/maintenance/{made['id']}"
    assert_error(await someone.post(path_of(office), json=window(2, 3)), "FORBIDDEN")
    assert_error(await someone.patch(path, json={"title": "Mine"}), "FORBIDDEN")
    assert_error(await someone.delete(path), "FORBIDDEN")
    assert data(await someone.get(path))["title"] == made["title"]


async def test_another_organisations_maintenance_does_not_exist(
    client: Client, office: Organization, live_db: Connection
) -> None:
    made = data(await client(office.owner).post(path_of(office), json=window()), 201)
    other = make_organization(live_db)
    path, owner = f"/api/v1/maintenance/{made['id']}", client(office.owner)
    live_db.execute("delete from public.organization_members where user_id = %s", [office.viewer.id])
    stranger = client(office.viewer)
    assert_error(await stranger.get(path), "NOT_FOUND")
    assert_error(await stranger.patch(path, json={"title": "Mine"}), "NOT_FOUND")
    assert_error(await stranger.delete(path), "NOT_FOUND")
    assert_error(await stranger.get(path_of(office)), "NOT_FOUND")
    assert_error(await owner.post(path_of(other), json=window()), "NOT_FOUND")
    assert_error(await owner.patch(path, json={"asset_id": other.assets["planes"]}), "NOT_FOUND")


async def test_impossible_windows_are_refused_by_field(client: Client, office: Organization) -> None:
    admin, path = client(office.admin), path_of(office)
    assert_fields(await admin.post(path, json=window(1, 1)), end_date="range_order")
    assert_fields(await admin.post(path, json=window(0, 400)), end_date="range_too_long")
    assert_fields(await admin.post(path, json=window(title=" ")), title="string_too_short")
    assert_fields(await admin.post(path, json=window(resolution="ignore")), resolution="literal_error")
    assert_fields(await admin.post(path, json=window(notes="x")), notes="extra_forbidden")
    naive = window(start_date="2031-01-01T00:00:00")
    assert_fields(await admin.post(path, json=naive), start_date="timezone_aware")
    assert_fields(await admin.post(path, json={}), title="missing", start_date="missing", end_date="missing")
