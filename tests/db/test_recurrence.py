"""Recurrence rules, as SQL reads and expands them, against RFC 5545 and python-dateutil."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from dateutil import rrule as oracle  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.actors import Connection, connect

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@pytest.fixture(scope="module", autouse=True)
def _near_end_of_time() -> Iterator[None]:
    # dateutil looks day by day until the year 9999 for a rule that names none.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datetime.MAXYEAR", 2045)
        yield


@pytest.fixture(scope="module")
def sql(database: str) -> Iterator[Connection]:
    with connect(database) as connection:
        yield connection


def local(text: str) -> datetime:
    """A wall-clock time."""
    return datetime.fromisoformat(text)


def expand(
    sql: Connection, rule: str, start: str | datetime, *, zone: str = "UTC", exdates: list[str] | None = None
) -> list[datetime]:
    rows = sql.execute(
        "select f as instance from app.expand_rrule(%s, %s::timestamp, %s::timestamp[], 400, %s) f",
        [rule, start, exdates or [], zone],
    )
    return [row["instance"] for row in rows]


def faults(sql: Connection, rule: str | None) -> list[tuple[str, Any]]:
    row = sql.execute("select app.rrule_errors(%s) as errors", [rule]).fetchone()
    assert row is not None
    for error in row["errors"]:
        assert error["path"] == "rrule"
        assert error["message"]
    return [(error["code"], error.get("params", {}).get("part")) for error in row["errors"]]


def days(*dates: str) -> list[datetime]:
    """Nine o'clock of those days."""
    return [local(f"{date} 09:00") for date in dates]


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", "2031-12-31", ("2031-12-31", "2032-01-01", "2032-01-02")),
        ("FREQ=DAILY;INTERVAL=10;COUNT=3", "2031-02-20", ("2031-02-20", "2031-03-02", "2031-03-12")),
        ("freq=weekly;count=2", "2031-03-04", ("2031-03-04", "2031-03-11")),
        ("RRULE:FREQ=WEEKLY;COUNT=2", "2031-03-04", ("2031-03-04", "2031-03-11")),
        # RFC 5545, 3.3.10: the same rule, told apart by WKST alone.
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05",
            ("1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"),
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05",
            ("1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"),
        ),
        # Months without a 31st have no instance; neither have years without a 29 February.
        ("FREQ=MONTHLY;COUNT=4", "2031-01-31", ("2031-01-31", "2031-03-31", "2031-05-31", "2031-07-31")),
        ("FREQ=YEARLY;COUNT=3", "2032-02-29", ("2032-02-29", "2036-02-29", "2040-02-29")),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=4",
            "2032-01-31",
            ("2032-01-31", "2032-02-29", "2032-03-31", "2032-04-30"),
        ),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "2031-01-31", ("2031-01-31", "2031-02-28", "2031-03-28")),
        # Plain and numbered weekdays together: the Mondays, and the second Tuesday.
        (
            "FREQ=MONTHLY;BYDAY=MO,2TU;COUNT=5",
            "2031-09-01",
            ("2031-09-01", "2031-09-08", "2031-09-09", "2031-09-15", "2031-09-22"),
        ),
        # The last working day.
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
            "2031-05-30",
            ("2031-05-30", "2031-06-30", "2031-07-31"),
        ),
        # Friday the 13th.
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3",
            "2031-06-13",
            ("2031-06-13", "2032-02-13", "2032-08-13"),
        ),
        # A week's set is whole, although the first instance lies in its middle: Wednesday is its second day.
        (
            "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2;COUNT=2",
            "2031-03-05",
            ("2031-03-05", "2031-03-12"),
        ),
        ("FREQ=YEARLY;BYDAY=20MO;COUNT=3", "1997-05-19", ("1997-05-19", "1998-05-18", "1999-05-17")),
        # Election Day of the United States.
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3",
            "1996-11-05",
            ("1996-11-05", "2000-11-07", "2004-11-02"),
        ),
        # A start that the rule does not name is no instance.
        ("FREQ=WEEKLY;BYDAY=TH;COUNT=2", "2031-03-04", ("2031-03-06", "2031-03-13")),
        # The whole last day, where UNTIL is a date.
        ("FREQ=DAILY;UNTIL=20310306", "2031-03-04", ("2031-03-04", "2031-03-05", "2031-03-06")),
        ("FREQ=DAILY;UNTIL=20310306T090000Z", "2031-03-04", ("2031-03-04", "2031-03-05", "2031-03-06")),
        ("FREQ=DAILY;UNTIL=20310306T085959Z", "2031-03-04", ("2031-03-04", "2031-03-05")),
        ("FREQ=DAILY;UNTIL=20310303", "2031-03-04", ()),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", "2031-03-04", ()),
        # Time ends before the count is reached.
        ("FREQ=YEARLY;INTERVAL=100;COUNT=5", "2031-03-04", ("2031-03-04", "2131-03-04")),
        ("FREQ=YEARLY;INTERVAL=9999;COUNT=366", "2031-03-04", ("2031-03-04",)),
    ],
)
def test_rules_name_these_days(sql: Connection, rule: str, start: str, expected: tuple[str, ...]) -> None:
    assert faults(sql, rule) == []
    assert expand(sql, rule, f"{start} 09:00") == days(*expected)


