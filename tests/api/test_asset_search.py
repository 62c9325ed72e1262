"""Finding assets, and changing many of them, over HTTP."""

from typing import Any

import pytest

from tests.actors import Connection, Organization, make_asset
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client
from tests.db.booking import at, insert_booking, utc


@pytest.fixture
def fleet(office: Organization, live_db: Connection) -> Organization:
    """What can be found by words and by facts."""
    make_asset(
        live_db,
        office.id,
        "residences",
        "Casa Contadora",
        description="Frente al océano",
        capacity=14,
        details={"bedrooms": 6, "pool": True, "code": "42", "house.name": "Azul"},
    )
    make_asset(live_db, office.id, "planes", "Citation", capacity=8, details={"code": 42, "pool": False})
    return office


def found(response: Any) -> list[str]:
    return [row["name"] for row in data(response)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "oceano"}, ["Casa Contadora"]),
        ({"q": "citat"}, ["Citation"]),
        ({"details.pool": "true"}, ["Casa Contadora"]),
        ({"details[pool]": "true"}, ["Casa Contadora"]),
        ({"details.code": "42"}, ["Citation"]),
        ({"details.code": '"42"'}, ["Casa Contadora"]),
        ({"details.house.name": "Azul"}, ["Casa Contadora"]),
        ({"details.bedrooms": "6", "details.pool": "true"}, ["Casa Contadora"]),
        ({"details.bedrooms": "6", "details.pool": "false"}, []),
        ({"capacity_min": "10"}, ["Casa Contadora"]),
        ({"capacity_min": "8", "sort": "-capacity", "status": "active"}, ["Casa Contadora", "Citation"]),
        ({"q": "one", "section": "planes"}, ["planes one"]),
    ],
)
async def test_assets_are_found(
    client: Client, fleet: Organization, query: dict[str, str], names: list[str]
) -> None:
    response = await client(fleet.viewer).get(f"/api/v1/organizations/{fleet.id}/assets", params=query)
    assert found(response) == names
    assert pagination(response).totalItems == len(names)


async def test_assets_that_are_free_between_two_times(
    client: Client, fleet: Organization, live_db: Connection
) -> None:
    insert_booking(live_db, fleet, fleet.assets["planes"], at(40, 12), at(40, 14))
    query = {"section": "planes", "free_from": utc(at(40, 13)), "free_to": utc(at(40, 15))}
    response = await client(fleet.member).get(f"/api/v1/organizations/{fleet.id}/assets", params=query)
    assert found(response) == ["Citation"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("details=5", {"details": "dict_type"}),
        ("details.=5", {"details.": "extra_forbidden"}),
        ("details.a=1&details.a=2", {"details.a": "repeated"}),
        ("details=5&details.a=2", {"details.a": "repeated"}),
        ("details.a=2&details=5", {"details": "repeated"}),
        ("section.a=planes", {"section.a": "extra_forbidden"}),
        ("q=a&q=b", {"q": "repeated"}),
        ("status=gone&capacity_min=0", {"status": "literal_error", "capacity_min": "greater_than_equal"}),
        ("free_from=2031-01-01T00:00:00Z", {"free_to": "missing"}),
    ],
)
async def test_what_cannot_be_asked_is_named(
    client: Client, fleet: Organization, query: str, fields: dict[str, str]
) -> None:
    response = await client(fleet.viewer).get(f"/api/v1/organizations/{fleet.id}/assets?{query}")
    assert_fields(response, **fields)


async def test_archived_assets_are_listed_to_admins_and_come_back(
    client: Client, fleet: Organization
) -> None:
    admin, manager = client(fleet.admin), client(fleet.manager)
    path, listed = f"/api/v1/assets/{fleet.assets['planes']}", f"/api/v1/organizations/{fleet.id}/assets"
    assert (await admin.delete(path)).status_code == 204
    archived = await admin.get(listed, params={"status": "archived"})
    assert found(archived) == ["planes one"]
    assert_error(await manager.get(listed, params={"status": "archived"}), "FORBIDDEN")

    assert_error(await manager.post(f"{path}/restore"), "NOT_FOUND")
    assert_error(await admin.post(f"{path}/restore", headers={"If-Match": '"1"'}), "PRECONDITION_FAILED")
    restored = await admin.post(f"{path}/restore", headers={"If-Match": '"2"'})
    assert data(restored)["name"] == "planes one"
    assert restored.headers["etag"] == '"3"'
    assert data(await manager.get(path))["version"] == 3
    # What is there already stays as it is.
    assert data(await admin.post(f"{path}/restore"))["version"] == 3
    assert_error(await manager.post(f"{path}/restore"), "FORBIDDEN")


async def test_an_asset_whose_section_is_lost_does_not_come_back(
    client: Client, fleet: Organization, live_db: Connection
) -> None:
    boat, admin = fleet.assets["watercraft"], client(fleet.admin)
    assert (await admin.delete(f"/api/v1/assets/{boat}")).status_code == 204
    live_db.execute(
        "update public.entitlements set is_active = false"
        " where organization_id = %s and section = 'watercraft'",
        [fleet.id],
    )
    error = assert_error(await admin.post(f"/api/v1/assets/{boat}/restore"), "FORBIDDEN")
    assert error["details"]["reason"] == "section_not_entitled"


async def test_a_residences_times_are_not_a_planes(client: Client, office: Organization) -> None:
    admin = client(office.admin)
    path = f"/api/v1/assets/{office.assets['planes']}"
    assert_fields(await admin.patch(path, json={"check_in": "15:00"}), check_in="residences_only")
    house = {"section": "residences", "check_in": "15:00", "check_out": "11:00"}
    assert data(await admin.patch(path, json=house))["check_out"] == "11:00"
    back = await admin.patch(path, json={"section": "planes"})
    assert_fields(back, check_in="residences_only", check_out="residences_only")


async def test_many_assets_at_once(client: Client, fleet: Organization) -> None:
    admin, path = client(fleet.admin), f"/api/v1/organizations/{fleet.id}/assets/bulk"
    operations = [
        {"op": "create", "asset": {"section": "planes", "name": "Bulk one"}},
        {"op": "update", "id": fleet.assets["planes"], "version": 7, "asset": {"name": "Stale"}},
        {"op": "archive", "id": fleet.assets["helicopters"]},
    ]
    refused = await admin.post(path, json={"mode": "atomic", "operations": operations})
    error = assert_error(refused, "VALIDATION_ERROR")
    assert [(field["path"], field["code"]) for field in error["details"]["fields"]] == [
        ("operations.1", "precondition_failed")
    ]
    key = {"Idempotency-Key": "bulk-1"}
    done = await admin.post(path, json={"mode": "partial", "operations": operations}, headers=key)
    results = data(done)["results"]
    assert [result["status"] for result in results] == ["ok", "error", "ok"]
    assert results[1]["error"]["code"] == "PRECONDITION_FAILED"
    assert results[1]["error"]["details"]["current"]["name"] == "planes one"
    again = await admin.post(path, json={"mode": "partial", "operations": operations}, headers=key)
    assert data(again) == data(done)
    for role in ("manager", "member", "viewer"):
        body = {"mode": "partial", "operations": operations}
        assert_error(await client(fleet.actor(role)).post(path, json=body), "FORBIDDEN")
    assert_fields(
        await admin.post(path, json={"mode": "some", "operations": []}),
        mode="literal_error",
        operations="too_short",
    )
