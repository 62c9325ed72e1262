"""A double booking is impossible: for functions in a race, and for the dashboard, which asks nobody."""

from contextlib import ExitStack
from functools import partial

import psycopg
import pytest

from tests.actors import Connection, Organization, as_user, connect, make_asset, refused
from tests.db.booking import Json, at, book, cancel, change, insert_booking, occupied
from tests.db.racing import race


def test_of_fifty_who_want_one_slot_one_gets_it(
    database: str, db: Connection, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    people = [organization.member, organization.manager, organization.admin, organization.owner]
    with ExitStack() as open_connections:
        connections = [
            open_connections.enter_context(as_user(database, people[i % len(people)])) for i in range(50)
        ]
        outcomes = race([partial(book, connection, plane, at(2), at(3)) for connection in connections])
    assert outcomes == {"done": 1, "CONFLICT": 49}
    assert occupied(db, plane) == 1


def test_the_constraint_alone_leaves_one_winner_too(
    database: str, db: Connection, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    with ExitStack() as open_connections:
        connections = [open_connections.enter_context(connect(database)) for _ in range(20)]
        outcomes = race(
            [partial(insert_booking, each, organization, plane, at(2), at(3)) for each in connections]
        )
    assert outcomes == {"done": 1, "CONFLICT": 19}
    assert occupied(db, plane) == 1


def test_two_who_swap_assets_do_not_deadlock(
    database: str, db: Connection, organization: Organization
) -> None:
    first, second = organization.assets["planes"], organization.assets["helicopters"]
    with as_user(database, organization.member) as one, as_user(database, organization.manager) as two:
        for day in range(2, 12):
            a = book(one, first, at(day, 8), at(day, 9))
            b = book(two, second, at(day, 18), at(day, 19))
            outcomes = race(
                [partial(change, one, a, asset_id=second), partial(change, two, b, asset_id=first)]
            )
            assert outcomes == {"done": 2}
    assert (occupied(db, first), occupied(db, second)) == (10, 10)


def test_the_dashboard_cannot_book_twice(db: Connection, organization: Organization) -> None:
    plane = organization.assets["planes"]
    first = insert_booking(db, organization, plane, at(12), at(13))
    with refused("CONFLICT", 409) as failures:
        insert_booking(db, organization, plane, at(12, 12), at(14))
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [first["id"]]
    assert len(failures[0].details["alternatives"]) == 3
    other = insert_booking(db, organization, plane, at(15), at(16))
    with refused("CONFLICT", 409):
        db.execute("update public.reservations set start_date = %s where id = %s", [at(12, 12), other["id"]])
    assert occupied(db, plane) == 2


def test_occupancy_follows_whatever_the_dashboard_does(db: Connection, organization: Organization) -> None:
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    booking = insert_booking(db, organization, plane, at(2), at(3))
    for statement, expected in [
        ("update public.reservations set title = 'Other' where id = %s", (1, 0)),
        (f"update public.reservations set asset_id = '{boat}' where id = %s", (0, 1)),
        ("update public.reservations set status = 'canceled' where id = %s", (0, 0)),
        ("update public.reservations set status = 'pending' where id = %s", (0, 1)),
        ("update public.reservations set status = 'completed' where id = %s", (0, 1)),
        ("delete from public.reservations where id = %s", (0, 0)),
    ]:
        db.execute(statement, [booking["id"]])
        assert (occupied(db, plane), occupied(db, boat)) == expected, statement


def test_reviving_a_booking_onto_a_taken_slot_is_refused(db: Connection, organization: Organization) -> None:
    plane = organization.assets["planes"]
    canceled = insert_booking(db, organization, plane, at(2), at(3), status="canceled")
    insert_booking(db, organization, plane, at(2), at(3))
    with refused("CONFLICT", 409):
        db.execute("update public.reservations set status = 'approved' where id = %s", [canceled["id"]])


def test_one_statement_may_swap_two_bookings_and_shift_a_row_of_them(
    db: Connection, organization: Organization
) -> None:
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    for asset in (plane, boat):
        for hour in (8, 9, 10):
            insert_booking(db, organization, asset, at(2, hour), at(2, hour + 1))
    db.execute(
        "update public.reservations set asset_id = case asset_id when %(a)s then %(b)s else %(a)s end::uuid"
        " where asset_id in (%(a)s, %(b)s)",
        {"a": plane, "b": boat},
    )
    db.execute(
        "update public.reservations set start_date = start_date + interval '1 hour',"
        " end_date = end_date + interval '1 hour' where asset_id = %s",
        [plane],
    )
    assert (occupied(db, plane), occupied(db, boat)) == (3, 3)


def test_a_later_turnaround_moves_nothing_that_stands(
    database: str, db: Connection, organization: Organization
) -> None:
    jet = make_asset(db, organization.id, "planes", "Jet", turnaround_minutes=60)
    query = "select occupied::text from app.occupancy where asset_id = %s"
    with as_user(database, organization.member) as member:
        booking = book(member, jet, at(2, 10), at(2, 12))
        before = db.execute(query, [jet]).fetchall()
        db.execute("update public.assets set turnaround_minutes = 240 where id = %s", [jet])
        change(member, booking, title="Renamed")
        assert db.execute(query, [jet]).fetchall() == before
        # Bookings made from now on keep the new distance, and the old one keeps its own.
        book(member, jet, at(2, 13), at(2, 14))
        with refused("CONFLICT", 409):
            book(member, jet, at(2, 17), at(2, 18))


def test_an_asset_with_bookings_to_come_is_not_archived(
    database: str, db: Connection, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    archive = "update public.assets set deleted_at = now() where id = %s"
    insert_booking(db, organization, plane, at(-3), at(-2))
    with as_user(database, organization.member) as member, as_user(database, organization.admin) as admin:
        booking = book(member, plane, at(2), at(3))
        with refused("INVALID_STATE", 409) as failures:
            admin.execute(archive, [plane])
        assert failures[0].details == {"reason": "future_bookings", "count": 1}
        cancel(member, booking)
        assert admin.execute(archive, [plane]).rowcount == 1
        with refused("NOT_FOUND", 404):
            book(member, plane, at(2), at(3))
    with refused("INVALID_STATE", 409) as failures:
        insert_booking(db, organization, plane, at(2), at(3))
    assert failures[0].details == {"reason": "asset_deleted"}


def test_an_archive_waits_for_the_booking_that_is_being_written(
    database: str, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    with connect(database) as booking, connect(database) as archiving:
        archiving.execute("set lock_timeout = '200ms'")
        with booking.transaction():
            insert_booking(booking, organization, plane, at(2), at(3))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                archiving.execute("update public.assets set deleted_at = now() where id = %s", [plane])
        with refused("INVALID_STATE", 409):
            archiving.execute("update public.assets set deleted_at = now() where id = %s", [plane])


def test_who_waits_too_long_for_an_asset_is_told_to_come_again(
    database: str, db: Connection, organization: Organization
) -> None:
    plane = organization.assets["planes"]
    with db.transaction(), as_user(database, organization.member) as member:
        db.execute("select app.lock_assets(array[%s]::uuid[])", [plane])
        with refused("SERVICE_UNAVAILABLE", 503):
            book(member, plane, at(2), at(3))


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"start_date": at(3), "end_date": at(2)}, "reservations_end_after_start"),
        ({"start_date": at(2), "end_date": at(2)}, "reservations_end_after_start"),
        ({"start_date": "2250-01-01", "end_date": "2250-01-02"}, "reservations_times_in_range"),
        ({"start_date": at(2), "end_date": at(400)}, "reservations_length"),
        ({"title": " "}, "reservations_title_length"),
        ({"title": "t" * 201}, "reservations_title_length"),
        ({"guest_count": -1}, "reservations_guest_count_range"),
    ],
)
def test_the_table_itself_refuses_impossible_rows(
    db: Connection, organization: Organization, columns: Json, constraint: str
) -> None:
    times = {"start_date": at(2), "end_date": at(3), **columns}
    start, end = times.pop("start_date"), times.pop("end_date")
    with pytest.raises(psycopg.errors.CheckViolation) as failure:
        insert_booking(db, organization, organization.assets["planes"], start, end, **times)
    assert failure.value.diag.constraint_name == constraint


def test_a_booking_keeps_its_organisation(db: Connection, organization: Organization) -> None:
    booking = insert_booking(db, organization, organization.assets["planes"], at(2), at(3))
    with refused("INVALID_STATE", 409):
        db.execute("update public.reservations set id = gen_random_uuid() where id = %s", [booking["id"]])


@pytest.mark.parametrize("relation", ["public.reservations", "app.occupancy", "public.organizations"])
def test_what_occupies_cannot_be_truncated(db: Connection, organization: Organization, relation: str) -> None:
    plane = organization.assets["planes"]
    insert_booking(db, organization, plane, at(2), at(3))
    with refused("INVALID_STATE", 409):
        db.execute(f"truncate {relation} cascade")
    assert occupied(db, plane) == 1
