"""Creating, changing, cancelling and reading bookings, as the people who do."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_anonymous,
    as_user,
    make_asset,
    make_organization,
    refused,
    rpc,
)
from tests.db.booking import at, book, cancel, change, insert_booking, utc


def attempts(*each: Callable[[], Any]) -> tuple[Callable[[], Any], ...]:
    """Things to try one after the other."""
    return each


@pytest.fixture
def manager(database: str, organization: Organization) -> Iterator[Connection]:
    with as_user(database, organization.manager) as connection:
        yield connection


@pytest.fixture
def viewer(database: str, organization: Organization) -> Iterator[Connection]:
    with as_user(database, organization.viewer) as connection:
        yield connection


def faults(failure: Any) -> set[tuple[str, str]]:
    return {(field["path"], field["code"]) for field in failure.details["fields"]}


def test_a_booking_answers_itself_whole(member: Connection, organization: Organization, plane: str) -> None:
    booking = book(
        member,
        plane,
        at(3),
        at(3, 12),
        title="  To Bocas ",
        guest_count=2,
        notes="Two bags.",
        metadata={"legs": ["MPMG", "MPBO"]},
        guests=[{"name": "Ana", "email": "ana@example.com"}, {"name": "Luis"}],
    )
    assert uuid.UUID(booking.pop("id"))
    assert booking.pop("created_at") == booking.pop("updated_at") == booking.pop("approved_at")
    assert booking == {
        "organization_id": organization.id,
        "asset_id": plane,
        "user_id": organization.member.id,
        "booked_by": "Member Testigo",
        "title": "To Bocas",
        "start_date": utc(at(3)),
        "end_date": utc(at(3, 12)),
        "time_zone": "America/Panama",
        "status": "approved",
        "guest_count": 2,
        "version": 1,
        "series_id": None,
        "hold_expires_at": None,
        "approved_by": None,
        "approvals": [],
        "overrides": [],
        "canceled_at": None,
        "notes": "Two bags.",
        "metadata": {"legs": ["MPMG", "MPBO"]},
        "guests": [{"name": "Ana", "email": "ana@example.com"}, {"name": "Luis", "email": None}],
        "rejected_reason": None,
        "cancellation_reason": None,
    }


def test_notes_and_guests_show_to_the_booker_and_managers_only(
    member: Connection, manager: Connection, viewer: Connection, plane: str
) -> None:
    booking = book(member, plane, at(3), at(3, 12), notes="Private.", guests=[{"name": "Ana"}])
    private = {
        "notes",
        "metadata",
        "guests",
        "rejected_reason",
        "cancellation_reason",
        "approvals",
        "overrides",
    }
    assert rpc(member, "get_reservation", p_reservation_id=booking["id"]) == booking
    assert rpc(manager, "get_reservation", p_reservation_id=booking["id"]) == booking
    seen = rpc(viewer, "get_reservation", p_reservation_id=booking["id"])
    assert seen == {key: value for key, value in booking.items() if key not in private}
    for table in ("reservation_details", "reservation_guests"):
        query = f"select count(*) as n from public.{table} where reservation_id = %s"
        counts = [
            connection.execute(query, [booking["id"]]).fetchone() for connection in (member, manager, viewer)
        ]
        assert counts == [{"n": 1}, {"n": 1}, {"n": 0}]


def test_all_faults_are_told_at_once(member: Connection, db: Connection, organization: Organization) -> None:
    small = make_asset(db, organization.id, "planes", "Small", capacity=2)
    with refused("VALIDATION_ERROR", 400) as failures:
        book(
            member,
            small,
            at(-2),
            at(-2, 12),
            title=" ",
            notes="n" * 2001,
            metadata={"x": "y" * 17_000},
            guests=[{"name": "Ana"}, {"nombre": "Luis"}, {"name": "Eva", "email": "no address"}],
        )
    assert faults(failures[0]) == {
        ("title", "string_too_short"),
        ("notes", "string_too_long"),
        ("start_date", "datetime_future"),
        ("guest_count", "over_capacity"),
        ("metadata", "too_large"),
        ("guests.1.name", "missing"),
        ("guests.1.nombre", "extra_forbidden"),
        ("guests.2.email", "value_error"),
    }


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [
        (at(2), at(2), ("end_date", "range_order")),
        (at(2), at(1), ("end_date", "range_order")),
        (at(2), at(2) + timedelta(seconds=59), ("end_date", "range_too_short")),
        (at(2), at(2) + timedelta(days=366, seconds=1), ("end_date", "range_too_long")),
        ("-infinity", at(2), ("start_date", "datetime_out_of_range")),
        (at(2), "infinity", ("end_date", "datetime_out_of_range")),
        (at(2), "9999-12-31T00:00:00Z", ("end_date", "datetime_out_of_range")),
        (None, at(2), ("start_date", "missing")),
        (at(-1), at(1), ("start_date", "datetime_future")),
    ],
)
def test_impossible_times_are_refused(
    member: Connection, plane: str, start: Any, end: Any, fault: tuple[str, str]
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        book(member, plane, start, end)
    assert faults(failures[0]) == {fault}


def test_the_shortest_and_the_longest_booking_are_allowed(member: Connection, plane: str) -> None:
    book(member, plane, at(2), at(2) + timedelta(minutes=1))
    book(member, plane, at(3), at(3) + timedelta(days=366))


def test_who_may_not_book(
    database: str, db: Connection, organization: Organization, viewer: Connection, plane: str
) -> None:
    stranger = make_organization(db).owner
    with refused("FORBIDDEN", 403):
        book(viewer, plane, at(2), at(3))
    with as_user(database, stranger) as connection, refused("NOT_FOUND", 404):
        book(connection, plane, at(2), at(3))
    with as_anonymous(database) as nobody, pytest.raises(psycopg.errors.InsufficientPrivilege):
        book(nobody, plane, at(2), at(3))
    db.execute("delete from public.organization_members where user_id = %s", [organization.admin.id])
    with as_user(database, organization.admin) as removed, refused("NOT_FOUND", 404):
        book(removed, plane, at(2), at(3))


def test_an_asset_that_cannot_be_booked_says_why(
    member: Connection, db: Connection, organization: Organization
) -> None:
    idle = make_asset(db, organization.id, "planes", "Idle", is_active=False)
    with refused("INVALID_STATE", 409) as failures:
        book(member, idle, at(2), at(3))
    assert failures[0].details == {"reason": "asset_inactive"}
    archived = make_asset(db, organization.id, "planes", "Archived")
    db.execute("update public.assets set deleted_at = now() where id = %s", [archived])
    with refused("NOT_FOUND", 404):
        book(member, archived, at(2), at(3))
    boat = organization.assets["watercraft"]
    db.execute(
        "update public.entitlements set is_active = false where section = %s and organization_id = %s",
        ["watercraft", organization.id],
    )
    with refused("FORBIDDEN", 403) as failures:
        book(member, boat, at(2), at(3))
    assert failures[0].details == {"reason": "section_not_entitled", "section": "watercraft"}


def test_a_tier_s_sections_bound_what_is_booked_and_seen(
    member: Connection,
    viewer: Connection,
    manager: Connection,
    db: Connection,
    organization: Organization,
    plane: str,
) -> None:
    flight = book(manager, plane, at(2), at(3))
    db.execute("update public.tiers set sections = '{residences}' where id = %s", [organization.tier])
    with refused("NOT_FOUND", 404):
        book(member, plane, at(5), at(6))
    with refused("NOT_FOUND", 404):
        rpc(viewer, "get_reservation", p_reservation_id=flight["id"])
    stay = book(member, organization.assets["residences"], at(2), at(3))
    seen = viewer.execute(
        "select id::text from public.reservations where organization_id = %s", [organization.id]
    ).fetchall()
    assert seen == [{"id": stay["id"]}]
    assert rpc(manager, "get_reservation", p_reservation_id=flight["id"])["id"] == flight["id"]


def test_another_s_booking_is_changed_by_managers_only(
    member: Connection, manager: Connection, viewer: Connection, plane: str
) -> None:
    booking = book(manager, plane, at(2), at(3))
    for connection in (member, viewer):
        with refused("FORBIDDEN", 403):
            change(connection, booking, title="Mine")
        with refused("FORBIDDEN", 403):
            cancel(connection, booking)
    own = book(member, plane, at(4), at(5))
    assert change(manager, own, title="Corrected")["title"] == "Corrected"
    assert cancel(manager, own)["status"] == "canceled"


def test_a_change_replaces_what_it_names_and_nothing_else(member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(2, 12), notes="Old", guest_count=1, guests=[{"name": "Ana"}])
    changed = change(member, booking, title="New", notes=None, guests=[{"name": "Eva"}, {"name": "Luis"}])
    assert changed == {
        **booking,
        "title": "New",
        "notes": None,
        "guests": [{"name": "Eva", "email": None}, {"name": "Luis", "email": None}],
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert change(member, changed) == changed
    assert change(member, changed, notes="Only a note")["version"] == 3


def test_a_changed_time_voids_the_approval(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    booking = book(member, plane, at(2), at(2, 12))
    db.execute(
        "update public.reservations set approved_by = %s where id = %s",
        [organization.manager.id, booking["id"]],
    )
    assert change(member, booking, title="Same time")["approved_by"] == organization.manager.id
    assert change(member, booking, end_date=at(2, 13))["approved_by"] is None


def test_a_move_to_another_asset_frees_the_first(
    member: Connection, manager: Connection, organization: Organization, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    moved = change(member, booking, asset_id=organization.assets["helicopters"])
    assert moved["asset_id"] == organization.assets["helicopters"]
    assert book(manager, plane, at(2), at(3))["status"] == "approved"
    with refused("CONFLICT", 409):
        change(member, moved, asset_id=plane)


def test_a_booking_may_be_moved_over_its_own_place_but_not_into_a_neighbour(
    member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2, 10), at(2, 12))
    neighbour = book(member, plane, at(2, 14), at(2, 16))
    assert change(member, booking, start_date=at(2, 11), end_date=at(2, 14))["version"] == 2
    with refused("CONFLICT", 409) as failures:
        change(member, booking, end_date=at(2, 15))
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [neighbour["id"]]


def test_an_asset_of_another_organisation_does_not_exist(
    database: str, member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    other = make_organization(db)
    booking = book(member, plane, at(2), at(3))
    with refused("NOT_FOUND", 404):
        change(member, booking, asset_id=other.assets["planes"])
    db.execute(
        "insert into public.organization_members (organization_id, user_id, role) values (%s, %s, 'admin')",
        [other.id, organization.member.id],
    )
    with refused("NOT_FOUND", 404):
        change(member, booking, asset_id=other.assets["planes"])
    with as_user(database, other.owner) as connection, refused("NOT_FOUND", 404):
        rpc(connection, "get_reservation", p_reservation_id=booking["id"])


def test_all_faults_of_a_change_are_told_at_once(member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    with refused("VALIDATION_ERROR", 400) as failures:
        change(
            member,
            booking,
            asset_id="plane",
            title=None,
            start_date="tomorrow",
            end_date="2030-01-01T10:00:00",
            guest_count=1.5,
            notes=7,
            status="approved",
            user_id=str(uuid.uuid4()),
        )
    assert faults(failures[0]) == {
        ("asset_id", "uuid_parsing"),
        ("title", "missing"),
        ("start_date", "datetime_parsing"),
        ("end_date", "datetime_parsing"),
        ("guest_count", "int_type"),
        ("notes", "string_type"),
        ("status", "extra_forbidden"),
        ("user_id", "extra_forbidden"),
    }


def test_a_stale_version_is_refused_with_the_current_state(
    member: Connection, manager: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    current = change(manager, booking, title="By the manager", version=1)
    for attempt in attempts(
        lambda: change(member, booking, version=1, title="By the member"),
        lambda: cancel(member, booking, expected_version=1),
    ):
        with refused("PRECONDITION_FAILED", 412) as failures:
            attempt()
        assert failures[0].details == {"current": current}
    assert change(member, booking, version=2, title="After reading")["version"] == 3


def test_cancel_keeps_the_reason_and_frees_the_slot(
    member: Connection, manager: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    canceled = cancel(member, booking, reason=" Weather ")
    assert (canceled["status"], canceled["cancellation_reason"], canceled["version"]) == (
        "canceled",
        "Weather",
        2,
    )
    assert canceled["canceled_at"] is not None
    book(manager, plane, at(2), at(3))


@pytest.mark.parametrize("status", ["rejected", "canceled", "completed", "expired", "displaced"])
def test_what_is_closed_stays_as_it_is(
    member: Connection, db: Connection, organization: Organization, plane: str, status: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3), status=status)
    for attempt in attempts(lambda: change(member, booking, title="Again"), lambda: cancel(member, booking)):
        with refused("INVALID_STATE", 409) as failures:
            attempt()
        assert failures[0].details == {"reason": "status", "status": status}


def test_the_past_cannot_be_changed(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    past = insert_booking(db, organization, plane, at(-3), at(-2))
    for attempt in attempts(lambda: change(member, past, title="Again"), lambda: cancel(member, past)):
        with refused("INVALID_STATE", 409) as failures:
            attempt()
        assert failures[0].details == {"reason": "ended", "status": "approved"}
    under_way = insert_booking(db, organization, plane, at(-1), at(3))
    with refused("VALIDATION_ERROR", 400) as failures:
        change(member, under_way, start_date=at(1), asset_id=organization.assets["helicopters"])
    assert faults(failures[0]) == {("start_date", "already_begun"), ("asset_id", "already_begun")}
    assert change(member, under_way, end_date=at(2))["end_date"] == utc(at(2))


def test_an_unknown_reservation_is_not_found(member: Connection) -> None:
    nothing = {"id": str(uuid.uuid4())}
    for attempt in (
        lambda: change(member, nothing, title="x"),
        lambda: cancel(member, nothing),
        lambda: rpc(member, "get_reservation", p_reservation_id=nothing["id"]),
    ):
        with refused("NOT_FOUND", 404):
            attempt()


def test_an_organisation_that_demands_a_second_factor_demands_it_of_every_write(
    database: str, member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    for attempt in attempts(
        lambda: book(member, plane, at(4), at(5)),
        lambda: change(member, booking, title="x"),
        lambda: cancel(member, booking),
    ):
        with refused("MFA_REQUIRED", 403):
            attempt()
    with as_user(database, organization.member, aal="aal2") as strong:
        assert cancel(strong, booking)["status"] == "canceled"


def test_the_dashboard_s_edit_of_notes_or_guests_counts_as_a_version(
    member: Connection, db: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3), notes="Old", guests=[{"name": "Ana"}, {"name": "Luz"}])
    assert booking["version"] == 1
    for version, statement in enumerate(
        (
            "update public.reservation_details set notes = 'New' where reservation_id = %s",
            "update public.reservation_guests set name = 'Eva' where reservation_id = %s and position = 1",
            "insert into public.reservation_guests (reservation_id, position, name) values (%s, 3, 'Sol')",
            "delete from public.reservation_guests where reservation_id = %s",
            "delete from public.reservation_details where reservation_id = %s",
        ),
        start=2,
    ):
        db.execute(statement, [booking["id"]])
        assert rpc(member, "get_reservation", p_reservation_id=booking["id"])["version"] == version, statement
    with refused("PRECONDITION_FAILED", 412):
        change(member, booking, version=1, notes="Over it")


def test_an_edit_that_changes_no_note_is_no_version(member: Connection, db: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3), notes="Same")
    db.execute(
        "update public.reservation_details set notes = 'Same' where reservation_id = %s", [booking["id"]]
    )
    assert rpc(member, "get_reservation", p_reservation_id=booking["id"])["version"] == 1


def test_one_change_of_a_booking_with_its_notes_and_guests_is_one_version(
    member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3), notes="Old", guests=[{"name": "Ana"}, {"name": "Luz"}])
    changed = change(member, booking, title="Other", notes="New", guests=[{"name": "Eva"}])
    assert changed["version"] == 2
    assert cancel(member, booking, reason="Rain")["version"] == 3
