"""Approvals while time passes and people come and go: timeouts, escalation, leaving, standing in."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.actors import Connection, add_member, as_service, make_organization, make_user, refused, rpc
from tests.db.approving import (
    Act,
    House,
    ask,
    asked,
    decide,
    join,
    remove,
    requests_of,
    rule_of,
    set_role,
    status_of,
)
from tests.db.booking import Json, at, insert_booking, utc

NOBODY: Json = {"escalated": 0, "rejected": 0, "expired": 0, "more": False}


def time_out(db: Connection, *bookings: Json) -> None:
    """Lets the requests of these bookings be due."""
    db.execute(
        "update public.approval_requests set expires_at = now() - interval '1 second' "
        "where status = 'pending' and reservation_id = any (%s)",
        [[booking["id"] for booking in bookings]],
    )


def expire(database: str, **arguments: Any) -> Json:
    with as_service(database) as service:
        done: Json = rpc(service, "expire_approvals", **{f"p_{name}": v for name, v in arguments.items()})
    return done


def reason_of(db: Connection, booking: Json) -> str | None:
    row = db.execute(
        "select rejected_reason from public.reservation_details where reservation_id = %s", [booking["id"]]
    ).fetchone()
    assert row is not None
    reason: str | None = row["rejected_reason"]
    return reason


def test_past_its_timeout_a_request_passes_to_the_owners_once_and_is_then_rejected(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana", "luis"), timeout_hours=24)
    booking = ask(db, house.organization, rule)
    assert expire(database) == NOBODY
    time_out(db, booking)
    assert expire(database) == {**NOBODY, "escalated": 1}
    (request,) = requests_of(db, booking)
    assert house.names(asked(request)) == {"ana", "luis", "owner"}
    assert (request["status"], status_of(db, booking)) == ("pending", "pending")
    since = datetime.fromisoformat(request["expires_at"]) - datetime.fromisoformat(request["escalated_at"])
    assert timedelta(hours=23, minutes=59) < since <= timedelta(hours=24)
    assert expire(database) == NOBODY
    time_out(db, booking)
    assert expire(database) == {**NOBODY, "rejected": 1}
    assert (status_of(db, booking), reason_of(db, booking)) == ("rejected", "Nobody decided in time.")
    (request,) = requests_of(db, booking)
    assert (request["status"], {a["status"] for a in request["approvers"]}) == ("expired", {"voided"})
    plane = house.organization.assets["planes"]
    assert insert_booking(db, house.organization, plane, at(5), at(6))
    assert expire(database) == NOBODY


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_an_owner_to_whom_it_passed_decides_for_all(
    database: str, db: Connection, house: House, act: Act, decision: str, status: str
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    time_out(db, booking)
    expire(database)
    assert decide(act("owner"), booking, decision)["status"] == status


def test_those_whom_the_rule_asked_may_still_decide_after_it_passed_to_the_owners(
    database: str, db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    decide(act("ana"), booking)
    time_out(db, booking)
    expire(database)
    assert decide(act("luis"), booking)["status"] == "approved"


def test_an_owner_s_earlier_voice_is_one_of_many_until_given_again(
    database: str, db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=3, users=("owner", "ana", "luis"))
    booking = ask(db, house.organization, rule)
    decide(act("owner"), booking)
    time_out(db, booking)
    assert expire(database)["escalated"] == 1
    assert status_of(db, booking) == "pending"
    assert decide(act("owner"), booking)["status"] == "approved"


def test_an_owner_s_own_booking_does_not_pass_to_that_owner(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    booking = ask(db, house.organization, rule, booker=house.people["owner"])
    time_out(db, booking)
    assert expire(database)["escalated"] == 1
    assert house.names(asked(requests_of(db, booking)[0])) == {"ana"}


def test_what_nobody_decided_expires_at_its_start(database: str, db: Connection, house: House) -> None:
    rules = [rule_of(db, house), rule_of(db, house, approval_type="all_principals")]
    booking = ask(db, house.organization, *rules)
    unasked = insert_booking(
        db, house.organization, house.organization.assets["watercraft"], at(-1), at(2), status="pending"
    )
    db.execute(
        "update public.reservations set start_date = now() - interval '1 minute' where id = %s",
        [booking["id"]],
    )
    assert expire(database) == {**NOBODY, "expired": 2}
    assert (status_of(db, booking), status_of(db, unasked)) == ("expired", "expired")
    assert {request["status"] for request in requests_of(db, booking)} == {"expired"}


def test_a_run_does_so_many_and_leaves_what_is_being_worked_on(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house)
    sections = ("planes", "helicopters", "watercraft")
    bookings = [ask(db, house.organization, rule, asset=house.organization.assets[s]) for s in sections]
    time_out(db, *bookings)
    with db.transaction():
        db.execute("select app.lock_assets(%s::uuid[])", [[bookings[0]["asset_id"]]])
        db.execute("select from public.reservations where id = %s for update", [bookings[1]["id"]])
        assert expire(database) == {**NOBODY, "escalated": 1}
    assert expire(database, limit=1) == {**NOBODY, "escalated": 1, "more": True}
    assert expire(database) == {**NOBODY, "escalated": 1}
    assert expire(database) == NOBODY


def test_a_booking_that_cannot_be_ended_stops_no_other_one_s_end(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house)
    stuck, other = (
        ask(db, house.organization, rule, asset=house.organization.assets[section])
        for section in ("planes", "helicopters")
    )
    db.execute(
        """
        create function pg_temp.refuse() returns trigger language plpgsql as
        $$ begin perform app.fail_busy(); end $$
        """
    )
    db.execute(
        f"""
        create trigger refuse before update on public.approval_requests for each row
        when (old.reservation_id = '{stuck["id"]}' and new.status <> 'pending')
        execute function pg_temp.refuse()
        """.encode()
    )
    time_out(db, stuck, other)
    expire(database)
    time_out(db, stuck, other)
    assert expire(database) == {**NOBODY, "rejected": 1}
    assert (status_of(db, stuck), status_of(db, other)) == ("pending", "rejected")
    db.execute("drop trigger refuse on public.approval_requests")
    assert expire(database) == {**NOBODY, "rejected": 1}


# How somebody stops being an approver of the principals' tier.
LEAVING = [
    "delete from public.organization_members where user_id = %(user)s",
    "update public.organization_members set role = 'viewer' where user_id = %(user)s",
    "update public.organization_members set tier_id = null where user_id = %(user)s",
    "delete from auth.users where id = %(user)s",
]


@pytest.mark.parametrize("leave", LEAVING)
def test_where_all_others_have_approved_one_who_leaves_is_not_waited_for(
    db: Connection, house: House, act: Act, leave: str
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    decide(act("ana"), booking)
    db.execute(leave.encode(), {"user": house.people["luis"].id})
    row = db.execute("select * from public.reservations where id = %s", [booking["id"]]).fetchone()
    assert row is not None
    assert (row["status"], str(row["approved_by"])) == ("approved", house.people["ana"].id)


@pytest.mark.parametrize("leave", LEAVING)
def test_the_last_approver_s_leaving_approves_nothing_but_asks_the_owners(
    db: Connection, house: House, act: Act, leave: str
) -> None:
    booking = ask(
        db,
        house.organization,
        rule_of(db, house, approval_type="all_principals"),
        booker=house.people["luis"],
    )
    db.execute(leave.encode(), {"user": house.people["ana"].id})
    assert status_of(db, booking) == "pending"
    assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}
    assert decide(act("owner"), booking)["status"] == "approved"


def test_what_someone_who_left_had_approved_does_not_count(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana", "luis"))
    booking = ask(db, house.organization, rule)
    decide(act("ana"), booking)
    remove(db, house.organization, house.people["ana"])
    (request,) = requests_of(db, booking)
    assert (request["status"], request["required"], house.names(asked(request))) == ("pending", 1, {"luis"})
    assert decide(act("luis"), booking)["status"] == "approved"
    remove(db, house.organization, house.people["luis"])
    assert status_of(db, booking) == "approved"


def test_managers_who_are_demoted_are_asked_no_more(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    set_role(db, house.organization, house.people["manager"], "member")
    assert house.names(asked(requests_of(db, booking)[0])) == {"admin", "owner"}
    with refused("FORBIDDEN", 403) as failures:
        decide(act("manager"), booking)
    assert failures[0].details == {"reason": "not_approver"}
    set_role(db, house.organization, house.people["admin"], "manager")
    assert decide(act("admin"), booking)["status"] == "approved"


def test_a_quorum_is_filled_up_with_owners_when_too_few_are_left(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    decide(act("ana"), booking)
    remove(db, house.organization, house.people["manager"])
    assert house.names(asked(requests_of(db, booking)[0])) == {"ana", "luis"}
    remove(db, house.organization, house.people["luis"])
    (request,) = requests_of(db, booking)
    assert (house.names(asked(request)), request["required"]) == ({"ana", "owner"}, 2)
    assert decide(act("owner"), booking)["status"] == "approved"


def test_a_quorum_that_leaving_put_out_of_reach_is_not_rejected_but_passes_to_the_owners(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    decide(act("ana"), booking, "reject")
    remove(db, house.organization, house.people["luis"])
    (request,) = requests_of(db, booking)
    assert (status_of(db, booking), request["required"]) == ("pending", 2)
    assert house.names(asked(request, "pending")) == {"manager", "owner"}
    remove(db, house.organization, house.people["manager"])
    (request,) = requests_of(db, booking)
    assert request["escalated_at"] is not None
    assert decide(act("owner"), booking)["status"] == "approved"


def test_where_nobody_is_left_the_booking_is_rejected_and_never_approved(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    booking = ask(db, house.organization, rule, booker=house.people["owner"])
    remove(db, house.organization, house.people["ana"])
    assert status_of(db, booking) == "pending"
    assert asked(requests_of(db, booking)[0]) == set()
    assert expire(database) == {**NOBODY, "rejected": 1}
    assert (status_of(db, booking), reason_of(db, booking)) == ("rejected", "Nobody is left who may decide.")


def test_someone_who_left_and_came_back_is_asked_again_only_when_the_set_is_found_anew(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana", "luis"))
    booking = ask(db, house.organization, rule)
    decide(act("ana"), booking)
    remove(db, house.organization, house.people["ana"])
    add_member(db, house.organization.id, house.people["ana"], "member", house.principals)
    assert house.names(asked(requests_of(db, booking)[0])) == {"luis"}
    with refused("FORBIDDEN", 403) as failures:
        decide(act("ana"), booking)
    assert failures[0].details == {"reason": "not_approver"}
    remove(db, house.organization, house.people["luis"])
    (request,) = requests_of(db, booking)
    assert house.names(asked(request, "pending")) == {"ana"}
    assert decide(act("ana"), booking)["status"] == "approved"


def test_whoever_joins_later_is_not_asked(db: Connection, house: House) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    join(db, house.organization, "eva", "member", house.principals)
    join(db, house.organization, "sol", "manager")
    assert house.names(asked(requests_of(db, booking)[0])) == {"ana", "luis"}


def test_an_owner_who_stepped_in_and_is_demoted_passes_it_to_the_other_owners(
    db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    booking = ask(db, house.organization, rule)
    remove(db, house.organization, house.people["ana"])
    set_role(db, house.organization, house.people["admin"], "owner")
    assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}
    set_role(db, house.organization, house.people["owner"], "manager")
    assert house.names(asked(requests_of(db, booking)[0])) == {"admin"}


def stand_in(connection: Connection, house: House, delegate: str, **arguments: Any) -> Json:
    delegation: Json = rpc(
        connection,
        "create_approval_delegation",
        **{
            "p_organization_id": house.organization.id,
            "p_delegate_id": house.people[delegate].id,
            "p_ends_at": at(30),
            **{f"p_{name}": value for name, value in arguments.items()},
        },
    )
    return delegation


def test_a_delegate_decides_in_somebody_s_place_and_name(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    booking = ask(db, house.organization, rule)
    with refused("FORBIDDEN", 403):
        decide(act("luis"), booking)
    stand_in(act("ana"), house, "luis")
    answer = decide(act("luis"), booking, notes="For Ana")
    assert (answer["status"], answer["approved_by"]) == ("approved", house.people["luis"].id)
    (approver,) = answer["approvals"][0]["approvers"]
    assert (approver["user_id"], approver["decided_by"]) == tuple(house.ids("ana", "luis"))


def test_a_delegate_does_not_decide_on_a_booking_of_their_own(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    for name in ("manager", "admin", "owner"):
        stand_in(act(name), house, "member")
    with refused("FORBIDDEN", 403) as failures:
        decide(act("member"), booking)
    assert failures[0].details == {"reason": "own_request"}


@pytest.mark.parametrize(
    "change",
    [
        "update public.approval_delegations set starts_at = now() + interval '1 minute'",
        "update public.approval_delegations set starts_at = now() - interval '1 hour', ends_at = now()",
        "delete from public.approval_delegations",
        "update public.organization_members set role = 'viewer' where user_id = %(delegate)s",
        "delete from public.organization_members where user_id = %(delegate)s",
        "delete from public.organization_members where user_id = %(user)s",
        "update public.organization_members set tier_id = null where user_id = %(user)s",
    ],
)
def test_a_delegation_holds_for_its_time_and_while_both_are_what_they_were(
    db: Connection, house: House, act: Act, change: str
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    stand_in(act("ana"), house, "manager")
    with db.transaction():
        values = {"user": house.people["ana"].id, "delegate": house.people["manager"].id}
        db.execute(change.encode(), values)
    with refused("NOT_FOUND" if change.endswith("members where user_id = %(delegate)s") else "FORBIDDEN"):
        decide(act("manager"), booking)


def test_a_quorum_counts_persons_however_many_they_stand_in_for(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    for name in ("ana", "manager"):
        stand_in(act(name), house, "luis")
    for name in ("ana", "luis", "manager"):
        stand_in(act(name), house, "admin")
    assert decide(act("luis"), booking)["status"] == "pending"
    with refused("INVALID_STATE", 409) as failures:
        decide(act("luis"), booking)
    assert failures[0].details == {"reason": "already_decided"}
    (request,) = requests_of(db, booking)
    assert house.names(asked(request, "approved")) == {"luis"}
    assert decide(act("admin"), booking)["status"] == "approved"


def test_one_delegate_of_two_gives_a_quorum_one_voice(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    for name in ("ana", "luis"):
        stand_in(act(name), house, "admin")
    assert decide(act("admin"), booking)["status"] == "pending"
    with refused("INVALID_STATE", 409):
        decide(act("admin"), booking)
    assert decide(act("manager"), booking)["status"] == "approved"


def test_where_all_must_a_delegate_speaks_for_each(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    stand_in(act("ana"), house, "luis")
    assert decide(act("luis"), booking)["status"] == "approved"


def test_who_may_stand_in_for_whom(db: Connection, house: House, act: Act) -> None:
    house.people["stranger"] = make_organization(db).owner
    house.people["nobody"] = make_user(db, "nobody")
    for name, code in (
        ("viewer", "not_found"),
        ("stranger", "not_found"),
        ("nobody", "not_found"),
        ("manager", "same_person"),
    ):
        with refused("VALIDATION_ERROR", 400) as failures:
            stand_in(act("manager"), house, name)
        assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [("delegate_id", code)]
    for ends, code in (
        (at(-1), "range_order"),
        (at(400), "range_too_long"),
        ("infinity", "datetime_out_of_range"),
    ):
        with refused("VALIDATION_ERROR", 400) as failures:
            stand_in(act("manager"), house, "ana", ends_at=ends)
        assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [("ends_at", code)]
    with refused("FORBIDDEN", 403):
        stand_in(act("viewer"), house, "ana")
    with refused("NOT_FOUND", 404):
        stand_in(act("stranger"), house, "ana")


def test_who_sees_and_ends_a_delegation(house: House, act: Act) -> None:
    given = stand_in(act("ana"), house, "member", idempotency_key="one")
    assert stand_in(act("ana"), house, "member", idempotency_key="one") == given
    assert given["ends_at"] == utc(at(30))
    organization = {"p_organization_id": house.organization.id}
    for name in ("ana", "member", "manager"):
        assert rpc(act(name), "list_approval_delegations", **organization) == {"items": [given], "total": 1}
    assert rpc(act("luis"), "list_approval_delegations", **organization) == {"items": [], "total": 0}
    for name, code in (("luis", "NOT_FOUND"), ("manager", "FORBIDDEN")):
        with refused(code):
            rpc(act(name), "delete_approval_delegation", p_delegation_id=given["id"])
    assert rpc(act("member"), "delete_approval_delegation", p_delegation_id=given["id"]) == given
    another = stand_in(act("ana"), house, "member")
    assert rpc(act("admin"), "delete_approval_delegation", p_delegation_id=another["id"]) == another
    with refused("NOT_FOUND", 404):
        rpc(act("ana"), "delete_approval_delegation", p_delegation_id=another["id"])


def listed(connection: Connection, house: House, **arguments: Any) -> list[str]:
    """The bookings of the requests that the list answers, and whether each waits for the caller."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    answer = rpc(connection, "list_approvals", p_organization_id=house.organization.id, **named)
    assert answer["total"] >= len(answer["items"])
    return [item["reservation"]["id"] + ("!" if item["can_decide"] else "") for item in answer["items"]]


