"""Series: booked, changed and cancelled, as the people who do."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.actors import (
    Connection,
    Organization,
    as_user,
    make_asset,
    make_organization,
    refused,
    rpc,
)
from tests.db.booking import Json, Watcher, at, cancel, change, insert_booking, utc
from tests.db.racing import second_of_two

PANAMA = ZoneInfo("America/Panama")
NEW_YORK = ZoneInfo("America/New_York")
# A Tuesday; weeks of it are far enough ahead for everything.
FIRST = datetime(2031, 3, 4, 9, tzinfo=PANAMA)
WEEK = timedelta(days=7)


@pytest.fixture
def manager(database: str, organization: Organization) -> Iterator[Connection]:
    with as_user(database, organization.manager) as connection:
        yield connection


def repeat(
    connection: Connection,
    asset: str,
    rrule: str = "FREQ=WEEKLY;COUNT=5",
    start: datetime = FIRST,
    hours: float = 2,
    **arguments: Any,
) -> Json:
    """create_series; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    series: Json = rpc(
        connection,
        "create_series",
        **{
            "p_asset_id": asset,
            "p_title": "Weekly",
            "p_start_date": start,
            "p_end_date": start + timedelta(hours=hours),
            "p_rrule": rrule,
            **named,
        },
    )
    return series


def read(connection: Connection, series: Json) -> Json:
    found: Json = rpc(connection, "get_series", p_series_id=series["id"])
    return found


def edit(
    connection: Connection, series: Json, scope: str, at: datetime | None = None, /, **changes: Any
) -> Json:
    """update_series with these changes; `version` and `key` are arguments."""
    version, key = changes.pop("version", None), changes.pop("key", None)
    prepared = {name: utc(value) if isinstance(value, datetime) else value for name, value in changes.items()}
    changed: Json = rpc(
        connection,
        "update_series",
        p_series_id=series["id"],
        p_changes=prepared,
        p_scope=scope,
        p_from=at,
        p_expected_version=version,
        p_idempotency_key=key,
    )
    return changed


