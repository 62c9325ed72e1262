"""Maintenance takes an asset's time: over bookings by a word about them only, around those that are kept."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.actors import Connection, Organization, as_user, make_asset, make_organization, refused, rpc
from tests.db.booking import Json, at, book, cancel, change, fetch_calendar, insert_booking
from tests.db.maintenance import call_off, insert_window, reschedule, schedule, taken_by


@pytest.fixture
def admin(database: str, organization: Organization) -> Iterator[Connection]:
    """The fresh organisation's admin, connected."""
    with as_user(database, organization.admin) as connection:
        yield connection


def status_of(db: Connection, booking: Json) -> str:
    row = db.execute("select status from public.reservations where id = %s", [booking["id"]]).fetchone()
    assert row is not None
    return str(row["status"])


def test_what_is_in_maintenance_cannot_be_booked_by_anyone(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(10), at(12))
    assert (window["status"], window["resolution"], window["canceled_reservation_ids"]) == (
        "scheduled",
        None,
        [],
    )
    with refused("CONFLICT", 409) as failures:
        book(member, plane, at(11), at(13))
    assert failures[0].details["conflicts"][0]["kind"] == "maintenance"
    with refused("CONFLICT", 409):
        insert_booking(db, organization, plane, at(9), at(10, 11))
    book(member, plane, at(9), at(10))
    book(member, plane, at(12), at(13))


