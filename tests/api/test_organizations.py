"""Organisations, against the real stack."""

import uuid

import pytest

from tests.actors import Connection, Organization, TokenSigner, make_organization, make_user
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client


async def test_whoever_creates_an_organisation_owns_it(
    client: Client, live_db: Connection, signer: TokenSigner
) -> None:
    anna = client(make_user(live_db, "anna", signer=signer))
    body = {
        "legal_name": "Familia Arias, S.A.",
        "commercial_name": "Arias",
        "ruc": "155-596",
        "billing_email": "pagos@example.com",
        "address": {"city": "Panamá", "country": "Panamá"},
    }
    response = await anna.post("/api/v1/organizations", json=body)
    created = data(response, 201)
    assert response.headers["location"] == f"/api/v1/organizations/{created['id']}"
    assert response.headers["etag"] == '"1"'
    assert {name: created[name] for name in body} == body
    assert created["timezone"] == "America/Panama"
    read = await anna.get(response.headers["location"])
    assert data(read) == created
    assert read.headers["etag"] == '"1"'
    assert data(await anna.get("/api/v1/me"))["memberships"][0]["role"] == "owner"


async def test_one_sees_ones_own_organisations_only(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    other = make_organization(live_db, signer=signer)
    response = await client(office.viewer).get("/api/v1/organizations")
    assert [row["id"] for row in data(response)] == [office.id]
    assert pagination(response).totalItems == 1
    stranger = client(office.owner)
    for path in ("", "/stats", "/assets", "/reservations"):
        assert_error(await stranger.get(f"/api/v1/organizations/{other.id}{path}"), "NOT_FOUND")
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    assert_error(await stranger.get(f"/api/v1/organizations/{other.id}/calendar", params=window), "NOT_FOUND")
    assert_error(await stranger.patch(f"/api/v1/organizations/{other.id}", json={"dv": "1"}), "NOT_FOUND")
    asset = {"section": "planes", "name": "Intruder"}
    assert_error(await stranger.post(f"/api/v1/organizations/{other.id}/assets", json=asset), "NOT_FOUND")
    assert_error(await stranger.get(f"/api/v1/organizations/{uuid.uuid4()}"), "NOT_FOUND")


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_only_admins_and_owners_change_an_organisation(
    client: Client, office: Organization, role: str
) -> None:
    body = {"commercial_name": "New name"}
    path = f"/api/v1/organizations/{office.id}"
    assert_error(await client(office.actor(role)).patch(path, json=body), "FORBIDDEN")
    changed = data(await client(office.admin).patch(path, json=body))
    assert (changed["commercial_name"], changed["version"]) == ("New name", 2)


async def test_two_who_edit_at_once_are_shown_both(client: Client, office: Organization) -> None:
    admin, path = client(office.admin), f"/api/v1/organizations/{office.id}"
    etag = (await admin.get(path)).headers["etag"]
    first = await admin.patch(path, json={"dv": "12"}, headers={"If-Match": etag})
    assert data(first)["dv"] == "12"
    error = assert_error(
        await client(office.owner).patch(path, json={"dv": "34"}, headers={"If-Match": etag}),
        "PRECONDITION_FAILED",
    )
    assert error["details"]["current"]["dv"] == "12"
    odd = await admin.patch(path, json={"dv": "34"}, headers={"If-Match": '"never-given"'})
    assert_error(odd, "PRECONDITION_FAILED")
    assert data(await admin.patch(path, json={"dv": "34"}, headers={"If-Match": "*"}))["dv"] == "34"


async def test_what_has_not_changed_is_not_sent_again(client: Client, office: Organization) -> None:
    viewer, path = client(office.viewer), f"/api/v1/organizations/{office.id}"
    etag = (await viewer.get(path)).headers["etag"]
    for tags in (etag, f"W/{etag}", f'"0", {etag}', "*"):
        unchanged = await viewer.get(path, headers={"If-None-Match": tags})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == etag
    assert (await viewer.get(path, headers={"If-None-Match": '"0"'})).status_code == 200


async def test_a_time_zone_must_exist(client: Client, office: Organization) -> None:
    response = await client(office.owner).patch(
        f"/api/v1/organizations/{office.id}", json={"timezone": "Mars/Olympus"}
    )
    assert_fields(response, timezone="value_error")


async def test_figures_say_how_old_they_are(client: Client, office: Organization) -> None:
    response = await client(office.viewer).get(f"/api/v1/organizations/{office.id}/stats")
    figures = data(response)
    assert response.json()["metadata"]["cached"] is True
    assert figures["organization_id"] == office.id
    assert figures["as_of"].endswith("Z")
    assert set(figures["assets_by_section"]) == {"planes", "helicopters", "residences", "watercraft"}
