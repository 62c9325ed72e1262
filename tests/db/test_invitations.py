"""Invitations: the token, whom it lets in, and the seats."""

import hashlib
from typing import Any

import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    add_member,
    as_user,
    make_organization,
    make_user,
    refused,
    rpc,
)
from tests.db.approving import make_tier
from tests.db.booking import Json
from tests.db.racing import second_of_two


@pytest.fixture
def roomy(db: Connection, organization: Organization) -> Organization:
    """The fresh organisation with two seats to give away."""
    set_seats(db, organization, 7)
    return organization


def set_seats(db: Connection, organization: Organization, seats: int) -> None:
    db.execute(
        "update public.subscriptions set seat_limit = %s where organization_id = %s", [seats, organization.id]
    )


def invite(connection: Connection, organization: Organization, email: str, **fields: Any) -> Json:
    invitation: Json = rpc(
        connection,
        "create_invitation",
        p_organization_id=organization.id,
        p_invitation={"email": email, **fields},
    )
    return invitation


def invite_as_admin(database: str, organization: Organization, email: str, **fields: Any) -> Json:
    with as_user(database, organization.admin) as admin:
        return invite(admin, organization, email, **fields)


def accept(connection: Connection, invitation: Json) -> Json:
    joined: Json = rpc(connection, "accept_invitation", p_token=invitation["token"])
    return joined


def members(db: Connection, organization: Organization) -> int:
    query = "select from public.organization_members where organization_id = %s"
    return db.execute(query, [organization.id]).rowcount


def test_only_the_token_s_hash_is_kept_and_nobody_reads_it(
    db: Connection, database: str, roomy: Organization
) -> None:
    made = invite_as_admin(database, roomy, "New@Example.test ", role="viewer", message=" Welcome ")
    assert (made["email"], made["role"], made["message"]) == ("new@example.test", "viewer", "Welcome")
    row = db.execute(
        "select t.hash, to_jsonb(i)::text as text, i.expires_at - i.created_at = '168 hours' as is_a_week"
        " from app.invitation_tokens t join public.invitations i on i.id = t.invitation_id where i.id = %s",
        [made["id"]],
    ).fetchone()
    assert row is not None
    assert bytes(row["hash"]) == hashlib.sha256(made["token"].encode()).digest()
    assert made["token"] not in row["text"]
    assert row["is_a_week"]
    with as_user(database, roomy.owner) as owner:
        (listed,) = rpc(owner, "list_invitations", p_organization_id=roomy.id)["items"]
    assert "token" not in listed
    assert listed == {key: value for key, value in made.items() if key != "token"}


def test_what_cannot_be_invited_is_named(db: Connection, database: str, roomy: Organization) -> None:
    other = make_organization(db)
    with as_user(database, roomy.owner) as owner:
        with refused("VALIDATION_ERROR", 400) as failures:
            invite(owner, roomy, "no address", role="owner", tier_id=other.tier, message=" ", x=1)
        assert {(f["path"], f["code"]) for f in failures[0].details["fields"]} == {
            ("email", "value_error"),
            ("role", "literal_error"),
            ("tier_id", "not_found"),
            ("message", "string_too_short"),
            ("x", "extra_forbidden"),
        }
        with refused("INVALID_STATE", 409) as failures:
            invite(owner, roomy, roomy.viewer.email.upper())
        assert failures[0].details == {"reason": "already_member"}


def test_a_new_invitation_replaces_the_old_and_takes_no_seat_of_its_own(
    db: Connection, database: str, organization: Organization
) -> None:
    set_seats(db, organization, 6)
    ana = make_user(db, "ana")
    first = invite_as_admin(database, organization, ana.email)
    second = invite_as_admin(database, organization, ana.email, role="viewer")
    with refused("INVALID_STATE", 409) as failures:
        invite_as_admin(database, organization, "other@example.test")
    assert failures[0].details == {"reason": "seat_limit", "seat_limit": 6, "members": 5, "invitations": 1}
    with as_user(database, ana) as connection:
        with refused("INVALID_STATE", 409) as failures:
            accept(connection, first)
        assert failures[0].details == {"reason": "invitation_revoked"}
        assert accept(connection, second)["role"] == "viewer"


CLOSINGS = [
    ("expires_at = now()", "invitation_expired"),
    ("revoked_at = now()", "invitation_revoked"),
    ("accepted_at = now()", "invitation_accepted"),
]