def test_over_bookings_it_is_refused_with_the_list(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    first, second = book(member, plane, at(10), at(11)), book(member, plane, at(12), at(13))
    with refused("CONFLICT", 409) as failures:
        schedule(admin, plane, at(9), at(14))
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [first["id"], second["id"]]
    assert failures[0].details["resolutions"] == ["cancel", "keep"]
    for resolution in (None, "cancel"):
        with refused("CONFLICT", 409):
            insert_window(db, organization, plane, at(9), at(14), resolution=resolution)
    assert fetch_calendar(admin, organization.id)["maintenance"] == []


def test_cancel_cancels_the_bookings_with_the_reason_and_takes_all_their_time(
    db: Connection, admin: Connection, member: Connection, plane: str
) -> None:
    first, second = book(member, plane, at(10), at(11)), book(member, plane, at(12), at(15))
    window = schedule(admin, plane, at(9), at(14), resolution="cancel", reason="Engine")
    assert window["canceled_reservation_ids"] == [first["id"], second["id"]]
    assert taken_by(db, window) == [(at(9), at(14))]
    shown = rpc(member, "get_reservation", p_reservation_id=second["id"])
    assert (shown["status"], shown["cancellation_reason"]) == ("canceled", "Engine")
    # What the second one took beyond the window is free.
    third = book(member, plane, at(14), at(16))
    # Without a reason, the title says why.
    schedule(admin, plane, at(14), at(15), resolution="cancel", title="Engine again")
    assert (
        rpc(member, "get_reservation", p_reservation_id=third["id"])["cancellation_reason"] == "Engine again"
    )


def test_keep_takes_the_time_around_the_bookings_and_their_turnaround(
    db: Connection, organization: Organization, admin: Connection, member: Connection
) -> None:
    asset = make_asset(db, organization.id, "planes", "Turning", turnaround_minutes=60)
    booking = book(member, asset, at(10), at(11))
    window = schedule(admin, asset, at(9), at(14), resolution="keep")
    assert window["canceled_reservation_ids"] == []
    assert taken_by(db, window) == [(at(9), at(10)), (at(11, 11), at(14))]
    assert status_of(db, booking) == "approved"
    for start in (at(9, 11), at(11, 10, 30), at(13)):
        with refused("CONFLICT", 409):
            book(member, asset, start, start + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("change_in_sql", "left"),
    [
        ("delete from public.reservations where id = %s", []),
        ("update public.reservations set status = 'canceled' where id = %s", []),
        (
            "update public.reservations set end_date = end_date - interval '12 hours' where id = %s",
            [(10, 22)],
        ),
        (
            "update public.reservations set start_date = start_date + interval '12 hours' where id = %s",
            [(22, 34)],
        ),
    ],
)
def test_what_a_kept_booking_gives_back_in_the_dashboard_is_the_windows_at_once(
    db: Connection,
    organization: Organization,
    admin: Connection,
    plane: str,
    change_in_sql: str,
    left: list[tuple[int, int]],
) -> None:
    booking = insert_booking(db, organization, plane, at(10), at(11))
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    db.execute(change_in_sql.encode(), [booking["id"]])
    edges = [at(9), *(at(10, hour) for piece in left for hour in piece), at(14)]
    assert taken_by(db, window) == list(zip(edges[::2], edges[1::2], strict=True))


def test_a_kept_booking_that_is_cancelled_or_moved_by_its_booker_leaves_its_time_to_the_window(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    bookings = [book(member, plane, at(day), at(day, 20)) for day in (10, 11, 12)]
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    cancel(member, bookings[0])
    change(member, bookings[1], asset_id=organization.assets["helicopters"])
    change(member, bookings[2], start_date=at(20), end_date=at(21))
    assert taken_by(db, window) == [(at(9), at(14))]


def test_what_a_kept_booking_has_given_back_it_does_not_get_again(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    booking, other = (book(member, plane, at(day), at(day, 20)) for day in (10, 11))
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    with refused("CONFLICT", 409):
        change(member, booking, end_date=at(10, 21))
    change(member, booking, end_date=at(10, 15))
    for attempt in ("end_date = end_date + interval '1 hour'", "start_date = start_date - interval '1 hour'"):
        with refused("CONFLICT", 409) as failures:
            db.execute(f"update public.reservations set {attempt} where id = %s".encode(), [booking["id"]])
        assert failures[0].details["conflicts"][0]["id"] == window["id"]
    cancel(member, other)
    with refused("CONFLICT", 409):
        rpc(member, "restore_reservation", p_reservation_id=other["id"])
    # Nor does a stronger tier get what it would push aside: maintenance is nobody's to override.
    db.execute("update public.tiers set priority = 50 where id = %s", [organization.tier])
    strong = db.execute(
        "insert into public.tiers (organization_id, name, priority, can_override)"
        " values (%s, 'Strong', 1, true) returning id",
        [organization.id],
    ).fetchone()
    assert strong is not None
    db.execute(
        "update public.organization_members set tier_id = %s where user_id = %s",
        [strong["id"], organization.admin.id],
    )
    with refused("CONFLICT", 409):
        book(admin, plane, at(10), at(10, 12), displace=True)
    assert status_of(db, booking) == "approved"


def test_the_rows_of_the_bookings_may_be_swapped_within_a_kept_window(
    db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    one = insert_booking(db, organization, plane, at(10), at(11))
    two = insert_booking(db, organization, plane, at(12), at(13))
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    db.execute(
        """
        update public.reservations r set start_date = o.start_date, end_date = o.end_date
        from public.reservations o
        where (r.id, o.id) in ((%(one)s, %(two)s), (%(two)s, %(one)s))
        """,
        {"one": one["id"], "two": two["id"]},
    )
    assert taken_by(db, window) == [(at(9), at(10)), (at(11), at(12)), (at(13), at(14))]


def test_a_hold_in_the_way_is_a_conflict_and_a_word_about_bookings_ends_it(
    db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    for day, resolution in ((10, "cancel"), (20, "keep")):
        hold = insert_booking(db, organization, plane, at(day), at(day, 12), status="hold")
        with refused("CONFLICT", 409) as failures:
            schedule(admin, plane, at(day), at(day + 1))
        assert [conflict["kind"] for conflict in failures[0].details["conflicts"]] == ["hold"]
        with refused("CONFLICT", 409):
            insert_window(db, organization, plane, at(day), at(day + 1), resolution="keep")
        window = schedule(admin, plane, at(day), at(day + 1), resolution=resolution)
        assert taken_by(db, window) == [(at(day), at(day + 1))]
        left = db.execute("select count(*) as n from public.reservations where id = %s", [hold["id"]])
        assert left.fetchone() == {"n": 0}


def test_an_expired_hold_is_in_nobodys_way(
    db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    hold = insert_booking(db, organization, plane, at(10), at(11), status="hold")
    db.execute(
        "update public.reservations set hold_expires_at = now() - interval '1 s' where id = %s", [hold["id"]]
    )
    db.execute(
        "update app.occupancy set expires_at = now() - interval '1 s' where source_id = %s", [hold["id"]]
    )
    window = schedule(admin, plane, at(9), at(12))
    assert taken_by(db, window) == [(at(9), at(12))]


def test_what_has_ended_is_in_nobodys_way_though_its_turnaround_is_kept(
    db: Connection, organization: Organization, admin: Connection
) -> None:
    asset = make_asset(db, organization.id, "planes", "Turning", turnaround_minutes=10080)
    insert_booking(db, organization, asset, at(-3), at(-2))
    running = insert_booking(db, organization, asset, at(-1, 0) + timedelta(days=7), at(8))
    with refused("CONFLICT", 409) as failures:
        schedule(admin, asset, at(-3), at(9))
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [running["id"]]
    window = schedule(admin, asset, at(-3), at(9), resolution="cancel")
    assert window["canceled_reservation_ids"] == [running["id"]]
    assert taken_by(db, window) == [(at(5), at(9))]


@pytest.mark.parametrize("resolution", [None, "cancel", "keep"])
def test_two_windows_may_not_share_time(
    db: Connection, organization: Organization, admin: Connection, plane: str, resolution: str | None
) -> None:
    first = schedule(admin, plane, at(10), at(12))
    with refused("CONFLICT", 409) as failures:
        schedule(admin, plane, at(11), at(13), resolution=resolution)
    assert failures[0].details["resolutions"] == []
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [first["id"]]
    with pytest.raises(psycopg.errors.ExclusionViolation):
        insert_window(db, organization, plane, at(11), at(13), resolution=resolution)
    second = schedule(admin, plane, at(12), at(13), resolution=resolution)
    with refused("CONFLICT", 409):
        reschedule(admin, second, start_date=at(11), resolution=resolution)


def test_a_shrunk_or_moved_window_gives_its_time_back_and_takes_other(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(10), at(11))
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    window = reschedule(admin, window, end_date=at(12), version=window["version"])
    assert taken_by(db, window) == [(at(9), at(10)), (at(11), at(12))]
    window = reschedule(admin, window, start_date=at(10, 15), end_date=at(13))
    assert taken_by(db, window) == [(at(11), at(13))]
    helicopter = organization.assets["helicopters"]
    window = reschedule(admin, window, asset_id=helicopter, title="Rotor")
    assert taken_by(db, window) == [(at(10, 15), at(13))]
    assert (window["title"], window["asset_id"], window["version"]) == ("Rotor", helicopter, 4)
    book(member, plane, at(11), at(14))
    assert status_of(db, booking) == "approved"


def test_a_word_about_bookings_holds_for_those_it_was_said_about(
    db: Connection, admin: Connection, member: Connection, plane: str
) -> None:
    kept, later = book(member, plane, at(10), at(11)), book(member, plane, at(15), at(16))
    window = schedule(admin, plane, at(9), at(14), resolution="keep")
    with refused("CONFLICT", 409) as failures:
        reschedule(admin, window, end_date=at(17))
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [later["id"]]
    window = reschedule(admin, window, end_date=at(17), resolution="keep")
    assert taken_by(db, window) == [(at(9), at(10)), (at(11), at(15)), (at(16), at(17))]
    with refused("CONFLICT", 409):
        reschedule(admin, window, resolution=None)
    with refused("CONFLICT", 409):
        db.execute("update public.maintenance_windows set resolution = null where id = %s", [window["id"]])
    window = reschedule(admin, window, resolution="cancel", reason="Longer than thought")
    assert window["canceled_reservation_ids"] == [kept["id"], later["id"]]
    assert taken_by(db, window) == [(at(9), at(17))]


def test_a_window_that_cancels_goes_over_no_further_booking_unasked(
    db: Connection, admin: Connection, member: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(9), at(14), resolution="cancel")
    later = book(member, plane, at(15), at(16))
    with refused("CONFLICT", 409):
        reschedule(admin, window, end_date=at(17))
    assert status_of(db, later) == "approved"


def test_a_cancelled_window_frees_its_time(
    db: Connection, admin: Connection, member: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(9), at(14))
    window = call_off(admin, window, reason="Postponed", expected_version=1)
    assert (window["status"], window["cancellation_reason"], window["version"]) == (
        "canceled",
        "Postponed",
        2,
    )
    assert taken_by(db, window) == []
    book(member, plane, at(10), at(11))
    for attempt in (call_off, reschedule):
        with refused("INVALID_STATE", 409) as failures:
            attempt(admin, window)
        assert failures[0].details == {"reason": "status", "status": "canceled"}
    # Brought back in the dashboard, it may not lie over what was booked meanwhile.
    with refused("CONFLICT", 409):
        db.execute("update public.maintenance_windows set status = 'scheduled' where id = %s", [window["id"]])


def test_a_window_deleted_in_the_dashboard_frees_its_time(
    db: Connection, admin: Connection, member: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(9), at(14))
    db.execute("delete from public.maintenance_windows where id = %s", [window["id"]])
    book(member, plane, at(10), at(11))


def test_a_change_of_another_version_is_refused_with_the_present_one(admin: Connection, plane: str) -> None:
    window = schedule(admin, plane, at(9), at(14))
    reschedule(admin, window, title="Second", version=1)
    for function, arguments in (
        ("update_maintenance", {"p_changes": {"title": "Third"}}),
        ("cancel_maintenance", {}),
    ):
        with refused("PRECONDITION_FAILED", 412) as failures:
            rpc(admin, function, p_maintenance_id=window["id"], p_expected_version=1, **arguments)
        assert failures[0].details["current"]["title"] == "Second"


def test_a_request_sent_twice_is_done_once(admin: Connection, member: Connection, plane: str) -> None:
    booking = book(member, plane, at(10), at(11))
    one, two = (
        schedule(admin, plane, at(9), at(14), resolution="cancel", idempotency_key="k") for _ in range(2)
    )
    assert one == two
    assert one["canceled_reservation_ids"] == [booking["id"]]
    with refused("IDEMPOTENCY_KEY_REUSED", 422):
        schedule(admin, plane, at(9), at(15), resolution="cancel", idempotency_key="k")


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"title": " "}, "title", "string_too_short"),
        ({"title": None}, "title", "missing"),
        ({"title": "t" * 201}, "title", "string_too_long"),
        ({"end_date": at(10)}, "end_date", "range_order"),
        ({"end_date": at(9)}, "end_date", "range_order"),
        ({"end_date": at(10) + timedelta(seconds=30)}, "end_date", "range_too_short"),
        ({"end_date": at(377)}, "end_date", "range_too_long"),
        ({"start_date": at(-9), "end_date": at(-8)}, "end_date", "datetime_future"),
        ({"start_date": "-infinity"}, "start_date", "datetime_out_of_range"),
        ({"end_date": "infinity"}, "end_date", "datetime_out_of_range"),
        ({"end_date": None}, "end_date", "missing"),
        ({"resolution": "ignore"}, "resolution", "literal_error"),
        ({"reason": "r" * 2001}, "reason", "string_too_long"),
    ],
)
def test_impossible_windows_are_refused(
    admin: Connection, plane: str, changes: Json, path: str, code: str
) -> None:
    wanted: Json = {"start_date": at(10), "end_date": at(11), **changes}
    start, end = wanted.pop("start_date"), wanted.pop("end_date")
    with refused("VALIDATION_ERROR", 400) as failures:
        schedule(admin, plane, start, end, **wanted)
    assert [path, code] in [[field["path"], field["code"]] for field in failures[0].details["fields"]]


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"status": "canceled"}, "status", "extra_forbidden"),
        ({"title": None}, "title", "missing"),
        ({"title": 7}, "title", "string_type"),
        ({"start_date": "2031-01-01T00:00:00"}, "start_date", "datetime_parsing"),
        ({"end_date": "infinity"}, "end_date", "datetime_parsing"),
        ({"end_date": at(9)}, "end_date", "range_order"),
        ({"asset_id": "plane"}, "asset_id", "uuid_parsing"),
        ({"resolution": "ignore"}, "resolution", "literal_error"),
    ],
)
def test_impossible_changes_are_refused(
    admin: Connection, plane: str, changes: Json, path: str, code: str
) -> None:
    window = schedule(admin, plane, at(10), at(11))
    with refused("VALIDATION_ERROR", 400) as failures:
        reschedule(admin, window, **changes)
    assert [path, code] in [[field["path"], field["code"]] for field in failures[0].details["fields"]]


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"start_date": at(3), "end_date": at(2)}, "maintenance_windows_end_after_start"),
        ({"start_date": at(2), "end_date": at(2)}, "maintenance_windows_end_after_start"),
        ({"start_date": "2250-01-01", "end_date": "2250-01-02"}, "maintenance_windows_times_in_range"),
        ({"start_date": at(2), "end_date": at(400)}, "maintenance_windows_length"),
        ({"title": " "}, "maintenance_windows_title_length"),
        ({"status": "done"}, "maintenance_windows_status_known"),
        ({"resolution": "ignore"}, "maintenance_windows_resolution_known"),
        ({"cancellation_reason": "r" * 2001}, "maintenance_windows_reason_length"),
    ],
)
def test_the_table_itself_refuses_impossible_rows(
    db: Connection, organization: Organization, plane: str, columns: Json, constraint: str
) -> None:
    times = {"start_date": at(2), "end_date": at(3), **columns}
    start, end = times.pop("start_date"), times.pop("end_date")
    with pytest.raises(psycopg.errors.CheckViolation) as failure:
        insert_window(db, organization, plane, start, end, **times)
    assert failure.value.diag.constraint_name == constraint


