"""Events: what each change is called, and that snapshot and events make a fresh snapshot."""

import json

import pytest

from tests.actors import Connection, Organization, as_user, make_asset, make_organization, rpc
from tests.db.booking import (
    Json,
    Watcher,
    at,
    book,
    cancel,
    change,
    insert_booking,
    state,
)


def only(events: list[Json]) -> Json:
    assert len(events) == 1
    return events[0]


def sent(db: Connection, organization: Organization) -> list[tuple[str, Json]]:
    """What Realtime was given for this organisation, in order of sending."""
    rows = db.execute(
        "select event, payload from realtime.messages"
        " where topic = 'calendar-events' and private and payload ->> 'organization_id' = %s"
        " order by inserted_at, (payload ->> 'seq')::bigint",
        [organization.id],
    ).fetchall()
    return [(row["event"], row["payload"]) for row in rows]


def test_a_new_booking_is_created(
    member: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3), notes="Private.", guests=[{"name": "Secret"}])
    event = only(watcher.events())
    assert event["payload"] == {"reservation": state(booking), "previousState": None}
    assert (event["type"], event["reservation_id"]) == ("reservation_created", booking["id"])
    assert (event["asset_ids"], event["sections"]) == ([plane], ["planes"])
    assert event["source_user_id"] == organization.member.id
    assert event["organization_id"] == organization.id
    assert event["cursor"] == f"{event['seq']}-{event['id'][:8]}"
    assert event["occurred_at"].endswith("Z")
    assert "Private" not in json.dumps(event)
    assert "Secret" not in json.dumps(event)


def test_a_changed_booking_is_updated(member: Connection, watcher: Watcher, plane: str) -> None:
    before = book(member, plane, at(2), at(3))
    after = change(member, before, title="Other", start_date=at(2, 12))
    event = watcher.events()[-1]
    assert event["type"] == "reservation_updated"
    assert event["payload"] == {"reservation": state(after), "previousState": state(before)}


def test_a_changed_note_raises_the_version_that_calendars_show(
    member: Connection, watcher: Watcher, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    change(member, booking, notes="Only that")
    event = watcher.events()[-1]
    assert event["payload"]["reservation"] == {**state(booking), "version": 2}


def test_a_move_between_assets_names_both(
    member: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    boat = organization.assets["watercraft"]
    change(member, book(member, plane, at(2), at(3)), asset_id=boat)
    event = watcher.events()[-1]
    assert event["type"] == "reservation_updated"
    assert event["asset_ids"] == [boat, plane]
    assert event["sections"] == ["watercraft", "planes"]


def test_a_canceled_booking_shows_what_it_was_and_became(
    member: Connection, watcher: Watcher, plane: str
) -> None:
    before = book(member, plane, at(2), at(3))
    after = cancel(member, before)
    event = watcher.events()[-1]
    assert event["type"] == "reservation_canceled"
    assert event["payload"] == {"reservation": state(after), "previousState": state(before)}


@pytest.mark.parametrize("status", ["rejected", "canceled", "expired", "displaced"])
def test_whatever_leaves_the_calendar_is_canceled_with_its_status(
    db: Connection, organization: Organization, watcher: Watcher, plane: str, status: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3), status="pending")
    db.execute("update public.reservations set status = %s where id = %s", [status, booking["id"]])
    created, gone = watcher.events()
    assert (created["type"], created["payload"]["reservation"]["status"]) == (
        "reservation_created",
        "pending",
    )
    assert (gone["type"], gone["payload"]["reservation"]["status"]) == ("reservation_canceled", status)
    db.execute("update public.reservations set status = 'approved' where id = %s", [booking["id"]])
    assert watcher.events()[-1]["type"] == "reservation_created"


@pytest.mark.parametrize("status", ["approved", "completed"])
def test_whatever_stays_on_the_calendar_is_updated(
    db: Connection, organization: Organization, watcher: Watcher, plane: str, status: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3), status="pending")
    db.execute("update public.reservations set status = %s where id = %s", [status, booking["id"]])
    assert watcher.events()[-1]["type"] == "reservation_updated"


def test_a_delete_in_the_dashboard_is_canceled_by_nobody(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3))
    db.execute("delete from public.reservations where id = %s", [booking["id"]])
    created, gone = watcher.events()
    assert gone["type"] == "reservation_canceled"
    assert gone["payload"]["previousState"] == created["payload"]["reservation"]
    assert gone["payload"]["reservation"] == {**created["payload"]["reservation"], "status": "canceled"}
    assert created["source_user_id"] is gone["source_user_id"] is None


def test_a_cancel_that_also_moves_is_canceled_where_it_stood(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3))
    db.execute(
        "update public.reservations set status = 'canceled', asset_id = %s where id = %s",
        [organization.assets["watercraft"], booking["id"]],
    )
    gone = watcher.events()[-1]
    assert (gone["type"], gone["asset_ids"]) == ("reservation_canceled", [plane])
    assert gone["payload"]["reservation"]["asset_id"] == plane