@pytest.mark.parametrize(("closing", "reason"), CLOSINGS)
def test_a_closed_invitation_lets_nobody_in_and_takes_no_seat(
    db: Connection, database: str, organization: Organization, closing: str, reason: str
) -> None:
    set_seats(db, organization, 6)
    ana = make_user(db, "ana")
    made = invite_as_admin(database, organization, ana.email)
    db.execute(f"update public.invitations set {closing} where id = %s".encode(), [made["id"]])
    with as_user(database, ana) as connection, refused("INVALID_STATE", 409) as failures:
        accept(connection, made)
    assert failures[0].details == {"reason": reason}
    assert members(db, organization) == 5
    invite_as_admin(database, organization, "other@example.test")


def test_a_token_that_is_wrong_and_one_that_is_another_s_look_the_same(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana, eve = make_user(db, "ana"), make_user(db, "eve")
    made = invite_as_admin(database, roomy, ana.email)
    seen = []
    with as_user(database, eve) as connection:
        for token in (made["token"], "wrong", ""):
            with refused("NOT_FOUND", 404) as failures:
                rpc(connection, "accept_invitation", p_token=token)
            seen.append((failures[0].message, failures[0].details))
    assert len(set(map(str, seen))) == 1
    db.execute("update auth.users set email_confirmed_at = null where id = %s", [ana.id])
    with as_user(database, ana) as connection:
        for token in (made["token"], "wrong"):
            with refused("FORBIDDEN", 403) as failures:
                rpc(connection, "accept_invitation", p_token=token)
            assert failures[0].details == {"reason": "email_unverified"}
    # An address that was taken over at Auth is another's; the claim in the token says nothing.
    db.execute("update auth.users set email_confirmed_at = now(), email = 'x@y.test' where id = %s", [ana.id])
    with as_user(database, ana) as connection, refused("NOT_FOUND", 404):
        accept(connection, made)


def test_of_two_who_accept_one_token_at_once_one_joins(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email)
    outcome = second_of_two(
        database, db, (ana, lambda one: accept(one, made)), (ana, lambda two: accept(two, made))
    )
    assert (outcome.code, outcome.details) == ("INVALID_STATE", {"reason": "invitation_accepted"})
    assert members(db, roomy) == 6


def test_of_two_invitations_for_the_last_seat_one_is_made(
    db: Connection, database: str, organization: Organization
) -> None:
    set_seats(db, organization, 6)
    outcome = second_of_two(
        database,
        db,
        (organization.owner, lambda one: invite(one, organization, "one@example.test")),
        (organization.admin, lambda two: invite(two, organization, "two@example.test")),
    )
    assert (outcome.code, outcome.details["reason"]) == ("INVALID_STATE", "seat_limit")


def test_of_two_who_accept_for_the_last_seat_one_joins(
    db: Connection, database: str, roomy: Organization
) -> None:
    people = [make_user(db, name) for name in ("ana", "luis")]
    made = [invite_as_admin(database, roomy, person.email) for person in people]
    set_seats(db, roomy, 6)
    outcome = second_of_two(
        database,
        db,
        (people[0], lambda one: accept(one, made[0])),
        (people[1], lambda two: accept(two, made[1])),
    )
    assert (outcome.code, outcome.details["reason"]) == ("INVALID_STATE", "seat_limit")
    assert members(db, roomy) == 6


def test_an_invitation_that_is_taken_back_meanwhile_lets_nobody_in(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email)

    def revoke(connection: Connection) -> Json:
        revoked: Json = rpc(
            connection, "revoke_invitation", p_organization_id=roomy.id, p_invitation_id=made["id"]
        )
        return revoked

    outcome = second_of_two(database, db, (roomy.admin, revoke), (ana, lambda two: accept(two, made)))
    assert outcome.details == {"reason": "invitation_revoked"}
    with as_user(database, roomy.admin) as admin:
        assert revoke(admin)["status"] == "revoked"


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (
            "subscriptions set status = 'canceled' where organization_id",
            "INVALID_STATE",
            "subscription_canceled",
        ),
        ("organizations set deleted_at = now() where id", "NOT_FOUND", None),
        ("organizations set is_active = false where id", "NOT_FOUND", None),
    ],
)
def test_an_organisation_that_has_ended_takes_nobody_in(
    db: Connection, database: str, roomy: Organization, change: str, code: str, reason: str | None
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email)
    db.execute(f"update public.{change} = %s".encode(), [roomy.id])
    with as_user(database, ana) as connection, refused(code) as failures:
        accept(connection, made)
    assert failures[0].details == (reason and {"reason": reason})
    with refused(code) as failures:
        invite_as_admin(database, roomy, "new@example.test")
    assert failures[0].details == (reason and {"reason": reason})