def test_another_organisations_asset_is_none(
    db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    other = make_organization(db)
    with refused("NOT_FOUND", 404):
        schedule(admin, other.assets["planes"], at(9), at(10))
    window = schedule(admin, plane, at(9), at(10))
    with refused("NOT_FOUND", 404):
        reschedule(admin, window, asset_id=other.assets["planes"])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert_window(db, organization, other.assets["planes"], at(9), at(10))
    with refused("INVALID_STATE", 409):
        db.execute(
            "update public.maintenance_windows set organization_id = %s where id = %s",
            [other.id, window["id"]],
        )


def test_maintenance_needs_the_second_factor_that_is_demanded(
    database: str, db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(9), at(10))
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    with refused("MFA_REQUIRED", 403):
        schedule(admin, plane, at(11), at(12))
    with refused("MFA_REQUIRED", 403):
        reschedule(admin, window, title="New")
    with refused("MFA_REQUIRED", 403):
        call_off(admin, window)
    with as_user(database, organization.admin, aal="aal2") as confirmed:
        call_off(confirmed, window)


def test_archiving_an_asset_cancels_its_maintenance_to_come(
    db: Connection, organization: Organization, admin: Connection, member: Connection, plane: str
) -> None:
    past = insert_window(db, organization, plane, at(-9), at(-8))
    window = schedule(admin, plane, at(9), at(10))
    db.execute("update public.assets set deleted_at = now() where id = %s", [plane])
    rows = db.execute("select id, status from public.maintenance_windows where asset_id = %s", [plane])
    assert {str(row["id"]): row["status"] for row in rows} == {
        past["id"]: "scheduled",
        window["id"]: "canceled",
    }
    with refused("INVALID_STATE", 409) as failures:
        insert_window(db, organization, plane, at(9), at(10))
    assert failures[0].details == {"reason": "asset_deleted"}
    with refused("NOT_FOUND", 404):
        schedule(admin, plane, at(9), at(10))
    db.execute("update public.assets set deleted_at = null where id = %s", [plane])
    book(member, plane, at(9), at(10))


def test_the_window_outlives_the_person_who_scheduled_it(
    db: Connection, organization: Organization, admin: Connection, plane: str
) -> None:
    window = schedule(admin, plane, at(9), at(10))
    assert window["created_by"] == organization.admin.id
    db.execute("delete from auth.users where id = %s", [organization.admin.id])
    with refused("UNAUTHORIZED", 401):
        schedule(admin, plane, at(11), at(12))
    assert taken_by(db, window) == [(at(9), at(10))]


def test_windows_cannot_be_truncated(db: Connection) -> None:
    with refused("INVALID_STATE", 409):
        db.execute("truncate public.maintenance_windows")


@pytest.mark.parametrize("resolution", ["cancel", "keep"])
def test_a_window_over_a_hundred_bookings_is_placed_in_one_go(
    db: Connection, organization: Organization, admin: Connection, plane: str, resolution: str
) -> None:
    db.execute(
        """
        insert into public.reservations
            (organization_id, asset_id, user_id, title, start_date, end_date, status)
        select %s, %s, %s, 'Daily', day, day + interval '2 hours', 'approved'
        from generate_series(%s, %s, interval '1 day') as day
        """,
        [organization.id, plane, organization.member.id, at(20), at(119)],
    )
    with refused("CONFLICT", 409) as failures:
        schedule(admin, plane, at(19), at(120))
    assert len(failures[0].details["conflicts"]) == 50
    window = schedule(admin, plane, at(19), at(120), resolution=resolution)
    if resolution == "cancel":
        assert len(window["canceled_reservation_ids"]) == 100
        assert taken_by(db, window) == [(at(19), at(120))]
    else:
        assert len(taken_by(db, window)) == 101
