"""Maintenance against bookings at the same instant: one of them has the time, and nobody slips in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.actors import Connection, Organization, as_user, connect, refused
from tests.db.booking import Watcher, at, book, cancel, insert_booking
from tests.db.maintenance import call_off, insert_window, reschedule, schedule, taken_by
from tests.db.racing import race
from tests.harness import wait_until


def wait_for_lock(db: Connection, connection: Connection) -> None:
    pid = connection.info.backend_pid
    wait_until(
        lambda: db.execute(
            "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'", [pid]
        ).fetchone(),
        what="the other one waits",
    )


def test_of_a_booking_and_a_window_at_the_same_instant_one_wins(
    database: str, organization: Organization, watcher: Watcher, plane: str
) -> None:
    with (
        as_user(database, organization.admin) as admin,
        as_user(database, organization.member) as member,
    ):
        for day in range(2, 12):
            outcomes = race(
                [
                    partial(schedule, admin, plane, at(day), at(day, 14)),
                    partial(book, member, plane, at(day, 8), at(day, 12)),
                ]
            )
            assert outcomes == {"done": 1, "CONFLICT": 1}
    assert len(watcher.events()) == 10


def test_of_a_booking_and_a_window_of_the_dashboard_one_wins(
    database: str, organization: Organization, plane: str
) -> None:
    with connect(database) as one, connect(database) as two:
        for day in range(2, 12):
            outcomes = race(
                [
                    partial(insert_window, one, organization, plane, at(day), at(day, 14)),
                    partial(insert_booking, two, organization, plane, at(day, 8), at(day, 12)),
                ]
            )
            assert outcomes == {"done": 1, "CONFLICT": 1}


def test_of_two_windows_at_the_same_instant_one_wins(
    database: str, organization: Organization, plane: str
) -> None:
    with as_user(database, organization.admin) as one, as_user(database, organization.owner) as two:
        for day in range(2, 12):
            outcomes = race([partial(schedule, each, plane, at(day), at(day, 14)) for each in (one, two)])
            assert outcomes == {"done": 1, "CONFLICT": 1}


def test_nobody_slips_in_where_a_kept_booking_goes(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(10), at(11))
    window = insert_window(db, organization, plane, at(9), at(12), resolution="keep")
    with connect(database) as going, connect(database) as waiting, ThreadPoolExecutor() as pool:
        with going.transaction():
            going.execute("delete from public.reservations where id = %s", [booking["id"]])
            attempt = pool.submit(insert_booking, waiting, organization, plane, at(10), at(11))
            wait_for_lock(db, waiting)
        with refused("CONFLICT", 409):
            attempt.result(timeout=20)
    assert taken_by(db, window) == [(at(9), at(12))]


def test_a_window_that_is_placed_while_a_booking_goes_has_all_its_time(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(10), at(11))
    with (
        connect(database) as going,
        as_user(database, organization.admin) as admin,
        ThreadPoolExecutor() as pool,
    ):
        with going.transaction():
            going.execute("delete from public.reservations where id = %s", [booking["id"]])
            placed = pool.submit(schedule, admin, plane, at(9), at(12), resolution="keep")
            wait_for_lock(db, admin)
        assert taken_by(db, placed.result(timeout=20)) == [(at(9), at(12))]


def test_a_booking_that_goes_while_a_window_is_placed_leaves_it_all_its_time(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(10), at(11))
    with connect(database) as placing, connect(database) as going, ThreadPoolExecutor() as pool:
        with placing.transaction():
            window = insert_window(placing, organization, plane, at(9), at(12), resolution="keep")
            gone = pool.submit(
                going.execute, "delete from public.reservations where id = %s", [booking["id"]]
            )
            wait_for_lock(db, going)
        gone.result(timeout=20)
    assert taken_by(db, window) == [(at(9), at(12))]


def test_a_window_that_shrinks_while_a_booking_goes_takes_nothing_beyond_its_end(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(10), at(11))
    window = insert_window(db, organization, plane, at(8), at(12), resolution="keep")
    with connect(database) as shrinking, connect(database) as going, ThreadPoolExecutor() as pool:
        with shrinking.transaction():
            shrinking.execute(
                "update public.maintenance_windows set end_date = %s where id = %s", [at(9), window["id"]]
            )
            gone = pool.submit(
                going.execute, "delete from public.reservations where id = %s", [booking["id"]]
            )
            wait_for_lock(db, going)
        gone.result(timeout=20)
    assert taken_by(db, window) == [(at(8), at(9))]


@pytest.mark.parametrize("resolution", ["cancel", "keep"])
def test_who_cancels_and_who_schedules_at_the_same_instant_both_have_their_way(
    database: str, db: Connection, organization: Organization, plane: str, resolution: str
) -> None:
    with as_user(database, organization.admin) as admin, as_user(database, organization.member) as member:
        for day in range(2, 22, 2):
            bookings = [book(member, plane, at(day, hour), at(day, hour + 1)) for hour in (8, 10)]
            cancelling: list[Callable[[], object]] = [partial(cancel, member, bookings[0])]
            scheduling = partial(schedule, admin, plane, at(day), at(day, 14), resolution=resolution)
            outcomes = race([*cancelling, scheduling])
            # The window may have cancelled it first.
            assert outcomes in ({"done": 2}, {"done": 1, "INVALID_STATE": 1})
    windows = db.execute(
        "select id, start_date, end_date from public.maintenance_windows where asset_id = %s", [plane]
    ).fetchall()
    assert len(windows) == 10
    for window in windows:
        whole = [(window["start_date"], window["end_date"])]
        if resolution == "cancel":
            assert taken_by(db, window) == whole
        else:
            assert sum((end - begin).total_seconds() for begin, end in taken_by(db, window)) == 3 * 3600


def test_kept_bookings_that_go_at_once_all_leave_their_time(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    bookings = [insert_booking(db, organization, plane, at(day), at(day + 1)) for day in range(10, 18)]
    window = insert_window(db, organization, plane, at(9), at(20), resolution="keep")
    with connect(database) as one, connect(database) as two:
        for pair in zip(bookings[::2], bookings[1::2], strict=True):
            outcomes = race(
                [
                    partial(each.execute, "delete from public.reservations where id = %s", [booking["id"]])
                    for each, booking in zip((one, two), pair, strict=True)
                ]
            )
            assert outcomes == {"done": 2}
    assert taken_by(db, window) == [(at(9), at(20))]


def test_an_asset_archived_while_a_window_is_placed_keeps_none(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    with connect(database) as placing, connect(database) as archiving, ThreadPoolExecutor() as pool:
        with placing.transaction():
            insert_window(placing, organization, plane, at(9), at(12))
            archived = pool.submit(
                archiving.execute, "update public.assets set deleted_at = now() where id = %s", [plane]
            )
            wait_for_lock(db, archiving)
        archived.result(timeout=20)
    left = db.execute("select status from public.maintenance_windows where asset_id = %s", [plane])
    assert [row["status"] for row in left] == ["canceled"]


def test_a_change_of_a_version_that_the_dashboard_is_changing_waits_and_is_told_to_come_again(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    window = insert_window(db, organization, plane, at(9), at(12))
    with (
        connect(database) as editing,
        as_user(database, organization.admin) as admin,
        ThreadPoolExecutor() as pool,
    ):
        with editing.transaction():
            editing.execute(
                "update public.maintenance_windows set title = 'Other' where id = %s", [window["id"]]
            )
            changed = pool.submit(reschedule, admin, window, title="New", version=1)
            wait_for_lock(db, admin)
        with refused("SERVICE_UNAVAILABLE", 503):
            changed.result(timeout=20)
        with refused("PRECONDITION_FAILED", 412):
            reschedule(admin, window, title="New", version=1)


@pytest.mark.parametrize("act", ["create", "change", "cancel"])
def test_an_admin_who_is_demoted_while_waiting_for_the_asset_maintains_nothing(
    database: str, db: Connection, organization: Organization, plane: str, act: str
) -> None:
    with as_user(database, organization.owner) as owner:
        window = schedule(owner, plane, at(9), at(10))
    with as_user(database, organization.admin) as admin, ThreadPoolExecutor(1) as pool:
        action = {
            "create": partial(schedule, admin, plane, at(11), at(12)),
            "change": partial(reschedule, admin, window, title="Mine"),
            "cancel": partial(call_off, admin, window),
        }[act]
        with connect(database) as booker, booker.transaction():
            booker.execute("select app.lock_assets(%s::uuid[])", [[plane]])
            waiting = pool.submit(action)
            wait_for_lock(db, admin)
            db.execute(
                "update public.organization_members set role = 'member' where user_id = %s",
                [organization.admin.id],
            )
        with refused("FORBIDDEN", 403):
            waiting.result(timeout=20)
