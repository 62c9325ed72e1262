"""A cancellation is undone within 15 minutes, by the one who may cancel, if the time is still free."""

import json

import pytest

from tests.actors import Connection, Organization, as_user, make_organization, refused
from tests.db.approving import decide, make_rule
from tests.db.booking import Watcher, at, book, cancel, insert_booking, restore


def test_an_undone_cancellation_is_the_booking_as_it_was(
    member: Connection, plane: str, watcher: Watcher
) -> None:
    booking = book(member, plane, at(2), at(3), notes="Two bags.", guests=[{"name": "Ana"}])
    cancel(member, booking, reason="Rain")
    restored = restore(member, booking)
    assert restored == {**booking, "version": 3, "updated_at": restored["updated_at"]}
    assert [event["type"] for event in watcher.events()] == [
        "reservation_created",
        "reservation_canceled",
        "reservation_created",
    ]
    with refused("INVALID_STATE", 409) as failures:
        restore(member, booking)
    assert failures[0].details == {"reason": "status", "status": "approved"}


def test_undoing_twice_with_one_key_is_once(member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    assert restore(member, booking, idempotency_key="one") == restore(member, booking, idempotency_key="one")


def test_a_slot_that_is_gone_is_gone(member: Connection, manager: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    taken = book(manager, plane, at(2, 12), at(4))
    with refused("CONFLICT", 409) as failures:
        restore(member, booking)
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [taken["id"]]
    assert failures[0].details["alternatives"]


def test_a_quarter_of_an_hour_later_it_is_too_late(db: Connection, member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    canceled = (
        "update public.reservations set canceled_at = now() - interval '15 minutes' - %s::interval"
        " where id = %s"
    )
    db.execute(canceled, ["1 second", booking["id"]])
    with refused("INVALID_STATE", 409) as failures:
        restore(member, booking)
    assert failures[0].details == {"reason": "undo_expired", "minutes": 15}
    db.execute(canceled, ["-1 minute", booking["id"]])
    assert restore(member, booking)["status"] == "approved"


def test_what_would_have_begun_is_not_undone(db: Connection, member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    db.execute("update public.reservations set start_date = %s where id = %s", [at(-1), booking["id"]])
    with refused("INVALID_STATE", 409) as failures:
        restore(member, booking)
    assert failures[0].details == {"reason": "already_begun"}


@pytest.mark.parametrize("status", ["pending", "approved", "rejected", "completed", "expired", "displaced"])
def test_only_cancellations_are_undone(
    db: Connection, member: Connection, plane: str, organization: Organization, status: str
) -> None:
    booking = insert_booking(db, organization, plane, at(2), at(3), status=status)
    with refused("INVALID_STATE", 409) as failures:
        restore(member, booking)
    assert failures[0].details == {"reason": "status", "status": status}


def test_what_a_manager_cancelled_only_managers_bring_back(
    database: str,
    db: Connection,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(manager, booking)
    with refused("FORBIDDEN", 403) as failures:
        restore(member, booking)
    assert failures[0].details == {"reason": "canceled_by_other"}
    with as_user(database, organization.viewer) as viewer, refused("FORBIDDEN", 403):
        restore(viewer, booking)
    with as_user(database, make_organization(db).owner) as stranger, refused("NOT_FOUND", 404):
        restore(stranger, booking)
    assert restore(manager, booking)["user_id"] == organization.member.id


def test_a_booking_of_someone_who_may_not_book_any_more_stays_cancelled(
    db: Connection, member: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(manager, booking)
    db.execute("delete from public.organization_members where user_id = %s", [organization.member.id])
    with refused("INVALID_STATE", 409) as failures:
        restore(manager, booking)
    assert failures[0].details == {"reason": "booker_not_member"}


def test_what_was_approved_is_approved_again_and_what_was_asked_for_is_asked_anew(
    db: Connection, member: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    make_rule(db, organization)
    approved = decide(manager, book(member, plane, at(2), at(3)))
    pending = book(member, plane, at(5), at(6))
    for booking in (approved, pending):
        cancel(member, booking)
    assert restore(member, approved)["approved_by"] == organization.manager.id
    again = restore(member, pending)
    assert again["status"] == "pending"
    assert sorted(request["status"] for request in again["approvals"]) == ["pending", "voided"]
    assert decide(manager, again)["status"] == "approved"


def test_the_rules_may_refuse_it_but_not_for_notice(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    for rule_type, conditions in (("lead_time", {"min_hours": 1000}), ("duration", {"max_minutes": 60})):
        make_rule(
            db,
            organization,
            rule_type=rule_type,
            conditions=json.dumps(conditions),
            effect="deny",
            name=rule_type,
        )
    with refused("RULE_VIOLATION", 422) as failures:
        restore(member, booking)
    assert [found["code"] for found in failures[0].details["violations"]] == ["duration_too_long"]


def test_what_was_set_aside_for_it_stays_set_aside(
    db: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    rule = make_rule(
        db,
        organization,
        rule_type="duration",
        conditions='{"max_minutes": 60}',
        effect="deny",
        name="An hour",
        overridable_by=["manager"],
    )
    booking = book(manager, plane, at(2), at(3), override={"rule_ids": [rule], "reason": "Board"})
    cancel(manager, booking)
    assert restore(manager, booking)["overrides"] == booking["overrides"]
    cancel(manager, booking)
    db.execute("update public.tier_booking_rules set description = 'Really' where id = %s", [rule])
    with refused("RULE_VIOLATION", 422):
        restore(manager, booking)