def test_until_is_an_instant_in_the_zone_of_the_instances(sql: Connection) -> None:
    # 9:00 in New York is 14:00 UTC in winter and 13:00 from 9 March 2031 on.
    rule = "FREQ=DAILY;UNTIL=20310309T130000Z"
    in_new_york = expand(sql, rule, "2031-03-07 09:00", zone="America/New_York")
    in_panama = expand(sql, rule, "2031-03-07 09:00", zone="America/Panama")
    assert in_new_york == days("2031-03-07", "2031-03-08", "2031-03-09")
    assert in_panama == days("2031-03-07", "2031-03-08")


def test_what_is_left_out_counts(sql: Connection) -> None:
    left = expand(
        sql, "FREQ=DAILY;COUNT=3", "2031-03-04 09:00", exdates=["2031-03-05 09:00", "2031-03-06 10:00"]
    )
    assert left == days("2031-03-04", "2031-03-06")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, [("missing", None)]),
        ("  ", [("missing", None)]),
        ("RRULE:", [("missing", None)]),
        ("FREQ=WEEKLY", [("rrule_unbounded", None)]),
        ("COUNT=3", [("rrule_freq_missing", None)]),
        ("FREQ=DAILY;COUNT=3;UNTIL=20310101", [("rrule_combination", "COUNT")]),
        ("FREQ=DAILY;COUNT=367", [("rrule_too_many_instances", None)]),
        (f"FREQ=DAILY;COUNT={'9' * 400}", [("rrule_too_many_instances", None)]),
        ("FREQ=DAILY;COUNT=0", [("rrule_value", "COUNT")]),
        ("FREQ=DAILY;COUNT=-3", [("rrule_value", "COUNT")]),
        ("FREQ=DAILY;COUNT=3;INTERVAL=0", [("rrule_value", "INTERVAL")]),
        (f"FREQ=DAILY;COUNT=3;INTERVAL={'9' * 30}", [("rrule_value", "INTERVAL")]),
        ("FREQ=HOURLY;COUNT=3", [("rrule_value", "FREQ")]),
        ("FREQ=DAILY;COUNT=3;BYHOUR=9", [("rrule_unsupported", "BYHOUR")]),
        ("FREQ=YEARLY;COUNT=3;BYWEEKNO=20", [("rrule_unsupported", "BYWEEKNO")]),
        (
            "FREQ=YEARLY;COUNT=3;BYYEARDAY=20;X-NAME=1",
            [("rrule_unsupported", "BYYEARDAY"), ("rrule_unsupported", "X-NAME")],
        ),
        ("FREQ=DAILY;COUNT=3;COUNT=3", [("rrule_repeated", "COUNT")]),
        ("FREQ=DAILY;COUNT=3;", [("rrule_syntax", "")]),
        ("FREQ=DAILY;;COUNT=3", [("rrule_syntax", "")]),
        ("FREQ;COUNT=3", [("rrule_syntax", "FREQ")]),
        ("FREQ=DAILY=3;COUNT=3", [("rrule_syntax", "FREQ=DAILY=3")]),
        ("FREQ=DAILY;UNTIL=20310229", [("rrule_value", "UNTIL")]),
        ("FREQ=DAILY;UNTIL=20310228T250000Z", [("rrule_value", "UNTIL")]),
        ("FREQ=DAILY;UNTIL=20310228T100000", [("rrule_value", "UNTIL")]),
        ("FREQ=DAILY;UNTIL=tomorrow", [("rrule_value", "UNTIL")]),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=XX", [("rrule_value", "BYDAY")]),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=MO,", [("rrule_value", "BYDAY")]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=0MO", [("rrule_value", "BYDAY")]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=54MO", [("rrule_value", "BYDAY")]),
        ("FREQ=WEEKLY;COUNT=3;BYDAY=1MO", [("rrule_combination", "BYDAY")]),
        ("FREQ=DAILY;COUNT=3;BYDAY=-1MO", [("rrule_combination", "BYDAY")]),
        ("FREQ=WEEKLY;COUNT=3;BYMONTHDAY=1", [("rrule_combination", "BYMONTHDAY")]),
        ("FREQ=MONTHLY;COUNT=3;BYMONTHDAY=0", [("rrule_value", "BYMONTHDAY")]),
        ("FREQ=MONTHLY;COUNT=3;BYMONTHDAY=32", [("rrule_value", "BYMONTHDAY")]),
        ("FREQ=MONTHLY;COUNT=3;BYMONTH=-1", [("rrule_value", "BYMONTH")]),
        ("FREQ=MONTHLY;COUNT=3;BYMONTH=13", [("rrule_value", "BYMONTH")]),
        ("FREQ=MONTHLY;COUNT=3;BYSETPOS=1", [("rrule_combination", "BYSETPOS")]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=MO;BYSETPOS=367", [("rrule_value", "BYSETPOS")]),
        ("FREQ=WEEKLY;COUNT=3;WKST=1MO", [("rrule_value", "WKST")]),
        ("FREQ=WEEKLY;COUNT=3;WKST=MO,TU", [("rrule_value", "WKST")]),
        ("FREQ=DAILY;COUNT=٣", [("rrule_value", "COUNT")]),
        (
            "every day; drop table reservations",
            [("rrule_syntax", "EVERY DAY"), ("rrule_syntax", " DROP TABLE RESERVATIONS")],
        ),
        (
            "DTSTART:20310101T090000Z\nRRULE:FREQ=DAILY;COUNT=3",
            [("rrule_syntax", "DTSTART:20310101T090000Z\nRRULE:FREQ=DAILY")],
        ),
        ("FREQ=DAILY;COUNT=3;BYMONTHDAY=" + "1," * 300, [("string_too_long", None)]),
        ("A" * 100_000, [("string_too_long", None)]),
    ],
)
def test_a_faulty_rule_is_refused_by_name(
    sql: Connection, rule: str | None, expected: list[tuple[str, str | None]]
) -> None:
    assert faults(sql, rule) == expected
    assert expand(sql, rule or "", "2031-03-04 09:00") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=600),
        st.lists(
            st.tuples(
                st.sampled_from(
                    ("FREQ", "COUNT", "UNTIL", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "WKST")
                ),
                st.text("0123456789+-,MOTUSWEFRA DILYZ", max_size=30),
            ),
            max_size=8,
        ).map(lambda parts: ";".join(f"{name}={value}" for name, value in parts)),
    )
)
def test_no_text_is_too_strange(sql: Connection, rule: str) -> None:
    if faults(sql, rule):
        assert expand(sql, rule, "2031-03-04 09:00") == []
    else:
        assert len(expand(sql, rule, "2031-03-04 09:00")) <= 400


