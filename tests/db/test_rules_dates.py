"""Local days, local times, Easter, holidays and ranges against oracles that were not written in SQL."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.actors import Connection, connect
from tests.db.ruling import add_row

ORIGIN = datetime(2031, 1, 1, tzinfo=UTC)
ZONES = ("America/Panama", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana")
# A query is some milliseconds on a busy machine, and no measure of anything.
UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def sql(database: str) -> Iterator[Connection]:
    with connect(database) as connection:
        yield connection


def changes_of_clocks(zone: ZoneInfo, years: range) -> list[date]:
    """The days on which the offset from UTC is another one at their end than at their beginning."""
    first = date(years.start, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(years.stop, 1, 1) - first).days)]

    def offset(day: date) -> timedelta | None:
        return datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset()

    return [day for day in days if offset(day) != offset(day - timedelta(days=1))]


@pytest.mark.parametrize("name", ZONES)
def test_local_times_follow_rfc_5545(sql: Connection, name: str) -> None:
    """In a gap the offset before it, of a repeated hour the first: what Python calls fold 0."""
    zone = ZoneInfo(name)
    days = changes_of_clocks(zone, range(2031, 2034)) or [date(2032, 3, 14)]
    times = [
        datetime.combine(day, time()) + timedelta(minutes=minutes)
        for day in days
        for minutes in range(-1440, 2880, 15)
    ]
    answers = sql.execute(
        """
        select app.local_time(t.local, %s) as at
        from unnest(%s::timestamp[]) with ordinality as t(local, n)
        order by t.n
        """,
        [name, times],
    )
    assert [row["at"] for row in answers] == [local.replace(tzinfo=zone).astimezone(UTC) for local in times]


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("America/New_York", "2032-03-14 02:30", "2032-03-14T07:30:00Z"),  # the gap: 03:30 on the clock
        ("America/New_York", "2032-11-07 01:30", "2032-11-07T05:30:00Z"),  # repeated: the first, at -04:00
        ("America/New_York", "2032-11-07 02:00", "2032-11-07T07:00:00Z"),
        ("America/Panama", "2032-03-14 02:30", "2032-03-14T07:30:00Z"),
        ("America/Panama", "2032-11-07 01:30", "2032-11-07T06:30:00Z"),
    ],
)
def test_new_yorks_gap_and_repeated_hour_and_panama_as_the_control(
    sql: Connection, zone: str, local: str, instant: str
) -> None:
    row = sql.execute("select app.utc(app.local_time(%s, %s)) as at", [local, zone]).fetchone()
    assert row == {"at": instant}


@pytest.mark.parametrize("name", [*ZONES, "America/Santiago"])
def test_a_day_starts_where_the_day_before_ends(sql: Connection, name: str) -> None:
    """Also where clocks jump at midnight (Havana, Santiago): no instant belongs to no day, or to two."""
    rows = sql.execute(
        """
        select d.day, app.local_day(s.at, %(zone)s) as of_start,
            app.local_day(s.at - interval '1 microsecond', %(zone)s) as of_moment_before
        from (select generate_series(0, 1095) + date '2031-01-01' as day) d,
            lateral (select app.day_start(d.day, %(zone)s) as at) s
        """,
        {"zone": name},
    ).fetchall()
    assert len(rows) == 1096
    for row in rows:
        assert row["of_start"] == row["day"]
        assert row["of_moment_before"] == row["day"] - timedelta(days=1)


def test_the_answers_do_not_depend_on_the_sessions_zone(sql: Connection) -> None:
    answers = set()
    for zone in ("UTC", "America/New_York", "Pacific/Auckland"):
        with sql.transaction():
            sql.execute("select set_config('timezone', %s, true)", [zone])
            row = sql.execute(
                """
                select app.utc(app.day_start('2032-03-14', 'America/New_York')) as day,
                    app.utc(app.local_time('2032-11-07 01:30', 'America/New_York')) as repeated,
                    app.local_day('2032-05-01 04:30+00', 'America/Panama') as local
                """
            ).fetchone()
        assert row is not None
        answers.add(tuple(row.values()))
    assert answers == {("2032-03-14T05:00:00Z", "2032-11-07T05:30:00Z", date(2032, 4, 30))}


def easter(year: int) -> date:
    """By golden number and epact, after Clavius (Knuth, The Art of Computer Programming, 1.3.2)."""
    golden = year % 19 + 1
    century = year // 100 + 1
    skipped, correction = 3 * century // 4 - 12, (8 * century + 5) // 25 - 5
    sunday = 5 * year // 4 - skipped - 10
    epact = (11 * golden + 20 + correction - skipped) % 30
    if (epact == 25 and golden > 11) or epact == 24:
        epact += 1
    moon = 44 - epact + (30 if epact > 23 else 0)
    return date(year, 3, 1) + timedelta(days=moon + 7 - (sunday + moon) % 7 - 1)


def test_easter_is_right_for_every_year_that_can_be_booked(sql: Connection) -> None:
    known = {
        1981: (4, 19),
        2008: (3, 23),
        2019: (4, 21),
        2026: (4, 5),
        2032: (3, 28),
        2038: (4, 25),
        2076: (4, 19),
    }
    assert {year: easter(year) for year in known} == {y: date(y, *day) for y, day in known.items()}
    rows = sql.execute("select y as year, app.easter(y) as easter from generate_series(1970, 2200) as y")
    assert {row["year"]: row["easter"] for row in rows} == {year: easter(year) for year in range(1970, 2201)}


# Of Panama's Código de Trabajo, article 46, as newspapers printed it for the year.
OFFICIAL_2026 = {
    *((1, 1), (1, 9), (2, 17), (4, 3), (5, 1), (11, 3)),
    *((11, 5), (11, 10), (11, 28), (12, 8), (12, 20), (12, 25)),
}


def test_panamas_holidays_are_built_in(sql: Connection) -> None:
    rows = sql.execute(
        """
        select h.* from app.holiday_dates(
            array(select id from public.holidays where organization_id is null), '2026-01-01', '2026-12-31') h
        """
    ).fetchall()
    by_day = {(row["date"].month, row["date"].day): row for row in rows}
    assert len(by_day) == len(rows)
    # Beside the official days: the rest of carnival, and the day of national symbols.
    assert set(by_day) == OFFICIAL_2026 | {(2, 14), (2, 15), (2, 16), (2, 18), (11, 4)}
    assert all(row["name"] and row["name_es"] for row in rows)
    assert by_day[2, 17]["name_es"] == "Martes de Carnaval"


@UNHURRIED
@given(
    offset=st.integers(-100, 200),
    first=st.dates(date(1971, 1, 1), date(2198, 1, 1)),
    days=st.integers(0, 800),
)
@example(offset=-100, first=date(2031, 12, 25), days=20)
@example(offset=200, first=date(2032, 10, 1), days=30)
def test_holidays_by_easter_are_found_in_any_window(
    sql: Connection, offset: int, first: date, days: int
) -> None:
    last = first + timedelta(days=days)
    expected = [
        day
        for day in (easter(year) + timedelta(days=offset) for year in range(first.year - 1, last.year + 2))
        if first <= day <= last
    ]
    with sql.transaction(force_rollback=True):
        holiday = add_row(sql, "holidays", name="Some day", easter_offset=offset)["id"]
        rows = sql.execute(
            "select date from app.holiday_dates(array[%s]::uuid[], %s, %s)", [holiday, first, last]
        )
        assert [row["date"] for row in rows] == expected


def in_common_years(month: int, day: int, year: int) -> date:
    """That day of that year; 29 February is the 28th in common years."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 2, 28)


