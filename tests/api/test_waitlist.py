"""The waiting list over HTTP, against the real stack."""

import uuid
from typing import Any

import httpx
import pytest

from tests.actors import Actor, Connection, Organization, TokenSigner, make_organization
from tests.api.shape import assert_error, assert_fields, data, pagination
from tests.api.test_reservations import at, booking
from tests.conftest import Client


def waitlist(office: Organization) -> str:
    return f"/api/v1/organizations/{office.id}/waitlist"


def wish(office: Organization, **fields: Any) -> dict[str, Any]:
    return {
        "asset_id": office.assets["planes"],
        "title": "Si se puede",
        "start_date": at(0),
        "end_date": at(1),
        **fields,
    }


async def taken(client: Client, office: Organization) -> str:
    """The path of the owner's booking of the time that the others wish for."""
    made = data(await client(office.owner).post("/api/v1/reservations", json=booking(office)), 201)
    return f"/api/v1/reservations/{made['id']}"


async def joined(client: Client, office: Organization, actor: Actor) -> dict[str, Any]:
    entry: dict[str, Any] = data(await client(actor).post(waitlist(office), json=wish(office)), 201)
    return entry


async def offered(client: Client, office: Organization) -> dict[str, Any]:
    """The member's entry, for whom the time has come free."""
    path = await taken(client, office)
    entry = await joined(client, office, office.member)
    data(await client(office.owner).post(f"{path}/cancel"))
    return entry


async def test_who_waits_is_offered_what_comes_free_and_books_it_once(
    client: Client, office: Organization
) -> None:
    path, member = await taken(client, office), client(office.member)
    response = await member.post(waitlist(office), json=wish(office, guest_count=2))
    entry = data(response, 201)
    assert response.headers["location"] == waitlist(office)
    assert (entry["status"], entry["user_id"]) == ("waiting", office.member.id)
    assert entry["time_zone"] == "America/Panama"
    assert (entry["start_date"], entry["guest_count"], entry["offer_expires_at"]) == (at(0), 2, None)
    accept = f"/api/v1/waitlist/{entry['id']}/accept"
    early = await member.post(accept, json={})
    assert assert_error(early, "INVALID_STATE")["details"]["reason"] == "not_offered"

    data(await client(office.owner).post(f"{path}/cancel"))
    (offer,) = data(await member.get(waitlist(office), params={"status": "offered"}))
    assert (offer["id"], offer["version"] > entry["version"]) == (entry["id"], True)
    assert None not in (offer["hold_id"], offer["offer_expires_at"])
    other = await client(office.manager).post("/api/v1/reservations", json=booking(office))
    assert_error(other, "CONFLICT")

    body, key = {"notes": "Gracias"}, {"Idempotency-Key": str(uuid.uuid4())}
    answer = await member.post(accept, json=body, headers=key)
    made = data(answer, 201)
    assert answer.headers["location"] == f"/api/v1/reservations/{made['id']}"
    assert answer.headers["etag"] == f'"{made["version"]}"'
    assert (made["status"], made["title"], made["notes"]) == ("approved", "Si se puede", "Gracias")
    assert made["guest_count"] == 2
    assert data(await member.post(accept, json=body, headers=key), 201) == made
    reused = await member.post(accept, json={"title": "Otro"}, headers=key)
    assert_error(reused, "IDEMPOTENCY_KEY_REUSED")
    assert_error(await member.post(accept, json=body), "INVALID_STATE")
    (accepted,) = data(await member.get(waitlist(office)))
    assert (accepted["status"], accepted["reservation_id"]) == ("accepted", made["id"])


async def test_waiting_asked_for_twice_with_one_key_is_waiting_once(
    client: Client, office: Organization
) -> None:
    await taken(client, office)
    member, key = client(office.member), {"Idempotency-Key": str(uuid.uuid4())}
    first = await member.post(waitlist(office), json=wish(office), headers=key)
    again = await member.post(waitlist(office), json=wish(office), headers=key)
    assert data(again, 201) == data(first, 201)
    other = await member.post(waitlist(office), json=wish(office, title="Otro"), headers=key)
    assert_error(other, "IDEMPOTENCY_KEY_REUSED")
    twice = await member.post(waitlist(office), json=wish(office))
    assert assert_error(twice, "INVALID_STATE")["details"]["reason"] == "already_waiting"
    assert pagination(await member.get(waitlist(office))).totalItems == 1