def test_whoever_joins_brings_the_second_factor_that_is_demanded(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email)
    db.execute("update public.organizations set require_mfa = true where id = %s", [roomy.id])
    with as_user(database, ana) as once, refused("MFA_REQUIRED", 403):
        accept(once, made)
    assert members(db, roomy) == 5
    with as_user(database, ana, aal="aal2") as twice:
        assert accept(twice, made)["organization"]["id"] == roomy.id


def test_whoever_became_a_member_otherwise_keeps_that_role(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email, role="admin")
    add_member(db, roomy.id, ana, "viewer", None)
    with as_user(database, ana) as connection, refused("INVALID_STATE", 409) as failures:
        accept(connection, made)
    assert failures[0].details == {"reason": "already_member"}


@pytest.mark.parametrize("step", ["demoted", "removed", "deleted"])
def test_an_admin_who_is_one_no_more_does_not_come_back_by_invitation(
    db: Connection, database: str, roomy: Organization, step: str
) -> None:
    back = make_user(db, "back")
    made = invite_as_admin(database, roomy, back.email, role="admin")
    admin: Actor = roomy.admin
    query = {
        "demoted": "update public.organization_members set role = 'manager' where user_id = %s",
        "removed": "delete from public.organization_members where user_id = %s",
        "deleted": "delete from auth.users where id = %s",
    }[step]
    db.execute(query.encode(), [admin.id])
    with as_user(database, back) as connection, refused("INVALID_STATE", 409) as failures:
        accept(connection, made)
    assert failures[0].details == {"reason": "invitation_revoked"}


@pytest.mark.parametrize("step", ["demoted", "removed"])
def test_an_invitation_that_an_admin_sends_while_demoted_is_taken_back_with_the_others(
    db: Connection, database: str, roomy: Organization, step: str
) -> None:
    named = {"p_organization_id": roomy.id, "p_user_id": roomy.admin.id}

    def end(owner: Connection) -> None:
        if step == "removed":
            rpc(owner, "remove_member", **named)
        else:
            rpc(owner, "update_member", **named, p_changes={"role": "viewer"})

    back = make_user(db, "back")
    second_of_two(
        database,
        db,
        (roomy.admin, lambda one: invite(one, roomy, back.email, role="admin")),
        (roomy.owner, end),
    )
    open_ones = "select from public.invitations where organization_id = %s and revoked_at is null"
    assert db.execute(open_ones, [roomy.id]).rowcount == 0


def test_a_tier_that_someone_is_invited_to_stays_until_they_answer(
    db: Connection, database: str, roomy: Organization
) -> None:
    guests = make_tier(db, roomy, "Guests", 5)
    made = invite_as_admin(database, roomy, "new@example.test", tier_id=guests)
    with as_user(database, roomy.admin) as admin:
        with refused("INVALID_STATE", 409) as failures:
            rpc(admin, "delete_tier", p_organization_id=roomy.id, p_tier_id=guests)
        assert failures[0].details == {"reason": "tier_in_use", "members": 0, "invitations": 1}
        rpc(admin, "revoke_invitation", p_organization_id=roomy.id, p_invitation_id=made["id"])
        rpc(admin, "delete_tier", p_organization_id=roomy.id, p_tier_id=guests)
        listed = rpc(admin, "list_invitations", p_organization_id=roomy.id, p_status="revoked")
    assert [(row["id"], row["tier_id"]) for row in listed["items"]] == [(made["id"], None)]


def test_an_accepted_invitation_and_another_organisation_s_are_not_taken_back(
    db: Connection, database: str, roomy: Organization
) -> None:
    ana = make_user(db, "ana")
    made = invite_as_admin(database, roomy, ana.email)
    stranger = make_organization(db)
    with as_user(database, stranger.owner) as owner, refused("NOT_FOUND", 404):
        rpc(owner, "revoke_invitation", p_organization_id=stranger.id, p_invitation_id=made["id"])
    with as_user(database, ana) as connection:
        accept(connection, made)
    with as_user(database, roomy.owner) as owner, refused("INVALID_STATE", 409) as failures:
        rpc(owner, "revoke_invitation", p_organization_id=roomy.id, p_invitation_id=made["id"])
    assert failures[0].details == {"reason": "invitation_accepted"}
