"""Going around the BFF: what a member's own token can do with the tables of booking at PostgREST itself."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.actors import Actor, Connection, Organization, as_user, make_organization
from tests.db.booking import at, book, fetch_calendar, insert_booking, utc
from tests.harness import RunningStack

DENIED = "42501"


@pytest.fixture
def rest(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stack.url}/rest/v1", timeout=20) as client:
        client.headers["apikey"] = stack.publishable_key
        yield client


@pytest.fixture
def flight(live_db: Connection, office: Organization) -> dict[str, Any]:
    """The manager's booking."""
    plane = office.assets["planes"]
    return insert_booking(live_db, office, plane, at(2), at(3), user_id=office.manager.id)


def bearer(actor: Actor) -> dict[str, str]:
    return {"Authorization": f"Bearer {actor.token}", "Prefer": "return=representation"}


def assert_denied(response: httpx.Response) -> None:
    assert response.status_code == 403, response.text
    assert response.json()["code"] == DENIED


def test_a_member_cannot_insert_an_approved_booking(
    rest: httpx.Client, live_db: Connection, office: Organization
) -> None:
    row = {
        "organization_id": office.id,
        "asset_id": office.assets["planes"],
        "user_id": office.member.id,
        "title": "Smuggled",
        "start_date": utc(at(5)),
        "end_date": utc(at(6)),
        "status": "approved",
    }
    assert_denied(rest.post("/reservations", json=row, headers=bearer(office.member)))
    rows = live_db.execute("select 1 from public.reservations where organization_id = %s", [office.id])
    assert rows.fetchall() == []


@pytest.mark.parametrize("column", ["user_id", "organization_id", "status", "title", "version", "asset_id"])
@pytest.mark.parametrize("role", ["member", "owner"])
def test_nobody_updates_a_booking_directly(
    rest: httpx.Client,
    live_db: Connection,
    office: Organization,
    flight: dict[str, Any],
    column: str,
    role: str,
) -> None:
    before = live_db.execute("select * from public.reservations where id = %s", [flight["id"]]).fetchone()
    values = {
        "user_id": office.member.id,
        "organization_id": office.id,
        "status": "canceled",
        "title": "Mine",
        "version": 1,
        "asset_id": office.assets["watercraft"],
    }
    address = f"/reservations?id=eq.{flight['id']}"
    assert_denied(rest.patch(address, json={column: values[column]}, headers=bearer(office.actor(role))))
    after = live_db.execute("select * from public.reservations where id = %s", [flight["id"]]).fetchone()
    assert after == before


def test_a_member_cannot_delete_a_booking(
    rest: httpx.Client, live_db: Connection, office: Organization, flight: dict[str, Any]
) -> None:
    assert_denied(rest.delete(f"/reservations?id=eq.{flight['id']}", headers=bearer(office.member)))
    rows = live_db.execute("select 1 from public.reservations where id = %s", [flight["id"]])
    assert len(rows.fetchall()) == 1


@pytest.mark.parametrize("table", ["reservation_details", "reservation_guests", "calendar_events"])
def test_what_belongs_to_a_booking_is_written_by_functions_only(
    rest: httpx.Client, office: Organization, flight: dict[str, Any], table: str
) -> None:
    row = {"reservation_id": flight["id"]}
    assert_denied(rest.post(f"/{table}", json=row, headers=bearer(office.member)))
    assert_denied(rest.delete(f"/{table}?reservation_id=eq.{flight['id']}", headers=bearer(office.member)))


def test_another_organisation_shows_nothing(
    rest: httpx.Client, office: Organization, live_db: Connection, flight: dict[str, Any]
) -> None:
    stranger = make_organization(live_db)
    other = insert_booking(live_db, stranger, stranger.assets["planes"], at(2), at(3))
    for table, column in (
        ("reservations", "id"),
        ("reservation_details", "reservation_id"),
        ("reservation_guests", "reservation_id"),
        ("calendar_events", "reservation_id"),
    ):
        answer = rest.get(f"/{table}?{column}=eq.{other['id']}", headers=bearer(office.owner))
        assert (answer.status_code, answer.json()) == (200, [])
    own = rest.get("/reservations?select=id", headers=bearer(office.member)).json()
    assert own == [{"id": flight["id"]}]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("get_reservation", {"p_reservation_id": "id"}),
        ("update_reservation", {"p_reservation_id": "id", "p_changes": {"title": "Mine"}}),
        ("cancel_reservation", {"p_reservation_id": "id"}),
        ("check_availability", {"p_asset_id": "asset"}),
        ("asset_availability", {"p_asset_id": "asset"}),
        ("create_reservation", {"p_asset_id": "asset", "p_title": "Mine"}),
        ("calendar", {"p_organization_id": "organization"}),
        ("organization_stats", {"p_organization_id": "organization"}),
    ],
)
def test_another_organisation_s_ids_are_not_found(
    rest: httpx.Client, office: Organization, live_db: Connection, function: str, arguments: dict[str, Any]
) -> None:
    stranger = make_organization(live_db)
    other = insert_booking(live_db, stranger, stranger.assets["planes"], at(2), at(3))
    ids = {"id": other["id"], "asset": stranger.assets["planes"], "organization": stranger.id}
    body = {
        key: ids.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()
    }
    if "p_asset_id" in body:
        body |= {"p_start_date": utc(at(5)), "p_end_date": utc(at(6))}
    if function == "calendar":
        body |= {"p_from": utc(at(1)), "p_to": utc(at(9))}
    answer = rest.post(f"/rpc/{function}", json=body, headers=bearer(office.owner))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_the_inside_is_out_of_reach(rest: httpx.Client, office: Organization) -> None:
    for table in ("occupancy", "event_counters", "idempotency_keys", "mv_organization_stats"):
        hidden = rest.get(f"/{table}", headers={**bearer(office.owner), "Accept-Profile": "app"})
        assert hidden.status_code in (404, 406)
        assert rest.get(f"/{table}", headers=bearer(office.owner)).status_code == 404
    answer = rest.post("/rpc/append_event", json={}, headers=bearer(office.owner))
    assert answer.status_code == 404


def test_without_a_token_there_is_nothing(rest: httpx.Client, office: Organization) -> None:
    for table in ("reservations", "reservation_details", "reservation_guests", "calendar_events"):
        answer = rest.get(f"/{table}")
        assert (answer.status_code, answer.json()["code"]) == (401, DENIED)
    answer = rest.post(
        "/rpc/calendar", json={"p_organization_id": office.id, "p_from": utc(at(1)), "p_to": utc(at(2))}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, DENIED)


def test_a_conflict_comes_through_as_409_with_its_details(
    stack: RunningStack, rest: httpx.Client, office: Organization
) -> None:
    plane = office.assets["planes"]
    with as_user(stack.database_url, office.manager) as manager:
        booking = book(manager, plane, at(5), at(6))
        body = {
            "p_asset_id": plane,
            "p_title": "Too late",
            "p_start_date": utc(at(5)),
            "p_end_date": utc(at(6)),
        }
        answer = rest.post("/rpc/create_reservation", json=body, headers=bearer(office.member))
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert booking["id"] in answer.json()["details"]
        assert len(fetch_calendar(manager, office.id)["reservations"]) == 1
