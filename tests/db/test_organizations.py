"""Profiles, organisations, members and tiers: what their functions answer and what their triggers keep."""

import json
import threading
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    RefusedError,
    add_member,
    as_user,
    connect,
    make_organization,
    make_user,
    refused,
    rpc,
)
from tests.harness import wait_until


def _one(db: Connection, query: str, *values: Any) -> dict[str, Any]:
    row = db.execute(query.encode(), values).fetchone()
    assert row is not None
    return row


def _user(db: Connection, metadata: Any) -> str:
    row = _one(
        db,
        """
        insert into auth.users (id, email, raw_user_meta_data)
        values (gen_random_uuid(), gen_random_uuid() || '@example.test', %s) returning id
        """,
        json.dumps(metadata),
    )
    return str(row["id"])


def test_signing_up_makes_a_profile_from_the_metadata(db: Connection) -> None:
    user = _user(db, {"first_name": " Ana ", "last_name": "Ríos", "phone": "+50761234567", "locale": "en",
                      "timezone": "America/New_York", "avatar_url": "https://x.test/a.png"})  # fmt: skip
    profile = _one(db, "select * from public.profiles where id = %s", user)
    assert (profile["first_name"], profile["last_name"], profile["phone"]) == ("Ana", "Ríos", "+50761234567")
    assert (profile["locale"], profile["timezone"]) == ("en", "America/New_York")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        None,
        5,
        [1],
        {"first_name": {"a": 1}, "last_name": "x" * 500, "phone": "tel", "avatar_url": "javascript:alert(1)"},
        {"locale": "xx", "timezone": "Mars/Olympus", "first_name": "   "},
    ],
)
def test_no_metadata_can_make_a_sign_up_fail(db: Connection, metadata: Any) -> None:
    profile = _one(db, "select * from public.profiles where id = %s", _user(db, metadata))
    assert (profile["timezone"], profile["locale"]) == ("America/Panama", "es")
    assert (profile["phone"], profile["avatar_url"]) == (None, None)


def test_the_profile_follows_the_address_and_goes_with_the_user(db: Connection) -> None:
    user = make_user(db, "ana")
    db.execute("update auth.users set email = 'new@example.test' where id = %s", [user.id])
    assert _one(db, "select email from public.profiles where id = %s", user.id)["email"] == "new@example.test"
    db.execute("delete from auth.users where id = %s", [user.id])
    assert _one(db, "select count(*) as n from public.profiles where id = %s", user.id)["n"] == 0


def test_one_changes_ones_own_profile_but_not_into_an_unknown_zone(db: Connection, database: str) -> None:
    with as_user(database, make_user(db, "ana")) as ana:
        assert ana.execute("update public.profiles set timezone = 'Europe/Madrid'").rowcount == 1
        with refused("VALIDATION_ERROR", 400) as failures:
            ana.execute("update public.profiles set timezone = 'madrid'")
        assert ana.execute("select version, timezone from public.profiles").fetchone() == {
            "version": 2,
            "timezone": "Europe/Madrid",
        }
    assert failures[0].details["fields"][0]["path"] == "timezone"


def test_the_creator_owns_an_organization_on_trial_with_everything(db: Connection, database: str) -> None:
    ana = make_user(db, "ana")
    with as_user(database, ana) as connection:
        created = rpc(
            connection, "create_organization", p_organization={"legal_name": "Ríos, S.A.", "dv": "42"}
        )
        me = rpc(connection, "me")
        sections = connection.execute("select section from public.entitlements where is_active").fetchall()
        subscription = connection.execute("select status, seat_limit from public.subscriptions").fetchone()
    assert (created["legal_name"], created["dv"], created["timezone"], created["version"]) == (
        "Ríos, S.A.", "42", "America/Panama", 1,
    )  # fmt: skip
    assert created["created_at"].endswith("Z")
    assert "deleted_at" not in created
    membership = me["memberships"][0]
    assert (membership["role"], membership["organization"]["id"]) == ("owner", created["id"])
    assert membership["tier"]["name"] == "Standard"
    assert me["user"] == {"id": ana.id, "email": ana.email}
    assert me["aal"] == "aal1"
    assert {row["section"] for row in sections} == {"planes", "helicopters", "residences", "watercraft"}
    assert subscription == {"status": "trial", "seat_limit": 5}