async def test_a_free_time_is_booked_and_not_waited_for(client: Client, office: Organization) -> None:
    free = await client(office.member).post(waitlist(office), json=wish(office))
    assert assert_error(free, "INVALID_STATE")["details"]["reason"] == "slot_free"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"title": ""}, {"title": "string_too_short"}),
        ({"end_date": at(-1)}, {"end_date": "range_order"}),
        ({"end_date": at(400)}, {"end_date": "range_too_long"}),
        ({"guest_count": -1}, {"guest_count": "greater_than_equal"}),
        ({"user_id": "x"}, {"user_id": "extra_forbidden"}),
    ],
)
async def test_a_malformed_wish_is_refused_by_its_fields(
    client: Client, office: Organization, change: dict[str, Any], fields: dict[str, str]
) -> None:
    response = await client(office.member).post(waitlist(office), json=wish(office, **change))
    assert_fields(response, **fields)


async def test_a_viewer_waits_for_nothing(client: Client, office: Organization) -> None:
    await taken(client, office)
    viewer = client(office.viewer)
    assert_error(await viewer.post(waitlist(office), json=wish(office)), "FORBIDDEN")
    assert data(await viewer.get(waitlist(office))) == []


async def test_members_see_their_own_entries_and_managers_everyones(
    client: Client, office: Organization
) -> None:
    await taken(client, office)
    own = await joined(client, office, office.member)
    other = await joined(client, office, office.admin)
    everyones = {"scope": "all"}
    assert [e["id"] for e in data(await client(office.member).get(waitlist(office)))] == [own["id"]]
    assert_error(await client(office.member).get(waitlist(office), params=everyones), "FORBIDDEN")
    listed = await client(office.manager).get(waitlist(office), params={**everyones, "pageSize": 1})
    assert pagination(listed).totalItems == 2
    assert [e["id"] for e in data(listed)] == [other["id"]]
    assert data(await client(office.manager).get(waitlist(office))) == []
    elsewhere = {**everyones, "asset_id": office.assets["residences"]}
    assert data(await client(office.manager).get(waitlist(office), params=elsewhere)) == []
    wrong = await client(office.manager).get(waitlist(office), params={"scope": "ours", "status": "lost"})
    assert_fields(wrong, scope="literal_error", status="literal_error")


async def test_only_who_waits_accepts_and_managers_may_end_the_waiting(
    client: Client, office: Organization
) -> None:
    entry = await offered(client, office)
    path = f"/api/v1/waitlist/{entry['id']}"
    theirs = await client(office.manager).post(f"{path}/accept", json={})
    assert assert_error(theirs, "FORBIDDEN")["details"]["reason"] == "not_yours"
    viewer = client(office.viewer)
    assert_error(await viewer.post(f"{path}/accept", json={}), "NOT_FOUND")
    assert_error(await viewer.delete(path), "NOT_FOUND")
    ended = data(await client(office.manager).delete(path))
    assert (ended["id"], ended["status"], ended["hold_id"]) == (entry["id"], "canceled", None)


async def test_who_declines_leaves_the_offer_to_the_next(client: Client, office: Organization) -> None:
    path = await taken(client, office)
    first = await joined(client, office, office.member)
    second = await joined(client, office, office.manager)
    data(await client(office.owner).post(f"{path}/cancel"))
    member = client(office.member)
    assert data(await member.delete(f"/api/v1/waitlist/{first['id']}"))["status"] == "canceled"
    gone = await member.delete(f"/api/v1/waitlist/{first['id']}")
    assert assert_error(gone, "INVALID_STATE")["details"] == {"reason": "status", "status": "canceled"}
    (offer,) = data(await client(office.manager).get(waitlist(office)))
    assert (offer["id"], offer["status"]) == (second["id"], "offered")


async def test_another_organisations_waiting_list_does_not_exist(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    entry = await offered(client, office)
    foreign = make_organization(live_db, signer=signer)
    owner = client(foreign.owner)
    path = f"/api/v1/waitlist/{entry['id']}"

    async def answers() -> list[httpx.Response]:
        return [
            await owner.get(waitlist(office)),
            await owner.get(waitlist(office), params={"scope": "all"}),
            await owner.post(waitlist(office), json=wish(office)),
            # Their own organisation, our asset.
            await owner.post(waitlist(foreign), json=wish(office)),
            await owner.post(f"{path}/accept", json={}),
            await owner.delete(path),
            await owner.delete(f"/api/v1/waitlist/{uuid.uuid4()}"),
        ]

    for answer in await answers():
        assert_error(answer, "NOT_FOUND")
    mixed = {"scope": "all", "asset_id": office.assets["planes"]}
    assert data(await owner.get(waitlist(foreign), params=mixed)) == []
    (still,) = data(await client(office.member).get(waitlist(office)))
    assert still["status"] == "offered"


async def test_nobody_waits_without_signing_in(client: Client, office: Organization) -> None:
    for response in (
        await client(None).get(waitlist(office)),
        await client(None).post(waitlist(office), json=wish(office)),
        await client(None).delete(f"/api/v1/waitlist/{uuid.uuid4()}"),
    ):
        assert_error(response, "UNAUTHORIZED")
