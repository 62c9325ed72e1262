"""What the rules refuse in one step is not had in two."""

import json
from functools import partial
from typing import Any

import pytest

from tests.actors import Connection, Organization, refused, rpc
from tests.db.approving import decide, make_rule, status_of
from tests.db.booking import Json, at, book, cancel, change, hold, insert_booking, restore
from tests.db.test_judged_bookings import limit_notice


def limit(
    db: Connection, organization: Organization, rule_type: str, conditions: Json, effect: str = "deny"
) -> str:
    return make_rule(
        db,
        organization,
        name=rule_type,
        rule_type=rule_type,
        conditions=json.dumps(conditions),
        effect=effect,
    )


DAYS_A_YEAR: Json = {"unit": "days", "period": "rolling_365", "scope": "organization"}


@pytest.mark.parametrize("effect", ["deny", "require_approval"])
def test_undoing_a_cancellation_uses_the_quota_anew(
    db: Connection, organization: Organization, member: Connection, plane: str, effect: str
) -> None:
    limit(db, organization, "quota", {"amount": 1, **DAYS_A_YEAR}, effect)
    first = book(member, plane, at(2, 8), at(2, 9))
    cancel(member, first)
    assert book(member, plane, at(4, 8), at(4, 9))["status"] == "approved"
    if effect == "deny":
        with refused("RULE_VIOLATION", 422):
            restore(member, first)
    else:
        restored = restore(member, first)
        assert (restored["status"], restored["approved_at"]) == ("pending", None)
        assert [request["rule_type"] for request in restored["approvals"]] == ["quota"]


def test_what_has_been_used_is_not_given_back_by_cancelling(
    db: Connection, organization: Organization, member: Connection, manager: Connection, plane: str
) -> None:
    limit(db, organization, "quota", {"amount": 5, **DAYS_A_YEAR})
    under_way = insert_booking(db, organization, plane, at(-3), at(1))
    with refused("INVALID_STATE", 409) as failures:
        cancel(member, under_way)
    assert failures[0].details == {"reason": "already_begun"}
    with refused("RULE_VIOLATION", 422):
        book(member, plane, at(10), at(12))
    # Managers answer for what they free.
    assert cancel(manager, under_way)["status"] == "canceled"
    book(member, plane, at(10), at(12))


@pytest.mark.parametrize("detour", ["shorter", "asked_for_anew"])
def test_time_that_is_too_late_to_give_up_is_not_given_up_in_parts(
    db: Connection,
    organization: Organization,
    member: Connection,
    manager: Connection,
    plane: str,
    detour: str,
) -> None:
    limit_notice(db, organization, 24 * 10)
    make_rule(db, organization)
    booking = decide(manager, book(member, plane, at(2), at(4)))
    assert booking["status"] == "approved"
    with refused("RULE_VIOLATION", 422) as failures:
        change(member, booking, end_date=at(2, 11) if detour == "shorter" else at(5))
    assert [found["code"] for found in failures[0].details["violations"]] == ["cancellation_notice"]
    assert status_of(db, booking) == "approved"
    # A manager may; and whoever leaves early gives back what nobody else could plan with.
    assert change(manager, booking, end_date=at(3))["status"] == "pending"
    db.execute(
        "update public.reservations set status = 'approved', start_date = %s where id = %s",
        [at(-1), booking["id"]],
    )
    assert change(member, booking, end_date=at(2))["status"] == "approved"


@pytest.mark.parametrize("last_step", ["start_date", "hold"])
def test_notice_is_not_evaded_by_small_steps(
    db: Connection, organization: Organization, member: Connection, plane: str, last_step: str
) -> None:
    limit(db, organization, "lead_time", {"min_hours": 24 * 5})
    if last_step == "hold":
        held = hold(member, plane, at(9), at(10))
        with refused("RULE_VIOLATION", 422):
            book(member, plane, at(2), at(10), hold_id=held["id"])
        with refused("RULE_VIOLATION", 422):
            hold(member, plane, at(2), at(3))
    else:
        booking = book(member, plane, at(9), at(10))
        booking = change(member, booking, start_date=at(7))
        with refused("RULE_VIOLATION", 422):
            change(member, booking, start_date=at(2))


@pytest.mark.parametrize("way", ["holds", "longer", "other_asset", "waiting"])
def test_a_quota_is_not_evaded_on_the_way(
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    way: str,
) -> None:
    limit(db, organization, "quota", {"amount": 2, **DAYS_A_YEAR})
    helicopter = organization.assets["helicopters"]
    act: Any
    if way == "holds":
        held = hold(member, helicopter, at(5, 8), at(6, 9))
        book(member, plane, at(2, 8), at(2, 9))
        act = partial(book, member, helicopter, at(5, 8), at(6, 9), hold_id=held["id"])
    elif way == "longer":
        booking = book(member, plane, at(2, 8), at(3, 9))
        act = partial(change, member, booking, end_date=at(4, 9))
    elif way == "other_asset":
        # In another zone the same instants are three local days.
        db.execute("update public.assets set timezone = 'Asia/Tokyo' where id = %s", [helicopter])
        booking = book(member, plane, at(2, 14), at(3, 18))
        act = partial(change, member, booking, asset_id=helicopter)
    else:
        taken = book(owner, plane, at(5, 8), at(6, 9))
        entry = rpc(
            member,
            "join_waitlist",
            p_organization_id=organization.id,
            p_asset_id=plane,
            p_title="Wish",
            p_start_date=at(5, 8),
            p_end_date=at(6, 9),
        )
        cancel(owner, taken)
        book(member, helicopter, at(2, 8), at(2, 9))
        act = partial(rpc, member, "accept_waitlist_offer", p_entry_id=entry["id"])
    with refused("RULE_VIOLATION", 422) as failures:
        act()
    assert [found["code"] for found in failures[0].details["violations"]] == ["quota"]


def test_a_request_under_way_keeps_waiting_or_ends_but_is_not_shortened(
    db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    make_rule(db, organization)
    booking = book(member, plane, at(2), at(4))
    db.execute("update public.reservations set start_date = %s where id = %s", [at(-1), booking["id"]])
    with refused("RULE_VIOLATION", 422):
        change(member, booking, end_date=at(3))
    assert status_of(db, booking) == "pending"
