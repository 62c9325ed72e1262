"""Approvals: who is asked, what decisions come to, and what may not be decided."""

import json
import uuid

import psycopg
import pytest

from tests.actors import (
    Connection,
    as_anonymous,
    as_user,
    make_organization,
    refused,
)
from tests.db.approving import (
    Act,
    House,
    ask,
    asked,
    decide,
    requests_of,
    rule_of,
    set_role,
    status_of,
    submit,
)
from tests.db.booking import Json, at, book, cancel, change, insert_booking

# approval columns, booker, who is asked, how many of them have to approve
ASKED: list[tuple[Json, str, set[str], int]] = [
    ({"approval_type": "any_approver"}, "member", {"manager", "admin", "owner"}, 1),
    ({"approval_type": "any_approver"}, "manager", {"admin", "owner"}, 1),
    ({"approval_type": "all_principals"}, "member", {"ana", "luis"}, 2),
    ({"approval_type": "all_principals"}, "ana", {"luis"}, 1),
    ({"approval_type": "tier_members", "tier": True}, "luis", {"ana"}, 1),
    ({"approval_type": "specific_users", "users": ("ana", "manager")}, "member", {"ana", "manager"}, 2),
    ({"approval_type": "specific_users", "users": ("ana", "member")}, "member", {"ana"}, 1),
    ({"approval_type": "specific_users", "users": ("member",)}, "member", {"owner"}, 1),
    ({"approval_type": "specific_users", "users": ("viewer",)}, "member", {"owner"}, 1),
    ({"approval_type": "quorum", "quorum": 2, "tier": True}, "member", {"ana", "luis"}, 2),
    (
        {"approval_type": "quorum", "quorum": 2, "users": ("ana", "luis", "admin")},
        "luis",
        {"ana", "admin"},
        2,
    ),
    ({"approval_type": "quorum", "quorum": 2}, "member", {"manager", "admin", "owner"}, 2),
    ({"approval_type": "quorum", "quorum": 2, "tier": True}, "ana", {"luis", "owner"}, 2),
    ({"approval_type": "quorum", "quorum": 1, "users": ("member",)}, "member", {"owner"}, 1),
]


@pytest.mark.parametrize(("columns", "booker", "people", "required"), ASKED)
def test_each_type_asks_its_people_and_never_the_booker(
    db: Connection, house: House, columns: Json, booker: str, people: set[str], required: int
) -> None:
    rule = rule_of(db, house, **columns)
    booking = ask(db, house.organization, rule, booker=house.people[booker])
    (request,) = requests_of(db, booking)
    assert house.names(asked(request)) == people
    assert (request["required"], request["status"], request["rule_id"]) == (required, "pending", rule)


@pytest.mark.parametrize(
    ("columns", "booker"),
    [
        ({"approval_type": "specific_users", "users": ("owner",)}, "owner"),
        ({"approval_type": "quorum", "quorum": 4, "tier": True}, "member"),
        ({"approval_type": "quorum", "quorum": 3}, "manager"),
    ],
)
def test_where_nobody_may_decide_there_is_no_booking(
    db: Connection, house: House, columns: Json, booker: str
) -> None:
    rule = rule_of(db, house, **columns)
    with refused("NO_ELIGIBLE_APPROVER", 422) as failures:
        ask(db, house.organization, rule, booker=house.people[booker])
    details = failures[0].details
    assert (details["rule_id"], details["approval_type"]) == (rule, columns["approval_type"])


def test_whoever_submits_for_another_does_not_approve_it(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house), submitter=house.people["manager"])
    assert house.names(asked(requests_of(db, booking)[0])) == {"admin", "owner"}
    with refused("FORBIDDEN", 403) as failures:
        decide(act("manager"), booking)
    assert failures[0].details == {"reason": "own_request"}


