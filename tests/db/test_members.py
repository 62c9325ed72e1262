"""Members: who changes and removes whom, and what becomes of their bookings."""

import threading
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    add_factor,
    add_member,
    as_user,
    connect,
    make_organization,
    make_user,
    refused,
    rpc,
)
from tests.db.approving import ask, asked, join, make_rule, make_tier, requests_of, status_of
from tests.db.booking import Json, Watcher, at, book, insert_booking
from tests.db.racing import race, second_of_two
from tests.harness import wait_until

FUTURE = {"reason": "future_bookings", "count": 1}


def update(connection: Connection, organization: Organization, user: str, **changes: Any) -> Json:
    changed: Json = rpc(
        connection, "update_member", p_organization_id=organization.id, p_user_id=user, p_changes=changes
    )
    return changed


def remove(connection: Connection, organization: Organization, user: str, **arguments: Any) -> Json:
    named = {f"p_{name}": value for name, value in arguments.items()}
    removed: Json = rpc(
        connection, "remove_member", p_organization_id=organization.id, p_user_id=user, **named
    )
    return removed


def roles(db: Connection, organization: Organization) -> dict[str, str]:
    rows = db.execute(
        "select user_id::text, role::text from public.organization_members where organization_id = %s",
        [organization.id],
    )
    return {row["user_id"]: row["role"] for row in rows}


def test_a_member_s_role_and_tier_change_together(
    db: Connection, database: str, organization: Organization
) -> None:
    guests = make_tier(db, organization, "Guests", 300)
    with as_user(database, organization.admin) as admin:
        changed = update(admin, organization, organization.member.id, role="manager", tier_id=guests)
        assert (changed["role"], changed["tier"]["name"], changed["version"]) == ("manager", "Guests", 2)
        changed = update(admin, organization, organization.member.id, tier_id=None)
        assert (changed["tier_id"], changed["tier"]["name"]) == (None, "Standard")


def test_every_fault_of_a_change_is_named(db: Connection, database: str, organization: Organization) -> None:
    other = make_organization(db)
    faults = (
        ({"role": "king", "tier": 1}, {("role", "literal_error"), ("tier", "extra_forbidden")}),
        ({"role": None}, {("role", "missing")}),
        ({"tier_id": "x"}, {("tier_id", "uuid_parsing")}),
        ({"tier_id": other.tier}, {("tier_id", "not_found")}),
    )
    with as_user(database, organization.owner) as owner:
        for changes, expected in faults:
            with refused("VALIDATION_ERROR", 400) as failures:
                update(owner, organization, organization.member.id, **changes)
            assert {(f["path"], f["code"]) for f in failures[0].details["fields"]} == expected
        for user in (other.member.id, other.id):
            with refused("NOT_FOUND", 404):
                update(owner, organization, user, role="viewer")
            with refused("NOT_FOUND", 404):
                remove(owner, organization, user)


def test_only_owners_make_change_and_remove_owners(
    db: Connection, database: str, organization: Organization
) -> None:
    with as_user(database, organization.admin) as admin:
        for user, changes in (
            (organization.owner.id, {"role": "viewer"}),
            (organization.owner.id, {"tier_id": None}),
            (organization.member.id, {"role": "owner"}),
            (organization.admin.id, {"role": "owner"}),
        ):
            with refused("FORBIDDEN", 403) as failures:
                update(admin, organization, user, **changes)
            assert failures[0].details["reason"] == "owners_only"
        with refused("FORBIDDEN", 403):
            remove(admin, organization, organization.owner.id)
    with as_user(database, organization.owner) as owner:
        with refused("INVALID_STATE", 409) as failures:
            update(owner, organization, organization.owner.id, role="admin")
        assert failures[0].details["reason"] == "last_owner"
        update(owner, organization, organization.admin.id, role="owner")
        assert remove(owner, organization, organization.owner.id)["canceled"] == 0
    assert roles(db, organization)[organization.admin.id] == "owner"


def test_of_two_owners_who_demote_each_other_one_stays(
    db: Connection, database: str, organization: Organization
) -> None:
    other = join(db, organization, "other", "owner")
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: update(one, organization, other.id, role="admin")),
        (other, lambda two: update(two, organization, organization.owner.id, role="admin")),
    )
    assert (outcome.code, outcome.details["reason"]) == ("FORBIDDEN", "owners_only")
    assert roles(db, organization)[organization.owner.id] == "owner"