MONTH_DAYS = st.dates(date(2032, 1, 1), date(2032, 12, 31)).map(lambda day: (day.month, day.day))


@UNHURRIED
@given(
    begins=MONTH_DAYS,
    ends=MONTH_DAYS,
    start=st.integers(0, 5 * 525600).map(lambda minutes: ORIGIN + timedelta(minutes=minutes)),
    length=st.timedeltas(timedelta(minutes=1), timedelta(days=366)),
    zone=st.sampled_from(ZONES),
)
@example((2, 29), (2, 29), datetime(2033, 2, 28, 23, tzinfo=UTC), timedelta(hours=1), "America/Panama")
@example((12, 31), (1, 1), datetime(2032, 1, 2, 4, 59, tzinfo=UTC), timedelta(minutes=1), "America/Panama")
@example((12, 31), (1, 1), datetime(2032, 1, 2, 5, tzinfo=UTC), timedelta(minutes=1), "America/Panama")
@example((3, 1), (2, 29), datetime(2033, 2, 28, 12, tzinfo=UTC), timedelta(minutes=5), "America/New_York")
def test_yearly_ranges_are_those_of_a_calendar_walked_day_by_day(
    sql: Connection,
    begins: tuple[int, int],
    ends: tuple[int, int],
    start: datetime,
    length: timedelta,
    zone: str,
) -> None:
    end = start + length
    day = start.astimezone(ZoneInfo(zone)).date()
    last = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    touched = False
    while day <= last:
        after = day >= in_common_years(*begins, day.year)
        before = day <= in_common_years(*ends, day.year)
        touched |= (after and before) if begins <= ends else (after or before)
        day += timedelta(days=1)

    month_days = (f"{month:02}-{day_of_month:02}" for month, day_of_month in (begins, ends))
    conditions = json.dumps(dict(zip(("start_month_day", "end_month_day"), month_days, strict=True)))
    row = sql.execute(
        """
        select app.date_range_trigger(
            row(%(id)s, %(id)s, 'planes', %(zone)s, %(id)s, null, %(start)s, %(end)s, '{}', true)
                ::app.booking_case,
            %(conditions)s::jsonb
        ) as found
        """,
        {"id": str(uuid.uuid4()), "zone": zone, "start": start, "end": end, "conditions": conditions},
    ).fetchone()
    assert row is not None
    assert (row["found"] is not None) == touched