def test_a_tier_s_own_limit_asks_any_approver_for_three_days(db: Connection, house: House) -> None:
    booking = ask(db, house.organization, None, start=at(20), end=at(21))
    (request,) = requests_of(db, booking)
    assert (request["rule_id"], request["rule_type"], request["approval_type"]) == (
        None,
        "tier_limit",
        "any_approver",
    )
    row = db.execute(
        "select expires_at - created_at = interval '72 hours' as three_days from public.approval_requests "
        "where reservation_id = %s",
        [booking["id"]],
    ).fetchone()
    assert row == {"three_days": True}


def test_a_request_expires_at_the_booking_s_start_if_that_comes_first(db: Connection, house: House) -> None:
    booking = ask(db, house.organization, rule_of(db, house, timeout_hours=500), start=at(3), end=at(4))
    row = db.execute(
        "select expires_at from public.approval_requests where reservation_id = %s", [booking["id"]]
    ).fetchone()
    assert row == {"expires_at": at(3)}


def test_nobody_is_asked_about_what_the_tier_hides(db: Connection, house: House) -> None:
    db.execute("update public.tiers set sections = '{residences}' where id = %s", [house.principals])
    rule = rule_of(db, house, approval_type="specific_users", users=("ana", "manager"))
    assert house.names(asked(requests_of(db, ask(db, house.organization, rule))[0])) == {"manager"}


def test_another_organisation_s_people_are_not_asked(db: Connection, house: House) -> None:
    stranger = make_organization(db).owner
    config = {"approval_type": "specific_users", "approver_user_ids": [stranger.id, *house.ids("ana")]}
    row = db.execute(
        "select app.find_approvers(%s, %s, 'planes', '{}') -> 'approvers' as found",
        [house.organization.id, json.dumps(config)],
    ).fetchone()
    assert row == {"found": house.ids("ana")}


