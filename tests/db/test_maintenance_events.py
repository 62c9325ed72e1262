"""Maintenance in the event log: what each change is called, numbered with the bookings' own."""

import threading

import psycopg

from tests.actors import Connection, Organization, as_user, connect, make_asset, make_organization
from tests.db.booking import Json, Watcher, at, book, fetch_calendar, insert_booking
from tests.db.maintenance import call_off, insert_window, reschedule, schedule

SHOWN = ("id", "asset_id", "title", "start_date", "end_date", "status", "version")


def state(window: Json) -> Json:
    return {key: window[key] for key in SHOWN}


def test_each_change_of_a_window_has_its_event(
    database: str, organization: Organization, watcher: Watcher, plane: str
) -> None:
    helicopter = organization.assets["helicopters"]
    with as_user(database, organization.admin) as admin:
        first = schedule(admin, plane, at(9), at(10))
        second = reschedule(admin, first, title="Engine")
        third = reschedule(admin, second, asset_id=helicopter)
        last = call_off(admin, third)
    events = watcher.events()
    assert [(event["type"], event["payload"]) for event in events] == [
        ("maintenance_scheduled", {"maintenance": state(first), "previousState": None}),
        ("maintenance_updated", {"maintenance": state(second), "previousState": state(first)}),
        ("maintenance_updated", {"maintenance": state(third), "previousState": state(second)}),
        ("maintenance_canceled", {"maintenance": state(last), "previousState": state(third)}),
    ]
    assert [event["asset_ids"] for event in events] == [[plane], [plane], [helicopter, plane], [helicopter]]
    assert events[2]["sections"] == ["helicopters", "planes"]
    for event in events:
        assert (event["maintenance_id"], event["reservation_id"]) == (first["id"], None)
        assert event["source_user_id"] == organization.admin.id


def test_what_the_dashboard_does_to_windows_is_told_too(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    window = insert_window(db, organization, plane, at(9), at(10))
    for change in (
        "set title = title",
        f"set status = 'canceled', asset_id = '{organization.assets['residences']}'",
        "set cancellation_reason = 'Nobody need know'",
        "set status = 'scheduled'",
    ):
        db.execute(f"update public.maintenance_windows w {change} where id = %s".encode(), [window["id"]])
    db.execute("delete from public.maintenance_windows where id = %s", [window["id"]])
    events = watcher.events()
    assert [event["type"].partition("_")[2] for event in events] == [
        "scheduled",
        "canceled",
        "scheduled",
        "canceled",
    ]
    # Those who watched the plane need not learn of the residence.
    assert events[1]["asset_ids"] == [plane]
    assert events[1]["payload"]["maintenance"]["asset_id"] == plane
    assert events[3]["payload"]["maintenance"]["status"] == "canceled"


def test_a_window_and_the_bookings_that_it_cancels_are_one_run_of_numbers(
    database: str, organization: Organization, member: Connection, watcher: Watcher, plane: str
) -> None:
    for day in (10, 11):
        book(member, plane, at(day), at(day, 12))
    with as_user(database, organization.admin) as admin:
        schedule(admin, plane, at(9), at(12), resolution="cancel")
    assert [event["type"] for event in watcher.events()][2:] == [
        "maintenance_scheduled",
        "reservation_canceled",
        "reservation_canceled",
    ]


def test_a_window_deleted_with_its_asset_is_told_by_the_assets_section(
    db: Connection, organization: Organization, watcher: Watcher
) -> None:
    yacht = make_asset(db, organization.id, "watercraft", "Second yacht")
    window = insert_window(db, organization, yacht, at(9), at(10))
    with db.transaction():
        db.execute("delete from public.maintenance_windows where id = %s", [window["id"]])
        db.execute("delete from public.assets where id = %s", [yacht])
    events = watcher.events()
    assert [(event["type"], event["sections"]) for event in events] == [
        ("maintenance_scheduled", ["watercraft"]),
        ("maintenance_canceled", ["watercraft"]),
    ]


def test_a_deleted_organisation_takes_its_windows_with_it(
    db: Connection, organization: Organization, plane: str
) -> None:
    insert_window(db, organization, plane, at(9), at(10))
    db.execute("delete from public.organizations where id = %s", [organization.id])
    left = db.execute("select count(*) as n from app.occupancy where asset_id = %s", [plane]).fetchone()
    assert left == {"n": 0}


def test_who_books_and_who_maintains_in_two_organisations_do_not_deadlock(
    database: str, db: Connection, organization: Organization, watcher: Watcher
) -> None:
    other = make_organization(db)
    barrier = threading.Barrier(2)
    failures: list[psycopg.Error] = []

    def write(first: Organization, second: Organization, section: str) -> None:
        with connect(database) as connection:
            for day in range(2, 12):
                barrier.wait(timeout=60)
                try:
                    with connection.transaction():
                        insert_window(connection, first, first.assets[section], at(day), at(day, 12))
                        insert_booking(connection, second, second.assets[section], at(day), at(day, 12))
                except psycopg.Error as error:
                    failures.append(error)

    threads = [
        threading.Thread(target=write, args=(organization, other, "planes")),
        threading.Thread(target=write, args=(other, organization, "watercraft")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    assert len(watcher.events()) == 20


def test_the_calendar_shows_the_windows_that_a_tier_may_see_in_the_time_asked_for(
    database: str, db: Connection, organization: Organization, member: Connection
) -> None:
    windows = {
        section: insert_window(db, organization, asset, at(10), at(12))["id"]
        for section, asset in organization.assets.items()
    }
    insert_window(db, organization, organization.assets["planes"], at(40), at(41), status="canceled")

    def shown(connection: Connection, **arguments: object) -> set[str]:
        maintenance = fetch_calendar(connection, organization.id, **arguments)["maintenance"]
        return {row["id"] for row in maintenance}

    assert shown(member) == set(windows.values())
    assert shown(member, section="planes") == {windows["planes"]}
    assert shown(member, asset_ids=[organization.assets["residences"]]) == {windows["residences"]}
    assert shown(member, **{"from": at(11), "to": at(11, 12)}) == set(windows.values())
    for times in ({"from": at(12), "to": at(13)}, {"from": at(9), "to": at(10)}):
        assert shown(member, **times) == set()
    db.execute("update public.tiers set sections = '{planes}' where id = %s", [organization.tier])
    assert shown(member) == {windows["planes"]}
    with as_user(database, organization.manager) as manager:
        assert shown(manager) == set(windows.values())