def test_of_two_owners_who_leave_at_once_one_stays(
    db: Connection, database: str, organization: Organization
) -> None:
    other = join(db, organization, "other", "owner")
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: remove(one, organization, organization.owner.id)),
        (other, lambda two: remove(two, organization, other.id)),
    )
    assert (outcome.code, outcome.details["reason"]) == ("INVALID_STATE", "last_owner")
    assert roles(db, organization)[other.id] == "owner"


def test_whoever_was_demoted_meanwhile_removes_nobody(
    db: Connection, database: str, organization: Organization
) -> None:
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: update(one, organization, organization.admin.id, role="viewer")),
        (organization.admin, lambda two: remove(two, organization, organization.member.id)),
    )
    assert outcome.code == "FORBIDDEN"
    assert organization.member.id in roles(db, organization)


def test_bookings_to_come_are_cancelled_and_what_has_been_stays(
    db: Connection, database: str, organization: Organization, watcher: Watcher
) -> None:
    plane, boat = organization.assets["planes"], organization.assets["watercraft"]
    past = insert_booking(db, organization, plane, at(-9), at(-8), status="completed")
    running = insert_booking(db, organization, plane, at(-1), at(1))
    waiting = ask(db, organization, make_rule(db, organization, is_active=False), start=at(4), end=at(5))
    hold = insert_booking(db, organization, boat, at(2), at(3), status="hold", hold_expires_at=at(1))
    with as_user(database, organization.admin) as admin:
        with refused("INVALID_STATE", 409) as failures:
            remove(admin, organization, organization.member.id)
        assert failures[0].details == {"reason": "future_bookings", "count": 2}
        assert db.execute("select from public.reservations where id = %s", [hold["id"]]).rowcount == 1
        removed = remove(admin, organization, organization.member.id, future_bookings="cancel")
    assert removed == {"user_id": organization.member.id, "canceled": 2, "transferred": 0}
    assert [status_of(db, row) for row in (past, running, waiting)] == ["completed", "canceled", "canceled"]
    assert db.execute("select from public.reservations where id = %s", [hold["id"]]).rowcount == 0
    assert requests_of(db, waiting)[0]["status"] == "voided"
    assert organization.member.id not in roles(db, organization)
    reason = db.execute(
        "select cancellation_reason from public.reservation_details where reservation_id = %s",
        [running["id"]],
    ).fetchone()
    assert reason == {"cancellation_reason": "The booker left the organization."}
    watcher.events()


def test_bookings_to_come_go_to_another_member_with_their_notes(
    database: str, organization: Organization, member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(3), at(4), notes="Two bags.")
    with as_user(database, organization.admin) as admin:
        removed = remove(admin, organization, organization.member.id, transfer_to=organization.manager.id)
    assert removed["transferred"] == 1
    with as_user(database, organization.manager) as manager:
        seen = rpc(manager, "get_reservation", p_reservation_id=booking["id"])
    assert (seen["user_id"], seen["status"], seen["notes"]) == (
        organization.manager.id,
        "approved",
        "Two bags.",
    )


def test_what_was_pending_is_asked_for_anew_by_its_new_booker(
    db: Connection, database: str, organization: Organization
) -> None:
    rule = make_rule(db, organization)
    other = join(db, organization, "other")
    waiting = ask(db, organization, rule, start=at(4), end=at(5))
    before = requests_of(db, waiting)[0]
    with as_user(database, organization.admin) as admin:
        remove(admin, organization, organization.member.id, transfer_to=other.id)
    assert status_of(db, waiting) == "pending"
    by_status = {request["status"]: request for request in requests_of(db, waiting)}
    assert by_status["voided"]["id"] == before["id"]
    # The admin who passed it on is no judge of it.
    assert asked(by_status["pending"]) == {organization.owner.id, organization.manager.id}