def test_holds_and_closed_bookings_are_nobody_s_business(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    hold = insert_booking(db, organization, plane, at(2), at(3), status="hold")
    db.execute("update public.reservations set title = 'Still filling in' where id = %s", [hold["id"]])
    db.execute("delete from public.reservations where id = %s", [hold["id"]])
    closed = insert_booking(db, organization, plane, at(2), at(3), status="rejected")
    db.execute("update public.reservations set title = 'Closed' where id = %s", [closed["id"]])
    assert watcher.events() == []


def test_a_confirmed_hold_is_created(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    hold = insert_booking(db, organization, plane, at(2), at(3), status="hold")
    db.execute("update public.reservations set status = 'approved' where id = %s", [hold["id"]])
    assert only(watcher.events())["type"] == "reservation_created"


def test_an_update_that_changes_nothing_is_not_told(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3))
    db.execute("update public.reservations set title = title where id = %s", [booking["id"]])
    assert only(watcher.events())["type"] == "reservation_created"


def test_several_changes_of_one_booking_in_one_transaction_are_each_told(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    with db.transaction():
        booking = insert_booking(db, organization, plane, at(2), at(3))
        db.execute("update public.reservations set title = 'Second' where id = %s", [booking["id"]])
        db.execute("update public.reservations set status = 'canceled' where id = %s", [booking["id"]])
        db.execute("update public.reservations set status = 'approved' where id = %s", [booking["id"]])
        insert_booking(db, organization, plane, at(5), at(6))
        db.execute("delete from public.reservations where id = %s", [booking["id"]])
    kinds = [event["type"].removeprefix("reservation_") for event in watcher.events()]
    assert kinds == ["created", "updated", "canceled", "created", "created", "canceled"]


def test_what_was_rolled_back_is_not_told_and_leaves_no_gap(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    with db.transaction(force_rollback=True):
        insert_booking(db, organization, plane, at(2), at(3))
    with db.transaction():
        insert_booking(db, organization, plane, at(4), at(5))
        with db.transaction(force_rollback=True):
            insert_booking(db, organization, plane, at(6), at(7))
    insert_booking(db, organization, plane, at(8), at(9))
    assert len(watcher.events()) == 2


def test_each_event_is_sent_once_with_its_own_id(
    db: Connection, member: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    before = len(sent(db, organization))
    cancel(member, book(member, plane, at(2), at(3)))
    assert sent(db, organization)[before:] == [("calendar_event", event) for event in watcher.events()]


@pytest.mark.parametrize(("count", "hint"), [(10, False), (11, True)])
def test_more_than_ten_events_at_once_are_sent_as_one_hint(
    db: Connection, organization: Organization, watcher: Watcher, plane: str, count: int, hint: bool
) -> None:
    before = len(sent(db, organization))
    with db.transaction():
        for day in range(2, 2 + count):
            insert_booking(db, organization, plane, at(day), at(day, 12))
    events = watcher.events()
    assert len(events) == count
    messages = sent(db, organization)[before:]
    if hint:
        ((kind, payload),) = messages
        assert kind == "read_log"
        assert (payload["organization_id"], payload["cursor"]) == (organization.id, events[-1]["cursor"])
    else:
        assert messages == [("calendar_event", event) for event in events]


def test_a_transaction_over_two_organisations_tells_each_its_own(
    database: str, db: Connection, organization: Organization, watcher: Watcher
) -> None:
    other = make_organization(db)
    other_watcher = Watcher(database, other)
    with db.transaction():
        for day in range(2, 8):
            for office in (organization, other):
                insert_booking(db, office, office.assets["planes"], at(day), at(day, 12))
    assert len(watcher.events()) == len(other_watcher.events()) == 6


def test_a_deleted_person_s_bookings_to_come_are_canceled_and_the_past_keeps_no_name(
    database: str, db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    past = insert_booking(db, organization, plane, at(-3), at(-2))
    coming = insert_booking(db, organization, plane, at(2), at(3))
    db.execute("delete from auth.users where id = %s", [organization.member.id])
    rows = db.execute(
        "select id::text, user_id, status::text from public.reservations where organization_id = %s",
        [organization.id],
    ).fetchall()
    assert {row["id"]: (row["user_id"], row["status"]) for row in rows} == {
        past["id"]: (None, "approved"),
        coming["id"]: (None, "canceled"),
    }
    kinds = [event["type"].removeprefix("reservation_") for event in watcher.events()]
    assert sorted(kinds) == ["canceled", "created", "created", "updated"]
    with as_user(database, organization.manager) as manager:
        assert rpc(manager, "get_reservation", p_reservation_id=past["id"])["booked_by"] is None
        book(manager, plane, at(2), at(3))


def test_events_may_also_be_logged_at_once(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    before = len(sent(db, organization))
    with db.transaction():
        db.execute("set constraints all immediate")
        for day in range(2, 4):
            insert_booking(db, organization, plane, at(day), at(day, 12))
        db.execute("set constraints all deferred")
        for day in range(4, 6):
            insert_booking(db, organization, plane, at(day), at(day, 12))
    assert sent(db, organization)[before:] == [("calendar_event", event) for event in watcher.events()]
    assert len(watcher.events()) == 4


def test_an_asset_deleted_with_its_booking_takes_it_off_the_calendar(
    db: Connection, organization: Organization, watcher: Watcher
) -> None:
    yacht = make_asset(db, organization.id, "watercraft", "Sold")
    booking = insert_booking(db, organization, yacht, at(2), at(3))
    with db.transaction():
        db.execute("delete from public.reservations where id = %s", [booking["id"]])
        db.execute("delete from public.assets where id = %s", [yacht])
    created, canceled = watcher.events()
    assert (created["type"], canceled["type"]) == ("reservation_created", "reservation_canceled")
    assert canceled["sections"] == ["watercraft"]


def test_an_asset_deleted_after_its_booking_moved_away_is_still_named_with_its_section(
    db: Connection, organization: Organization, watcher: Watcher, plane: str
) -> None:
    yacht = make_asset(db, organization.id, "watercraft", "Sold")
    booking = insert_booking(db, organization, yacht, at(2), at(3))
    with db.transaction():
        db.execute("update public.reservations set asset_id = %s where id = %s", [plane, booking["id"]])
        db.execute("delete from public.assets where id = %s", [yacht])
    _, moved = watcher.events()
    assert (moved["asset_ids"], moved["sections"]) == ([plane, yacht], ["planes", "watercraft"])
