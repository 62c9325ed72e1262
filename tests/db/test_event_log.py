"""The event log: no seq is missing or out of order, cursors are verified, and what is old is pruned."""

import threading
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    as_service,
    as_user,
    connect,
    make_organization,
    refused,
    rpc,
)
from tests.db.booking import Watcher, at, book, change, fetch_calendar, fetch_events, insert_booking


def test_two_transactions_over_the_same_organisations_do_not_deadlock(
    database: str, db: Connection, organization: Organization, watcher: Watcher
) -> None:
    other = make_organization(db)
    barrier = threading.Barrier(2)
    failures: list[psycopg.Error] = []

    def write(section: str, offices: list[Organization]) -> None:
        with connect(database) as connection:
            for day in range(2, 22):
                barrier.wait(timeout=60)
                try:
                    with connection.transaction():
                        for office in offices:
                            insert_booking(connection, office, office.assets[section], at(day), at(day, 12))
                except psycopg.Error as error:
                    failures.append(error)

    threads = [
        threading.Thread(target=write, args=("planes", [organization, other])),
        threading.Thread(target=write, args=("watercraft", [other, organization])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    assert len(watcher.events()) == 40


def test_who_waits_too_long_for_the_counter_is_told_to_come_again(
    database: str, db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    with connect(database) as stuck, stuck.transaction(force_rollback=True):
        insert_booking(stuck, organization, organization.assets["watercraft"], at(2), at(3))
        stuck.execute("set constraints all immediate")
        with refused("SERVICE_UNAVAILABLE", 503):
            insert_booking(db, organization, plane, at(2), at(3))
    insert_booking(db, organization, plane, at(2), at(3))
    assert len(watcher.events()) == 1


def test_seq_has_no_gaps_and_is_in_the_order_of_the_commits(
    database: str, organization: Organization, watcher: Watcher
) -> None:
    """Sixteen write, a fifth roll back, and a reader never sees a seq before a lower one."""
    done = threading.Event()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        asset = list(organization.assets.values())[number % 4]
        with connect(database) as connection:
            for n in range(12):
                start = at(2 + number * 12 + n, number)
                with connection.transaction(force_rollback=(number + n) % 5 == 0):
                    insert_booking(
                        connection, organization, asset, start, at(2 + number * 12 + n, number + 1)
                    )

    def read() -> None:
        with connect(database) as connection:
            while not done.is_set():
                row = connection.execute(
                    "select count(*) as n, coalesce(max(seq), 0) as top from public.calendar_events"
                    " where organization_id = %s",
                    [organization.id],
                ).fetchone()
                if row is None or row["n"] != row["top"]:
                    failures.append(AssertionError(f"a gap was visible: {row}"))

    def guarded(action: Any) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    reader = threading.Thread(target=guarded, args=[read])
    writers = [threading.Thread(target=guarded, args=[partial(write, number)]) for number in range(16)]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join(timeout=120)
    done.set()
    reader.join(timeout=60)
    assert failures == []
    events = watcher.events()
    assert len(events) == sum((number + n) % 5 != 0 for number in range(16) for n in range(12))
    assert [event["occurred_at"] for event in events] == sorted(event["occurred_at"] for event in events)


def test_a_deleted_organisation_takes_its_log_with_it(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    insert_booking(db, organization, plane, at(2), at(3))
    db.execute("delete from public.organizations where id = %s", [organization.id])
    answer = fetch_events(database, organization.id, "1-00000000")
    assert (answer["status"], answer["cursor"]) == ("cursor_unknown", "0-00000000")
    row = db.execute("select count(*) as n from app.occupancy where asset_id = %s", [plane]).fetchone()
    assert row == {"n": 0}


def test_a_cursor_continues_the_log_page_by_page(
    database: str, member: Connection, organization: Organization, plane: str
) -> None:
    for day in range(2, 7):
        book(member, plane, at(day), at(day, 12))
    cursor, seen = "0-00000000", []
    while True:
        answer = fetch_events(database, organization.id, cursor, limit=2)
        seen += [event["seq"] for event in answer["events"]]
        if not answer["has_more"]:
            break
        cursor = answer["events"][-1]["cursor"]
    assert seen == [1, 2, 3, 4, 5]
    assert fetch_events(database, organization.id, answer["cursor"]) == {**answer, "events": []}
    assert fetch_events(database, organization.id, None) == {**answer, "events": []}


@pytest.mark.parametrize(
    "cursor",
    ["1-00000000", "2-00000000", "99-00000000", "0-12345678", "", "x", "1", "-1-00000000", "1-0000000g"],
)
def test_a_cursor_of_another_history_is_unknown(
    database: str, member: Connection, organization: Organization, plane: str, cursor: str
) -> None:
    book(member, plane, at(2), at(3))
    book(member, plane, at(4), at(5))
    assert fetch_events(database, organization.id, cursor)["status"] == "cursor_unknown"


def test_the_log_is_pruned_after_a_week_and_continues_from_its_head(
    database: str, db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    cursors = ["0-00000000"]
    for day in range(2, 6):
        book(member, plane, at(day), at(day, 12))
        cursors.append(fetch_events(database, organization.id, None)["cursor"])
    # The third is younger than the fourth: a clock was set back between them.
    for seq, hours in ((1, 200), (2, 169), (3, 1), (4, 170)):
        db.execute(
            "update public.calendar_events set occurred_at = now() - make_interval(hours => %s)"
            " where organization_id = %s and seq = %s",
            [hours, organization.id, seq],
        )
    with as_service(database) as service:
        assert rpc(service, "prune_calendar_events") == 1
    statuses = [fetch_events(database, organization.id, cursor)["status"] for cursor in cursors]
    assert statuses == ["cursor_expired", "cursor_expired", "ok", "ok", "ok"]
    db.execute(
        "update public.calendar_events set occurred_at = now() - interval '192 hours'"
        " where organization_id = %s",
        [organization.id],
    )
    with as_service(database) as service:
        rpc(service, "prune_calendar_events")
    assert fetch_events(database, organization.id, cursors[-1])["status"] == "ok"
    with as_user(database, organization.manager) as manager:
        assert fetch_calendar(manager, organization.id)["cursor"] == cursors[-1]
    assert book(member, plane, at(8), at(9))["status"] == "approved"
    assert [event["seq"] for event in fetch_events(database, organization.id, cursors[-1])["events"]] == [5]


def test_the_log_itself_shows_only_what_one_may_see_in_both_states(
    database: str, db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    change(member, booking, asset_id=organization.assets["watercraft"])
    db.execute("update public.tiers set sections = '{watercraft}' where id = %s", [organization.tier])
    with (
        as_user(database, organization.member) as limited,
        as_user(database, organization.manager) as manager,
    ):
        query = "select seq from public.calendar_events where organization_id = %s order by seq"
        change(manager, booking, title="Now in the open")
        assert limited.execute(query, [organization.id]).fetchall() == [{"seq": 3}]
        assert manager.execute(query, [organization.id]).fetchall() == [{"seq": 1}, {"seq": 2}, {"seq": 3}]


def test_a_long_log_is_pruned_within_a_request(
    database: str, admin_database: str, organization: Organization
) -> None:
    with connect(admin_database) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            """
            insert into public.calendar_events
                (organization_id, seq, id, type, reservation_id, asset_ids, sections, payload, occurred_at)
            select %(organization)s, n, gen_random_uuid(), 'reservation_updated', gen_random_uuid(),
                array[%(asset)s::uuid], '{planes}', '{}',
                now() - interval '168 hours' + (n - 20000) * interval '10 minutes'
            from generate_series(1, 20100) n
            """,
            {"organization": organization.id, "asset": organization.assets["planes"]},
        )
        admin.execute(
            "update app.event_counters set last_seq = 20100 where organization_id = %s", [organization.id]
        )
    with as_service(database) as service:
        # What hosted Supabase allows a request.
        service.execute("set statement_timeout = '8s'")
        assert rpc(service, "prune_calendar_events") == 19999