def test_the_first_decision_wins_where_anyone_decides(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    answer = decide(act("manager"), booking, notes=" Enjoy. ")
    assert (answer["status"], answer["approved_by"]) == ("approved", house.people["manager"].id)
    assert answer["approved_at"] is not None
    (request,) = answer["approvals"]
    said = {house.names({a["user_id"]}).pop(): (a["status"], a["notes"]) for a in request["approvers"]}
    assert request["status"] == "approved"
    assert said == {"manager": ("approved", "Enjoy."), "admin": ("voided", None), "owner": ("voided", None)}
    with refused("INVALID_STATE", 409) as failures:
        decide(act("admin"), booking, "reject")
    assert failures[0].details == {"reason": "status", "status": "approved"}


def test_a_rejection_says_why_and_frees_the_time(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    plane = house.organization.assets["planes"]
    with refused("CONFLICT", 409):
        book(act("ana"), plane, at(5), at(6))
    answer = decide(act("admin"), booking, "reject", notes="The plane is promised.")
    assert (answer["status"], answer["rejected_reason"]) == ("rejected", "The plane is promised.")
    assert insert_booking(db, house.organization, plane, at(5), at(6))


@pytest.mark.parametrize(
    "columns", [{"approval_type": "all_principals"}, {"approval_type": "quorum", "quorum": 2, "tier": True}]
)
def test_all_who_are_needed_have_to_approve(db: Connection, house: House, act: Act, columns: Json) -> None:
    booking = ask(db, house.organization, rule_of(db, house, **columns))
    first = decide(act("ana"), booking)
    assert (first["status"], first["approved_by"], first["version"]) == ("pending", None, 2)
    with refused("INVALID_STATE", 409) as failures:
        decide(act("ana"), booking)
    assert failures[0].details == {"reason": "already_decided"}
    assert decide(act("luis"), booking)["status"] == "approved"


def test_one_rejection_ends_what_all_must_approve(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    decide(act("ana"), booking)
    assert decide(act("luis"), booking, "reject")["status"] == "rejected"


def test_a_quorum_is_rejected_as_soon_as_it_cannot_be_reached(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager", "admin"))
    booking = ask(db, house.organization, rule)
    assert decide(act("ana"), booking, "reject")["status"] == "pending"
    assert decide(act("luis"), booking)["status"] == "pending"
    assert decide(act("manager"), booking, "reject")["status"] == "pending"
    assert decide(act("admin"), booking, "reject")["status"] == "rejected"
    other = ask(db, house.organization, rule, start=at(8), end=at(9))
    for name in ("ana", "luis"):
        assert decide(act(name), other, "reject")["status"] == "pending"
    assert decide(act("manager"), other, "reject")["status"] == "rejected"


def test_every_rule_s_request_must_be_met(db: Connection, house: House, act: Act) -> None:
    rules = [
        rule_of(db, house, name="Managers"),
        rule_of(db, house, name="Principals", approval_type="all_principals"),
        None,
    ]
    booking = ask(db, house.organization, *rules)
    assert len(requests_of(db, booking)) == 3
    for name in ("ana", "luis"):
        assert decide(act(name), booking)["status"] == "pending"
    assert decide(act("manager"), booking, rule_id=rules[0])["status"] == "pending"
    statuses = {request["rule_name"]: request["status"] for request in requests_of(db, booking)}
    assert statuses == {"Managers": "approved", "Principals": "approved", None: "pending"}
    with refused("INVALID_STATE", 409) as failures:
        decide(act("manager"), booking, rule_id=rules[0])
    assert failures[0].details == {"reason": "already_decided"}
    assert decide(act("manager"), booking)["status"] == "approved"


def test_one_decision_without_a_rule_answers_all_that_ask_the_caller(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house), rule_of(db, house, name="Again"), None)
    assert decide(act("owner"), booking)["status"] == "approved"


def test_one_rejected_request_rejects_the_booking(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, name="Managers")
    booking = ask(db, house.organization, rule, rule_of(db, house, approval_type="all_principals"))
    assert decide(act("ana"), booking)["status"] == "pending"
    assert decide(act("admin"), booking, "reject", rule_id=rule)["status"] == "rejected"
    assert {request["status"] for request in requests_of(db, booking)} == {"rejected", "voided"}


def test_who_may_not_decide(database: str, db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    for name, reason in (("member", "own_request"), ("manager", "not_approver"), ("viewer", "role")):
        with refused("FORBIDDEN", 403) as failures:
            decide(act(name), booking)
        assert failures[0].details["reason"] == reason
    stranger = make_organization(db).owner
    with as_user(database, stranger) as connection, refused("NOT_FOUND", 404):
        decide(connection, booking)
    with refused("NOT_FOUND", 404):
        decide(act("ana"), {"id": str(uuid.uuid4())})
    with as_anonymous(database) as nobody, pytest.raises(psycopg.errors.InsufficientPrivilege):
        decide(nobody, booking)
    with refused("FORBIDDEN", 403) as failures:
        decide(act("ana"), booking, rule_id=str(uuid.uuid4()))
    assert failures[0].details == {"reason": "not_approver"}
    assert status_of(db, booking) == "pending"


def test_a_decision_is_checked_for_its_shape(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    with refused("VALIDATION_ERROR", 400) as failures:
        decide(act("manager"), booking, "maybe", notes="n" * 2001)
    assert {(f["path"], f["code"]) for f in failures[0].details["fields"]} == {
        ("decision", "literal_error"),
        ("notes", "string_too_long"),
    }


def test_deciding_demands_the_second_factor_where_writes_do(
    database: str, db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    db.execute("update public.organizations set require_mfa = true where id = %s", [house.organization.id])
    with refused("MFA_REQUIRED", 403):
        decide(act("manager"), booking)
    with as_user(database, house.people["manager"], aal="aal2") as strong:
        assert decide(strong, booking)["status"] == "approved"


def test_a_decision_that_is_sent_twice_is_one(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    first = decide(act("ana"), booking, idempotency_key="one")
    assert decide(act("ana"), booking, idempotency_key="one") == first
    with refused("IDEMPOTENCY_KEY_REUSED", 422):
        decide(act("ana"), booking, "reject", idempotency_key="one")


MEMBERSHIP = "organization_id = %(organization)s and user_id = %(booker)s"
OBSTACLES = [
    ("update public.assets set is_active = false where id = %(asset)s", "asset_inactive", True),
    (
        "update public.entitlements set is_active = false where organization_id = %(organization)s",
        "section_not_entitled",
        True,
    ),
    (
        f"update public.organization_members set role = 'viewer' where {MEMBERSHIP}",
        "booker_not_member",
        True,
    ),
    ("delete from app.occupancy where source_id = %(booking)s", "slot_lost", True),
    (
        "update public.reservations set start_date = now() - interval '1 minute' where id = %(booking)s",
        "already_begun",
        False,
    ),
    ("update public.reservations set status = 'canceled' where id = %(booking)s", "status", False),
    ("update public.reservations set status = 'expired' where id = %(booking)s", "status", False),
]


@pytest.mark.parametrize(("change", "reason", "rejectable"), OBSTACLES)
def test_what_changed_meanwhile_stops_an_approval(
    db: Connection, house: House, act: Act, change: str, reason: str, rejectable: bool
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    values = {
        "asset": booking["asset_id"],
        "organization": house.organization.id,
        "booker": house.people["member"].id,
        "booking": booking["id"],
    }
    db.execute(change.encode(), values)
    code = "FORBIDDEN" if reason == "section_not_entitled" else "INVALID_STATE"
    with refused(code) as failures:
        decide(act("manager"), booking)
    assert failures[0].details["reason"] == reason
    if rejectable:
        assert decide(act("manager"), booking, "reject")["status"] == "rejected"


@pytest.mark.parametrize(
    "change",
    [
        "update {rules} set approval_type = 'quorum', quorum = 3 where id = %s",
        "update {rules} set approval_type = 'specific_users', quorum = null where id = %s",
        "update {rules} set is_active = false where id = %s",
        "delete from {rules} where id = %s",
    ],
)
def test_what_becomes_of_the_rule_changes_nothing_about_what_it_asked(
    db: Connection, house: House, act: Act, change: str
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    before = requests_of(db, booking)
    db.execute(change.format(rules="public.tier_booking_rules").encode(), [rule])
    assert requests_of(db, booking) == before
    assert before[0]["rule_version"] == 1
    with refused("FORBIDDEN", 403):
        decide(act("admin"), booking)
    assert decide(act("ana"), booking)["status"] == "pending"
    assert decide(act("manager"), booking)["status"] == "approved"


def test_a_requester_who_becomes_a_manager_is_still_no_approver(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    set_role(db, house.organization, house.people["member"], "admin")
    with refused("FORBIDDEN", 403) as failures:
        decide(act("member"), booking)
    assert failures[0].details == {"reason": "own_request"}
    # Not even when everyone else has gone, and the set is found anew.
    set_role(db, house.organization, house.people["manager"], "member")
    set_role(db, house.organization, house.people["admin"], "member")
    assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}


def test_cancelling_or_displacing_voids_what_was_asked(db: Connection, house: House, act: Act) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    cancel(act("member"), booking)
    (request,) = requests_of(db, booking)
    assert request["status"] == "voided"
    assert asked(request, "voided") == set(house.ids("manager", "admin", "owner"))
    with refused("INVALID_STATE", 409) as failures:
        decide(act("manager"), booking)
    assert failures[0].details == {"reason": "status", "status": "canceled"}


def test_a_moved_booking_is_asked_about_anew(db: Connection, house: House, act: Act) -> None:
    rules = [rule_of(db, house), rule_of(db, house, approval_type="all_principals")]
    booking = ask(db, house.organization, *rules)
    assert decide(act("manager"), booking)["status"] == "pending"
    db.execute("select app.void_approvals(%s)", [booking["id"]])
    assert [request["status"] for request in requests_of(db, booking)] == ["voided", "voided"]
    submit(db, booking, *rules)
    for name in ("ana", "luis"):
        assert decide(act(name), booking)["status"] == "pending"
    assert decide(act("manager"), booking)["status"] == "approved"


def test_someone_deleted_in_the_dashboard_leaves_the_record_and_drops_out(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    done = ask(db, house.organization, rule)
    for name in ("ana", "luis"):
        decide(act(name), done)
    waiting = ask(db, house.organization, rule, start=at(8), end=at(9))
    decide(act("ana"), waiting)
    own = ask(
        db, house.organization, rule_of(db, house), booker=house.people["ana"], start=at(10), end=at(11)
    )
    assert db.execute("delete from auth.users where id = %s", house.ids("ana")).rowcount == 1
    assert status_of(db, done) == "approved"
    assert sorted(a["status"] for a in requests_of(db, done)[0]["approvers"]) == [
        "approved",
        "approved",
        "voided",
    ]
    assert status_of(db, own) == "canceled"
    assert {a["status"] for a in requests_of(db, own)[0]["approvers"]} == {"voided"}
    (request,) = requests_of(db, waiting)
    assert (request["status"], asked(request)) == ("pending", set(house.ids("luis", "manager")))
    decide(act("luis"), waiting)
    assert decide(act("manager"), waiting)["status"] == "approved"
    for name in ("luis", "manager", "member"):
        assert db.execute("delete from auth.users where id = %s", house.ids(name)).rowcount == 1
    assert db.execute("delete from public.organizations where id = %s", [house.organization.id]).rowcount == 1


def pass_on(db: Connection, booking: Json, house: House, name: str) -> None:
    db.execute(
        "update public.reservations set user_id = %s where id = %s", [house.people[name].id, booking["id"]]
    )


def test_a_booking_passed_on_to_an_approver_takes_that_one_s_voice(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    pass_on(db, booking, house, "ana")
    with refused("FORBIDDEN", 403) as failures:
        decide(act("ana"), booking)
    assert failures[0].details == {"reason": "own_request"}
    assert decide(act("luis"), booking)["status"] == "approved"


def test_a_booking_passed_on_is_not_approved_by_what_was_said_of_another_s(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house, approval_type="all_principals"))
    decide(act("luis"), booking)
    pass_on(db, booking, house, "ana")
    assert status_of(db, booking) == "pending"
    assert house.names(asked(requests_of(db, booking)[0], "pending")) == {"owner"}
    assert decide(act("owner"), booking)["status"] == "approved"


def test_a_rule_s_word_makes_a_booking_wait_until_it_is_approved(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="all_principals")
    plane = house.organization.assets["planes"]
    made = book(act("member"), plane, at(5), at(6))
    assert (made["status"], made["approved_at"]) == ("pending", None)
    (request,) = made["approvals"]
    assert (request["rule_id"], request["rule_name"]) == (rule, "Ask first")
    assert house.names(asked(request)) == {"ana", "luis"}
    with refused("CONFLICT", 409):
        book(act("manager"), plane, at(5), at(6))
    decide(act("ana"), made)
    moved = change(act("member"), made, end_date=at(7))
    assert (moved["status"], [r["status"] for r in moved["approvals"]]) == ("pending", ["voided", "pending"])
    for name in ("ana", "luis"):
        decided = decide(act(name), made)
    assert decided["status"] == "approved"
    moved = change(act("member"), made, end_date=at(8))
    assert (moved["status"], moved["approved_by"]) == ("pending", None)
    cancel(act("member"), made)
    assert {r["status"] for r in requests_of(db, made)} == {"voided"}


def test_a_booking_that_nobody_may_approve_is_not_made(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("owner",))
    plane = house.organization.assets["planes"]
    with refused("NO_ELIGIBLE_APPROVER", 422) as failures:
        book(act("owner"), plane, at(5), at(6))
    assert failures[0].details["rule_id"] == rule
    assert book(act("member"), plane, at(5), at(6))["status"] == "pending"