def test_a_short_notice_that_nobody_has_approved_is_asked_for_anew_too(
    db: Connection, database: str, organization: Organization
) -> None:
    notice = make_rule(db, organization, rule_type="lead_time", conditions='{"min_hours": 480}')
    other = join(db, organization, "other")
    waiting = ask(db, organization, notice, start=at(4), end=at(5))
    with as_user(database, organization.admin) as admin:
        remove(admin, organization, organization.member.id, transfer_to=other.id)
    assert status_of(db, waiting) == "pending"
    assert {request["rule_id"] for request in requests_of(db, waiting) if request["status"] == "pending"} == {
        notice
    }


def test_what_nobody_needs_to_approve_any_more_is_approved(
    db: Connection, database: str, organization: Organization
) -> None:
    rule = make_rule(db, organization, tier_id=organization.tier)
    free = make_tier(db, organization, "Free", 5)
    other = join(db, organization, "other", "member", free)
    waiting = ask(db, organization, rule, start=at(4), end=at(5))
    with as_user(database, organization.admin) as admin:
        remove(admin, organization, organization.member.id, transfer_to=other.id)
    assert status_of(db, waiting) == "approved"


def test_bookings_go_only_to_a_member_who_may_have_them(
    db: Connection, database: str, organization: Organization, plane: str
) -> None:
    insert_booking(db, organization, plane, at(3), at(4))
    homes = make_tier(db, organization, "Homes", 5, sections=["residences"])
    limited = join(db, organization, "limited", "member", homes)
    stranger = make_organization(db).member
    receivers = (
        (organization.member.id, "same_person"),
        (stranger.id, "not_found"),
        (organization.viewer.id, "may_not_book"),
        (limited.id, "section_hidden"),
    )
    with as_user(database, organization.admin) as admin:
        for receiver, code in receivers:
            with refused("VALIDATION_ERROR", 400) as failures:
                remove(admin, organization, organization.member.id, transfer_to=receiver)
            assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [("transfer_to", code)]
        for arguments in (
            {"future_bookings": "keep"},
            {"future_bookings": "cancel", "transfer_to": organization.manager.id},
        ):
            with refused("VALIDATION_ERROR", 400):
                remove(admin, organization, organization.member.id, **arguments)


def test_whoever_leaves_cancels_but_does_not_hand_over(
    organization: Organization, member: Connection, plane: str
) -> None:
    book(member, plane, at(3), at(4))
    with refused("FORBIDDEN", 403):
        remove(member, organization, organization.member.id, transfer_to=organization.manager.id)
    with refused("INVALID_STATE", 409) as failures:
        remove(member, organization, organization.member.id)
    assert failures[0].details == FUTURE
    assert remove(member, organization, organization.member.id, future_bookings="cancel")["canceled"] == 1
    with refused("NOT_FOUND", 404):
        remove(member, organization, organization.member.id)


def test_the_dashboard_does_not_remove_a_member_with_bookings_either(
    db: Connection, organization: Organization, plane: str
) -> None:
    booking = insert_booking(db, organization, plane, at(3), at(4))
    hold = insert_booking(db, organization, plane, at(6), at(7), status="hold", hold_expires_at=at(1))
    other = make_user(db, "other")
    for query in (
        "delete from public.organization_members where user_id = %s",
        f"update public.organization_members set user_id = '{other.id}' where user_id = %s",
    ):
        with refused("INVALID_STATE", 409) as failures:
            db.execute(query.encode(), [organization.member.id])
        assert failures[0].details == FUTURE
    db.execute("update public.reservations set status = 'canceled' where id = %s", [booking["id"]])
    db.execute("delete from public.organization_members where user_id = %s", [organization.member.id])
    assert db.execute("select from public.reservations where id = %s", [hold["id"]]).rowcount == 0


def test_a_person_with_bookings_and_approvals_can_be_deleted_in_the_dashboard(
    db: Connection, organization: Organization, plane: str, watcher: Watcher
) -> None:
    past = insert_booking(db, organization, plane, at(-9), at(-8), status="completed")
    booking = insert_booking(db, organization, plane, at(3), at(4))
    waiting = ask(db, organization, make_rule(db, organization), start=at(5), end=at(6))
    insert_booking(db, organization, plane, at(8), at(9), status="hold", hold_expires_at=at(1))
    for user in (organization.member.id, organization.admin.id):
        assert db.execute("delete from auth.users where id = %s", [user]).rowcount == 1
    assert [status_of(db, row) for row in (past, booking, waiting)] == ["completed", "canceled", "canceled"]
    left = db.execute(
        "select count(*) as n from app.occupancy where asset_id = %s and kind = 'hold'", [plane]
    ).fetchone()
    assert left == {"n": 0}
    watcher.events()


