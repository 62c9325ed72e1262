"""Members and invitations over HTTP, as each role."""

import uuid

import httpx
import pytest

from tests.actors import Connection, Organization, TokenSigner, make_organization, make_user
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.conftest import Client
from tests.db.booking import at


def members_of(organization: Organization, user: str = "") -> str:
    return f"/api/v1/organizations/{organization.id}/members" + (f"/{user}" if user else "")


def invitations_of(organization: Organization, invitation: str = "") -> str:
    path = f"/api/v1/organizations/{organization.id}/invitations"
    return path + (f"/{invitation}" if invitation else "")


async def test_a_directory_shows_addresses_to_managers_and_has_pages(
    client: Client, office: Organization
) -> None:
    response = await client(office.manager).get(members_of(office), params={"pageSize": 2, "page": 2})
    assert [person["role"] for person in data(response)] == ["manager", "member"]
    assert (pagination(response).totalItems, pagination(response).totalPages) == (5, 3)
    assert data(response)[1]["email"] == office.member.email
    seen = data(await client(office.viewer).get(members_of(office), params={"role": "member"}))
    assert [(person["user_id"], person["tier"]["id"]) for person in seen] == [(office.member.id, office.tier)]
    assert "email" not in seen[0]


async def test_a_member_is_changed_in_the_version_that_was_read(client: Client, office: Organization) -> None:
    admin, path = client(office.admin), members_of(office, office.member.id)
    changed = await admin.patch(path, json={"role": "manager"}, headers={"If-Match": '"1"'})
    assert (data(changed)["role"], changed.headers["etag"]) == ("manager", '"2"')
    error = assert_error(
        await admin.patch(path, json={"tier_id": None}, headers={"If-Match": '"1"'}), "PRECONDITION_FAILED"
    )
    assert error["details"]["current"]["role"] == "manager"
    assert_fields(await admin.patch(path, json={"role": "king"}), role="literal_error")
    assert_fields(await admin.patch(path, json={"tier_id": str(uuid.uuid4())}), tier_id="not_found")
    assert_error(await admin.patch(members_of(office, office.owner.id), json={"role": "viewer"}), "FORBIDDEN")
    assert_error(await admin.patch(path, json={"role": "owner"}), "FORBIDDEN")


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_only_admins_and_owners_manage_members(client: Client, office: Organization, role: str) -> None:
    caller = client(office.actor(role))
    for response in (
        await caller.patch(members_of(office, office.admin.id), json={"role": "viewer"}),
        await caller.delete(members_of(office, office.admin.id)),
        await caller.get(invitations_of(office)),
        await caller.post(invitations_of(office), json={"email": "new@example.com"}),
        await caller.delete(invitations_of(office, str(uuid.uuid4()))),
        await caller.delete(f"/api/v1/organizations/{office.id}"),
        await caller.post(f"/api/v1/organizations/{office.id}/restore"),
    ):
        assert_error(response, "FORBIDDEN")


