"""Holds: kept for five minutes, ignored the moment they expire, and confirmed without a gap."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.actors import Connection, Organization, as_service, as_user, make_organization, refused, rpc
from tests.db.approving import make_rule
from tests.db.booking import (
    Json,
    Watcher,
    at,
    book,
    cancel,
    change,
    expire_hold,
    hold,
    insert_booking,
    occupied,
    utc,
    wait_for_lock,
)
from tests.db.racing import race


def exists(db: Connection, held: Json) -> bool:
    return db.execute("select from public.reservations where id = %s", [held["id"]]).rowcount == 1


def test_a_hold_keeps_the_time_for_five_minutes_and_tells_nobody(
    db: Connection,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
    watcher: Watcher,
) -> None:
    held = hold(member, plane, at(2), at(3))
    assert held == {
        "id": held["id"],
        "organization_id": organization.id,
        "asset_id": plane,
        "start_date": utc(at(2)),
        "end_date": utc(at(3)),
        "time_zone": "America/Panama",
        "expires_at": held["expires_at"],
        "outcome": "approved",
        "violations": [],
    }
    minutes = db.execute(
        "select hold_expires_at - created_at = interval '5 minutes' as five"
        " from public.reservations where id = %s",
        [held["id"]],
    ).fetchone()
    assert minutes == {"five": True}
    with refused("CONFLICT", 409) as failures:
        book(manager, plane, at(2, 12), at(4))
    assert failures[0].details["conflicts"] == [
        {"kind": "hold", "start_date": utc(at(2)), "end_date": utc(at(3))}
    ]
    assert failures[0].details["displaceable"] is False
    assert watcher.events() == []


def test_a_new_hold_takes_the_place_of_the_old(
    db: Connection, member: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    first = hold(member, plane, at(2), at(3))
    boat = hold(member, organization.assets["watercraft"], at(2), at(3))
    second = hold(member, plane, at(2, 12), at(4))
    assert (exists(db, first), exists(db, second), exists(db, boat)) == (False, True, True)
    book(manager, plane, at(2), at(2, 12))
    with refused("CONFLICT", 409):
        hold(member, plane, at(2), at(3))
    assert exists(db, second), "what could not be replaced stays"


def test_confirming_turns_the_hold_into_the_booking(
    db: Connection, member: Connection, plane: str, watcher: Watcher
) -> None:
    held = hold(member, plane, at(2), at(3))
    booking = book(member, plane, at(2), at(3), hold_id=held["id"], title="Bocas", notes="Two bags.")
    assert (booking["id"], booking["title"], booking["status"], booking["notes"]) == (
        held["id"],
        "Bocas",
        "approved",
        "Two bags.",
    )
    assert booking["hold_expires_at"] is None
    kinds = db.execute(
        "select kind, expires_at from app.occupancy where source_id = %s", [held["id"]]
    ).fetchall()
    assert kinds == [{"kind": "reservation", "expires_at": None}]
    assert [event["type"] for event in watcher.events()] == ["reservation_created"]
    with refused("NOT_FOUND", 404):
        book(member, plane, at(2), at(3), hold_id=held["id"])


def test_a_hold_is_confirmed_for_other_times_if_they_are_free(
    member: Connection, manager: Connection, plane: str
) -> None:
    book(manager, plane, at(4), at(5))
    held = hold(member, plane, at(2), at(3))
    with refused("CONFLICT", 409):
        book(member, plane, at(2, 12), at(4, 12), hold_id=held["id"])
    booking = book(member, plane, at(2, 12), at(4), hold_id=held["id"])
    assert (booking["id"], booking["end_date"]) == (held["id"], utc(at(4)))


def test_a_hold_of_someone_else_or_of_another_asset_does_not_exist(
    database: str,
    db: Connection,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
) -> None:
    held = hold(manager, plane, at(2), at(3))
    stranger = make_organization(db)
    with as_user(database, stranger.owner) as outside:
        with refused("NOT_FOUND", 404):
            book(outside, stranger.assets["planes"], at(2), at(3), hold_id=held["id"])
        with refused("NOT_FOUND", 404):
            rpc(outside, "release_hold", p_hold_id=held["id"])
    with refused("NOT_FOUND", 404):
        book(member, plane, at(2), at(3), hold_id=held["id"])
    with refused("NOT_FOUND", 404):
        rpc(member, "release_hold", p_hold_id=held["id"])
    with refused("NOT_FOUND", 404):
        book(manager, organization.assets["watercraft"], at(2), at(3), hold_id=held["id"])
    assert exists(db, held)


def test_an_expired_hold_is_in_nobody_s_way_and_confirms_nothing(
    db: Connection, member: Connection, manager: Connection, plane: str
) -> None:
    held = hold(member, plane, at(2), at(3))
    expire_hold(db, held["id"])
    answer = rpc(manager, "asset_availability", p_asset_id=plane, p_start_date=at(2), p_end_date=at(3))
    assert (answer["is_available"], answer["conflicting_reservations"]) == (True, [])
    with refused("INVALID_STATE", 409) as failures:
        book(member, plane, at(2), at(3), hold_id=held["id"])
    assert failures[0].details["reason"] == "hold_expired"
    book(manager, plane, at(2), at(3))
    assert (exists(db, held), occupied(db, plane)) == (False, 1)


def test_the_dashboard_takes_the_place_of_an_expired_hold_too(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    held = hold(member, plane, at(2), at(3))
    with refused("CONFLICT", 409):
        insert_booking(db, organization, plane, at(2), at(3))
    expire_hold(db, held["id"])
    insert_booking(db, organization, plane, at(2), at(3))
    assert occupied(db, plane) == 1
    # Its row is no hold of anything any more, whatever is done to it.
    db.execute("update public.reservations set title = 'Still there' where id = %s", [held["id"]])
    assert occupied(db, plane) == 1


def test_an_alternative_may_lie_over_an_expired_hold(
    db: Connection, member: Connection, manager: Connection, plane: str
) -> None:
    held = hold(member, plane, at(3), at(4))
    expire_hold(db, held["id"])
    insert = book(member, plane, at(2), at(3))
    with refused("CONFLICT", 409) as failures:
        book(manager, plane, at(2), at(3))
    assert {"start_date": utc(at(3)), "end_date": utc(at(4))} in failures[0].details["alternatives"]
    assert insert["status"] == "approved"


def test_an_asset_is_archived_past_an_expired_hold(db: Connection, member: Connection, plane: str) -> None:
    held = hold(member, plane, at(2), at(3))
    archive = "update public.assets set deleted_at = now() where id = %s"
    with refused("INVALID_STATE", 409):
        db.execute(archive, [plane])
    expire_hold(db, held["id"])
    assert db.execute(archive, [plane]).rowcount == 1


def test_a_hold_that_is_refused_by_the_rules_is_not_made(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    make_rule(
        db,
        organization,
        rule_type="duration",
        conditions='{"max_minutes": 60}',
        effect="deny",
        name="An hour",
    )
    make_rule(db, organization)
    with refused("RULE_VIOLATION", 422) as failures:
        hold(member, plane, at(2), at(3))
    assert [found["code"] for found in failures[0].details["violations"]] == ["duration_too_long", "custom"]
    assert hold(member, plane, at(2, 10), at(2, 11))["outcome"] == "pending"


def test_notice_is_asked_for_when_holding_and_not_once_more_when_confirming(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    held = hold(member, plane, at(2), at(3))
    make_rule(
        db,
        organization,
        rule_type="lead_time",
        conditions='{"min_hours": 240}',
        effect="deny",
        name="Ten days",
    )
    with refused("RULE_VIOLATION", 422):
        book(member, plane, at(2, 11), at(3), hold_id=held["id"])
    assert book(member, plane, at(2), at(3), hold_id=held["id"])["status"] == "approved"


def test_a_hold_is_given_up(
    organization: Organization, member: Connection, manager: Connection, plane: str
) -> None:
    held = hold(member, plane, at(2), at(3))
    assert rpc(member, "release_hold", p_hold_id=held["id"]) == {
        "id": held["id"], "organization_id": organization.id,
    }  # fmt: skip
    with refused("NOT_FOUND", 404):
        rpc(member, "release_hold", p_hold_id=held["id"])
    book(manager, plane, at(2), at(3))


def test_a_hold_is_neither_changed_nor_cancelled(member: Connection, plane: str) -> None:
    held = hold(member, plane, at(2), at(3))
    with refused("INVALID_STATE", 409):
        change(member, held, title="x")
    with refused("INVALID_STATE", 409):
        cancel(member, held)


def test_who_may_not_book_may_not_hold(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    with as_user(database, organization.viewer) as viewer, refused("FORBIDDEN", 403):
        hold(viewer, plane, at(2), at(3))
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        hold(stranger, plane, at(2), at(3))


@pytest.mark.parametrize(
    ("start", "end"),
    [(at(3), at(2)), (at(2), at(2)), ("-infinity", at(2)), (at(2), "infinity"), (at(-1), at(1))],
)
def test_a_hold_of_impossible_times_is_refused(member: Connection, plane: str, start: str, end: str) -> None:
    with refused("VALIDATION_ERROR", 400):
        hold(member, plane, start, end)  # type: ignore[arg-type]  # what a client may send


def test_of_two_who_hold_one_slot_one_gets_it(member: Connection, manager: Connection, plane: str) -> None:
    outcomes = race([partial(hold, each, plane, at(2), at(3)) for each in (member, manager)])
    assert outcomes == {"done": 1, "CONFLICT": 1}


def test_confirming_waits_for_whoever_takes_the_hold_away(
    database: str, db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    held = hold(member, plane, at(2), at(3))
    with as_user(database, organization.member) as second, ThreadPoolExecutor(1) as pool:
        with member.transaction():
            rpc(member, "release_hold", p_hold_id=held["id"])
            answer = pool.submit(book, second, plane, at(2), at(3), hold_id=held["id"])
            wait_for_lock(db, second)
        with refused("INVALID_STATE", 409) as failures:
            answer.result(timeout=20)
    assert failures[0].details == {"reason": "hold_expired"}


def test_expiry_can_run_twice_at_once_and_counts_what_it_did(
    database: str, db: Connection, member: Connection, organization: Organization, plane: str
) -> None:
    with as_service(database) as service:
        rpc(service, "expire_holds")
    gone = [hold(member, asset, at(2), at(3)) for asset in organization.assets.values()]
    for held in gone:
        expire_hold(db, held["id"])
    kept = hold(member, plane, at(5), at(6))
    expected = len(gone) - 1  # The last hold swept its own asset.
    with as_service(database) as one, as_service(database) as two, ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(rpc, each, "expire_holds") for each in (one, two)]
        assert sum(count.result(timeout=20) for count in counts) == expected
        assert rpc(one, "expire_holds") == 0
    assert [exists(db, held) for held in gone] == [False] * len(gone)
    assert exists(db, kept)


def test_expiry_leaves_an_asset_to_whoever_writes_to_it(
    database: str, db: Connection, member: Connection, plane: str
) -> None:
    expire_hold(db, hold(member, plane, at(2), at(3))["id"])
    with as_service(database) as service:
        with db.transaction():
            db.execute("select app.lock_assets(array[%s]::uuid[])", [plane])
            assert rpc(service, "expire_holds") == 0
        assert rpc(service, "expire_holds") == 1


def test_what_is_over_is_completed_once_by_two_at_once(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    with as_service(database) as service:
        rpc(service, "complete_reservations")
    past = [insert_booking(db, organization, plane, at(-day - 1), at(-day)) for day in range(1, 30)]
    under_way = insert_booking(db, organization, plane, at(-1), at(2))
    pending = insert_booking(
        db, organization, organization.assets["watercraft"], at(-2), at(-1), status="pending"
    )
    before = occupied(db, plane)
    with as_service(database) as one, as_service(database) as two, ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(rpc, each, "complete_reservations") for each in (one, two)]
        assert sum(count.result(timeout=20) for count in counts) == len(past)
        assert rpc(one, "complete_reservations") == 0
    statuses = Counter(
        row["status"]
        for row in db.execute(
            "select status from public.reservations where organization_id = %s", [organization.id]
        )
    )
    assert statuses == {"completed": len(past), "approved": 1, "pending": 1}
    assert occupied(db, plane) == before, "it did occupy its time"
    assert under_way["id"] != pending["id"]