def test_every_fault_of_an_organization_is_named_at_once(db: Connection, database: str) -> None:
    faulty = {
        "commercial_name": "x" * 201,
        "billing_email": "nobody",
        "phone": "6123-4567",
        "logo_url": "javascript:x",
        "timezone": "Panama",
        "address": {"street": 5, "cty": "Colón"},
        "is_active": False,
    }
    with as_user(database, make_user(db, "ana")) as ana, refused("VALIDATION_ERROR", 400) as failures:
        rpc(ana, "create_organization", p_organization=faulty)
    assert {(field["path"], field["code"]) for field in failures[0].details["fields"]} == {
        ("legal_name", "missing"),
        ("commercial_name", "string_too_long"),
        ("billing_email", "value_error"),
        ("phone", "value_error"),
        ("logo_url", "value_error"),
        ("timezone", "value_error"),
        ("address.street", "string_type"),
        ("address.cty", "extra_forbidden"),
        ("is_active", "extra_forbidden"),
    }


def test_a_deleted_account_with_a_living_token_is_nobody(db: Connection, database: str) -> None:
    ghost = make_user(db, "ghost")
    db.execute("delete from auth.users where id = %s", [ghost.id])
    with as_user(database, ghost) as connection:
        for call in ("me", "create_organization"):
            arguments = {"p_organization": {"legal_name": "Ghost"}} if call == "create_organization" else {}
            with refused("UNAUTHORIZED", 401):
                rpc(connection, call, **arguments)


def test_an_update_changes_what_it_names_and_empties_what_is_null(
    database: str, organization: Organization
) -> None:
    with as_user(database, organization.admin) as admin:
        filled = rpc(
            admin, "update_organization", p_organization_id=organization.id,
            p_changes={"ruc": "1-2-3", "address": {"city": "Colón"}},
        )  # fmt: skip
        emptied = rpc(
            admin, "update_organization", p_organization_id=organization.id,
            p_changes={"address": None, "commercial_name": None},
        )  # fmt: skip
        with refused("VALIDATION_ERROR") as failures:
            rpc(
                admin,
                "update_organization",
                p_organization_id=organization.id,
                p_changes={"legal_name": None},
            )
    assert (filled["version"], filled["address"]) == (2, {"city": "Colón"})
    assert (emptied["version"], emptied["address"], emptied["commercial_name"], emptied["ruc"]) == (
        3, None, None, "1-2-3",
    )  # fmt: skip
    assert failures[0].details["fields"][0]["code"] == "missing"


def test_a_stale_update_is_shown_the_current_state(database: str, organization: Organization) -> None:
    change = {"p_organization_id": organization.id, "p_changes": {"ruc": "9"}, "p_expected_version": 1}
    with as_user(database, organization.owner) as owner:
        assert rpc(owner, "update_organization", **change)["version"] == 2
        with refused("PRECONDITION_FAILED", 412) as failures:
            rpc(owner, "update_organization", **{**change, "p_changes": {"ruc": "10"}})
    assert (failures[0].details["current"]["ruc"], failures[0].details["current"]["version"]) == ("9", 2)


def test_a_closed_organization_exists_for_no_one(
    db: Connection, database: str, organization: Organization
) -> None:
    db.execute("update public.organizations set is_active = false where id = %s", [organization.id])
    with as_user(database, organization.owner) as owner:
        assert rpc(owner, "me")["memberships"] == []
        assert owner.execute("select from public.assets").fetchall() == []
        with refused("NOT_FOUND", 404):
            rpc(owner, "member_directory", p_organization_id=organization.id)


def test_the_second_factor_is_demanded_of_all_writes_where_the_organization_says_so(
    db: Connection, database: str, organization: Organization
) -> None:
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    plane = organization.assets["planes"]
    change = {"p_organization_id": organization.id, "p_changes": {"ruc": "1"}}
    writes = [
        "update public.assets set name = 'Renamed' where id = %(plane)s",
        "insert into public.assets (organization_id, section, name) values (%(org)s, 'planes', 'New')",
        "insert into public.tiers (organization_id, name, priority) values (%(org)s, 'New', 7)",
        """
        insert into public.asset_photos (organization_id, asset_id, url)
        values (%(org)s, %(plane)s, 'http://x.test')
        """,
        "delete from public.asset_photos where asset_id = %(plane)s",
        "delete from public.tiers where priority = 7",
    ]
    values = {"org": organization.id, "plane": plane}
    with as_user(database, organization.admin, aal="aal2") as confirmed:
        for query in writes[:4]:
            assert confirmed.execute(query.encode(), values).rowcount == 1
        rpc(confirmed, "update_organization", **change)
    with as_user(database, organization.admin) as admin:
        assert admin.execute("select from public.assets where id = %(plane)s", values).rowcount == 1
        for query in writes:
            with refused("MFA_REQUIRED", 403):
                admin.execute(query.encode(), values)
        with refused("MFA_REQUIRED", 403):
            rpc(admin, "update_organization", **change)


