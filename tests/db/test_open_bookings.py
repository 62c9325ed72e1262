"""How many assets at once, how many bookings ahead, and the limits that a tier has by itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.actors import connect
from tests.db.counting import NEW_YORK, PANAMA, Counted, make_counted

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def office(database: str) -> Iterator[Counted]:
    with connect(database) as db:
        yield make_counted(db)


@pytest.fixture
def counted(office: Counted) -> Iterator[Counted]:
    """The member without any bookings: what a test lays goes with it."""
    with office.db.transaction(force_rollback=True):
        yield office


ONE_ANOTHER = {
    "nothing else": ([], 1, None),
    "another one for a part of the time": ([("jet", "2031-05-05 09:00", "2031-05-05 10:01")], 1, 2),
    "as many as are allowed": ([("jet", "2031-05-05 09:00", "2031-05-05 11:00")], 2, None),
    "one that ends the moment before": ([("jet", "2031-05-05 08:00", "2031-05-05 10:00")], 1, None),
    "one that begins the moment after": ([("jet", "2031-05-05 14:00", "2031-05-05 16:00")], 1, None),
    "one that spans it": ([("cabin", "2031-05-01", "2031-06-01")], 1, 2),
    "one that lasts a year": ([("cabin", "2030-06-01", "2031-06-01")], 1, 2),
    "several bookings of one asset are one": (
        [("jet", "2031-05-05 10:00", "2031-05-05 11:00"), ("jet", "2031-05-05 12:00", "2031-05-05 13:00")],
        2,
        None,
    ),
    "each asset of the time, though not at one moment": (
        [("jet", "2031-05-05 10:00", "2031-05-05 11:00"), ("prop", "2031-05-05 14:00", "2031-05-05 14:30")],
        2,
        3,
    ),
}


@pytest.mark.parametrize(("booked", "most", "total"), ONE_ANOTHER.values(), ids=ONE_ANOTHER)
def test_assets_at_a_time_are_counted(
    counted: Counted, booked: list[tuple[str, str, str]], most: int, total: int | None
) -> None:
    """New York's clock is an hour ahead of Panama's in May."""
    counted.lay_all(booked)
    asked = ("villa", "2031-05-05 10:00", "2031-05-05 14:00")
    found = counted.ask("concurrent_booking", *asked, max_assets=most)
    if total is None:
        assert found is None
    else:
        plural = "" if most == 1 else "s"
        assert found == {
            "code": "concurrent_booking",
            "message": f"At most {most} asset{plural} at a time; with this one it would be {total}.",
            "params": {"max_assets": most, "used": total - 1, "requested": 1, "total": total},
        }


def test_turnaround_is_no_time_of_the_persons(counted: Counted) -> None:
    counted.db.execute(
        "update public.assets set turnaround_minutes = 120 where id = %s", [counted.assets["jet"].id]
    )
    counted.lay("jet", "2031-05-05 08:00", "2031-05-05 10:00")
    asked = ("villa", "2031-05-05 10:00", "2031-05-05 14:00")
    assert counted.ask("concurrent_booking", *asked, max_assets=1) is None


def ahead(counted: Counted, days: int, zone: str = PANAMA, hour: int = 12) -> datetime:
    """That hour of the day so many local days from today."""
    today = counted.now().astimezone(ZoneInfo(zone)).date()
    return datetime(today.year, today.month, today.day, hour, tzinfo=ZoneInfo(zone)) + timedelta(days)


def open_bookings(counted: Counted, start: datetime, **conditions: Any) -> Any:
    """(others, all) that lie ahead, or None."""
    found = counted.ask_at("max_open", "villa", start, start + HOUR, **conditions)
    return None if found is None else (found["params"]["used"], found["params"]["total"])


def test_bookings_ahead_are_counted_over_all_assets(counted: Counted) -> None:
    for asset, days in (("jet", 2), ("prop", 40), ("villa", 200)):
        counted.lay_at(asset, ahead(counted, days), ahead(counted, days) + HOUR)
    start = ahead(counted, 10)
    assert open_bookings(counted, start, max=4) is None
    assert open_bookings(counted, start, max=3) == (3, 4)
    found = counted.ask_at("max_open", "villa", start, start + HOUR, max=3)
    assert found == {
        "code": "max_open",
        "message": "At most 3 bookings ahead; with this one it would be 4.",
        "params": {"max": 3, "exempt_within_days": None, "used": 3, "requested": 1, "total": 4},
    }


def test_what_has_begun_does_not_lie_ahead(counted: Counted) -> None:
    now = counted.now()
    counted.lay_at("jet", now - HOUR, now + HOUR)
    counted.lay_at("prop", now, now + HOUR)
    assert open_bookings(counted, ahead(counted, 10), max=1) is None
    assert open_bookings(counted, now - HOUR, max=0) is None


def test_what_begins_soon_is_exempt_and_counts_for_nothing(counted: Counted) -> None:
    """To the local day: all of the second day is, the first minute of the third is not."""
    limits = {"max": 1, "exempt_within_days": 2}
    counted.lay_at("jet", ahead(counted, 2, hour=23), ahead(counted, 2, hour=23) + HOUR)
    assert open_bookings(counted, ahead(counted, 10), **limits) is None
    counted.lay_at("jet", ahead(counted, 3, hour=0), ahead(counted, 3, hour=0) + HOUR)
    assert open_bookings(counted, ahead(counted, 10), **limits) == (1, 2)
    assert open_bookings(counted, ahead(counted, 2, hour=23), **limits) is None
    assert open_bookings(counted, ahead(counted, 3, hour=0), **limits) == (1, 2)


def test_soon_is_by_the_clock_of_each_asset(counted: Counted) -> None:
    counted.lay_at("prop", ahead(counted, 2, NEW_YORK, 23), ahead(counted, 2, NEW_YORK, 23) + HOUR)
    counted.lay_at("heli", ahead(counted, 3, "Asia/Tokyo", 0), ahead(counted, 3, "Asia/Tokyo", 0) + HOUR)
    assert open_bookings(counted, ahead(counted, 10), max=1, exempt_within_days=2) == (1, 2)


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({"status": "pending"}, True),
        ({"status": "approved"}, True),
        ({"status": "completed"}, True),
        ({"status": "hold"}, False),
        ({"status": "rejected"}, False),
        ({"status": "canceled"}, False),
        ({"status": "expired"}, False),
        ({"status": "displaced"}, False),
    ],
    ids=lambda value: value["status"] if isinstance(value, dict) else "",
)
def test_only_what_holds_its_slot_is_open_or_concurrent(
    counted: Counted, columns: dict[str, str], counts: bool
) -> None:
    start = ahead(counted, 10)
    counted.lay_at("jet", start, start + HOUR, **columns)
    asked = ("villa", start, start + HOUR)
    assert (counted.ask_at("max_open", *asked, max=1) is not None) is counts
    assert (counted.ask_at("concurrent_booking", *asked, max_assets=1) is not None) is counts


def test_what_others_have_booked_and_what_is_being_changed_is_not_counted(counted: Counted) -> None:
    start = ahead(counted, 10)
    counted.lay_at("jet", start, start + HOUR, user_id=counted.organization.manager.id)
    mine = counted.lay_at("prop", start, start + HOUR)
    asked = ("villa", start, start + HOUR)
    assert counted.ask_at("max_open", *asked, exclude=[mine], max=1) is None
    assert counted.ask_at("concurrent_booking", *asked, exclude=[mine], max_assets=1) is None
    assert counted.ask_at("max_open", *asked, max=1)["params"]["total"] == 2
    assert counted.ask_at("concurrent_booking", *asked, max_assets=1)["params"]["total"] == 2


def limit(counted: Counted, **limits: Any) -> None:
    """Gives the member's tier these limits."""
    values = {"tier_id": counted.organization.tier, "organization_id": counted.organization.id, **limits}
    places = ", ".join(["%s"] * len(values))
    query = f"insert into public.tier_rules ({', '.join(values)}) values ({places})"
    counted.db.execute(query.encode(), list(values.values()))


