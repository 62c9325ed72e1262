"""Utilisation: what of a window was used, cut at its ends, in each asset's own days."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.actors import Connection, Organization, as_user, make_organization, refused, rpc
from tests.db.booking import Json, insert_booking


def noon(month: int, day: int, hour: int = 12, minute: int = 0, year: int = 2031) -> datetime:
    """A time of 2031, UTC. Panama is five hours behind, all year."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def report(
    connection: Connection, organization: Organization, start: datetime, end: datetime, **arguments: Any
) -> Json:
    named = {f"p_{name}": value for name, value in arguments.items()}
    answer: Json = rpc(
        connection, "utilization_report", p_organization_id=organization.id, p_from=start, p_to=end, **named
    )
    return answer


def by_key(answer: Json) -> dict[str, Json]:
    return {row["key"]: row for row in answer["rows"]}


def figures(row: Json) -> tuple[int, float, int, int]:
    return row["bookings"], row["hours"], row["days"], row["nights"]


@pytest.fixture
def season(db: Connection, organization: Organization) -> Organization:
    """March 2031: a flight, two on one day, a stay over the month's end, and what is no use."""
    plane, house = organization.assets["planes"], organization.assets["residences"]
    manager = organization.manager.id
    for asset, start, end, columns in [
        (plane, noon(3, 3, 13), noon(3, 3, 17), {}),
        (plane, noon(3, 5, 13), noon(3, 5, 15), {}),
        (plane, noon(3, 5, 18), noon(3, 5, 20), {"user_id": manager, "status": "completed"}),
        (house, noon(3, 30, 20), noon(4, 2, 16), {"user_id": manager}),
        (plane, noon(3, 7), noon(3, 8), {"status": "pending"}),
        (plane, noon(3, 9), noon(3, 10), {"status": "canceled"}),
        (plane, noon(3, 11), noon(3, 12), {"status": "displaced"}),
        (plane, noon(3, 13), noon(3, 14), {"status": "hold"}),
        (plane, noon(2, 1), noon(2, 2), {}),
    ]:
        insert_booking(db, organization, asset, start, end, **columns)
    return organization


# March, as Panama counts it: 744 hours.
MARCH = (noon(3, 1, 5), noon(4, 1, 5))


def test_assets_are_counted_in_hours_days_and_nights(database: str, season: Organization) -> None:
    with as_user(database, season.manager) as manager:
        answer = report(manager, season, *MARCH)
    rows = by_key(answer)
    assert figures(rows[season.assets["planes"]]) == (3, 8, 2, 0)
    # From the 30th, 15:00, to the window's end, which is midnight of the 1st.
    assert figures(rows[season.assets["residences"]]) == (1, 33, 2, 2)
    assert rows[season.assets["planes"]]["utilization"] == round(8 / 744, 4)
    assert figures(rows[season.assets["watercraft"]]) == (0, 0, 0, 0)
    assert [row["label"] for row in answer["rows"]] == [
        "residences one",
        "planes one",
        "helicopters one",
        "watercraft one",
    ]
    assert figures(answer["totals"]) == (4, 41, 4, 2)
    assert answer["totals"]["capacity_hours"] == 4 * 744
    assert answer["totals"]["utilization"] == round(41 / (4 * 744), 4)
    assert (answer["from"], answer["to"]) == ("2031-03-01T05:00:00Z", "2031-04-01T05:00:00Z")
    assert (answer["group_by"], answer["section"], answer["time_zone"]) == ("asset", None, "America/Panama")


def test_members_have_their_share_of_all_there_is(
    db: Connection, database: str, season: Organization
) -> None:
    with as_user(database, season.owner) as owner:
        answer = report(owner, season, *MARCH, group_by="member")
        rows = by_key(answer)
        assert set(rows) == {season.member.id, season.manager.id}
        assert figures(rows[season.member.id]) == (2, 6, 2, 0)
        assert figures(rows[season.manager.id]) == (2, 35, 3, 2)
        assert rows[season.manager.id]["utilization"] == round(35 / (4 * 744), 4)
        assert rows[season.manager.id]["label"] == "Manager Testigo"
        assert rows[season.member.id]["maintenance_hours"] is None
        # Whoever was deleted has no name any more, and the hours were flown nonetheless.
        db.execute("update public.reservations set user_id = null where user_id = %s", [season.member.id])
        rows = by_key(report(owner, season, *MARCH, group_by="member"))
        assert figures(rows[None]) == (2, 6, 2, 0)  # type: ignore[index]  # JSON's null


def test_sections_and_the_filter_by_section(database: str, season: Organization) -> None:
    with as_user(database, season.admin) as admin:
        rows = by_key(report(admin, season, *MARCH, group_by="section"))
        assert {key: row["hours"] for key, row in rows.items()} == {
            "planes": 8,
            "helicopters": 0,
            "residences": 33,
            "watercraft": 0,
        }
        only = report(admin, season, *MARCH, group_by="section", section="planes")
        assert list(by_key(only)) == ["planes"]
        assert figures(only["totals"]) == (3, 8, 2, 0)


