"""Assets, against the real stack."""

import uuid
from typing import Any

import pytest

from tests.actors import Connection, Organization, make_asset
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client

PLANE = {
    "section": "planes",
    "name": "HP-1234 <Citation>",
    "description": "Ocho asientos",
    "details": {"tail": "HP-1234", "hours": 12.5, "crew": ["Ana", None]},
    "timezone": "America/Bogota",
    "turnaround_minutes": 60,
    "capacity": 8,
    "current_location": {"icao": "MPTO"},
    "primary_photo_url": "https://example.com/hp.jpg",
}


async def test_an_asset_lives_through_create_read_change_and_archive(
    client: Client, office: Organization
) -> None:
    admin = client(office.admin)
    response = await admin.post(f"/api/v1/organizations/{office.id}/assets", json=PLANE)
    created = data(response, 201)
    assert {name: created[name] for name in PLANE} == PLANE
    assert created["organization_id"] == office.id
    path = response.headers["location"]
    assert path == f"/api/v1/assets/{created['id']}"
    assert created["created_at"].endswith("Z")

    read = await client(office.viewer).get(path)
    assert data(read) == created
    assert read.headers["etag"] == response.headers["etag"] == '"1"'
    same = await client(office.viewer).get(path, headers={"If-None-Match": '"1"'})
    assert same.status_code == 304

    changes: dict[str, Any] = {"name": "HP-1234", "details": {}, "description": None}
    changed = await admin.patch(path, json=changes, headers={"If-Match": '"1"'})
    assert {name: data(changed)[name] for name in changes} == changes
    assert changed.headers["etag"] == '"2"'

    stale = await admin.patch(path, json={"name": "Other"}, headers={"If-Match": '"1"'})
    current = assert_error(stale, "PRECONDITION_FAILED")["details"]["current"]
    assert current == data(changed)
    assert_error(await admin.delete(path, headers={"If-Match": '"1"'}), "PRECONDITION_FAILED")

    gone = await admin.delete(path, headers={"If-Match": '"2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert_error(await admin.request(method, path), "NOT_FOUND")
    assert_error(await admin.patch(path, json={"name": "Ghost"}), "NOT_FOUND")


async def test_a_residence_has_local_check_in_times(client: Client, office: Organization) -> None:
    body = {"section": "residences", "name": "Casa", "check_in": "15:00", "check_out": "11:30"}
    response = await client(office.owner).post(f"/api/v1/organizations/{office.id}/assets", json=body)
    assert (data(response, 201)["check_in"], data(response, 201)["check_out"]) == ("15:00", "11:30")


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_only_admins_and_owners_write_assets(client: Client, office: Organization, role: str) -> None:
    someone = client(office.actor(role))
    path = f"/api/v1/assets/{office.assets['planes']}"
    assert_error(await someone.post(f"/api/v1/organizations/{office.id}/assets", json=PLANE), "FORBIDDEN")
    assert_error(await someone.patch(path, json={"name": "Mine"}), "FORBIDDEN")
    assert_error(await someone.delete(path), "FORBIDDEN")
    assert data(await someone.get(path))["name"] == "planes one"


async def test_another_organisations_asset_does_not_exist(
    client: Client, office: Organization, live_db: Connection
) -> None:
    stranger_asset = live_db.execute(
        "select id from public.assets where organization_id <> %s limit 1", [office.id]
    ).fetchone()
    path = f"/api/v1/assets/{stranger_asset['id'] if stranger_asset else uuid.uuid4()}"
    owner = client(office.owner)
    window = {"start": "2026-03-01T15:00:00Z", "end": "2026-03-02T15:00:00Z"}
    assert_error(await owner.get(path), "NOT_FOUND")
    assert_error(await owner.patch(path, json={"name": "Mine"}), "NOT_FOUND")
    assert_error(await owner.delete(path), "NOT_FOUND")
    assert_error(await owner.get(f"{path}/availability", params=window), "NOT_FOUND")


async def test_a_section_that_is_not_paid_for_gets_no_assets(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute(
        "update public.entitlements set is_active = false where organization_id = %s and section = 'planes'",
        [office.id],
    )
    response = await client(office.owner).post(f"/api/v1/organizations/{office.id}/assets", json=PLANE)
    error = assert_error(response, "FORBIDDEN")
    assert error["details"] == {"reason": "section_not_entitled", "section": "planes"}


async def test_a_time_zone_must_exist(client: Client, office: Organization) -> None:
    body = {"section": "planes", "name": "x", "timezone": "Mars/Olympus"}
    response = await client(office.owner).post(f"/api/v1/organizations/{office.id}/assets", json=body)
    assert_fields(response, timezone="value_error")


async def test_lists_are_filtered_sorted_and_paged(
    client: Client, office: Organization, live_db: Connection
) -> None:
    for number in range(5):
        make_asset(live_db, office.id, "watercraft", f"boat {number}")
    viewer, path = client(office.viewer), f"/api/v1/organizations/{office.id}/assets"
    everything = await viewer.get(path)
    names = [row["name"] for row in data(everything)]
    assert names == sorted(names)
    assert len(names) == 9
    query = {"section": "watercraft", "sort": "-name", "pageSize": "4"}
    first = await viewer.get(path, params=query)
    assert [row["name"] for row in data(first)] == ["watercraft one", "boat 4", "boat 3", "boat 2"]
    assert pagination(first).model_dump() == {
        "page": 1,
        "pageSize": 4,
        "totalItems": 6,
        "totalPages": 2,
        "hasNext": True,
        "hasPrevious": False,
    }
    assert set(first.links) == {"first", "next", "last"}
    second = await viewer.get(first.links["next"]["url"])
    assert [row["name"] for row in data(second)] == ["boat 1", "boat 0"]
    assert (pagination(second).hasNext, pagination(second).hasPrevious) == (False, True)
    assert set(second.links) == {"first", "prev", "last"}
    beyond = await viewer.get(path, params={**query, "page": "7"})
    assert data(beyond) == []
    assert pagination(beyond).totalItems == 6
    assert beyond.links["prev"]["url"] == first.links["last"]["url"]


async def test_what_the_tier_hides_is_not_there(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute("update public.tiers set sections = '{planes}' where id = %s", [office.tier])
    member, hidden = client(office.member), office.assets["watercraft"]
    listed = data(await member.get(f"/api/v1/organizations/{office.id}/assets"))
    assert {row["section"] for row in listed} == {"planes"}
    assert_error(await member.get(f"/api/v1/assets/{hidden}"), "NOT_FOUND")
    empty = await member.get(f"/api/v1/organizations/{office.id}/assets", params={"section": "watercraft"})
    assert data(empty) == []
    assert pagination(empty).totalPages == 0