def test_a_booking_that_waits_for_the_lock_finds_its_booker_removed(
    db: Connection, database: str, organization: Organization, plane: str
) -> None:
    outcome = second_of_two(
        database,
        db,
        (organization.admin, lambda one: remove(one, organization, organization.member.id)),
        (organization.member, lambda two: book(two, plane, at(3), at(4))),
    )
    assert (outcome.code, outcome.status) == ("NOT_FOUND", 404)
    bookings = "select from public.reservations where user_id = %s"
    assert db.execute(bookings, [organization.member.id]).rowcount == 0


def test_a_removal_that_waits_for_a_booking_does_not_miss_it(
    db: Connection, database: str, organization: Organization, plane: str
) -> None:
    outcome = second_of_two(
        database,
        db,
        (organization.member, lambda one: book(one, plane, at(3), at(4))),
        (
            organization.admin,
            lambda two: remove(two, organization, organization.member.id, future_bookings="cancel"),
        ),
    )
    # It holds no lock of that asset, so it must not touch it; tried again, it does.
    assert (outcome.code, outcome.status) == ("SERVICE_UNAVAILABLE", 503)
    with as_user(database, organization.admin) as admin:
        assert remove(admin, organization, organization.member.id, future_bookings="cancel")["canceled"] == 1


def test_a_removal_that_waits_for_a_membership_holds_no_booking(
    db: Connection, database: str, organization: Organization
) -> None:
    waiting = ask(db, organization, make_rule(db, organization))
    locked = "select from public.organization_members where user_id = %s for no key update"

    with connect(database) as changing, as_user(database, organization.owner) as owner:
        with changing.transaction():
            changing.execute(locked, [organization.member.id])
            removal = threading.Thread(
                target=remove,
                args=[owner, organization, organization.member.id],
                kwargs={"future_bookings": "cancel"},
            )
            removal.start()
            waits = "select from pg_locks where pid = %s and not granted"
            wait_until(lambda: db.execute(waits, [owner.info.backend_pid]).rowcount, what="the removal waits")
            # Else whoever changes a member, and then comes to the bookings, would wait for it in a circle.
            db.execute("select from public.reservations where id = %s for update nowait", [waiting["id"]])
        removal.join(timeout=20)
    assert status_of(db, waiting) == "canceled"


def test_two_who_approve_each_other_s_bookings_leave_at_once(
    db: Connection, database: str, organization: Organization
) -> None:
    one, two = join(db, organization, "one"), join(db, organization, "two")
    for booker, approver, day in ((one, two, 3), (two, one, 5), (one, two, 7), (two, one, 9)):
        users = [approver.id]
        rule = make_rule(db, organization, approval_type="specific_users", approver_user_ids=users)
        ask(db, organization, rule, booker=booker, start=at(day), end=at(day + 1))

    def leave(by: Actor, who: Actor) -> None:
        with as_user(database, by) as connection:
            remove(connection, organization, who.id, future_bookings="cancel")

    assert race([lambda: leave(organization.admin, one), lambda: leave(organization.owner, two)]) == {
        "done": 2
    }


def test_the_dashboard_does_not_wait_for_whoever_is_booking(
    db: Connection, database: str, organization: Organization, plane: str
) -> None:
    with as_user(database, organization.member) as member, member.transaction():
        book(member, plane, at(3), at(4))
        with refused("SERVICE_UNAVAILABLE", 503):
            db.execute("delete from public.organization_members where user_id = %s", [organization.member.id])
    with refused("INVALID_STATE", 409):
        db.execute("delete from public.organization_members where user_id = %s", [organization.member.id])


