"""The audit log: what is in it, who reads it, and that nobody changes it."""

import json
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest

from tests.actors import (
    Connection,
    Organization,
    add_factor,
    add_member,
    as_anonymous,
    as_service,
    as_user,
    connect,
    make_asset,
    make_organization,
    make_user,
    refused,
    rpc,
)
from tests.db.approving import make_rule
from tests.db.auditing import entries, hand_over, record, seal, verify
from tests.db.booking import at, book, cancel, change, hold, insert_booking
from tests.db.catalogue import listing

# Tables whose rows leave no entry, and why.
UNAUDITED = {
    "public.audit_logs": "the log itself",
    "public.calendar_events": "a log of its own, written by triggers from what is audited",
    "app.access_epochs": "counts changes of what is audited",
    "app.asset_documents": "derived from assets, for searching",
    "app.audit_chain": "the log's own chain",
    "app.audit_heads": "the log's own chain",
    "app.audit_unsealed": "the log's own chain",
    "app.event_counters": "derived from the event log",
    "app.idempotency_keys": "answers for a day; the requests are recorded",
    "app.invitation_tokens": "holds nothing but the hash of a secret",
    "app.occupancy": "derived from bookings and maintenance",
    "app.past_members": "derived from members",
    "app.series_instances": "derived from series and their bookings",
    "app.spent_tickets": "tickets of thirty seconds",
    "app.stats_refreshed": "one time",
    "app.time_zones": "the names of IANA",
}
# Columns that may hold what identifies a person, and stay: the organisation's own, and what the log is about.
KEPT = {
    "organizations.legal_name",
    "organizations.commercial_name",
    "organizations.billing_email",
    "organizations.phone",
    "organizations.address",
    "tiers.name",
    "tier_booking_rules.name",
    "holidays.name",
    "holidays.name_es",
    "assets.name",
    "approval_requests.rule_name",
}


def test_each_table_is_audited_or_named_with_a_reason(db: Connection) -> None:
    rows = db.execute(
        """
        select c.oid::regclass::text as relation, n.nspname || '.' || c.relname as name,
            array_agg(distinct t.tgname::text) filter (where t.tgname like 'Audit%') as triggers
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_trigger t on t.tgrelid = c.oid
        where n.nspname in ('public', 'app') and c.relkind in ('r', 'p')
        group by 1, 2
        """
    ).fetchall()
    watched = ["Audit_1", "Audit_2", "Audit_3"]
    bookings = ["Audit_1_delete", "Audit_1_insert", "Audit_2", "Audit_2_born", "Audit_3"]
    for row in rows:
        expected = bookings if row["name"] == "public.reservations" else watched
        assert row["triggers"] == (None if row["name"] in UNAUDITED else expected), row["name"]
    assert UNAUDITED.keys() <= {row["name"] for row in rows}


def test_what_identifies_people_or_opens_doors_is_redacted(db: Connection) -> None:
    columns = db.execute(
        """
        select c.relname || '.' || a.attname as name
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where t.tgfoid = 'app.audit_row'::regproc
            and a.attname ~ 'email|phone|address|name|notes|message|metadata|token|secret|hash|password'
            and a.attname <> all ((string_to_array(encode(t.tgargs, 'escape'), '\\000'))[3]::text[])
        """
    )
    found = {row["name"] for row in columns}
    # Why somebody decided as they did is what an auditor asks.
    assert found == KEPT | {"rule_approvals.response_notes"}


def test_an_edit_in_the_dashboard_is_recorded_with_its_values_and_no_person(
    db: Connection, organization: Organization, plane: str
) -> None:
    db.execute("update public.assets set name = 'Renamed', capacity = 7 where id = %s", [plane])
    entry = entries(db, organization.id, resource_id=plane)[-1]
    assert (entry["action"], entry["resource_type"], entry["user_id"]) == ("update", "assets", None)
    told = entry["metadata"]
    assert told["old"] == {"name": "planes one", "capacity": None}
    assert told["new"] == {"name": "Renamed", "capacity": 7}
    assert (told["source"], told["session_user"], told["role"]) == ("row", "postgres", "none")
    assert "request_id" not in told


