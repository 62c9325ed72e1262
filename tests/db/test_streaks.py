"""How long in one go, and how often in a row: neither parting a stay nor filling a gap evades a limit."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors import connect
from tests.db.counting import Counted, local, make_counted

Booking = tuple[str, str, str]


@pytest.fixture(scope="module")
def office(database: str) -> Iterator[Counted]:
    with connect(database) as db:
        yield make_counted(db)


@pytest.fixture
def counted(office: Counted) -> Iterator[Counted]:
    """The member without any bookings: what a test lays goes with it."""
    with office.db.transaction(force_rollback=True):
        yield office


def told_of(found: Any) -> Any:
    """(first day, last day, own days or weekends besides, all), or None."""
    if found is None:
        return None
    params = found["params"]
    assert params["used"] + params["requested"] == params["total"]
    return params["period_start"], params["period_end"], params["used"], params["total"]


# What is booked already; what is asked for; max and gap_days; what is told.
DAYS = {
    "as long as is allowed": ([], ("villa", "2031-05-05 15:00", "2031-05-09 11:00"), (5, 0), None),
    "a day longer": (
        [],
        ("villa", "2031-05-05 15:00", "2031-05-10 11:00"),
        (5, 0),
        ("2031-05-05", "2031-05-10", 0, 6),
    ),
    "until midnight is no day longer": ([], ("villa", "2031-05-05 15:00", "2031-05-10"), (5, 0), None),
    "a stay parted in two": (
        [("villa", "2031-05-05 15:00", "2031-05-08 11:00")],
        ("villa", "2031-05-08 15:00", "2031-05-10 11:00"),
        (5, 0),
        ("2031-05-05", "2031-05-10", 4, 6),
    ),
    "a stay parted in two at midnight": (
        [("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-08", "2031-05-11"),
        (5, 0),
        ("2031-05-05", "2031-05-10", 3, 6),
    ),
    "the first half of it asked for last": (
        [("villa", "2031-05-08", "2031-05-11")],
        ("villa", "2031-05-05", "2031-05-08"),
        (5, 0),
        ("2031-05-05", "2031-05-10", 3, 6),
    ),
    "a day on which both halves meet counts once": (
        [("villa", "2031-05-05 15:00", "2031-05-07 11:00")],
        ("villa", "2031-05-07 15:00", "2031-05-09 11:00"),
        (5, 0),
        None,
    ),
    "a day off ends the run": (
        [("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-09", "2031-05-12"),
        (5, 0),
        None,
    ),
    "unless a gap of a day joins": (
        [("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-09", "2031-05-12"),
        (5, 1),
        ("2031-05-05", "2031-05-11", 3, 6),
    ),
    "and the day off is no use": (
        [("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-09", "2031-05-12"),
        (6, 1),
        None,
    ),
    "two days off end the run": (
        [("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-10", "2031-05-13"),
        (5, 1),
        None,
    ),
    "filling the middle joins what is on both sides": (
        [("villa", "2031-05-01", "2031-05-04"), ("villa", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-04", "2031-05-05"),
        (6, 0),
        ("2031-05-01", "2031-05-07", 6, 7),
    ),
    "gaps join on and on": (
        [("villa", f"2031-05-{day:02}", f"2031-05-{day + 1:02}") for day in range(1, 20, 3)],
        ("villa", "2031-05-22", "2031-05-23"),
        (7, 2),
        ("2031-05-01", "2031-05-22", 7, 8),
    ),
    "runs elsewhere do not count": (
        [("villa", "2031-05-01", "2031-05-09"), ("villa", "2031-06-01", "2031-06-09")],
        ("villa", "2031-05-20", "2031-05-22"),
        (5, 3),
        None,
    ),
    "another asset does not count": (
        [("cabin", "2031-05-05", "2031-05-08")],
        ("villa", "2031-05-08", "2031-05-11"),
        (5, 0),
        None,
    ),
    "over New Year": (
        [("villa", "2031-12-29", "2032-01-01")],
        ("villa", "2032-01-01", "2032-01-03"),
        (4, 0),
        ("2031-12-29", "2032-01-02", 3, 5),
    ),
    "over 29 February": (
        [("villa", "2032-02-27", "2032-02-29")],
        ("villa", "2032-02-29", "2032-03-02"),
        (3, 0),
        ("2032-02-27", "2032-03-01", 2, 4),
    ),
    "over the end of February": (
        [("villa", "2031-02-27", "2031-03-01")],
        ("villa", "2031-03-01", "2031-03-02"),
        (2, 0),
        ("2031-02-27", "2031-03-01", 2, 3),
    ),
    "over a day of 23 hours": (
        [("cabin", "2031-03-08", "2031-03-09")],
        ("cabin", "2031-03-09", "2031-03-11"),
        (2, 0),
        ("2031-03-08", "2031-03-10", 1, 3),
    ),
}


@pytest.mark.parametrize(("booked", "asked", "limit", "told"), DAYS.values(), ids=DAYS)
def test_days_in_one_go_are_counted_over_all_that_join_them(
    counted: Counted, booked: list[Booking], asked: Booking, limit: tuple[int, int], told: Any
) -> None:
    counted.lay_all(booked)
    most, gap = limit
    assert told_of(counted.ask("max_consecutive_days", *asked, max=most, gap_days=gap)) == told


def test_no_gap_joins_where_none_is_said(counted: Counted) -> None:
    counted.lay("villa", "2031-05-05", "2031-05-08")
    assert counted.ask("max_consecutive_days", "villa", "2031-05-09", "2031-05-12", max=5) is None
    assert counted.ask("max_consecutive_days", "villa", "2031-05-08", "2031-05-11", max=5) is not None


def weekend(saturday: str) -> Booking:
    """A few hours of that Saturday."""
    return ("villa", f"{saturday} 10:00", f"{saturday} 18:00")


# Saturdays: 6, 13, 20 and 27 December 2031, 3 and 10 January 2032.
WEEKENDS = {
    "fewer than the count": ([weekend("2031-12-06")], weekend("2031-12-13"), 3, None),
    "the third in a row": (
        [weekend("2031-12-06"), weekend("2031-12-13")],
        weekend("2031-12-20"),
        3,
        ("2031-12-06", "2031-12-21", 2, 3),
    ),
    "a weekend off breaks the streak": (
        [weekend("2031-12-06"), weekend("2031-12-13")],
        weekend("2031-12-27"),
        3,
        None,
    ),
    "New Year does not": (
        [weekend("2031-12-20"), weekend("2031-12-27")],
        weekend("2032-01-03"),
        3,
        ("2031-12-20", "2032-01-04", 2, 3),
    ),
    "nor does the week that belongs to two years": (
        [weekend("2032-12-25"), weekend("2033-01-08")],
        weekend("2033-01-01"),
        3,
        ("2032-12-25", "2033-01-09", 2, 3),
    ),
    "filling the middle joins both streaks": (
        [weekend("2031-12-06"), weekend("2031-12-13"), weekend("2031-12-27"), weekend("2032-01-03")],
        weekend("2031-12-20"),
        5,
        ("2031-12-06", "2032-01-04", 4, 5),
    ),
    "a streak that comes after counts": (
        [weekend("2031-12-13"), weekend("2031-12-20")],
        weekend("2031-12-06"),
        3,
        ("2031-12-06", "2031-12-21", 2, 3),
    ),
    "Saturday and Sunday are one weekend": (
        [weekend("2031-12-06"), ("villa", "2031-12-07 10:00", "2031-12-07 12:00")],
        weekend("2031-12-13"),
        3,
        None,
    ),
    "a Sunday follows the Saturday before": (
        [weekend("2031-12-06")],
        ("villa", "2031-12-14 10:00", "2031-12-14 12:00"),
        2,
        ("2031-12-06", "2031-12-14", 1, 2),
    ),
    "a stay of two weeks is its weekends": (
        [],
        ("villa", "2031-12-05", "2031-12-16"),
        2,
        ("2031-12-06", "2031-12-14", 0, 2),
    ),
    "weekdays are in no weekend": (
        [weekend("2031-12-06"), weekend("2031-12-13")],
        ("villa", "2031-12-08", "2031-12-13"),
        2,
        None,
    ),
    "weekdays of others do not join weekends": (
        [weekend("2031-12-06"), ("villa", "2031-12-15", "2031-12-19")],
        weekend("2031-12-20"),
        2,
        None,
    ),
    "another asset's weekends do not count": (
        [("cabin", "2031-12-06 10:00", "2031-12-06 18:00")],
        weekend("2031-12-13"),
        2,
        None,
    ),
}


@pytest.mark.parametrize(("booked", "asked", "count", "told"), WEEKENDS.values(), ids=WEEKENDS)
def test_weekends_in_a_row_are_counted_both_ways(
    counted: Counted, booked: list[Booking], asked: Booking, count: int, told: Any
) -> None:
    counted.lay_all(booked)
    found = counted.ask("consecutive_booking", *asked, count=count, unit="weekends")
    assert told_of(found) == told


def test_a_weekend_is_where_the_asset_is(counted: Counted) -> None:
    """In summer, half past eleven of a Friday night in Panama is Saturday in New York."""
    start, end = local("2031-06-13 23:30"), local("2031-06-13 23:45")
    assert counted.ask_at("consecutive_booking", "villa", start, end, count=1, unit="weekends") is None
    assert counted.ask_at("consecutive_booking", "cabin", start, end, count=1, unit="weekends") is not None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("villa", "2031-12-30", "2031-12-31"), ("2031-12-28", "2031-12-31", 3, 4)),
        (("villa", "2032-01-01", "2032-01-02"), None),
        (("villa", "2032-01-02", "2032-01-03"), None),
    ],
    ids=["filling the middle", "the second in a row", "after a day off"],
)
def test_days_in_a_row_are_counted_both_ways(counted: Counted, asked: Booking, told: Any) -> None:
    counted.lay("villa", "2031-12-28", "2031-12-30")
    counted.lay("villa", "2031-12-31", "2032-01-01")
    assert told_of(counted.ask("consecutive_booking", *asked, count=3, unit="days")) == told


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("pending", True),
        ("approved", True),
        ("completed", True),
        ("hold", False),
        ("rejected", False),
        ("canceled", False),
        ("expired", False),
        ("displaced", False),
    ],
)
def test_only_what_holds_its_slot_is_in_a_run(counted: Counted, status: str, counts: bool) -> None:
    counted.lay("villa", "2031-05-05", "2031-05-08", status=status)
    asked = ("villa", "2031-05-08", "2031-05-11")
    assert (counted.ask("max_consecutive_days", *asked, max=5, gap_days=0) is not None) is counts
    assert (counted.ask("consecutive_booking", *asked, count=5, unit="days") is not None) is counts


def test_what_others_have_booked_is_in_no_run(counted: Counted) -> None:
    counted.lay("villa", "2031-05-05", "2031-05-08", user_id=counted.organization.manager.id)
    asked = ("villa", "2031-05-08", "2031-05-11")
    assert counted.ask("max_consecutive_days", *asked, max=5, gap_days=0) is None
    assert counted.ask("consecutive_booking", *asked, count=5, unit="days") is None


def test_a_booking_that_is_changed_is_not_in_its_own_run(counted: Counted) -> None:
    mine = counted.lay("villa", "2031-05-05", "2031-05-08")
    asked = ("villa", "2031-05-08", "2031-05-11")
    assert counted.ask("max_consecutive_days", *asked, exclude=[mine], max=5, gap_days=0) is None
    assert counted.ask("consecutive_booking", *asked, exclude=[mine], count=5, unit="days") is None


def test_a_refusal_says_what_an_app_words_and_words_it(counted: Counted) -> None:
    counted.lay("villa", "2031-12-27", "2031-12-31")
    days = counted.ask("max_consecutive_days", "villa", "2032-01-01", "2032-01-04", max=5, gap_days=1)
    assert days == {
        "code": "max_consecutive_days",
        "message": "At most 5 days in one go; "
        "with this booking it would be 7 from 27 December 2031 to 3 January 2032.",
        "params": {
            "max": 5,
            "gap_days": 1,
            "unit": "days",
            "period_start": "2031-12-27",
            "period_end": "2032-01-03",
            "used": 4,
            "requested": 3,
            "total": 7,
        },
    }
    weekends = counted.ask(
        "consecutive_booking", "villa", "2032-01-03", "2032-01-04", count=2, unit="weekends"
    )
    assert weekends == {
        "code": "consecutive_booking",
        "message": "Fewer than 2 weekends in a row; "
        "with this booking it would be 2 from 27 December 2031 to 4 January 2032.",
        "params": {
            "count": 2,
            "unit": "weekends",
            "period_start": "2031-12-27",
            "period_end": "2032-01-04",
            "used": 1,
            "requested": 1,
            "total": 2,
        },
    }