def call_off(
    connection: Connection, series: Json, scope: str, at: datetime | None = None, **arguments: Any
) -> Json:
    """cancel_series."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    canceled: Json = rpc(
        connection, "cancel_series", p_series_id=series["id"], p_scope=scope, p_from=at, **named
    )
    return canceled


def attempts(*each: Callable[[], Any]) -> tuple[Callable[[], Any], ...]:
    """Things to try one after the other."""
    return each


def faults(failure: Any) -> set[tuple[str, str]]:
    return {(field["path"], field["code"]) for field in failure.details["fields"]}


def starts(series: Json, zone: ZoneInfo = PANAMA) -> list[str]:
    """The instances' starts, on the wall's clock."""
    return [
        f"{datetime.fromisoformat(each['start_date']).astimezone(zone):%m-%d %H:%M}"
        for each in series["instances"]
    ]


def outcomes(instances: list[Json]) -> list[str]:
    return [each["outcome"] for each in instances]


def count(db: Connection, table: str, organization: Organization) -> int:
    row = db.execute(
        f"select count(*) as n from {table} where organization_id = %s".encode(), [organization.id]
    ).fetchone()
    assert row is not None
    return int(row["n"])


def test_a_series_answers_itself_with_a_report(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    made = repeat(
        member, plane, "rrule:freq=weekly;count=3", guest_count=2, notes="Ventana", guests=[{"name": "Ana"}]
    )
    assert made["rrule"] == "FREQ=WEEKLY;COUNT=3"
    assert (made["version"], made["time_zone"], made["user_id"]) == (
        1,
        "America/Panama",
        organization.member.id,
    )
    assert (made["start_date"], made["end_date"]) == (utc(FIRST), utc(FIRST + timedelta(hours=2)))
    assert [
        (each["index"], each["start_date"], each["outcome"], each["conflicts"], each["violations"])
        for each in made["instances"]
    ] == [(n + 1, utc(FIRST + n * WEEK), "approved", [], []) for n in range(3)]
    for each in made["instances"]:
        booking = rpc(member, "get_reservation", p_reservation_id=each["reservation_id"])
        assert (booking["series_id"], booking["title"], booking["notes"]) == (made["id"], "Weekly", "Ventana")
        assert (booking["guest_count"], booking["guests"]) == (2, [{"name": "Ana", "email": None}])
    found = read(member, made)
    assert [each["reservation_id"] for each in found["instances"]] == [
        each["reservation_id"] for each in made["instances"]
    ]
    assert {each["detached"] for each in found["instances"]} == {False}
    assert count(db, "public.reservations", organization) == 3


def test_nine_o_clock_stays_nine_o_clock(
    member: Connection, db: Connection, organization: Organization
) -> None:
    in_new_york = make_asset(db, organization.id, "planes", "Teterboro", timezone="America/New_York")
    in_panama = make_asset(db, organization.id, "planes", "Albrook", timezone="America/Panama")
    for month, day in ((3, 2), (10, 26)):
        # The Sundays of the change lie in the middle: 9 March and 2 November 2031.
        here = repeat(
            member, in_new_york, "FREQ=WEEKLY;COUNT=3", datetime(2031, month, day, 9, tzinfo=NEW_YORK)
        )
        there = repeat(member, in_panama, "FREQ=WEEKLY;COUNT=3", datetime(2031, month, day, 9, tzinfo=PANAMA))
        assert {start[-5:] for start in starts(here, NEW_YORK)} == {"09:00"}
        assert {start[-5:] for start in starts(there)} == {"09:00"}
        offsets = [each["start_date"][11:13] for each in here["instances"]]
        assert offsets == (["14", "13", "13"] if month == 3 else ["13", "14", "14"])
        assert {each["start_date"][11:13] for each in there["instances"]} == {"14"}


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        # 9 March 2031 has no 2:30: the offset before the gap makes it 3:30, for that day only.
        (
            datetime(2031, 3, 8, 2, 30, tzinfo=NEW_YORK),
            1,
            [("07:30", "08:30"), ("07:30", "08:30"), ("06:30", "07:30")],
        ),
        # 2 November 2031 has 1:30 twice: the first.
        (
            datetime(2031, 11, 1, 1, 30, tzinfo=NEW_YORK),
            0.5,
            [("05:30", "06:00"), ("05:30", "07:00"), ("06:30", "07:00")],
        ),
    ],
)
def test_gaps_and_repeated_hours(
    member: Connection,
    db: Connection,
    organization: Organization,
    start: datetime,
    hours: float,
    expected: list[tuple[str, str]],
) -> None:
    asset = make_asset(db, organization.id, "planes", "Teterboro", timezone="America/New_York")
    made = repeat(member, asset, "FREQ=DAILY;COUNT=3", start, hours)
    times = [(each["start_date"][11:16], each["end_date"][11:16]) for each in made["instances"]]
    assert times == expected


def test_29_february_and_the_31st(member: Connection, plane: str) -> None:
    leap = repeat(member, plane, "FREQ=YEARLY;COUNT=3", datetime(2032, 2, 29, 9, tzinfo=PANAMA))
    assert [each["start_date"][:10] for each in leap["instances"]] == [
        "2032-02-29",
        "2036-02-29",
        "2040-02-29",
    ]
    months = repeat(member, plane, "FREQ=MONTHLY;COUNT=3", datetime(2033, 1, 31, 9, tzinfo=PANAMA))
    assert starts(months) == ["01-31 09:00", "03-31 09:00", "05-31 09:00"]


def test_instance_3_is_taken(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    third = FIRST + 2 * WEEK
    taken = insert_booking(db, organization, plane, third + timedelta(hours=1), third + timedelta(hours=3))
    with refused("CONFLICT", 409) as failures:
        repeat(member, plane)
    details = failures[0].details
    assert outcomes(details["instances"]) == ["approved", "approved", "conflict", "approved", "approved"]
    assert details["instances"][2]["conflicts"][0]["id"] == taken["id"]
    assert details["conflicts"] == details["instances"][2]["conflicts"]
    assert count(db, "public.reservations", organization) == 1
    assert count(db, "public.reservation_series", organization) == 0

    made = repeat(member, plane, on_conflict="skip")
    assert outcomes(made["instances"]) == outcomes(details["instances"])
    assert made["instances"][2]["reservation_id"] is None
    assert outcomes(read(member, made)["instances"]) == outcomes(made["instances"])
    assert starts(read(member, made)) == starts(made)
    assert count(db, "public.reservations", organization) == 5

    with refused("CONFLICT", 409) as failures:
        repeat(member, plane, on_conflict="skip")
    assert set(outcomes(failures[0].details["instances"])) == {"conflict"}
    assert count(db, "public.reservation_series", organization) == 1


def quota(db: Connection, organization: Organization, amount: int, **columns: Any) -> str:
    row = db.execute(
        """
        insert into public.tier_booking_rules
            (organization_id, name, rule_type, conditions, effect, overridable_by)
        values (%s, 'So many', 'quota', jsonb_build_object(
            'amount', %s::integer, 'unit', 'count', 'period', 'year', 'scope', 'asset'), %s, '{member}')
        returning id
        """,
        [organization.id, amount, columns.get("effect", "deny")],
    ).fetchone()
    assert row is not None
    return str(row["id"])


def test_a_quota_is_reached_by_instance_4(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    rule = quota(db, organization, 3)
    with refused("RULE_VIOLATION", 422) as failures:
        repeat(member, plane)
    report = failures[0].details["instances"]
    assert outcomes(report) == ["approved"] * 3 + ["refused"] * 2
    assert [violation["ruleId"] for violation in report[3]["violations"]] == [rule]
    assert failures[0].details["violations"] == report[3]["violations"]
    assert count(db, "public.reservations", organization) == 0

    made = repeat(member, plane, on_conflict="skip")
    assert outcomes(made["instances"]) == outcomes(report)
    call_off(member, made, "all")
    # One override for all whom the rule stops, and none that it does not.
    whole = repeat(member, plane, override={"rule_ids": [rule], "reason": "Temporada"})
    assert outcomes(whole["instances"]) == ["approved"] * 5
    overrides = [
        len(rpc(member, "get_reservation", p_reservation_id=each["reservation_id"])["overrides"])
        for each in whole["instances"]
    ]
    assert overrides == [0, 0, 0, 1, 1]
    call_off(member, whole, "all")
    with refused("VALIDATION_ERROR", 400) as failures:
        repeat(member, plane, "FREQ=WEEKLY;COUNT=2", override={"rule_ids": [rule], "reason": "Temporada"})
    assert faults(failures[0]) == {("override.rule_ids.0", "not_triggered")}


def test_each_instance_is_approved_by_itself(
    member: Connection, manager: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    quota(db, organization, 2, effect="require_approval")
    made = repeat(member, plane, "FREQ=WEEKLY;COUNT=3")
    assert outcomes(made["instances"]) == ["approved", "approved", "pending"]
    rpc(
        manager,
        "decide_reservation",
        p_reservation_id=made["instances"][2]["reservation_id"],
        p_decision="approve",
    )
    assert outcomes(read(member, made)["instances"]) == ["approved"] * 3
    moved = edit(
        member, made, "all", start_date=FIRST + timedelta(hours=1), end_date=FIRST + timedelta(hours=3)
    )
    # What was approved was approved for then; all three count for each now.
    assert outcomes(moved["changed"]) == ["pending"] * 3
    approvals = [
        rpc(member, "get_reservation", p_reservation_id=each["reservation_id"])["approvals"]
        for each in made["instances"]
    ]
    assert [[approval["status"] for approval in each].count("pending") for each in approvals] == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"rrule": "FREQ=WEEKLY"}, {("rrule", "rrule_unbounded")}),
        ({"rrule": "FREQ=DAILY;COUNT=5", "hours": 30}, {("rrule", "self_overlap")}),
        ({"rrule": "FREQ=DAILY;COUNT=1000000000000"}, {("rrule", "rrule_too_many_instances")}),
        ({"rrule": "FREQ=DAILY;UNTIL=20320401"}, {("rrule", "rrule_too_many_instances")}),
        ({"rrule": "FREQ=YEARLY;COUNT=300"}, {("rrule", "rrule_out_of_range")}),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"}, {("rrule", "rrule_no_instances")}),
        ({"rrule": "FREQ=DAILY;UNTIL=20310101"}, {("rrule", "rrule_no_instances")}),
        ({"rrule": "garbage"}, {("rrule", "rrule_syntax")}),
        ({"rrule": None}, {("rrule", "missing")}),
        (
            {"title": " ", "rrule": "FREQ=DAILY"},
            {("title", "string_too_short"), ("rrule", "rrule_unbounded")},
        ),
        (
            {"start": datetime(2020, 1, 1, tzinfo=PANAMA)},
            {("start_date", "datetime_future")},
        ),
        ({"hours": -1}, {("end_date", "range_order")}),
        ({"on_conflict": "overwrite"}, {("on_conflict", "enum")}),
        ({"exdates": [FIRST + timedelta(days=1)]}, {("exdates.0", "not_an_instance")}),
        ({"rrule": "FREQ=WEEKLY;COUNT=1", "exdates": [FIRST]}, {("exdates", "nothing_left")}),
    ],
)
def test_an_impossible_series_is_refused(
    member: Connection, plane: str, arguments: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        repeat(member, plane, **arguments)
    assert faults(failures[0]) == expected


def test_back_to_back_needs_the_turnaround_between(
    member: Connection, db: Connection, organization: Organization
) -> None:
    asset = make_asset(db, organization.id, "planes", "Slow", turnaround_minutes=60)
    with refused("VALIDATION_ERROR", 400) as failures:
        repeat(member, asset, "FREQ=DAILY;COUNT=3", hours=24)
    assert faults(failures[0]) == {("rrule", "self_overlap")}
    repeat(member, asset, "FREQ=DAILY;COUNT=3", hours=23)
    # What is left out overlaps nothing.
    every_other = [FIRST + timedelta(days=10 + n) for n in (1, 3)]
    made = repeat(
        member, asset, "FREQ=DAILY;COUNT=4", FIRST + timedelta(days=10), hours=30, exdates=every_other
    )
    assert outcomes(made["instances"]) == ["approved", "excluded", "approved", "excluded"]
    assert read(member, made)["exdates"] == [utc(each) for each in every_other]


def test_who_may_not(
    database: str, member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    made = repeat(member, plane)
    with as_user(database, organization.viewer) as viewer:
        with refused("FORBIDDEN", 403):
            repeat(viewer, plane, start=FIRST + timedelta(days=1))
        assert read(viewer, made)["title"] == "Weekly"
        with refused("FORBIDDEN", 403):
            edit(viewer, made, "all", title="Mine")
        with refused("FORBIDDEN", 403):
            call_off(viewer, made, "all")
    with as_user(database, make_organization(db).owner) as stranger:
        for attempt in attempts(
            lambda: repeat(stranger, plane),
            lambda: read(stranger, made),
            lambda: edit(stranger, made, "all", title="Mine"),
            lambda: call_off(stranger, made, "this", FIRST),
        ):
            with refused("NOT_FOUND", 404):
                attempt()
    foreign = make_organization(db).assets["planes"]
    with refused("NOT_FOUND", 404):
        edit(member, made, "all", asset_id=foreign)


def test_a_series_sent_twice_is_booked_once(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    made = repeat(member, plane, idempotency_key="one")
    assert repeat(member, plane, idempotency_key="one") == made
    with refused("IDEMPOTENCY_KEY_REUSED", 422):
        repeat(member, plane, "FREQ=WEEKLY;COUNT=4", idempotency_key="one")
    assert count(db, "public.reservations", organization) == 5
    split = edit(member, made, "following", FIRST + WEEK, title="Later", key="two")
    assert edit(member, made, "following", FIRST + WEEK, title="Later", key="two") == split
    canceled = call_off(member, split, "all", idempotency_key="three")
    assert call_off(member, split, "all", idempotency_key="three") == canceled


def test_one_is_cancelled_and_all_that_follow_are_moved(member: Connection, plane: str) -> None:
    made = repeat(member, plane)
    canceled = call_off(member, made, "this", FIRST + 2 * WEEK, reason="Lluvia")
    assert outcomes(canceled["instances"]) == ["approved"] * 2 + ["canceled"] + ["approved"] * 2
    start = FIRST + WEEK + timedelta(days=1, hours=1)
    moved = edit(
        member,
        made,
        "following",
        FIRST + WEEK,
        start_date=start,
        end_date=start + timedelta(hours=3),
        title="Wednesdays",
        version=canceled["version"],
    )
    assert moved["previous_series_id"] == made["id"]
    assert moved["id"] != made["id"]
    assert outcomes(moved["instances"]) == ["approved", "canceled", "approved", "approved"]
    assert starts(moved) == ["03-12 10:00", "03-18 09:00", "03-26 10:00", "04-02 10:00"]
    assert (moved["rrule"], moved["shifted_days"], moved["title"]) == ("FREQ=WEEKLY;COUNT=4", 1, "Wednesdays")
    assert moved["start_date"] == utc(start)
    before = read(member, made)
    assert starts(before) == ["03-04 09:00"]
    assert (before["rrule"], before["title"]) == ("FREQ=WEEKLY;COUNT=1", "Weekly")
    titles = {
        rpc(member, "get_reservation", p_reservation_id=each["reservation_id"])["title"]
        for each in moved["instances"]
        if each["outcome"] != "canceled"
    }
    assert titles == {"Wednesdays"}
    # The cancelled slot is free, and so is where the others were.
    repeat(member, plane, "FREQ=WEEKLY;COUNT=4", FIRST + WEEK)


def test_the_calendar_follows_each_change(member: Connection, plane: str, watcher: Watcher) -> None:
    first, later = at(40), at(44)
    made = repeat(member, plane, "FREQ=DAILY;COUNT=12", first, 20)
    assert len(watcher.events()) == 12
    # Over each other's places.
    edit(member, made, "all", start_date=at(41), end_date=at(41) + timedelta(hours=20))
    assert {event["type"] for event in watcher.events()[12:]} == {"reservation_updated"}
    edit(member, made, "following", later, title="Later", end_date=later + timedelta(hours=22))
    call_off(member, made, "this", at(42))
    call_off(member, made, "all")
    assert watcher.events()[-1]["type"] == "reservation_canceled"


def test_an_instance_moved_by_itself_keeps_its_time(member: Connection, plane: str) -> None:
    made = repeat(member, plane)
    second = FIRST + WEEK
    alone = edit(
        member,
        made,
        "this",
        second,
        start_date=second + timedelta(hours=5),
        end_date=second + timedelta(hours=6),
        version=made["version"],
    )
    assert [each["detached"] for each in alone["instances"]] == [False, True, False, False, False]
    assert starts(alone)[1] == "03-11 14:00"
    moved = edit(
        member,
        made,
        "all",
        title="Renamed",
        start_date=FIRST + timedelta(hours=1),
        end_date=FIRST + timedelta(hours=3),
    )
    assert starts(moved) == ["03-04 10:00", "03-11 14:00", "03-18 10:00", "03-25 10:00", "04-01 10:00"]
    booking = rpc(member, "get_reservation", p_reservation_id=made["instances"][1]["reservation_id"])
    assert booking["title"] == "Renamed"
    with refused("VALIDATION_ERROR", 400) as failures:
        edit(
            member,
            made,
            "all",
            second + timedelta(hours=5),
            start_date=second,
            end_date=second + timedelta(hours=1),
        )
    assert faults(failures[0]) == {("from", "detached")}
    # Moved by update_reservation, it is an exception as well.
    change(
        member,
        rpc(member, "get_reservation", p_reservation_id=made["instances"][4]["reservation_id"]),
        end_date=FIRST + 4 * WEEK + timedelta(hours=2),
    )
    assert [each["detached"] for each in read(member, made)["instances"]] == [False, True, False, False, True]


def test_a_shift_over_one_s_own_places_is_no_conflict(member: Connection, plane: str) -> None:
    made = repeat(member, plane, "FREQ=DAILY;COUNT=4", hours=24)
    moved = edit(
        member, made, "all", start_date=FIRST + timedelta(days=1), end_date=FIRST + timedelta(days=2)
    )
    assert starts(moved) == ["03-05 09:00", "03-06 09:00", "03-07 09:00", "03-08 09:00"]
    with refused("VALIDATION_ERROR", 400) as failures:
        edit(member, made, "all", end_date=FIRST + timedelta(days=2, hours=6))
    assert faults(failures[0]) == {("start_date", "self_overlap")}


def test_a_shift_is_done_whole_or_not(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    made = repeat(member, plane)
    fourth = FIRST + 3 * WEEK
    taken = insert_booking(db, organization, plane, fourth + timedelta(hours=3), fourth + timedelta(hours=4))
    with refused("CONFLICT", 409) as failures:
        edit(
            member,
            made,
            "following",
            FIRST + WEEK,
            start_date=FIRST + WEEK + timedelta(hours=2),
            end_date=FIRST + WEEK + timedelta(hours=4),
        )
    report = failures[0].details["instances"]
    assert outcomes(report) == ["approved", "approved", "conflict", "approved"]
    assert report[2]["conflicts"][0]["id"] == taken["id"]
    assert starts(read(member, made)) == starts(made)
    quota(db, organization, 2)
    with refused("RULE_VIOLATION", 422) as failures:
        edit(member, made, "all", start_date=FIRST - timedelta(hours=1))
    assert set(outcomes(failures[0].details["instances"])) == {"refused"}
    assert starts(read(member, made)) == starts(made)


def test_a_shift_keeps_the_clock_through_a_change(
    member: Connection, db: Connection, organization: Organization
) -> None:
    asset = make_asset(db, organization.id, "planes", "Teterboro", timezone="America/New_York")
    first = datetime(2031, 3, 8, 2, 30, tzinfo=NEW_YORK)
    made = repeat(member, asset, "FREQ=DAILY;COUNT=3", first, 1)
    assert starts(made, NEW_YORK) == ["03-08 02:30", "03-09 03:30", "03-10 02:30"]
    moved = edit(member, made, "all", start_date=first - timedelta(hours=1), end_date=first)
    assert starts(moved, NEW_YORK) == ["03-08 01:30", "03-09 01:30", "03-10 01:30"]
    # To another zone: the same hour of the day, there.
    south = make_asset(db, organization.id, "planes", "Albrook", timezone="America/Panama")
    there = edit(member, made, "all", asset_id=south)
    assert starts(there) == ["03-08 01:30", "03-09 01:30", "03-10 01:30"]
    assert (there["asset_id"], there["time_zone"]) == (south, "America/Panama")


def test_all_is_what_has_not_begun(member: Connection, db: Connection, plane: str) -> None:
    made = repeat(member, plane)
    first = made["instances"][0]["reservation_id"]
    db.execute(
        "update public.reservations set start_date = now() - interval '2 h', "
        "end_date = now() + interval '1 h' where id = %s",
        [first],
    )
    edited = edit(member, made, "all", notes="Nuevo", guest_count=3)
    assert len(edited["changed"]) == 4
    assert rpc(member, "get_reservation", p_reservation_id=first)["notes"] is None
    assert (
        rpc(member, "get_reservation", p_reservation_id=made["instances"][3]["reservation_id"])["notes"]
        == "Nuevo"
    )
    # Named by one that has begun, all the others are meant; from where it was nothing can be moved.
    begun = datetime.fromisoformat(read(member, made)["instances"][0]["start_date"])
    assert len(edit(member, made, "all", begun, title="Semanal")["changed"]) == 4
    with refused("VALIDATION_ERROR", 400) as failures:
        edit(member, made, "all", begun, start_date=begun + timedelta(days=1))
    assert faults(failures[0]) == {("from", "already_begun")}
    canceled = call_off(member, made, "all")
    assert outcomes(canceled["instances"]) == ["approved"] + ["canceled"] * 4
    with refused("INVALID_STATE", 409) as failures:
        call_off(member, made, "all")
    assert failures[0].details == {"reason": "nothing_to_change"}


def test_what_cannot_be_changed_says_so(member: Connection, plane: str) -> None:
    made = repeat(member, plane)
    cases: tuple[tuple[Callable[[], Any], set[tuple[str, str]]], ...] = (
        (lambda: edit(member, made, "all", rrule="FREQ=DAILY;COUNT=2"), {("rrule", "immutable")}),
        (lambda: edit(member, made, "this", title="x"), {("from", "missing")}),
        (
            lambda: edit(member, made, "following", FIRST + timedelta(days=1), title="x"),
            {("from", "not_an_instance")},
        ),
        (lambda: edit(member, made, "some", FIRST, title="x"), {("scope", "enum")}),
        (lambda: edit(member, made, "all", color="red"), {("color", "extra_forbidden")}),
        (lambda: edit(member, made, "all", start_date="tomorrow"), {("start_date", "datetime_parsing")}),
        (
            lambda: edit(member, made, "all", start_date=datetime(2020, 1, 1, tzinfo=PANAMA)),
            {("start_date", "datetime_future"), ("end_date", "range_too_long")},
        ),
        (lambda: call_off(member, made, "following"), {("from", "missing")}),
        (lambda: call_off(member, made, "all", reason="x" * 2001), {("reason", "string_too_long")}),
    )
    for attempt, expected in cases:
        with refused("VALIDATION_ERROR", 400) as failures:
            attempt()
        assert faults(failures[0]) == expected


def test_the_version_counts_each_instance_s_changes(member: Connection, plane: str) -> None:
    made = repeat(member, plane)
    cancel(member, {"id": made["instances"][4]["reservation_id"]})
    known = read(member, made)["version"]
    assert known > made["version"]
    for attempt in attempts(
        lambda: edit(member, made, "all", version=made["version"], title="x"),
        lambda: edit(member, made, "this", FIRST, version=made["version"], title="x"),
        lambda: call_off(member, made, "all", expected_version=made["version"]),
        lambda: call_off(member, made, "this", FIRST, expected_version=made["version"]),
    ):
        with refused("PRECONDITION_FAILED", 412) as failures:
            attempt()
        assert failures[0].details["current"]["version"] == known
    edited = edit(member, made, "this", FIRST, version=known, title="x")
    assert edited["version"] == known + 1
    again = edit(member, made, "all", version=known + 1, title="y")
    assert again["version"] > known + 1


def test_a_series_whose_booker_left(
    database: str,
    member: Connection,
    manager: Connection,
    db: Connection,
    organization: Organization,
    plane: str,
) -> None:
    made = repeat(member, plane)
    # Whoever takes the bookings over has the series.
    with as_user(database, organization.owner) as owner:
        rpc(
            owner,
            "remove_member",
            p_organization_id=organization.id,
            p_user_id=organization.member.id,
            p_transfer_to=organization.admin.id,
        )
    assert read(manager, made)["user_id"] == organization.admin.id
    with refused("NOT_FOUND", 404):
        read(member, made)
    with refused("NOT_FOUND", 404):
        edit(member, made, "all", title="Mine")
    moved = edit(manager, made, "all", start_date=FIRST + timedelta(hours=1))
    assert starts(moved)[1] == "03-11 10:00"
    db.execute("delete from auth.users where id = %s", [organization.admin.id])
    gone = read(manager, made)
    assert gone["user_id"] is None
    assert set(outcomes(gone["instances"])) == {"canceled"}


def test_an_organisation_goes_with_its_series(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    repeat(member, plane)
    db.execute("delete from public.organizations where id = %s", [organization.id])
    assert count(db, "public.reservation_series", organization) == 0


def test_a_series_is_hidden_with_its_asset(
    member: Connection, manager: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    made = repeat(manager, plane)
    boat = organization.assets["watercraft"]
    edit(manager, made, "this", FIRST + WEEK, asset_id=boat)
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [organization.tier])
    assert [each["index"] for each in read(member, made)["instances"]] == [1, 3, 4, 5]
    edit(manager, made, "all", asset_id=boat)
    with refused("NOT_FOUND", 404):
        read(member, made)
    assert len(read(manager, made)["instances"]) == 5


def test_all_moved_by_themselves_leave_nothing_to_move(member: Connection, plane: str) -> None:
    made = repeat(member, plane, "FREQ=WEEKLY;COUNT=2")
    for start in (FIRST, FIRST + WEEK):
        edit(member, made, "this", start, end_date=start + timedelta(hours=1))
    for place in (None, FIRST + WEEK):
        with refused("VALIDATION_ERROR", 400) as failures:
            edit(member, made, "all", place, start_date=FIRST + timedelta(hours=3))
        assert faults(failures[0]) == {("from", "detached")}
    assert {each["outcome"] for each in edit(member, made, "all", title="Same")["changed"]} == {"approved"}
    assert read(member, made)["start_date"] == utc(FIRST)


def test_guests_fit_wherever_they_come_to(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    small = make_asset(db, organization.id, "planes", "Small", capacity=2)
    made = repeat(member, plane, "FREQ=WEEKLY;COUNT=3", guest_count=5)
    with refused("VALIDATION_ERROR", 400) as failures:
        edit(member, made, "all", asset_id=small)
    assert faults(failures[0]) == {("guest_count", "over_capacity")}
    # Those who come are as many as are said to in the same change.
    edit(member, made, "all", asset_id=small, guest_count=2)
    edit(member, made, "all", asset_id=plane)
    edit(member, made, "this", FIRST + WEEK, asset_id=small)
    # One is still there.
    with refused("VALIDATION_ERROR", 400) as failures:
        edit(member, made, "all", guest_count=3)
    assert faults(failures[0]) == {("guest_count", "over_capacity")}


def test_what_was_left_out_moves_with_the_others(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    third = FIRST + 2 * WEEK
    insert_booking(db, organization, plane, third, third + timedelta(hours=1))
    made = repeat(member, plane, on_conflict="skip", exdates=[FIRST + WEEK])
    moved = edit(
        member, made, "all", start_date=FIRST + timedelta(days=1), end_date=FIRST + timedelta(days=1, hours=2)
    )
    assert outcomes(moved["instances"]) == ["approved", "excluded", "conflict", "approved", "approved"]
    assert [start[:5] for start in starts(moved)] == ["03-05", "03-12", "03-19", "03-26", "04-02"]
    assert moved["exdates"] == [utc(FIRST + WEEK + timedelta(days=1))]
    fourth = FIRST + 3 * WEEK + timedelta(days=1)
    later = edit(member, made, "following", fourth, title="Later")
    assert (later["exdates"], read(member, made)["exdates"]) == ([], moved["exdates"])
    # Under the numbers that they have now.
    assert [each["index"] for each in later["changed"]] == [1, 2]
    assert [each["index"] for each in later["instances"]] == [1, 2]


def test_a_zone_that_changes_meanwhile_is_the_zone(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    changes = [{"op": "update", "id": plane, "asset": {"timezone": "America/New_York"}}]
    start = datetime(2031, 3, 8, 9, tzinfo=NEW_YORK)
    made = second_of_two(
        database,
        db,
        (
            organization.admin,
            lambda admin: rpc(
                admin,
                "bulk_assets",
                p_organization_id=organization.id,
                p_mode="atomic",
                p_operations=json.dumps(changes),
            ),
        ),
        (organization.member, lambda waiting: repeat(waiting, plane, "FREQ=DAILY;COUNT=2", start)),
    )
    assert made["time_zone"] == "America/New_York"
    # The clocks change between the two.
    assert starts(made, NEW_YORK) == ["03-08 09:00", "03-09 09:00"]


def test_an_override_that_only_conflicts_needed_is_no_mistake(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    row = db.execute(
        """
        insert into public.tier_booking_rules
            (organization_id, name, rule_type, conditions, effect, overridable_by)
        values (%s, 'Fair', 'date_range', '{"start_date": "2031-03-11", "end_date": "2031-03-11"}', 'deny',
            '{member}')
        returning id
        """,
        [organization.id],
    ).fetchone()
    assert row is not None
    insert_booking(db, organization, plane, FIRST + WEEK, FIRST + WEEK + timedelta(hours=1))
    override = {"rule_ids": [str(row["id"])], "reason": "Feria"}
    made = repeat(member, plane, "FREQ=WEEKLY;COUNT=3", on_conflict="skip", override=override)
    assert outcomes(made["instances"]) == ["approved", "conflict", "approved"]
