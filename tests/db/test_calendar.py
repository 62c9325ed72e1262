"""calendar(): what stands in a window, for whom, from one snapshot with the log's position."""

import threading
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_anonymous,
    as_user,
    connect,
    make_organization,
    refused,
)
from tests.db.booking import apply_events, at, book, fetch_calendar, fetch_events, insert_booking, state, utc


def titles(calendar: dict[str, Any]) -> list[str]:
    return [row["title"] for row in calendar["reservations"]]


def test_a_booking_shows_what_every_member_may_see_and_no_more(
    database: str, member: Connection, organization: Organization, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3), notes="Private.", guest_count=2, guests=[{"name": "Ana"}])
    with as_user(database, organization.viewer) as viewer:
        calendar = fetch_calendar(viewer, organization.id)
    assert calendar["reservations"] == [state(booking)]
    assert calendar["cursor"].startswith("1-")


def test_the_window_is_half_open_and_holds_whatever_touches_it(
    db: Connection, member: Connection, organization: Organization
) -> None:
    for section, start, end, title in [
        ("planes", at(10, 0), at(11, 0), "ends as it begins"),
        ("planes", at(11, 0), at(11, 1), "begins with it"),
        ("helicopters", at(10, 23), at(11, 1), "reaches in"),
        ("watercraft", at(1, 0), at(30, 0), "spans it"),
        ("planes", at(11, 23), at(13, 0), "reaches out"),
        ("helicopters", at(12, 0), at(13, 0), "begins as it ends"),
    ]:
        insert_booking(db, organization, organization.assets[section], start, end, title=title)
    calendar = fetch_calendar(member, organization.id, **{"from": at(11, 0), "to": at(12, 0)})
    assert titles(calendar) == ["spans it", "reaches in", "begins with it", "reaches out"]


def test_the_longest_booking_shows_in_its_middle(
    db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    insert_booking(db, organization, plane, at(0, 0), at(366, 0), title="A year")
    for day in (0, 180, 365):
        window = {"from": at(day, 1), "to": at(day, 2)}
        assert titles(fetch_calendar(member, organization.id, **window)) == ["A year"]


def test_what_stands_shows_and_what_was_given_up_does_not(
    db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    statuses = ["hold", "pending", "approved", "rejected", "canceled", "completed", "expired", "displaced"]
    for day, status in enumerate(statuses, start=2):
        insert_booking(db, organization, plane, at(day), at(day, 12), status=status, title=status)
    assert titles(fetch_calendar(member, organization.id)) == ["pending", "approved", "completed"]


def test_it_is_narrowed_by_assets_and_by_section(member: Connection, organization: Organization) -> None:
    assets = organization.assets
    for section, asset in assets.items():
        book(member, asset, at(2), at(3), title=section)
    wanted = [assets["planes"], assets["residences"]]
    assert set(titles(fetch_calendar(member, organization.id, asset_ids=wanted))) == {"planes", "residences"}
    assert titles(fetch_calendar(member, organization.id, section="watercraft")) == ["watercraft"]
    both = fetch_calendar(member, organization.id, asset_ids=wanted, section="planes")
    assert titles(both) == ["planes"]
    assert fetch_calendar(member, organization.id, asset_ids=[])["reservations"] == []


def test_a_tier_s_sections_narrow_it_for_members_but_not_for_managers(
    database: str, db: Connection, member: Connection, organization: Organization
) -> None:
    for section, asset in organization.assets.items():
        insert_booking(db, organization, asset, at(2), at(3), title=section)
    db.execute("update public.tiers set sections = '{planes,residences}' where id = %s", [organization.tier])
    assert set(titles(fetch_calendar(member, organization.id))) == {"planes", "residences"}
    assert titles(fetch_calendar(member, organization.id, section="watercraft")) == []
    with as_user(database, organization.manager) as manager:
        assert len(titles(fetch_calendar(manager, organization.id))) == 4


@pytest.mark.parametrize(
    ("start", "end", "path"),
    [
        (at(2), at(2), "to"),
        (at(3), at(2), "to"),
        (at(0, 0), at(400, 1), "to"),
        (at(0), "infinity", "to"),
        (None, at(2), "from"),
    ],
)
def test_impossible_windows_are_refused(
    member: Connection, organization: Organization, start: Any, end: Any, path: str
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        fetch_calendar(member, organization.id, **{"from": start, "to": end})
    assert [field["path"] for field in failures[0].details["fields"]] == [path]


def test_strangers_find_no_such_organisation(
    database: str, db: Connection, organization: Organization
) -> None:
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        fetch_calendar(stranger, organization.id)
    with as_anonymous(database) as nobody, pytest.raises(psycopg.errors.InsufficientPrivilege):
        fetch_calendar(nobody, organization.id)


def test_a_quiet_calendar_has_a_cursor_too(member: Connection, organization: Organization) -> None:
    assert fetch_calendar(member, organization.id) == {
        "reservations": [],
        "maintenance": [],
        "cursor": "0-00000000",
    }


def test_snapshot_and_cursor_are_of_one_moment_while_others_book(
    database: str, member: Connection, organization: Organization
) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def write(section: str) -> None:
        try:
            with connect(database) as connection:
                for day in range(2, 62):
                    booking = insert_booking(
                        connection, organization, organization.assets[section], at(day), at(day, 12)
                    )
                    if day % 3 == 0:
                        connection.execute("delete from public.reservations where id = %s", [booking["id"]])
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    writers = [threading.Thread(target=write, args=[section]) for section in organization.assets]
    for thread in writers:
        thread.start()
    snapshots = []
    while not done.is_set():
        snapshots.append(fetch_calendar(member, organization.id))
        if not any(thread.is_alive() for thread in writers):
            done.set()
    for thread in writers:
        thread.join(timeout=60)
    assert failures == []
    final = fetch_calendar(member, organization.id)
    for snapshot in snapshots:
        events = fetch_events(database, organization.id, snapshot["cursor"])["events"]
        assert apply_events(snapshot, events)["reservations"] == final["reservations"]


def test_times_are_utc_with_a_fraction_only_where_there_is_one(
    db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    member.execute("set timezone = 'America/New_York'")
    insert_booking(db, organization, plane, at(2), at(3).replace(microsecond=120))
    row = fetch_calendar(member, organization.id)["reservations"][0]
    assert (row["start_date"], row["end_date"]) == (utc(at(2)), utc(at(3))[:-1] + ".000120Z")
