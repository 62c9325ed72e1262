"""Whether an asset is free, what is in the way, and what is free instead."""

from datetime import UTC, datetime, timedelta
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
from tests.db.booking import at, book, cancel, insert_booking, utc


def check(
    connection: Connection, asset: str, start: Any, end: Any, exclude: str | None = None
) -> tuple[bool, Any]:
    """check_availability's only row."""
    rows = connection.execute(
        "select * from public.check_availability(%s, %s, %s, %s)", [asset, start, end, exclude]
    ).fetchall()
    assert len(rows) == 1
    return rows[0]["is_available"], rows[0]["conflicting_reservations"]


def alternatives(connection: Connection, asset: str, start: datetime, end: datetime) -> list[tuple[str, str]]:
    answer = rpc(connection, "asset_availability", p_asset_id=asset, p_start_date=start, p_end_date=end)
    return [(slot["start_date"], slot["end_date"]) for slot in answer["alternatives"]]


def test_a_conflict_says_what_when_and_whose(
    database: str, member: Connection, organization: Organization, plane: str
) -> None:
    with as_user(database, organization.manager) as manager:
        booking = book(manager, plane, at(2, 10), at(2, 12), title="Bogotá")
    assert check(member, plane, at(2, 11), at(2, 13)) == (
        False,
        [
            {
                "id": booking["id"],
                "kind": "reservation",
                "title": "Bogotá",
                "start_date": utc(at(2, 10)),
                "end_date": utc(at(2, 12)),
                "status": "approved",
                "booked_by": "Manager Testigo",
            }
        ],
    )
    assert check(member, plane, at(2, 11), at(2, 13), exclude=booking["id"]) == (True, [])


def test_ranges_are_half_open(member: Connection, plane: str) -> None:
    book(member, plane, at(2, 10), at(2, 12))
    assert check(member, plane, at(2, 8), at(2, 10)) == (True, [])
    assert check(member, plane, at(2, 12), at(2, 14)) == (True, [])
    assert check(member, plane, at(2, 9), at(2, 10, 1))[0] is False
    assert check(member, plane, at(2, 11, 59), at(2, 14))[0] is False
    assert check(member, plane, at(2, 9), at(2, 15))[0] is False


def test_the_turnaround_keeps_its_distance_on_both_sides(
    member: Connection, db: Connection, organization: Organization
) -> None:
    jet = make_asset(db, organization.id, "planes", "Jet", turnaround_minutes=60)
    book(member, jet, at(2, 10), at(2, 12))
    assert check(member, jet, at(2, 12), at(2, 14))[0] is False
    assert check(member, jet, at(2, 13), at(2, 14)) == (True, [])
    assert check(member, jet, at(2, 7), at(2, 9, 1))[0] is False
    assert check(member, jet, at(2, 7), at(2, 9)) == (True, [])
    book(member, jet, at(2, 13), at(2, 14))


@pytest.mark.parametrize("status", ["rejected", "canceled", "expired", "displaced"])
def test_what_was_given_up_is_free(
    member: Connection, db: Connection, organization: Organization, plane: str, status: str
) -> None:
    insert_booking(db, organization, plane, at(2), at(3), status=status)
    assert check(member, plane, at(2), at(3)) == (True, [])


@pytest.mark.parametrize("status", ["pending", "approved", "completed"])
def test_what_stands_is_taken(
    member: Connection, db: Connection, organization: Organization, plane: str, status: str
) -> None:
    insert_booking(db, organization, plane, at(2), at(3), status=status)
    assert check(member, plane, at(2), at(3))[0] is False


