"""Bookings, against the real stack."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.actors import Connection, Organization
from tests.api.shape import assert_error, data, pagination
from tests.conftest import Client

# The first of a month far enough ahead that nothing else of a run is there.
START = datetime(datetime.now(UTC).year + 1, 3, 1, 15, tzinfo=UTC)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def booking(office: Organization, first: float = 0, last: float = 1, **fields: Any) -> dict[str, Any]:
    return {
        "asset_id": office.assets["planes"],
        "title": "Fin de semana",
        "start_date": at(first),
        "end_date": at(last),
        **fields,
    }


async def test_a_booking_is_made_read_moved_and_cancelled(client: Client, office: Organization) -> None:
    member = client(office.member)
    details: dict[str, Any] = {
        "guest_count": 2,
        "notes": "Ventana, por favor",
        "metadata": {"legs": [{"from": "MPTO", "to": "SKBO"}]},
        "guests": [{"name": "Berta", "email": "berta@example.com"}, {"name": "Carlos"}],
    }
    response = await member.post("/api/v1/reservations", json=booking(office, **details))
    made = data(response, 201)
    path = response.headers["location"]
    assert path == f"/api/v1/reservations/{made['id']}"
    assert (made["start_date"], made["end_date"]) == (at(0), at(1))
    assert (made["status"], made["version"], made["time_zone"]) == ("approved", 1, "America/Panama")
    assert made["user_id"] == office.member.id
    assert (made["notes"], made["metadata"]) == (details["notes"], details["metadata"])
    assert [guest["name"] for guest in made["guests"]] == ["Berta", "Carlos"]

    read = await member.get(path)
    assert data(read) == made
    etag = read.headers["etag"]
    assert etag == response.headers["etag"]
    assert (await member.get(path, headers={"If-None-Match": etag})).status_code == 304

    moved = await member.patch(
        path, json={"start_date": at(2), "end_date": at(3), "notes": None}, headers={"If-Match": etag}
    )
    assert (data(moved)["start_date"], data(moved)["notes"]) == (at(2), None)
    assert moved.headers["etag"] != etag
    stale = await member.post(f"{path}/cancel", json={}, headers={"If-Match": etag})
    assert assert_error(stale, "PRECONDITION_FAILED")["details"]["current"]["start_date"] == at(2)

    canceled = data(
        await member.post(
            f"{path}/cancel", json={"reason": "Lluvia"}, headers={"If-Match": moved.headers["etag"]}
        )
    )
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "Lluvia")
    assert_error(await member.post(f"{path}/cancel"), "INVALID_STATE")


async def test_a_taken_time_is_refused_with_what_is_free(client: Client, office: Organization) -> None:
    made = data(await client(office.member).post("/api/v1/reservations", json=booking(office)), 201)
    second = await client(office.manager).post("/api/v1/reservations", json=booking(office, 0.5, 1.5))
    error = assert_error(second, "CONFLICT")
    assert [conflict["id"] for conflict in error["details"]["conflicts"]] == [made["id"]]
    alternative = error["details"]["alternatives"][0]
    again = await client(office.manager).post("/api/v1/reservations", json={**booking(office), **alternative})
    data(again, 201)


async def test_a_booking_may_begin_the_instant_another_ends(client: Client, office: Organization) -> None:
    member = client(office.member)
    data(await member.post("/api/v1/reservations", json=booking(office, 0, 1)), 201)
    data(await member.post("/api/v1/reservations", json=booking(office, 1, 2)), 201)


async def test_fifty_who_want_one_slot_get_one_winner(client: Client, office: Organization) -> None:
    members = [client(office.actor(role)) for role in ("owner", "admin", "manager", "member")]
    answers = await asyncio.gather(
        *(members[n % 4].post("/api/v1/reservations", json=booking(office)) for n in range(50))
    )
    assert sum(answer.status_code == 201 for answer in answers) == 1
    for answer in answers:
        if answer.status_code != 201:
            # A queue that is too long for the lock's patience is told to come again.
            assert_error(answer, "CONFLICT" if answer.status_code == 409 else "SERVICE_UNAVAILABLE")


async def test_a_request_sent_twice_books_once(client: Client, office: Organization) -> None:
    member, headers = client(office.member), {"Idempotency-Key": str(uuid.uuid4())}
    answers = await asyncio.gather(
        *(member.post("/api/v1/reservations", json=booking(office), headers=headers) for _ in range(4))
    )
    assert len({data(answer, 201)["id"] for answer in answers}) == 1
    other = await member.post("/api/v1/reservations", json=booking(office, 5, 6), headers=headers)
    assert_error(other, "IDEMPOTENCY_KEY_REUSED")


async def test_a_viewer_books_nothing(client: Client, office: Organization) -> None:
    assert_error(await client(office.viewer).post("/api/v1/reservations", json=booking(office)), "FORBIDDEN")


async def test_members_touch_only_their_own_bookings(client: Client, office: Organization) -> None:
    made = data(await client(office.owner).post("/api/v1/reservations", json=booking(office)), 201)
    path = f"/api/v1/reservations/{made['id']}"
    assert_error(await client(office.member).patch(path, json={"title": "Mío"}), "FORBIDDEN")
    assert_error(await client(office.member).post(f"{path}/cancel"), "FORBIDDEN")
    assert data(await client(office.manager).post(f"{path}/cancel"))["status"] == "canceled"


async def test_details_are_for_booker_and_managers(client: Client, office: Organization) -> None:
    body = booking(office, notes="Privado", guests=[{"name": "Berta"}])
    made = data(await client(office.member).post("/api/v1/reservations", json=body), 201)
    path = f"/api/v1/reservations/{made['id']}"
    assert data(await client(office.manager).get(path))["notes"] == "Privado"
    seen = data(await client(office.viewer).get(path))
    assert not {"notes", "guests", "metadata"} & set(seen)
    assert seen["title"] == "Fin de semana"


async def test_reversed_times_are_refused(client: Client, office: Organization) -> None:
    response = await client(office.member).post("/api/v1/reservations", json=booking(office, 1, 0))
    error = assert_error(response, "VALIDATION_ERROR")
    assert {field["path"] for field in error["details"]["fields"]} <= {"start_date", "end_date"}


async def test_lists_are_filtered_by_what_was_asked(client: Client, office: Organization) -> None:
    member, path = client(office.member), f"/api/v1/organizations/{office.id}/reservations"
    first = data(await member.post("/api/v1/reservations", json=booking(office, 0, 1)), 201)
    boat = booking(office, 1, 2, asset_id=office.assets["watercraft"])
    second = data(await client(office.owner).post("/api/v1/reservations", json=boat), 201)
    third = data(await member.post("/api/v1/reservations", json=booking(office, 3, 4)), 201)
    data(await member.post(f"/api/v1/reservations/{third['id']}/cancel"))

    async def ids(**query: Any) -> list[str]:
        return [row["id"] for row in data(await member.get(path, params=query))]

    assert await ids() == [first["id"], second["id"], third["id"]]
    assert await ids(sort="-start_date") == [third["id"], second["id"], first["id"]]
    assert await ids(asset_id=office.assets["watercraft"]) == [second["id"]]
    assert await ids(user_id=office.member.id) == [first["id"], third["id"]]
    assert await ids(status=["canceled", "rejected"]) == [third["id"]]
    assert await ids(**{"from": at(1), "to": at(3)}) == [second["id"]], "half-open, as bookings are"
    row = data(await member.get(path, params={"pageSize": 1}))[0]
    assert row["asset"] == {"name": "planes one", "section": "planes", "timezone": "America/Panama"}
    assert (row["start_date"], row["version"]) == (at(0), 1)
    assert "notes" not in row
    assert pagination(await member.get(path, params={"pageSize": 1})).totalPages == 3


async def test_a_list_is_searched_by_title_and_says_how_much_there_is(
    client: Client, office: Organization
) -> None:
    member, path = client(office.member), f"/api/v1/organizations/{office.id}/reservations"
    for day, title in enumerate(("Bocas del Toro", "Contadora", "Bocas otra vez")):
        data(await member.post("/api/v1/reservations", json=booking(office, day, day + 1, title=title)), 201)
    found = await member.get(path, params={"q": "BOCAS", "pageSize": 1})
    assert [row["title"] for row in data(found)] == ["Bocas del Toro"]
    assert (pagination(found).totalItems, pagination(found).hasNext) == (2, True)
    assert data(await member.get(path, params={"q": "%"})) == []
    assert_error(await member.get(path, params={"from": at(1), "to": at(0)}), "VALIDATION_ERROR")


async def test_a_preview_tells_what_booking_would_come_to_and_writes_nothing(
    client: Client, office: Organization
) -> None:
    member = client(office.member)
    free = data(await member.post("/api/v1/reservations/preview", json=booking(office)))
    assert free == {
        "outcome": "approved",
        "time_zone": "America/Panama",
        "violations": [],
        "overridden": [],
        "conflicts": [],
        "alternatives": [],
        "approvals": [],
        "displaceable": False,
    }
    made = data(await member.post("/api/v1/reservations", json=booking(office)), 201)
    taken = data(await client(office.manager).post("/api/v1/reservations/preview", json=booking(office)))
    assert (taken["outcome"], [found["id"] for found in taken["conflicts"]]) == ("conflict", [made["id"]])
    assert len(taken["alternatives"]) == 3
    viewer = await client(office.viewer).post("/api/v1/reservations/preview", json=booking(office))
    assert_error(viewer, "FORBIDDEN")


async def test_a_hold_keeps_the_time_until_it_is_booked_or_given_up(
    client: Client, office: Organization
) -> None:
    member, manager = client(office.member), client(office.manager)
    wish = {key: booking(office)[key] for key in ("asset_id", "start_date", "end_date")}
    response = await member.post("/api/v1/holds", json=wish)
    hold = data(response, 201)
    assert response.headers["location"] == f"/api/v1/holds/{hold['id']}"
    assert (hold["outcome"], hold["violations"], hold["start_date"]) == ("approved", [], at(0))
    error = assert_error(await manager.post("/api/v1/reservations", json=booking(office)), "CONFLICT")
    assert error["details"]["conflicts"] == [{"kind": "hold", "start_date": at(0), "end_date": at(1)}]
    stolen = await manager.post("/api/v1/reservations", json=booking(office, hold_id=hold["id"]))
    assert_error(stolen, "NOT_FOUND")
    made = data(await member.post("/api/v1/reservations", json=booking(office, hold_id=hold["id"])), 201)
    assert (made["id"], made["status"]) == (hold["id"], "approved")

    second = data(
        await member.post(
            "/api/v1/holds",
            json={**wish, "asset_id": office.assets["planes"], "start_date": at(5), "end_date": at(6)},
        ),
        201,
    )
    assert_error(await manager.delete(f"/api/v1/holds/{second['id']}"), "NOT_FOUND")
    assert (await member.delete(f"/api/v1/holds/{second['id']}")).status_code == 204
    assert_error(await member.delete(f"/api/v1/holds/{second['id']}"), "NOT_FOUND")
    data(await manager.post("/api/v1/reservations", json=booking(office, 5, 6)), 201)


async def test_a_cancellation_is_undone(client: Client, office: Organization) -> None:
    member = client(office.member)
    made = data(await member.post("/api/v1/reservations", json=booking(office, notes="Ventana")), 201)
    path = f"/api/v1/reservations/{made['id']}"
    data(await member.post(f"{path}/cancel", json={"reason": "Lluvia"}))
    restored = await member.post(f"{path}/restore", headers={"Idempotency-Key": str(uuid.uuid4())})
    assert (data(restored)["status"], data(restored)["notes"]) == ("approved", "Ventana")
    assert restored.headers["etag"] == f'"{data(restored)["version"]}"'
    assert_error(await member.post(f"{path}/restore"), "INVALID_STATE")
    data(await member.post(f"{path}/cancel"))
    data(await client(office.manager).post("/api/v1/reservations", json=booking(office)), 201)
    assert_error(await member.post(f"{path}/restore"), "CONFLICT")


async def test_a_refusal_names_the_rules_and_who_may_set_them_aside(
    client: Client, office: Organization, live_db: Connection
) -> None:
    row = live_db.execute(
        "insert into public.tier_booking_rules (organization_id, name, rule_type, conditions, overridable_by)"
        " values (%s, 'A day at most', 'duration', '{\"max_minutes\": 1440}', '{owner}') returning id::text",
        [office.id],
    ).fetchone()
    assert row is not None
    long = booking(office, 0, 3)
    error = assert_error(
        await client(office.member).post("/api/v1/reservations", json=long), "RULE_VIOLATION"
    )
    assert [(v["ruleId"], v["code"], v["overridable"]) for v in error["details"]["violations"]] == [
        (row["id"], "duration_too_long", False)
    ]
    override = {"rule_ids": [row["id"]], "reason": "Visita de la junta"}
    refused = await client(office.member).post("/api/v1/reservations", json={**long, "override": override})
    assert assert_error(refused, "FORBIDDEN")["details"]["reason"] == "not_overridable"
    made = data(
        await client(office.owner).post("/api/v1/reservations", json={**long, "override": override}), 201
    )
    assert [(o["rule_id"], o["reason"], o["overridden_by"]) for o in made["overrides"]] == [
        (row["id"], "Visita de la junta", office.owner.id)
    ]


async def test_a_stronger_tier_displaces_when_it_asks_to(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute(
        "with strong as (insert into public.tiers (organization_id, name, priority, can_override)"
        " values (%(org)s, 'Principals', 1, true) returning id)"
        " update public.organization_members set tier_id = (select id from strong)"
        " where organization_id = %(org)s and user_id = %(owner)s",
        {"org": office.id, "owner": office.owner.id},
    )
    made = data(await client(office.member).post("/api/v1/reservations", json=booking(office)), 201)
    owner = client(office.owner)
    error = assert_error(await owner.post("/api/v1/reservations", json=booking(office)), "CONFLICT")
    assert error["details"]["displaceable"] is True
    data(await owner.post("/api/v1/reservations", json=booking(office, displace=True)), 201)
    path = f"/api/v1/reservations/{made['id']}"
    assert data(await client(office.member).get(path))["status"] == "displaced"


async def test_availability_names_conflicts_and_alternatives(client: Client, office: Organization) -> None:
    member, path = client(office.member), f"/api/v1/assets/{office.assets['planes']}/availability"
    window = {"start": at(0), "end": at(1)}
    free = data(await member.get(path, params=window))
    assert (free["is_available"], free["conflicting_reservations"]) == (True, [])
    made = data(await member.post("/api/v1/reservations", json=booking(office)), 201)
    taken = data(await member.get(path, params=window))
    assert taken["is_available"] is False
    assert [conflict["id"] for conflict in taken["conflicting_reservations"]] == [made["id"]]
    assert taken["alternatives"]
    assert taken["time_zone"] == "America/Panama"
    itself = data(await member.get(path, params={**window, "exclude": made["id"]}))
    assert itself["is_available"] is True
    assert_error(await member.get(path, params={"start": at(1), "end": at(0)}), "VALIDATION_ERROR")


async def test_the_calendar_shows_what_holds_a_slot_and_a_cursor(
    client: Client, office: Organization
) -> None:
    viewer, path = client(office.viewer), f"/api/v1/organizations/{office.id}/calendar"
    window: dict[str, Any] = {"from": at(-1), "to": at(10)}
    empty = data(await viewer.get(path, params=window))
    assert empty["cursor"].startswith("0-00000000-")
    assert empty["reservations"] == []
    made = data(await client(office.member).post("/api/v1/reservations", json=booking(office)), 201)
    boat = booking(office, 1, 2, asset_id=office.assets["watercraft"])
    data(await client(office.member).post("/api/v1/reservations", json=boat), 201)
    calendar = data(await viewer.get(path, params=window))
    assert [entry["start_date"] for entry in calendar["reservations"]] == [at(0), at(1)]
    assert calendar["cursor"].startswith("2-")
    entry = calendar["reservations"][0]
    assert set(entry) == {
        "id",
        "asset_id",
        "user_id",
        "title",
        "start_date",
        "end_date",
        "status",
        "guest_count",
        "version",
    }
    planes = {**window, "section": "planes"}
    assert [e["id"] for e in data(await viewer.get(path, params=planes))["reservations"]] == [made["id"]]
    both = {**window, "asset_id": [office.assets["planes"], office.assets["residences"]]}
    assert [e["id"] for e in data(await viewer.get(path, params=both))["reservations"]] == [made["id"]]
    data(await client(office.member).post(f"/api/v1/reservations/{made['id']}/cancel"))
    assert len(data(await viewer.get(path, params=window))["reservations"]) == 1
    assert_error(await viewer.get(path, params={"from": at(0), "to": at(401)}), "VALIDATION_ERROR")


async def test_an_asset_with_bookings_to_come_is_not_archived(client: Client, office: Organization) -> None:
    made = data(await client(office.member).post("/api/v1/reservations", json=booking(office)), 201)
    path = f"/api/v1/assets/{office.assets['planes']}"
    assert_error(await client(office.admin).delete(path), "INVALID_STATE")
    data(await client(office.member).post(f"/api/v1/reservations/{made['id']}/cancel"))
    assert (await client(office.admin).delete(path)).status_code == 204