@pytest.mark.parametrize(("reader", "sees"), [("viewer", False), ("member", False), ("manager", True)])
def test_the_directory_tells_addresses_to_managers_only(
    database: str, organization: Organization, reader: str, sees: bool
) -> None:
    with as_user(database, organization.actor(reader)) as connection:
        people = rpc(connection, "member_directory", p_organization_id=organization.id)
    assert [person["role"] for person in people] == ["owner", "admin", "manager", "member", "viewer"]
    others = [person for person in people if person["user_id"] != organization.actor(reader).id]
    assert all(("email" in person, "phone" in person) == (sees, sees) for person in others)
    mine = next(person for person in people if person["user_id"] == organization.actor(reader).id)
    assert mine["email"] == organization.actor(reader).email


LEAVE = "delete from public.organization_members where organization_id = %s and user_id = %s"
DEMOTE = "update public.organization_members set role = 'admin' where organization_id = %s and user_id = %s"


@pytest.mark.parametrize("query", [LEAVE, DEMOTE])
def test_the_last_owner_stays_even_if_the_dashboard_says_otherwise(
    db: Connection, organization: Organization, query: str
) -> None:
    with refused("INVALID_STATE", 409) as failures:
        db.execute(query.encode(), [organization.id, organization.owner.id])
    assert failures[0].details["reason"] == "last_owner"
    second = make_user(db, "second")
    add_member(db, organization.id, second, "owner", None)
    assert db.execute(query.encode(), [organization.id, organization.owner.id]).rowcount == 1
    with refused("INVALID_STATE"):
        db.execute(query.encode(), [organization.id, second.id])


def test_all_owners_cannot_be_taken_by_one_statement(db: Connection, organization: Organization) -> None:
    add_member(db, organization.id, make_user(db, "second"), "owner", None)
    with refused("INVALID_STATE"):
        db.execute("delete from public.organization_members where organization_id = %s", [organization.id])


@pytest.mark.parametrize(
    "isolation", [psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ]
)
def test_two_owners_who_leave_at_once_leave_one_behind(
    database: str, db: Connection, organization: Organization, isolation: psycopg.IsolationLevel
) -> None:
    second = make_user(db, "second")
    add_member(db, organization.id, second, "owner", None)
    outcome: list[str] = []

    def leave(connection: Connection, owner: Actor) -> None:
        try:
            with connection.transaction():
                connection.execute(LEAVE, [organization.id, owner.id])
            outcome.append("left")
        except psycopg.errors.SerializationFailure:
            outcome.append("refused")
        except psycopg.Error as error:
            outcome.append("refused" if RefusedError(error).code == "INVALID_STATE" else "broken")

    with connect(database) as one, connect(database) as two:
        one.isolation_level = two.isolation_level = isolation
        with one.transaction():
            one.execute(LEAVE, [organization.id, organization.owner.id])
            other = threading.Thread(target=leave, args=(two, second))
            other.start()
            wait_until(
                lambda: _one(db, "select cardinality(pg_blocking_pids(%s)) as n", two.info.backend_pid)["n"],
                what="the second one waits",
            )
        other.join(timeout=20)
    assert outcome == ["refused"]
    owners = (
        "select count(*) as n from public.organization_members where organization_id = %s and role = 'owner'"
    )
    assert _one(db, owners, organization.id)["n"] == 1


def test_a_whole_organization_can_be_deleted(db: Connection, organization: Organization) -> None:
    db.execute("delete from public.organizations where id = %s", [organization.id])
    for table in ("organization_members", "tiers", "assets", "subscriptions", "entitlements"):
        left = f"select count(*) as n from public.{table} where organization_id = %s"
        assert _one(db, left, organization.id)["n"] == 0