def test_a_tier_without_limits_limits_nothing(counted: Counted) -> None:
    start = ahead(counted, 10)
    assert counted.tier_limits("villa", start, start + 400 * HOUR) == []
    limit(counted, requires_approval=False)
    assert counted.tier_limits("villa", start, start + 400 * HOUR) == []


def test_a_tiers_limits_are_all_told_of(counted: Counted) -> None:
    limit(
        counted,
        max_days_per_month=2,
        max_consecutive_days=2,
        min_lead_time_hours=240,
        max_advance_days=1,
        requires_approval=True,
    )
    start = ahead(counted, 3)
    told = counted.tier_limits("villa", start, start + 140 * HOUR)
    assert [(violation["code"], violation["effect"]) for violation in told] == [
        ("tier_max_days_per_month", "deny"),
        ("tier_max_consecutive_days", "deny"),
        ("tier_min_lead_time", "deny"),
        ("tier_max_advance", "deny"),
        ("tier_requires_approval", "require_approval"),
    ]
    for violation in told:
        assert violation.keys() == {
            "ruleId",
            "ruleType",
            "ruleVersion",
            "ruleName",
            "code",
            "effect",
            "message",
            "params",
            "overridable",
        }
        assert (violation["ruleId"], violation["ruleName"], violation["ruleVersion"]) == (None, None, 1)
        assert (violation["ruleType"], violation["overridable"]) == ("tier_limit", False)
    assert (told[1]["params"]["max"], told[1]["params"]["total"]) == (2, 7)
    assert told[2]["params"]["min_hours"] == 240
    assert told[3]["params"]["max_days"] == 1
    assert told[4]["params"] == {}


def test_a_tiers_days_of_a_month_are_of_all_assets_its_days_in_one_go_of_one(counted: Counted) -> None:
    limit(counted, max_days_per_month=4, max_consecutive_days=3)
    counted.lay("jet", "2031-05-05", "2031-05-08")
    asked = tuple(datetime(2031, 5, day, tzinfo=ZoneInfo(PANAMA)) for day in (8, 10))
    told = counted.tier_limits("villa", *asked)
    assert [violation["code"] for violation in told] == ["tier_max_days_per_month"]
    assert (told[0]["params"]["used"], told[0]["params"]["total"]) == (3, 5)
    told = counted.tier_limits("jet", *asked)
    assert [violation["code"] for violation in told] == [
        "tier_max_days_per_month",
        "tier_max_consecutive_days",
    ]


def test_what_stands_already_is_not_asked_for_notice_again(counted: Counted) -> None:
    limit(counted, min_lead_time_hours=240, max_advance_days=1)
    start = ahead(counted, 3)
    assert len(counted.tier_limits("villa", start, start + HOUR)) == 2
    assert counted.tier_limits("villa", start, start + HOUR, starts_anew=False) == []


def test_another_tiers_limits_are_others(counted: Counted) -> None:
    row = counted.db.execute(
        "insert into public.tiers (organization_id, name, priority) values (%s, 'Staff', 90) returning id",
        [counted.organization.id],
    ).fetchone()
    assert row is not None
    counted.db.execute(
        "insert into public.tier_rules (tier_id, organization_id, requires_approval) values (%s, %s, true)",
        [row["id"], counted.organization.id],
    )
    start = ahead(counted, 3)
    assert counted.tier_limits("villa", start, start + HOUR) == []
