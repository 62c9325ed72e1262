"""Quotas: how much of a period one may use, in days, nights, hours and bookings, at its edges too."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors import connect
from tests.db.counting import Counted, make_counted


@pytest.fixture(scope="module")
def office(database: str) -> Iterator[Counted]:
    with connect(database) as db:
        yield make_counted(db)


@pytest.fixture(scope="module")
def elsewhere(database: str) -> Iterator[Counted]:
    """Another organisation."""
    with connect(database) as db:
        yield make_counted(db)


@pytest.fixture
def counted(office: Counted) -> Iterator[Counted]:
    """The member without any bookings: what a test lays goes with it."""
    with office.db.transaction(force_rollback=True):
        yield office


def quota(counted: Counted, asset: str, start: str, end: str, said: str, **more: Any) -> Any:
    """`said`: '3 days a month of asset'. What is told: (period's first day, used, total), or None."""
    amount, unit, _, period, _, scope = said.split()
    found = counted.ask(
        "quota", asset, start, end, amount=float(amount), unit=unit, period=period, scope=scope, **more
    )
    if found is None:
        return None
    params = found["params"]
    assert params["used"] + params["requested"] == params["total"] > params["amount"] == float(amount)
    assert (params["unit"], params["period"], params["scope"]) == (unit, period, scope)
    return params["period_start"], params["used"], params["total"]


Booking = tuple[str, str, str]
# What is booked already; what is asked for; the quota; what is told.
Table = dict[str, tuple[list[Booking], Booking, str, Any]]

WITHIN_A_PERIOD: Table = {
    "as much as is allowed": (
        [("villa", "2031-05-01 15:00", "2031-05-03 11:00")],
        ("villa", "2031-05-10 15:00", "2031-05-11 11:00"),
        "5 days a month of asset",
        None,
    ),
    "one more": (
        [("villa", "2031-05-01 15:00", "2031-05-03 11:00")],
        ("villa", "2031-05-10 15:00", "2031-05-11 11:00"),
        "4 days a month of asset",
        ("2031-05-01", 3, 5),
    ),
    "nothing before it, and too much by itself": (
        [],
        ("villa", "2031-05-10 15:00", "2031-05-12 11:00"),
        "2 days a month of asset",
        ("2031-05-01", 0, 3),
    ),
    "none at all is allowed": (
        [],
        ("villa", "2031-05-10 10:00", "2031-05-10 11:00"),
        "0 days a month of asset",
        ("2031-05-01", 0, 1),
    ),
    "a booking that ends at midnight does not use the day that begins then": (
        [("jet", "2031-05-01", "2031-05-03")],
        ("jet", "2031-05-03", "2031-05-04"),
        "3 days a month of asset",
        None,
    ),
    "a day that two bookings of one asset share counts once": (
        [("jet", "2031-05-01 08:00", "2031-05-01 10:00")],
        ("jet", "2031-05-01 12:00", "2031-05-01 14:00"),
        "1 days a month of asset",
        None,
    ),
    "the same day of two assets counts twice": (
        [("jet", "2031-05-01 08:00", "2031-05-01 10:00")],
        ("prop", "2031-05-01 08:00", "2031-05-01 10:00"),
        "1 days a month of section",
        ("2031-05-01", 1, 2),
    ),
    "a night belongs to the day on which it begins": (
        [("villa", "2031-05-01 15:00", "2031-05-04 11:00")],
        ("villa", "2031-05-31 15:00", "2031-06-02 11:00"),
        "4 nights a month of asset",
        None,
    ),
    "the last night of the month is the month's": (
        [("villa", "2031-05-01 15:00", "2031-05-04 11:00")],
        ("villa", "2031-05-31 15:00", "2031-06-01 11:00"),
        "3 nights a month of asset",
        ("2031-05-01", 3, 4),
    ),
    "a day without a night uses none": (
        [("villa", "2031-05-01 15:00", "2031-05-04 11:00")],
        ("villa", "2031-05-10 08:00", "2031-05-10 20:00"),
        "0 nights a month of asset",
        None,
    ),
    "a night until midnight is a night": (
        [],
        ("villa", "2031-05-10 08:00", "2031-05-11"),
        "0 nights a month of asset",
        ("2031-05-01", 0, 1),
    ),
    "hours to the minute": (
        [("jet", "2031-05-05 08:00", "2031-05-05 09:30")],
        ("jet", "2031-05-05 20:00", "2031-05-05 20:31"),
        "2 hours a day of asset",
        ("2031-05-05", 1.5, 2.02),
    ),
    "hours up to the amount": (
        [("jet", "2031-05-05 08:00", "2031-05-05 09:30")],
        ("jet", "2031-05-05 20:00", "2031-05-05 20:30"),
        "2 hours a day of asset",
        None,
    ),
    "half an hour as an amount": (
        [],
        ("jet", "2031-05-05 20:00", "2031-05-05 21:00"),
        "0.5 hours a day of asset",
        ("2031-05-05", 0, 1),
    ),
    "bookings, also two of one day": (
        [("jet", "2031-05-05 08:00", "2031-05-05 09:00"), ("jet", "2031-05-05 10:00", "2031-05-05 11:00")],
        ("jet", "2031-05-05 12:00", "2031-05-05 13:00"),
        "2 count a day of asset",
        ("2031-05-05", 2, 3),
    ),
    "a stay that is split is as many days as a whole one": (
        [
            ("villa", "2031-05-01 15:00", "2031-05-04 09:00"),
            ("villa", "2031-05-04 09:00", "2031-05-06 09:00"),
        ],
        ("villa", "2031-05-06 09:00", "2031-05-08 09:00"),
        "7 days a month of asset",
        ("2031-05-01", 6, 8),
    ),
}

OVER_ENDS: Table = {
    "each month is counted for itself": (
        [("villa", "2031-05-01", "2031-05-04"), ("villa", "2031-06-10", "2031-06-13")],
        ("villa", "2031-05-30", "2031-06-03"),
        "5 days a month of asset",
        None,
    ),
    "the second month is too full": (
        [("villa", "2031-05-01", "2031-05-04"), ("villa", "2031-06-10", "2031-06-14")],
        ("villa", "2031-05-30", "2031-06-03"),
        "5 days a month of asset",
        ("2031-06-01", 4, 6),
    ),
    "both are, and the fuller one is told": (
        [("villa", "2031-05-01", "2031-05-06"), ("villa", "2031-06-10", "2031-06-14")],
        ("villa", "2031-05-30", "2031-06-03"),
        "5 days a month of asset",
        ("2031-05-01", 5, 7),
    ),
    "a month in the middle is touched too": (
        [("jet", "2031-06-10", "2031-06-14")],
        ("villa", "2031-05-30", "2031-07-03"),
        "31 days a month of organization",
        ("2031-06-01", 4, 34),
    ),
    "what begins in the month before reaches in": (
        [("villa", "2031-04-20", "2031-05-04")],
        ("villa", "2031-05-10", "2031-05-12"),
        "4 days a month of asset",
        ("2031-05-01", 3, 5),
    ),
    "a year of stay reaches in": (
        [("villa", "2030-12-20", "2031-12-02")],
        ("villa", "2031-12-10", "2031-12-11"),
        "1 days a month of asset",
        ("2031-12-01", 1, 2),
    ),
    "a week begins on Monday": (
        [("jet", "2031-05-05 08:00", "2031-05-05 09:00")],
        ("jet", "2031-05-11 08:00", "2031-05-11 09:00"),
        "1 days a week of asset",
        ("2031-05-05", 1, 2),
    ),
    "the next Monday is another week": (
        [("jet", "2031-05-05 08:00", "2031-05-05 09:00")],
        ("jet", "2031-05-12 08:00", "2031-05-12 09:00"),
        "1 days a week of asset",
        None,
    ),
    "a week goes on over New Year": (
        [("jet", "2031-12-29 08:00", "2031-12-29 09:00")],
        ("jet", "2032-01-04 08:00", "2032-01-04 09:00"),
        "1 count a week of asset",
        ("2031-12-29", 1, 2),
    ),
    "29 February is February's": (
        [("villa", "2032-02-01", "2032-02-29")],
        ("villa", "2032-02-29", "2032-03-01"),
        "28 days a month of asset",
        ("2032-02-01", 28, 29),
    ),
    "a year from the first to the last day": (
        [("villa", "2031-01-01", "2031-01-02")],
        ("villa", "2031-12-31", "2032-01-05"),
        "1 days a year of asset",
        ("2032-01-01", 0, 4),
    ),
    "the booking is the period's in which it begins": (
        [("jet", "2031-06-01 08:00", "2031-06-01 09:00")],
        ("jet", "2031-05-31 22:00", "2031-06-01 02:00"),
        "1 count a month of asset",
        None,
    ),
}

ROLLING: Table = {
    "a year back": (
        [("villa", "2031-05-01", "2031-05-11")],
        ("villa", "2032-04-28", "2032-04-29"),
        "10 days a rolling_365 of asset",
        ("2031-05-01", 10, 11),
    ),
    # 2032 has 366 days: 365 after 1 May 2031 is 30 April 2032.
    "a day more than a year back": (
        [("villa", "2031-05-01", "2031-05-02")],
        ("villa", "2032-04-30", "2032-05-01"),
        "1 days a rolling_365 of asset",
        None,
    ),
    "its last day of a leap year": (
        [("villa", "2031-05-01", "2031-05-02")],
        ("villa", "2032-04-29", "2032-04-30"),
        "1 days a rolling_365 of asset",
        ("2031-05-01", 1, 2),
    ),
    "later bookings count": (
        [("villa", "2031-12-01", "2031-12-11")],
        ("villa", "2031-05-01", "2031-05-02"),
        "10 days a rolling_365 of asset",
        ("2031-05-01", 10, 11),
    ),
    "a year with bookings before and after": (
        [("villa", "2031-01-10", "2031-01-15"), ("villa", "2031-12-10", "2031-12-16")],
        ("villa", "2031-06-01", "2031-06-02"),
        "11 days a rolling_365 of asset",
        ("2031-01-10", 11, 12),
    ),
    "bookings before and after that no one year holds": (
        [("villa", "2031-01-10", "2031-01-15"), ("villa", "2032-01-10", "2032-01-16")],
        ("villa", "2031-06-01", "2031-06-02"),
        "7 days a rolling_365 of asset",
        None,
    ),
    "a year without this booking may be as full as it is": (
        [("villa", "2031-01-01", "2031-03-01"), ("villa", "2033-01-01", "2033-03-01")],
        ("villa", "2032-01-20", "2032-01-21"),
        "45 days a rolling_365 of asset",
        None,
    ),
}

# New York's 9 March 2031 has 23 hours, its 2 November 25.
CHANGED_CLOCKS: Table = {
    "the short day, whole": (
        [],
        ("prop", "2031-03-09", "2031-03-10"),
        "23 hours a day of asset",
        None,
    ),
    "the short day is 23 hours": (
        [],
        ("prop", "2031-03-09", "2031-03-10"),
        "22.9 hours a day of asset",
        ("2031-03-09", 0, 23),
    ),
    "the long day is 25 hours": (
        [],
        ("prop", "2031-11-02", "2031-11-03"),
        "24 hours a day of asset",
        ("2031-11-02", 0, 25),
    ),
    "Panama has 24 hours on the one": (
        [],
        ("jet", "2031-03-09", "2031-03-10"),
        "23.9 hours a day of asset",
        ("2031-03-09", 0, 24),
    ),
    "Panama has 24 hours on the other": (
        [],
        ("jet", "2031-11-02", "2031-11-03"),
        "24 hours a day of asset",
        None,
    ),
    "a week is an hour short": (
        [],
        ("prop", "2031-03-03", "2031-03-12"),
        "166 hours a week of asset",
        ("2031-03-03", 0, 167),
    ),
    "a month's end is clipped at the local midnight": (
        [],
        ("prop", "2031-10-31 20:00", "2031-11-02 20:00"),
        "44 hours a month of asset",
        ("2031-11-01", 0, 45),
    ),
    "the short day is one day, and one night": (
        [],
        ("prop", "2031-03-09", "2031-03-10"),
        "1 days a day of asset",
        None,
    ),
    "half past two, which there is not, to half past three is no hour": (
        [],
        ("prop", "2031-03-09 01:30", "2031-03-09 03:30"),
        "1 hours a day of asset",
        None,
    ),
}

TABLE: Table = {**WITHIN_A_PERIOD, **OVER_ENDS, **ROLLING, **CHANGED_CLOCKS}


@pytest.mark.parametrize(("booked", "asked", "said", "told"), TABLE.values(), ids=TABLE)
def test_a_quota_counts_each_period_that_a_booking_touches(
    counted: Counted, booked: list[Booking], asked: Booking, said: str, told: Any
) -> None:
    counted.lay_all(booked)
    assert quota(counted, *asked, said) == told


@pytest.mark.parametrize(
    ("scope", "told"),
    [("asset", None), ("section", ("2031-05-01", 1, 2)), ("organization", ("2031-05-01", 2, 3))],
)
def test_a_scope_is_as_wide_as_it_says(counted: Counted, scope: str, told: Any) -> None:
    counted.lay("cabin", "2031-05-02 08:00", "2031-05-02 10:00")
    counted.lay("jet", "2031-05-03 08:00", "2031-05-03 10:00")
    said = f"1 days a month of {scope}"
    assert quota(counted, "villa", "2031-05-04 08:00", "2031-05-04 10:00", said) == told


def test_each_booking_uses_the_days_of_its_own_asset(counted: Counted) -> None:
    """20:00 of 30 April in Panama is 1 May in Tokyo: the same instant on two local dates, in either order."""
    counted.lay("jet", "2031-04-30 20:00", "2031-04-30 21:00")
    counted.lay("heli", "2031-05-02 08:00", "2031-05-02 09:00")
    said = "1 days a month of organization"
    assert quota(counted, "heli", "2031-05-01 10:00", "2031-05-01 11:00", said) == ("2031-05-01", 1, 2)
    assert quota(counted, "jet", "2031-04-30 22:00", "2031-04-30 23:00", said) is None
    assert quota(counted, "villa", "2031-04-30 20:00", "2031-04-30 21:00", said) == ("2031-04-01", 1, 2)


def test_two_assets_at_once_exceed_one_quota(counted: Counted) -> None:
    """The first one that is written counts for the second, whichever it is."""
    said = "10 hours a day of organization"
    for first, second in (("jet", "villa"), ("villa", "jet")):
        with counted.db.transaction(force_rollback=True):
            assert quota(counted, second, "2031-05-05 08:00", "2031-05-05 14:00", said) is None
            counted.lay(first, "2031-05-05 08:00", "2031-05-05 14:00")
            assert quota(counted, second, "2031-05-05 08:00", "2031-05-05 14:00", said) == (
                "2031-05-05",
                6,
                12,
            )


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
def test_only_what_holds_its_slot_is_used(counted: Counted, status: str, counts: bool) -> None:
    counted.lay("villa", "2031-05-01", "2031-05-02", status=status)
    told = quota(counted, "villa", "2031-05-03", "2031-05-04", "1 days a month of organization")
    assert told == (("2031-05-01", 1, 2) if counts else None)


def test_only_ones_own_bookings_of_this_organization_are_used(elsewhere: Counted, counted: Counted) -> None:
    counted.lay("villa", "2031-05-01", "2031-05-02", user_id=counted.organization.manager.id)
    theirs = {"organization_id": elsewhere.organization.id, "asset_id": elsewhere.assets["villa"].id}
    counted.lay("villa", "2031-05-01", "2031-05-02", **theirs)
    assert quota(counted, "villa", "2031-05-03", "2031-05-04", "1 days a month of organization") is None


def test_a_booking_that_is_changed_does_not_count_itself(counted: Counted) -> None:
    mine = counted.lay("villa", "2031-05-01", "2031-05-04")
    said = "3 days a month of asset"
    assert quota(counted, "villa", "2031-05-02", "2031-05-05", said) is not None
    assert quota(counted, "villa", "2031-05-02", "2031-05-05", said, exclude=[mine]) is None
    counted.lay("villa", "2031-05-20", "2031-05-21")
    assert quota(counted, "villa", "2031-05-02", "2031-05-05", said, exclude=[mine]) == ("2031-05-01", 1, 4)


def test_a_refusal_says_what_an_app_words_and_words_it(counted: Counted) -> None:
    counted.lay("villa", "2031-05-01", "2031-05-09")
    found = counted.ask(
        "quota", "villa", "2031-05-20", "2031-05-24", amount=10, unit="days", period="month", scope="section"
    )
    assert found == {
        "code": "quota",
        "message": "At most 10 days a month; "
        "with this booking it would be 12 from 1 May 2031 to 31 May 2031.",
        "params": {
            "amount": 10,
            "unit": "days",
            "period": "month",
            "scope": "section",
            "section": "residences",
            "period_start": "2031-05-01",
            "period_end": "2031-05-31",
            "used": 8,
            "requested": 4,
            "total": 12,
        },
    }
    rolling = counted.ask(
        "quota",
        "villa",
        "2031-05-20",
        "2031-05-24",
        amount=1,
        unit="count",
        period="rolling_365",
        scope="asset",
    )
    assert rolling["message"] == (
        "At most 1 booking in 365 days; with this booking it would be 2 from 1 May 2031 to 29 April 2032."
    )
    assert rolling["params"]["period_end"] == "2032-04-29"