def test_members_are_sensitive(db: Connection, database: str, organization: Organization) -> None:
    add_factor(db, organization.owner)
    calls: tuple[tuple[str, Json], ...] = (
        ("update_member", {"p_user_id": organization.member.id, "p_changes": {"role": "viewer"}}),
        ("remove_member", {"p_user_id": organization.member.id}),
        ("create_invitation", {"p_invitation": {"email": "new@example.test"}}),
        ("delete_organization", {}),
    )
    db.execute("update public.subscriptions set seat_limit = 9 where organization_id = %s", [organization.id])
    for function, arguments in calls:
        with as_user(database, organization.owner) as once, refused("MFA_REQUIRED", 403):
            rpc(once, function, p_organization_id=organization.id, **arguments)
        with as_user(database, organization.owner, aal="aal2") as twice:
            rpc(twice, function, p_organization_id=organization.id, **arguments)
    with as_user(database, organization.owner) as once, refused("MFA_REQUIRED", 403):
        rpc(once, "restore_organization", p_organization_id=organization.id)
    with as_user(database, organization.owner, aal="aal2") as twice:
        rpc(twice, "restore_organization", p_organization_id=organization.id)


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (
            "update public.subscriptions set status = 'canceled' where organization_id = %s",
            "subscription_canceled",
        ),
        ("delete from public.subscriptions where organization_id = %s", "subscription_canceled"),
    ],
)
def test_an_organisation_that_could_not_be_as_it_stands_does_not_come_back(
    db: Connection, database: str, organization: Organization, obstacle: str, reason: str
) -> None:
    with as_user(database, organization.owner) as owner:
        rpc(owner, "delete_organization", p_organization_id=organization.id)
        db.execute(obstacle.encode(), [organization.id])
        with refused("INVALID_STATE", 409) as failures:
            rpc(owner, "restore_organization", p_organization_id=organization.id)
        assert failures[0].details == {"reason": reason}
        db.execute("update public.organizations set is_active = false where id = %s", [organization.id])
        with refused("NOT_FOUND", 404):
            rpc(owner, "restore_organization", p_organization_id=organization.id)


def test_an_owner_who_was_demoted_meanwhile_deletes_nothing(
    db: Connection, database: str, organization: Organization
) -> None:
    other = join(db, organization, "other", "owner")

    def demote_and_touch(one: Connection) -> None:
        update(one, organization, other.id, role="admin")

    outcome = second_of_two(
        database,
        db,
        (organization.owner, demote_and_touch),
        (other, lambda two: rpc(two, "delete_organization", p_organization_id=organization.id)),
    )
    assert (outcome.code, outcome.status) == ("FORBIDDEN", 403)


PROFILE_FAULTS: list[tuple[str, Any, str]] = [
    ("phone", "6123-4567", "value_error"),
    ("first_name", "x" * 101, "string_too_long"),
    ("last_name", " ", "string_too_short"),
    ("avatar_url", "javascript:x", "value_error"),
    ("timezone", "Panama", "value_error"),
    ("timezone", None, "missing"),
    ("locale", "fr", "literal_error"),
]


@pytest.mark.parametrize(("column", "value", "code"), PROFILE_FAULTS)
def test_a_profile_written_directly_is_refused_by_its_fields(
    database: str, organization: Organization, column: str, value: Any, code: str
) -> None:
    with as_user(database, organization.member) as member, refused("VALIDATION_ERROR", 400) as failures:
        member.execute(
            f"update public.profiles set {column} = %s where id = %s".encode(),
            [value, organization.member.id],
        )
    assert [(f["path"], f["code"]) for f in failures[0].details["fields"]] == [(column, code)]


def test_nobody_writes_memberships_or_invitations_directly(database: str, organization: Organization) -> None:
    with as_user(database, organization.owner) as owner:
        for query in (
            "update public.organization_members set role = 'owner'",
            "delete from public.organization_members",
            "insert into public.organization_members (organization_id, user_id) values (%s, %s)",
            "insert into public.invitations (organization_id, email) values (%s, %s)",
            "delete from public.invitations",
            "update public.invitations set expires_at = 'infinity'",
        ):
            arguments = [organization.id, organization.owner.id] if "%s" in query else None
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(query.encode(), arguments)


def test_add_member_of_the_dashboard_needs_no_seat(db: Connection, organization: Organization) -> None:
    add_member(db, organization.id, make_user(db, "sixth"), "viewer", None)
    assert len(roles(db, organization)) == 6