async def test_another_organisation_is_not_there(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    other = make_organization(live_db, signer=signer)
    stranger = client(office.owner)
    for response in (
        await stranger.get(members_of(other)),
        await stranger.patch(members_of(other, other.member.id), json={"role": "viewer"}),
        await stranger.delete(members_of(other, other.member.id)),
        await stranger.get(invitations_of(other)),
        await stranger.post(invitations_of(other), json={"email": "new@example.com"}),
        await stranger.delete(f"/api/v1/organizations/{other.id}"),
        await stranger.post(f"/api/v1/organizations/{other.id}/restore"),
        # One's own organisation does not make another's people its members.
        await stranger.patch(members_of(office, other.member.id), json={"role": "viewer"}),
        await stranger.delete(members_of(office, other.member.id)),
    ):
        assert_error(response, "NOT_FOUND")
    error = await stranger.patch(members_of(office, office.member.id), json={"tier_id": other.tier})
    assert_fields(error, tier_id="not_found")


async def test_a_member_with_bookings_to_come_is_not_just_removed(
    client: Client, office: Organization
) -> None:
    booking = {
        "asset_id": office.assets["planes"],
        "title": "Trip",
        "start_date": at(40).isoformat(),
        "end_date": at(41).isoformat(),
    }
    made = data(await client(office.member).post("/api/v1/reservations", json=booking), 201)
    admin, path = client(office.admin), members_of(office, office.member.id)
    error = assert_error(await admin.delete(path), "INVALID_STATE")
    assert error["details"] == {"reason": "future_bookings", "count": 1}
    assert_fields(
        await admin.delete(path, params={"future_bookings": "keep"}), future_bookings="literal_error"
    )
    assert_fields(
        await admin.delete(path, params={"transfer_to": str(uuid.uuid4())}), transfer_to="not_found"
    )
    gone = await admin.delete(path, params={"transfer_to": office.manager.id})
    assert (gone.status_code, gone.content) == (204, b"")
    assert data(await admin.get(f"/api/v1/reservations/{made['id']}"))["user_id"] == office.manager.id
    assert_error(await client(office.member).get(members_of(office)), "NOT_FOUND")


async def test_one_may_leave(client: Client, office: Organization) -> None:
    left = await client(office.viewer).delete(members_of(office, office.viewer.id))
    assert left.status_code == 204
    assert data(await client(office.viewer).get("/api/v1/me"))["memberships"] == []
    error = assert_error(
        await client(office.owner).delete(members_of(office, office.owner.id)), "INVALID_STATE"
    )
    assert error["details"]["reason"] == "last_owner"


@pytest.fixture
def seats(live_db: Connection, office: Organization) -> Organization:
    """The office with ten seats."""
    live_db.execute("update public.subscriptions set seat_limit = 10 where organization_id = %s", [office.id])
    return office


async def test_an_invitation_makes_a_member_of_whoever_has_that_address(
    client: Client, seats: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    nadia = make_user(live_db, "nadia", signer=signer)
    admin = client(seats.admin)
    body = {"email": nadia.email.upper(), "role": "manager", "tier_id": seats.tier, "message": "Welcome"}
    response = await admin.post(invitations_of(seats), json=body)
    made = data(response, 201)
    assert response.headers["cache-control"] == "no-store"
    token = made.pop("token")
    assert len(token) == 43
    assert (made["email"], made["status"], made["role"]) == (nadia.email, "open", "manager")
    listed = await admin.get(invitations_of(seats))
    assert data(listed) == [made]
    assert token not in listed.text

    accept = "/api/v1/invitations/accept"
    assert_error(await client(seats.viewer).post(accept, json={"token": token}), "NOT_FOUND")
    assert_error(await client(nadia).post(accept, json={"token": token[:-1] + "_"}), "NOT_FOUND")
    joined = data(await client(nadia).post(accept, json={"token": token}))
    assert (joined["organization"]["id"], joined["role"], joined["tier"]["id"]) == (
        seats.id,
        "manager",
        seats.tier,
    )
    assert data(await client(nadia).get("/api/v1/me"))["memberships"][0]["role"] == "manager"
    error = assert_error(await client(nadia).post(accept, json={"token": token}), "INVALID_STATE")
    assert error["details"] == {"reason": "invitation_accepted"}
    assert data(await admin.get(invitations_of(seats), params={"status": "open"})) == []


async def test_an_invitation_can_be_taken_back(
    client: Client, seats: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    late = make_user(live_db, "late", signer=signer)
    owner = client(seats.owner)
    made = data(await owner.post(invitations_of(seats), json={"email": late.email}), 201)
    assert (await owner.delete(invitations_of(seats, made["id"]))).status_code == 204
    error = assert_error(
        await client(late).post("/api/v1/invitations/accept", json={"token": made["token"]}), "INVALID_STATE"
    )
    assert error["details"] == {"reason": "invitation_revoked"}


async def test_faults_of_an_invitation_are_named(client: Client, office: Organization) -> None:
    body = {"email": "nobody", "role": "owner", "message": "m" * 501, "seat": 1}
    assert_fields(
        await client(office.admin).post(invitations_of(office), json=body),
        email="string_pattern_mismatch",
        role="literal_error",
        message="string_too_long",
        seat="extra_forbidden",
    )
    error = assert_error(
        await client(office.admin).post(invitations_of(office), json={"email": "new@example.com"}),
        "INVALID_STATE",
    )
    assert error["details"]["reason"] == "seat_limit"


async def test_a_deleted_organisation_is_gone_until_an_owner_restores_it(
    client: Client, office: Organization
) -> None:
    owner, path = client(office.owner), f"/api/v1/organizations/{office.id}"
    read = data(await owner.get(path))
    assert read["entitlements"] == ["planes", "helicopters", "residences", "watercraft"]
    assert (read["subscription"]["status"], read["subscription"]["seat_limit"]) == ("trial", 5)
    assert "subscription" not in data(await client(office.manager).get(path))
    assert_error(await owner.delete(path, headers={"If-Match": '"77"'}), "PRECONDITION_FAILED")
    assert (await owner.delete(path)).status_code == 204
    for role in ("owner", "admin", "viewer"):
        assert_error(await client(office.actor(role)).get(path), "NOT_FOUND")
        assert_error(await client(office.actor(role)).get(members_of(office)), "NOT_FOUND")
    assert data(await owner.get("/api/v1/organizations")) == []
    assert_error(await owner.delete(path), "NOT_FOUND")
    for role in ("admin", "viewer"):
        assert_error(await client(office.actor(role)).post(f"{path}/restore"), "NOT_FOUND")
    restored = await owner.post(f"{path}/restore")
    assert data(restored)["id"] == office.id
    assert data(await client(office.viewer).get(path))["id"] == office.id
    error = assert_error(await owner.post(f"{path}/restore"), "INVALID_STATE")
    assert error["details"] == {"reason": "not_deleted"}


async def test_nobody_without_a_token_gets_anywhere(client: Client, office: Organization) -> None:
    nobody = client(None)
    responses: list[httpx.Response] = [
        await nobody.get(members_of(office)),
        await nobody.post("/api/v1/invitations/accept", json={"token": "x"}),
        await nobody.delete(f"/api/v1/organizations/{office.id}"),
    ]
    for response in responses:
        assert_error(response, "UNAUTHORIZED")