def test_months_are_those_of_the_organisations_zone(
    db: Connection, database: str, season: Organization
) -> None:
    with as_user(database, season.manager) as manager:
        window = (noon(2, 1, 5), noon(4, 10, 5))
        answer = report(manager, season, *window, group_by="month")
        assert [row["key"] for row in answer["rows"]] == ["2031-02", "2031-03", "2031-04"]
        assert [figures(row) for row in answer["rows"]] == [(1, 24, 2, 1), (4, 41, 4, 2), (1, 35, 2, 1)]
        assert [row["capacity_hours"] for row in answer["rows"]] == [4 * 672, 4 * 744, 4 * 216]
        # The stay over the month's end is in two months, and one booking in all.
        assert figures(answer["totals"]) == (5, 100, 8, 4)
        # In New York March has an hour less, and ends five hours earlier there than in Panama's winter: four.
        db.execute("update public.organizations set timezone = 'America/New_York' where id = %s", [season.id])
        answer = report(manager, season, noon(2, 20), noon(4, 10), group_by="month")
        assert [row["capacity_hours"] for row in answer["rows"]][1] == 4 * 743


def test_days_and_nights_are_the_assets_own(
    db: Connection, database: str, organization: Organization
) -> None:
    house = organization.assets["residences"]
    # 21:00 to 03:00 in Panama: a night and two days; 11:00 to 17:00 in Tokyo: one day.
    insert_booking(db, organization, house, noon(3, 6, 2), noon(3, 6, 8))
    window = (noon(3, 1), noon(3, 20))
    with as_user(database, organization.manager) as manager:
        assert figures(by_key(report(manager, organization, *window))[house]) == (1, 6, 2, 1)
        db.execute("update public.assets set timezone = 'Asia/Tokyo' where id = %s", [house])
        assert figures(by_key(report(manager, organization, *window))[house]) == (1, 6, 1, 0)


def test_hours_of_a_day_that_is_short_or_long(
    db: Connection, database: str, organization: Organization
) -> None:
    house = organization.assets["residences"]
    db.execute("update public.assets set timezone = 'America/New_York' where id = %s", [house])
    # The local days of 9 March (23 hours) and 2 November (25 hours) 2031.
    insert_booking(db, organization, house, noon(3, 9, 5), noon(3, 10, 4))
    insert_booking(db, organization, house, noon(11, 2, 4), noon(11, 3, 5))
    with as_user(database, organization.manager) as manager:
        short = by_key(report(manager, organization, noon(3, 9, 5), noon(3, 10, 4)))[house]
        long = by_key(report(manager, organization, noon(11, 2, 4), noon(11, 3, 5)))[house]
    assert (figures(short), short["utilization"]) == ((1, 23, 1, 1), 1)
    assert (figures(long), long["utilization"]) == ((1, 25, 1, 1), 1)


def test_a_booking_longer_than_the_window_fills_it(
    db: Connection, database: str, organization: Organization
) -> None:
    boat = organization.assets["watercraft"]
    insert_booking(db, organization, boat, noon(1, 1, year=2032), noon(6, 1, year=2032))
    with as_user(database, organization.manager) as manager:
        leap = report(manager, organization, noon(2, 29, 5, year=2032), noon(3, 1, 5, year=2032))
    row = by_key(leap)[boat]
    assert (figures(row), row["utilization"]) == ((1, 24, 1, 1), 1)


def test_maintenance_stands_beside_use(db: Connection, database: str, organization: Organization) -> None:
    plane = organization.assets["planes"]
    db.execute(
        "insert into app.occupancy (asset_id, occupied, kind, source_id)"
        " values (%s, tstzrange(%s, %s), 'maintenance', gen_random_uuid())",
        [plane, noon(2, 27, 5), noon(3, 2, 5)],
    )
    with as_user(database, organization.manager) as manager:
        answer = report(manager, organization, *MARCH)
        by_month = report(manager, organization, noon(2, 1, 5), noon(4, 1, 5), group_by="month")
    row = by_key(answer)[plane]
    assert (row["maintenance_hours"], row["hours"], row["utilization"]) == (24, 0, 0)
    assert answer["totals"]["maintenance_hours"] == 24
    assert [each["maintenance_hours"] for each in by_month["rows"]] == [48, 24]


def test_an_archived_asset_counts_until_it_went(db: Connection, database: str, season: Organization) -> None:
    archive = "update public.assets set deleted_at = %s where id = %s"
    # Past bookings only; the trigger would refuse what the calendar of 2031 still holds.
    boat = season.assets["watercraft"]
    with as_user(database, season.manager) as manager:
        db.execute(archive, [noon(3, 11, 5), boat])
        row = by_key(report(manager, season, *MARCH))[boat]
        assert row["capacity_hours"] == 240
        db.execute(archive, [noon(3, 1), boat])
        assert boat not in by_key(report(manager, season, noon(3, 2), noon(3, 3)))


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_reports_are_for_managers_and_above(database: str, organization: Organization, role: str) -> None:
    with as_user(database, organization.actor(role)) as connection, refused("FORBIDDEN", 403):
        report(connection, organization, *MARCH)


def test_another_organisations_report_does_not_exist(
    db: Connection, database: str, organization: Organization
) -> None:
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        report(stranger, organization, *MARCH)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"start": noon(4, 1), "end": noon(3, 1)}, "to"),
        ({"start": noon(3, 1), "end": noon(3, 1)}, "to"),
        ({"start": noon(3, 1), "end": noon(4, 1, year=2037)}, "to"),
        ({"start": noon(3, 1), "end": noon(4, 1), "group_by": "tail"}, "group_by"),
    ],
)
def test_what_cannot_be_reported_is_named(
    database: str, organization: Organization, arguments: Json, path: str
) -> None:
    with as_user(database, organization.manager) as manager, refused("VALIDATION_ERROR", 400) as failures:
        report(manager, organization, **arguments)
    assert [field["path"] for field in failures[0].details["fields"]] == [path]