def test_a_request_is_recorded_with_its_person_and_the_id_it_was_given(
    db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    member.execute(
        "select set_config('request.headers', %s, false), set_config('request.method', 'POST', false),"
        " set_config('request.path', '/rpc/create_reservation', false)",
        [json.dumps({"x-request-id": "abc-123", "authorization": "Bearer x"})],
    )
    booking = book(member, plane, at(3), at(3, 12), notes="Mind the dog", guests=[{"name": "Eva"}])
    found = entries(db, organization.id, user_id=organization.member.id)
    assert [(entry["resource_type"], entry["action"]) for entry in found] == [
        ("reservations", "insert"),
        ("reservation_details", "insert"),
        ("reservation_guests", "insert"),
    ]
    for entry in found:
        assert str(entry["resource_id"]) == booking["id"]
        assert (entry["request_method"], entry["request_path"]) == ("POST", "/rpc/create_reservation")
        assert (entry["metadata"]["request_id"], entry["metadata"]["role"]) == ("abc-123", "authenticated")
    assert len({entry["metadata"]["transaction"] for entry in found}) == 1
    assert found[0]["metadata"]["new"]["title"] == "Trip"
    assert found[1]["metadata"]["new"]["notes"] == found[2]["metadata"]["new"]["name"] == "[redacted]"
    assert found[2]["metadata"]["new"]["email"] is None
    assert "dog" not in json.dumps([entry["metadata"] for entry in found])


@pytest.mark.parametrize("sent", ["a b", "x" * 129, "<script>", "é"])
def test_an_id_that_is_not_sane_is_not_kept(
    db: Connection, organization: Organization, member: Connection, plane: str, sent: str
) -> None:
    member.execute("select set_config('request.headers', %s, false)", [json.dumps({"x-request-id": sent})])
    book(member, plane, at(3), at(3, 12))
    found = entries(db, organization.id, user_id=organization.member.id)
    assert found
    assert not [entry for entry in found if "request_id" in entry["metadata"]]


def test_what_is_rolled_back_leaves_no_entry(db: Connection, organization: Organization, plane: str) -> None:
    before = entries(db, organization.id)
    with db.transaction(force_rollback=True):
        db.execute("delete from public.assets where id = %s", [plane])
        assert len(entries(db, organization.id)) == len(before) + 1
    assert entries(db, organization.id) == before


def test_an_update_that_changes_nothing_leaves_no_entry(
    db: Connection, organization: Organization, plane: str
) -> None:
    before = entries(db, organization.id)
    db.execute("update public.assets set name = name where id = %s", [plane])
    db.execute("update public.organizations set is_active = is_active where id = %s", [organization.id])
    assert entries(db, organization.id) == before


def test_a_hold_is_nobodys_business_until_it_is_a_booking(
    db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    held = hold(member, plane, at(3), at(3, 12))
    given_up = hold(member, organization.assets["helicopters"], at(3), at(3, 12))
    rpc(member, "release_hold", p_hold_id=given_up["id"])
    assert entries(db, organization.id, user_id=organization.member.id) == []
    booking = book(member, plane, at(3), at(3, 12), hold_id=held["id"])
    found = entries(db, organization.id, resource_id=booking["id"], resource_type="reservations")
    assert [(entry["action"], entry["metadata"]["old"]) for entry in found] == [("insert", None)]
    assert found[0]["metadata"]["new"]["status"] == "approved"


def test_the_rules_that_were_overridden_and_why_are_recorded(
    db: Connection, organization: Organization, owner: Connection, plane: str
) -> None:
    rule = make_rule(db, organization, rule_type="lead_time", conditions='{"min_hours": 500}', effect="deny",
                     overridable_by="{owner}")  # fmt: skip
    booking = book(owner, plane, at(3), at(3, 12), override={"rule_ids": [rule], "reason": "A birth"})
    found = entries(db, organization.id, resource_id=booking["id"], resource_type="reservation_details")
    told = json.dumps(found[0]["metadata"]["new"]["overrides"])
    assert rule in told
    assert "A birth" in told


def test_changes_and_cancellations_tell_what_was(
    db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(3), at(3, 12))
    change(member, booking, title="Longer", end_date=at(3, 14))
    cancel(member, booking, reason="Rain")
    found = entries(db, organization.id, resource_id=booking["id"], resource_type="reservations")
    assert [entry["action"] for entry in found] == ["insert", "update", "update"]
    assert found[1]["metadata"]["old"].keys() == {"title", "end_date", "approved_at"}
    assert found[1]["metadata"]["old"]["title"] == "Trip"
    assert found[2]["metadata"]["new"]["status"] == "canceled"
    details = entries(db, organization.id, resource_id=booking["id"], resource_type="reservation_details")
    assert details[-1]["metadata"]["new"]["cancellation_reason"] == "Rain"


def test_what_falls_with_a_booking_stands_in_its_organisations_log(
    db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(3), at(3, 12), guests=[{"name": "Eva"}])
    db.execute("delete from public.reservations where id = %s", [booking["id"]])
    found = entries(db, organization.id, resource_id=booking["id"], action="delete")
    assert found[0]["resource_type"] == "reservations"
    assert {entry["resource_type"] for entry in found} == {
        "reservations", "reservation_details", "reservation_guests",
    }  # fmt: skip
    assert found[0]["metadata"]["old"]["title"] == "Trip"


def test_deleting_people_and_organisations_changes_no_entry(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    with as_user(database, organization.member) as member:
        book(member, plane, at(3), at(3, 12))
    hand_over(database, record(organization, organization.member))
    seal(database)
    before = entries(db, organization.id)
    db.execute("delete from auth.users where id = %s", [organization.member.id])
    after = entries(db, organization.id)
    assert after[: len(before)] == before
    assert [(entry["resource_type"], entry["action"]) for entry in after[len(before) :]] != []
    db.execute("delete from public.organizations where id = %s", [organization.id])
    seal(database)
    assert entries(db, organization.id)[: len(after)] == after
    assert entries(db, organization.id, resource_type="organizations")[-1]["action"] == "delete"
    # Nobody is left to ask for it but the service and the dashboard.
    with as_service(database) as service:
        assert rpc(service, "verify_audit_chain", p_organization_id=organization.id)["intact"]


def test_a_truncate_says_how_many_rows_there_were(db: Connection, organization: Organization) -> None:
    db.execute("insert into public.holidays (organization_id, name, date) values (%s, 'Once', '2031-07-01')",
               [organization.id])  # fmt: skip
    with db.transaction(force_rollback=True):
        count = db.execute("select count(*) as n from public.holidays").fetchone()
        db.execute("truncate public.holidays")
        entry = entries(db, None, resource_type="holidays", action="truncate")[-1]
        assert count is not None
        assert entry["metadata"]["rows"] == count["n"] > 0


def test_a_table_that_comes_later_is_put_under_audit_by_one_call(
    db: Connection, organization: Organization
) -> None:
    with db.transaction(force_rollback=True):
        db.execute("create table public.later (id uuid, organization_id uuid, secret text)")
        db.execute("""select app.audit_table('public.later', p_redacted => '{secret}')""")
        db.execute("insert into public.later values (%(o)s, %(o)s, 'x')", {"o": organization.id})
        entry = entries(db, organization.id, resource_type="later")[0]
        assert entry["metadata"]["new"] == {
            "id": organization.id, "organization_id": organization.id, "secret": "[redacted]",
        }  # fmt: skip


CHANGES: dict[str, LiteralString] = {
    "update": "update public.audit_logs set action = 'x'",
    "update of nothing": "update public.audit_logs set action = 'x' where false",
    "delete": "delete from public.audit_logs",
    "truncate": "truncate public.audit_logs",
    "cascade": "truncate public.audit_logs cascade",
    "upsert": """insert into public.audit_logs (id, action) select id, 'x' from public.audit_logs
        on conflict (id) do update set action = 'x'""",
    "merge": """merge into public.audit_logs l using (select 1) s on true when matched then delete""",
    "chain": "update app.audit_chain set hash = '\\x00'",
    "chain delete": "delete from app.audit_chain",
    "chain truncate": "truncate app.audit_chain",
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_log_is_changed_by_nobody(
    database: str, db: Connection, admin_database: str, organization: Organization, name: str
) -> None:
    seal(database)
    before = entries(db, organization.id)
    with refused("FORBIDDEN", 403):
        db.execute(CHANGES[name])
    with connect(admin_database) as admin:
        # Where replication is applied, other triggers sleep.
        admin.execute("set session_replication_role = replica")
        with refused("FORBIDDEN", 403):
            admin.execute(CHANGES[name])
    people: list[Callable[[], Any]] = [
        lambda: as_user(database, organization.owner),
        lambda: as_anonymous(database),
        lambda: as_service(database),
    ]
    for person in people:
        with person() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(CHANGES[name])
    assert entries(db, organization.id) == before


@pytest.mark.parametrize("role", ["owner", "service"])
def test_no_entry_is_written_through_the_api(database: str, organization: Organization, role: str) -> None:
    with as_service(database) if role == "service" else as_user(database, organization.owner) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("insert into public.audit_logs (action) values ('forged')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select app.append_audit(null, 'forged', null, null, '{}')")


def test_the_service_reads_no_offices_log(database: str) -> None:
    with as_service(database) as service, pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("select from public.audit_logs")


def count_seen(connection: Connection, organization: Organization) -> int:
    rows = connection.execute(
        "select id from public.audit_logs where organization_id = %s", [organization.id]
    )
    return len(rows.fetchall())


def test_with_a_second_factor_the_log_is_read_with_it_only(
    database: str, db: Connection, organization: Organization
) -> None:
    calls: dict[str, dict[str, Any]] = {
        "list_audit_logs": {},
        "export_audit_logs": {},
        "verify_audit_chain": {},
        "audit_chain_head": {},
    }

    def try_all(*, allowed: bool) -> None:
        with as_user(database, organization.admin) as admin:
            assert bool(count_seen(admin, organization)) == allowed
            for name, arguments in calls.items():
                if allowed:
                    rpc(admin, name, p_organization_id=organization.id, **arguments)
                else:
                    with refused("MFA_REQUIRED", 403):
                        rpc(admin, name, p_organization_id=organization.id, **arguments)
        with as_user(database, organization.admin, aal="aal2") as admin:
            assert count_seen(admin, organization) > 0
            rpc(admin, "list_audit_logs", p_organization_id=organization.id)

    try_all(allowed=True)
    db.execute("update public.organizations set require_mfa = true where id = %s", [organization.id])
    try_all(allowed=False)
    db.execute("update public.organizations set require_mfa = false where id = %s", [organization.id])
    add_factor(db, organization.admin)
    try_all(allowed=False)
    db.execute("delete from auth.mfa_factors where user_id = %s", [organization.admin.id])
    try_all(allowed=True)


def test_of_two_offices_each_reads_its_own_log(
    database: str, db: Connection, organization: Organization
) -> None:
    other = make_organization(db)
    with as_user(database, organization.owner) as owner:
        seen = owner.execute("select distinct organization_id::text as id from public.audit_logs").fetchall()
        assert [row["id"] for row in seen] == [organization.id]
        for name in ("list_audit_logs", "export_audit_logs", "verify_audit_chain", "audit_chain_head"):
            with refused("NOT_FOUND", 404):
                rpc(owner, name, p_organization_id=other.id)
            with refused("NOT_FOUND", 404):
                rpc(owner, name, p_organization_id=None)


FILTERS: dict[str, Callable[[Organization, Any], dict[str, Any]]] = {
    "user_id": lambda organization, _: {"p_user_id": organization.member.id},
    "action": lambda *_: {"p_action": "update"},
    "resource_type": lambda *_: {"p_resource_type": "assets"},
    "resource_id": lambda organization, _: {"p_resource_id": organization.assets["planes"]},
    "request_id": lambda *_: {"p_request_id": "r-1"},
    "from": lambda _, middle: {"p_from": middle},
    "to": lambda _, middle: {"p_to": middle},
    "all": lambda *_: {},
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_log_is_read_in_pages_newest_first_through_filters(
    database: str, db: Connection, organization: Organization, name: str
) -> None:
    with as_user(database, organization.member) as member:
        book(member, organization.assets["planes"], at(3), at(3, 12))
    db.execute("update public.assets set capacity = 3 where organization_id = %s", [organization.id])
    hand_over(database, record(organization, organization.member, metadata={"request_id": "r-1"},
                               resource_id=organization.assets["planes"]))  # fmt: skip
    everything = entries(db, organization.id)[::-1]
    middle = everything[len(everything) // 2]["created_at"]
    arguments = FILTERS[name](organization, middle)
    expected = [
        str(entry["id"])
        for entry in everything
        if str(entry["user_id"]) == arguments.get("p_user_id", str(entry["user_id"]))
        and entry["action"] == arguments.get("p_action", entry["action"])
        and entry["resource_type"] == arguments.get("p_resource_type", entry["resource_type"])
        and str(entry["resource_id"]) == arguments.get("p_resource_id", str(entry["resource_id"]))
        and ("p_request_id" not in arguments or entry["metadata"].get("request_id") == "r-1")
        and entry["created_at"] >= arguments.get("p_from", entry["created_at"])
        and ("p_to" not in arguments or entry["created_at"] < middle)
    ]
    found: list[str] = []
    cursor = None
    with as_user(database, organization.owner) as owner:
        while True:
            page = rpc(
                owner,
                "list_audit_logs",
                p_organization_id=organization.id,
                p_cursor=cursor,
                p_limit=3,
                **arguments,
            )
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            assert len(page["items"]) == 3
    assert 0 < len(expected) <= len(everything)
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"p_limit": 0}, "limit"),
        ({"p_limit": 101}, "limit"),
        ({"p_cursor": "x"}, "cursor"),
        ({"p_cursor": "f" * 48}, "cursor"),
        ({"p_cursor": ""}, "cursor"),
        ({"p_action": "x" * 101}, "action"),
        ({"p_request_id": "x" * 129}, "request_id"),
        ({"p_from": "2026-01-02T00:00:00Z", "p_to": "2026-01-01T00:00:00Z"}, "to"),
        ({"p_to": "infinity"}, "to"),
    ],
)
def test_filters_that_are_no_good_are_named(
    owner: Connection, organization: Organization, arguments: dict[str, Any], path: str
) -> None:
    with refused("VALIDATION_ERROR", 400) as failures:
        rpc(owner, "list_audit_logs", p_organization_id=organization.id, **arguments)
    assert [fault["path"] for fault in failures[0].details["fields"]] == [path]


@pytest.mark.parametrize("cursor", ["0" * 48, "00ffffffffffffff" + "f" * 32])
def test_a_cursor_that_was_made_up_reads_the_same_log(
    owner: Connection, organization: Organization, cursor: str
) -> None:
    page = rpc(owner, "list_audit_logs", p_organization_id=organization.id, p_cursor=cursor, p_limit=100)
    assert {item["organization_id"] for item in page["items"]} <= {organization.id}
    assert bool(page["items"]) == (cursor[2] == "f")


def test_a_member_who_was_moved_stays_known_as_one(db: Connection, organization: Organization) -> None:
    person = make_user(db, "passer")
    add_member(db, organization.id, person, "member", None)
    db.execute("delete from public.organization_members where user_id = %s", [person.id])
    known = db.execute("select from app.past_members where user_id = %s", [person.id])
    assert known.rowcount == 1


def test_a_booking_by_hand_of_the_service_has_its_role(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    with as_service(database) as service:
        booking = insert_booking(service, organization, plane, at(5), at(5, 12))
    entry = entries(db, organization.id, resource_id=booking["id"])[0]
    assert (entry["user_id"], entry["metadata"]["role"]) == (None, "service_role")


def test_an_asset_without_a_log_before_is_no_gap(
    database: str, db: Connection, organization: Organization
) -> None:
    make_asset(db, organization.id, "planes", "Another")
    seal(database)
    assert verify(database, organization)["intact"]


def test_the_listing_shows_that_the_guards_are_always_on(database: str, db: Connection) -> None:
    assert "append_only" in listing(database)
    rows = db.execute(
        "select tgenabled::text as enabled from pg_trigger where tgname = 'append_only'"
    ).fetchall()
    assert [row["enabled"] for row in rows] == ["A", "A"]