def numbers(first: int, last: int, *, both_ends: bool = True) -> st.SearchStrategy[str]:
    either = st.integers(first, last)
    if both_ends:
        either = either | either.map(lambda number: -number)
    return st.lists(either, min_size=1, max_size=4, unique=True).map(lambda each: ",".join(map(str, each)))


def weekdays(ordinals: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    day = st.tuples(ordinals, st.sampled_from(WEEKDAYS)).map("".join)
    return st.lists(day, min_size=1, max_size=4, unique=True).map(",".join)


PLAIN = weekdays(st.just(""))
# dateutil takes plain and numbered weekdays together for both at once; the RFC's examples do not.
NUMBERED = weekdays(st.sampled_from(("1", "2", "-1", "-2", "5", "-5")))


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule on which dateutil and the RFC agree, without its end."""
    freq = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}"]
    by = []
    if draw(st.booleans()):
        by.append(f"BYDAY={draw(PLAIN | NUMBERED if freq in ('MONTHLY', 'YEARLY') else PLAIN)}")
    if freq != "WEEKLY" and draw(st.booleans()):
        by.append(f"BYMONTHDAY={draw(numbers(1, 31))}")
    if draw(st.booleans()):
        by.append(f"BYMONTH={draw(numbers(1, 12, both_ends=False))}")
    # dateutil's first week begins at the start, the RFC's at WKST.
    if by and freq != "WEEKLY" and draw(st.booleans()):
        by.append(f"BYSETPOS={draw(numbers(1, 6))}")
    if draw(st.booleans()):
        by.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts + draw(st.permutations(by)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rule=rules(),
    start=st.datetimes(datetime(2028, 1, 1), datetime(2036, 1, 1)).map(  # noqa: DTZ001
        lambda time: time.replace(microsecond=0)
    ),
    count=st.integers(1, 60),
    days_until=st.integers(0, 800) | st.none(),
)
def test_rules_mean_what_dateutil_reads(
    sql: Connection, rule: str, start: datetime, count: int, days_until: int | None
) -> None:
    ended = f"{rule};COUNT={count}"
    last = start + timedelta(days=3000)
    if days_until is not None:
        last = min(last, start + timedelta(days=days_until))
        ended = f"{rule};UNTIL={last:%Y%m%dT%H%M%S}Z"
    named = oracle.rrulestr(f"{rule};UNTIL={last:%Y%m%dT%H%M%S}", dtstart=start)
    wanted = list(itertools.islice(named, 400 if days_until is not None else count))
    assert [time for time in expand(sql, ended, start) if time <= last] == wanted