def test_the_list_shows_each_what_concerns_them(db: Connection, house: House, act: Act) -> None:
    first = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))["id"]
    second = ask(db, house.organization, rule_of(db, house), start=at(8), end=at(9))["id"]
    assert listed(act("ana"), house) == [f"{first}!"]
    assert listed(act("manager"), house) == [f"{second}!"]
    assert listed(act("manager"), house, scope="all") == [f"{second}!", first]
    assert listed(act("member"), house) == []
    assert listed(act("member"), house, scope="requested") == [second, first]
    assert listed(act("viewer"), house) == []
    stand_in(act("luis"), house, "manager")
    assert listed(act("manager"), house) == [f"{second}!", f"{first}!"]
    decide(act("ana"), {"id": first})
    assert listed(act("ana"), house, status="pending") == [first]
    decide(act("manager"), {"id": first}, "reject")
    assert listed(act("ana"), house, status="rejected") == [first]
    assert listed(act("manager"), house, scope="all", status="pending", limit=1) == [f"{second}!"]
    assert listed(act("manager"), house, scope="all", limit=1, offset=1) == [first]
    with refused("FORBIDDEN", 403):
        listed(act("member"), house, scope="all")
    with refused("VALIDATION_ERROR", 400) as failures:
        listed(act("member"), house, scope="theirs", status="open")
    assert {f["path"] for f in failures[0].details["fields"]} == {"scope", "status"}


def test_the_list_hides_what_the_tier_hides(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))["id"]
    assert listed(act("ana"), house) == [f"{booking}!"]
    db.execute("update public.tiers set sections = '{residences}' where id = %s", [house.principals])
    assert listed(act("ana"), house) == []
