"""What the rules count, held against a plain reading of them, for whatever a person has booked."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actors import connect
from tests.db.booking import insert_booking
from tests.db.counting import Counted, make_counted

Stay = tuple[str, datetime, datetime]


@pytest.fixture(scope="module")
def world(database: str, admin_database: str) -> Iterator[Counted]:
    """A member whose rows are laid without triggers: they may overlap, and more of them are tried."""
    with connect(database) as db:
        made = make_counted(db)
    with connect(admin_database) as admin:
        admin.execute("set session_replication_role = replica")
        yield Counted(admin, made.organization, made.assets)


@contextmanager
def booked_by_member(world: Counted, stays: list[Stay]) -> Iterator[None]:
    with world.db.transaction(force_rollback=True):
        for asset, start, end in stays:
            insert_booking(world.db, world.organization, world.assets[asset].id, start, end)
        yield


# A busy machine is no fault of the rules.
tries = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# A plain reading of the rules, to hold the queries against.


def day_of(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def seconds_of(day: date, zone: str, start: datetime, end: datetime) -> float:
    midnights = (datetime.combine(d, time(), ZoneInfo(zone)) for d in (day, day + timedelta(1)))
    begins, ends = (midnight.astimezone(UTC) for midnight in midnights)
    return max(0.0, (min(end, ends) - max(start, begins)).total_seconds())


def use_by_day(unit: str, zone: str, start: datetime, end: datetime) -> dict[date, float]:
    first = day_of(start, zone)
    if unit == "count":
        return {first: 1}
    last = day_of(end - timedelta(microseconds=1), zone)
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    if unit == "nights":
        nights = (day_of(end, zone) - first).days
        return {first + timedelta(n): 1 for n in range(nights)}
    if unit == "hours":
        return {day: seconds_of(day, zone, start, end) for day in days}
    return dict.fromkeys(days, 1)


def periods_of(period: str, day: date) -> list[tuple[date, date]]:
    """The periods, first and last day, that the day is in."""
    if period == "rolling_365":
        return [(day - timedelta(n), day + timedelta(364 - n)) for n in range(365)]
    if period == "week":
        monday = day - timedelta(day.weekday())
        return [(monday, monday + timedelta(6))]
    if period == "month":
        following = (day.replace(day=1) + timedelta(31)).replace(day=1)
        return [(day.replace(day=1), following - timedelta(1))]
    if period == "year":
        return [(date(day.year, 1, 1), date(day.year, 12, 31))]
    return [(day, day)]


def fullest(unit: str, period: str, stays: list[tuple[str, Stay]], this: tuple[str, Stay]) -> float | None:
    """The use of the fullest period that `this` touches; stays are (zone, (asset, start, end))."""
    by_asset: dict[tuple[str, date], float] = defaultdict(float)
    for zone, (asset, start, end) in [*stays, this]:
        for day, amount in use_by_day(unit, zone, start, end).items():
            key = (asset, day)
            by_asset[key] = amount if unit in ("days", "nights") else by_asset[key] + amount
    by_day: dict[date, float] = defaultdict(float)
    for (_, day), amount in by_asset.items():
        by_day[day] += amount
    zone, (_, start, end) = this
    touched = {p for day in use_by_day(unit, zone, start, end) for p in periods_of(period, day)}
    totals = [sum(amount for day, amount in by_day.items() if a <= day <= b) for a, b in touched]
    return max(totals, default=None)


ASSETS = ("jet", "prop", "villa")


# Half hours from one day to the same a year later or before, and the days beside.
YEARS = [sign * 48 * days for days in (364, 365) for sign in (-1, 1)]


def stays(around: datetime, spread_hours: int) -> st.SearchStrategy[Stay]:
    beginnings = st.integers(-2 * spread_hours, 2 * spread_hours)
    if spread_hours > 24 * 365:
        near = st.builds(int.__add__, st.sampled_from([0, *YEARS]), st.integers(-48, 48))
        beginnings = st.one_of(near, near, beginnings)
    return st.builds(
        lambda asset, begins, lasts: (
            asset,
            around + timedelta(minutes=30 * begins),
            around + timedelta(minutes=30 * (begins + lasts)),
        ),
        st.sampled_from(ASSETS),
        beginnings,
        st.one_of(st.integers(1, 50), st.integers(1, 48 * 40)),
    )


@pytest.mark.parametrize(
    ("period", "around", "spread_days"),
    [
        ("day", datetime(2031, 11, 2, 5, tzinfo=UTC), 2),
        ("week", datetime(2031, 12, 31, 5, tzinfo=UTC), 12),
        ("month", datetime(2031, 3, 9, 5, tzinfo=UTC), 40),
        ("year", datetime(2032, 1, 1, 5, tzinfo=UTC), 300),
        ("rolling_365", datetime(2032, 2, 29, 5, tzinfo=UTC), 500),
    ],
)
def test_quotas_count_as_a_plain_reading_does(
    world: Counted, period: str, around: datetime, spread_days: int
) -> None:
    some = stays(around, spread_days * 24)

    @tries
    @given(
        unit=st.sampled_from(["days", "nights", "hours", "count"]),
        scope=st.sampled_from(["asset", "section", "organization"]),
        booked=st.lists(some, max_size=6),
        this=some,
    )
    def check(unit: str, scope: str, booked: list[Stay], this: Stay) -> None:
        assets, asset = world.assets, world.assets[this[0]]
        counted = [
            (assets[stay[0]].zone, stay)
            for stay in booked
            if scope == "organization"
            or (scope == "asset" and stay[0] == this[0])
            or (scope == "section" and assets[stay[0]].section == asset.section)
        ]
        expected = fullest(unit, period, counted, (asset.zone, this))
        each = 3600 if unit == "hours" else 1
        with booked_by_member(world, booked):
            told = [
                world.ask_at("quota", *this, amount=amount, unit=unit, period=period, scope=scope)
                for amount in (0, (expected or 0) / each)
            ]
        if expected is None:
            assert told == [None, None]
        else:
            assert told[0]["params"]["total"] == round(expected / each, 2)
            assert told[1] is None

    check()


def run_of(keys: set[int], these: set[int], gap: int) -> int:
    """How many keys are joined to `these` by at most `gap` keys that are missing."""
    run = set(these)
    while joined := {key for key in keys - run if any(abs(key - other) <= gap + 1 for other in run)}:
        run |= joined
    return len(run)


def days_in(zone: str, stay: Stay) -> set[int]:
    return {day.toordinal() for day in use_by_day("days", zone, stay[1], stay[2])}


def weekends_in(zone: str, stay: Stay) -> set[int]:
    """Each as the ordinal of its Saturday, by sevens."""
    days = (date.fromordinal(day) for day in days_in(zone, stay))
    return {(day.toordinal() - (day.weekday() - 5)) // 7 for day in days if day.weekday() >= 5}


SHORT_STAYS = st.builds(
    lambda asset, begins, lasts: (
        asset,
        datetime(2031, 12, 31, 5, tzinfo=UTC) + timedelta(hours=begins),
        datetime(2031, 12, 31, 5, tzinfo=UTC) + timedelta(hours=begins + lasts),
    ),
    st.sampled_from(["villa", "cabin"]),
    st.integers(-24 * 30, 24 * 30),
    st.integers(1, 24 * 9),
)


def test_days_in_one_go_are_those_of_a_plain_reading(world: Counted) -> None:
    @tries
    @given(gap=st.integers(0, 3), booked=st.lists(SHORT_STAYS, max_size=10), this=SHORT_STAYS)
    def check(gap: int, booked: list[Stay], this: Stay) -> None:
        zone = world.assets[this[0]].zone
        others = set().union(*(days_in(zone, stay) for stay in booked if stay[0] == this[0]))
        expected = run_of(others, days_in(zone, this), gap)
        with booked_by_member(world, booked):
            told = [
                world.ask_at("max_consecutive_days", *this, max=limit, gap_days=gap)
                for limit in (expected, expected - 1)
            ]
        assert told[0] is None
        assert told[1]["params"]["total"] == expected

    check()


@pytest.mark.parametrize(("unit", "keys_in"), [("days", days_in), ("weekends", weekends_in)])
def test_streaks_are_those_of_a_plain_reading(
    world: Counted, unit: str, keys_in: Callable[[str, Stay], set[int]]
) -> None:
    @tries
    @given(booked=st.lists(SHORT_STAYS, max_size=10), this=SHORT_STAYS)
    def check(booked: list[Stay], this: Stay) -> None:
        zone = world.assets[this[0]].zone
        others = set().union(*(keys_in(zone, stay) for stay in booked if stay[0] == this[0]))
        expected = run_of(others, keys_in(zone, this), 0)
        with booked_by_member(world, booked):
            told = [
                world.ask_at("consecutive_booking", *this, count=count, unit=unit)
                for count in (expected + 1, expected)
            ]
        assert told[0] is None
        if expected == 0:
            assert told[1] is None
        else:
            assert told[1]["params"]["total"] == expected

    check()