def test_another_s_hold_shows_its_times_only(
    database: str, member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    hold = insert_booking(
        db, organization, plane, at(2), at(3), status="hold", user_id=organization.manager.id
    )
    times = {"kind": "hold", "start_date": utc(at(2)), "end_date": utc(at(3))}
    assert check(member, plane, at(2), at(3)) == (False, [times])
    with refused("CONFLICT", 409) as failures:
        book(member, plane, at(2), at(3))
    assert failures[0].details["conflicts"] == [times]
    with as_user(database, organization.manager) as holder:
        assert check(holder, plane, at(2), at(3))[1][0]["id"] == hold["id"]


@pytest.mark.parametrize(
    ("start", "end"),
    [(at(2), at(2)), (at(3), at(2)), (at(2), "infinity"), ("-infinity", at(2)), (None, at(2))],
)
def test_empty_reversed_and_endless_ranges_are_errors(
    member: Connection, plane: str, start: Any, end: Any
) -> None:
    with refused("VALIDATION_ERROR", 400):
        check(member, plane, start, end)


def test_only_those_who_see_the_asset_may_ask(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    stranger = make_organization(db).owner
    with as_user(database, stranger) as connection:
        for function in ("check_availability", "asset_availability"):
            with refused("NOT_FOUND", 404):
                rpc(connection, function, p_asset_id=plane, p_start_date=at(2), p_end_date=at(3))
    db.execute("update public.tiers set sections = '{watercraft}' where id = %s", [organization.tier])
    with refused("NOT_FOUND", 404):
        check(member, plane, at(2), at(3))
    with as_anonymous(database) as nobody, pytest.raises(psycopg.errors.InsufficientPrivilege):
        check(nobody, plane, at(2), at(3))


def test_a_free_asset_needs_no_alternatives(member: Connection, plane: str) -> None:
    answer = rpc(member, "asset_availability", p_asset_id=plane, p_start_date=at(2), p_end_date=at(3))
    assert answer == {
        "asset_id": plane,
        "time_zone": "America/Panama",
        "is_available": True,
        "conflicting_reservations": [],
        "alternatives": [],
    }


def test_alternatives_are_the_nearest_free_times_of_the_same_length(member: Connection, plane: str) -> None:
    book(member, plane, at(5, 10), at(5, 12))
    book(member, plane, at(5, 13), at(5, 15))
    book(member, plane, at(5, 18), at(5, 20))
    assert alternatives(member, plane, at(5, 11), at(5, 13)) == [
        (utc(at(5, 8)), utc(at(5, 10))),
        (utc(at(5, 15)), utc(at(5, 17))),
        (utc(at(5, 6)), utc(at(5, 8))),
    ]


def test_alternatives_respect_the_turnaround(
    member: Connection, db: Connection, organization: Organization
) -> None:
    jet = make_asset(db, organization.id, "planes", "Jet", turnaround_minutes=30)
    book(member, jet, at(5, 10), at(5, 12))
    assert alternatives(member, jet, at(5, 10), at(5, 11)) == [
        (utc(at(5, 8, 30)), utc(at(5, 9, 30))),
        (utc(at(5, 12, 30)), utc(at(5, 13, 30))),
        (utc(at(5, 7)), utc(at(5, 8))),
    ]
    for start, end in alternatives(member, jet, at(5, 10), at(5, 11)):
        book(member, jet, datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_alternatives_are_never_in_the_past(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    now = datetime.now(UTC)
    insert_booking(db, organization, plane, now - timedelta(hours=1), now + timedelta(hours=2))
    found = alternatives(member, plane, now + timedelta(minutes=1), now + timedelta(hours=1))
    assert found[0] == (utc(now + timedelta(hours=2)), utc(now + timedelta(hours=2, minutes=59)))
    assert all(datetime.fromisoformat(start) > now for start, _ in found)
    assert len(found) == 3


def test_alternatives_are_looked_for_beyond_a_busy_month(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    insert_booking(db, organization, plane, at(1, 0), at(61, 0))
    insert_booking(db, organization, plane, at(61, 0), at(91, 0))
    assert (utc(at(91, 0)), utc(at(93, 0))) in alternatives(member, plane, at(50, 0), at(52, 0))


def test_a_refused_booking_and_a_refused_change_offer_the_same_alternatives(
    member: Connection, plane: str
) -> None:
    book(member, plane, at(5, 10), at(5, 12))
    with refused("CONFLICT", 409) as failures:
        book(member, plane, at(5, 10), at(5, 12))
    offered = failures[0].details["alternatives"]
    assert [(slot["start_date"], slot["end_date"]) for slot in offered] == alternatives(
        member, plane, at(5, 10), at(5, 12)
    )
    freed = book(member, plane, at(5, 14), at(5, 16))
    cancel(member, freed)
    assert check(member, plane, at(5, 14), at(5, 16)) == (True, [])


def test_at_most_fifty_conflicts_are_named_the_earliest_first(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    for day in range(60, 0, -1):
        insert_booking(db, organization, plane, at(day), at(day, 12))
    free, named = check(member, plane, at(0), at(70))
    assert free is False
    assert [conflict["start_date"] for conflict in named] == [utc(at(day)) for day in range(1, 51)]