def test_a_person_can_be_deleted_unless_an_organization_would_be_without_owner(
    db: Connection, organization: Organization
) -> None:
    assert db.execute("delete from auth.users where id = %s", [organization.member.id]).rowcount == 1
    with refused("INVALID_STATE") as failures:
        db.execute("delete from auth.users where id = %s", [organization.owner.id])
    assert failures[0].details == {"reason": "last_owner", "organization_id": organization.id}
    db.execute("update public.organizations set deleted_at = now() where id = %s", [organization.id])
    assert db.execute("delete from auth.users where id = %s", [organization.owner.id]).rowcount == 1


def _add_tier(
    connection: Connection, organization: Organization, priority: int, *, default: bool = False
) -> str:
    row = _one(
        connection,
        "insert into public.tiers (organization_id, name, priority, is_default) values (%s, 'New', %s, %s) "
        "returning id",
        organization.id, priority, default,
    )  # fmt: skip
    return str(row["id"])


def test_a_new_default_tier_takes_over_from_the_old(database: str, organization: Organization) -> None:
    with as_user(database, organization.admin) as admin:
        new = _add_tier(admin, organization, 5, default=True)
        defaults = admin.execute("select id::text from public.tiers where is_default").fetchall()
        assert defaults == [{"id": new}]
        admin.execute("update public.tiers set is_default = true where id = %s", [organization.tier])
        defaults = admin.execute("select id::text from public.tiers where is_default").fetchall()
    assert defaults == [{"id": organization.tier}]


@pytest.mark.parametrize("query", ["delete from public.tiers where id = %s",
                                   "update public.tiers set is_default = false where id = %s"])  # fmt: skip
def test_the_default_tier_is_never_just_taken_away(
    database: str, organization: Organization, query: str
) -> None:
    with as_user(database, organization.owner) as owner:
        with refused("INVALID_STATE", 409):
            owner.execute(query.encode(), [organization.tier])
        assert owner.execute("select from public.tiers where is_default").rowcount == 1


def test_a_tier_with_members_is_not_deleted_under_them(
    db: Connection, database: str, organization: Organization
) -> None:
    with as_user(database, organization.admin) as admin:
        spare = _add_tier(admin, organization, 5)
        db.execute(
            "update public.organization_members set tier_id = %s where user_id = %s",
            [spare, organization.viewer.id],
        )
        with refused("INVALID_STATE") as failures:
            admin.execute("delete from public.tiers where id = %s", [spare])
        db.execute(
            "update public.organization_members set tier_id = null where user_id = %s",
            [organization.viewer.id],
        )
        assert admin.execute("delete from public.tiers where id = %s", [spare]).rowcount == 1
    assert failures[0].details == {"reason": "tier_in_use", "members": 1}


def test_no_member_is_of_another_organizations_tier(db: Connection, organization: Organization) -> None:
    other = make_organization(db)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.execute(
            "update public.organization_members set tier_id = %s where user_id = %s",
            [other.tier, organization.member.id],
        )


def test_two_tiers_of_one_strength_and_two_defaults_are_impossible(
    db: Connection, organization: Organization
) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="priority"):
        _add_tier(db, organization, 100)
    indexes = _one(db, "select indexdef from pg_indexes where indexname = 'tiers_one_default'")
    assert indexes["indexdef"].startswith("CREATE UNIQUE INDEX")


def test_memberships_are_found_by_their_index(db: Connection, organization: Organization) -> None:
    row = _one(db, "select prosrc from pg_proc where oid = 'app.member_organizations'::regproc")
    query = row["prosrc"].split("return query")[1].split(";")[0]
    with db.transaction(force_rollback=True):
        db.execute(
            """
            insert into auth.users (id) select gen_random_uuid() from generate_series(1, 2000);
            insert into public.organization_members (organization_id, user_id)
            select o.id, p.id from public.organizations o cross join public.profiles p
            where o.id = (select id from public.organizations limit 1)
            on conflict do nothing;
            analyze public.organization_members;
            """
        )
        db.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps(organization.member.claims)]
        )
        plan = "\n".join(str(line) for line in db.execute(f"explain {query}".encode()))
    assert "idx_organization_members_user" in plan
