"""Oneself, against the real stack."""

from tests.actors import Organization
from tests.api.shape import assert_error, assert_fields, data
from tests.conftest import Client


async def test_a_profile_is_changed_field_by_field(client: Client, office: Organization) -> None:
    anna = client(office.member)
    changes = {"first_name": "Ana", "phone": "+50761234567", "locale": "en", "timezone": "America/New_York"}
    changed = data(await anna.patch("/api/v1/me", json=changes))
    assert {name: changed["profile"][name] for name in changes} == changes
    assert changed["memberships"][0]["organization"]["id"] == office.id
    emptied = data(await anna.patch("/api/v1/me", json={"phone": None}))
    assert (emptied["profile"]["phone"], emptied["profile"]["first_name"]) == (None, "Ana")
    assert data(await anna.get("/api/v1/me"))["profile"] == emptied["profile"]


async def test_a_profile_that_changed_meanwhile_is_shown(client: Client, office: Organization) -> None:
    anna = client(office.member)
    version = data(await anna.get("/api/v1/me"))["profile"]["version"]
    match = {"If-Match": f'"{version}"'}
    data(await anna.patch("/api/v1/me", json={"first_name": "Ana"}, headers=match))
    refused = await anna.patch("/api/v1/me", json={"first_name": "Anne"}, headers=match)
    error = assert_error(refused, "PRECONDITION_FAILED")
    assert error["details"]["current"]["first_name"] == "Ana"
    assert error["details"]["current"]["version"] == version + 1


async def test_a_time_zone_must_exist(client: Client, office: Organization) -> None:
    response = await client(office.member).patch("/api/v1/me", json={"timezone": "Mars/Olympus"})
    assert_fields(response, timezone="value_error")
