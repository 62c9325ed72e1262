"""docs/access.md, cell by cell: each of its tables is read from the page and tried as the real role."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.actors import Connection, connect
from tests.scene import HIDDEN, VISIBLE, Scene, lay_scene

DOC = Path(__file__).parents[2] / "docs" / "access.md"
ROLES = ("viewer", "member", "manager", "admin", "owner", "removed", "stranger", "anonymous")
NOTHING = "\N{EN DASH}"


def doc_table(heading: str) -> list[list[str]]:
    """The cells of the table under that heading, without its two header lines."""
    section = DOC.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    """The names in backquotes."""
    return re.findall(r"`(\w+)`", cell)


ROWS = {row[0]: dict(zip(ROLES, row[1:], strict=True)) for row in doc_table("Rows")}
COLUMNS = {
    (names(table)[0], column): (read == "yes", insert == "yes", update == "yes")
    for table, columns, read, insert, update in doc_table("Columns")
    for column in names(columns)
}
FUNCTIONS = {
    names(row[0])[0]: dict(zip((*ROLES, "service"), row[1:], strict=True)) for row in doc_table("Functions")
}


@pytest.fixture(scope="module")
def scene(database: str) -> Scene:
    with connect(database) as db:
        return lay_scene(db, database)


@pytest.fixture(scope="module")
def connections(scene: Scene) -> Iterator[dict[str, Connection]]:
    """A connection for each role; what is tried on it is taken back."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(scene.connect(role)) for role in ROLES}


@dataclass(frozen=True)
class Probe:
    """How to reach a line's row: `where` finds it, `column` may be updated, `insert` makes one more."""

    where: str
    column: str = ""
    insert: str = ""


ASSET = "insert into public.assets (organization_id, section, name) values (%(organization)s, '{}', 'New')"
PHOTO = "insert into public.asset_photos (organization_id, asset_id, url) values (%(organization)s, %({})s, 'http://x.test')"
PROBES = {
    "`profiles`, one's own": Probe("id = %(me)s", "first_name"),
    "`profiles`, another member's": Probe("id <> %(me)s", "first_name"),
    "`organizations`": Probe("id = %(organization)s"),
    "`subscriptions`": Probe("organization_id = %(organization)s"),
    "`entitlements`": Probe("organization_id = %(organization)s"),
    "`tiers`": Probe(
        "id = %(spare_tier)s",
        "name",
        "insert into public.tiers (organization_id, name, priority) values (%(organization)s, 'y', 2)",
    ),
    "`tier_rules`": Probe(
        "tier_id = %(tier)s",
        "requires_approval",
        "insert into public.tier_rules (tier_id, organization_id) values (%(spare_tier)s, %(organization)s)",
    ),
    "`tier_booking_rules`": Probe(
        "id = %(rule)s",
        "name",
        "insert into public.tier_booking_rules (organization_id, name, rule_type, conditions) "
        """values (%(organization)s, 'Notice', 'lead_time', '{"min_hours": 2}')""",
    ),
    "`tier_rule_assets`": Probe(
        "rule_id = %(rule)s",
        "",
        "insert into public.tier_rule_assets (rule_id, asset_id, organization_id) "
        "values (%(rule)s, %(hidden)s, %(organization)s)",
    ),
    "`blackout_dates`": Probe(
        "organization_id = %(organization)s",
        "reason",
        "insert into public.blackout_dates (organization_id, start_date, end_date) "
        "values (%(organization)s, '2031-01-01', '2031-01-02')",
    ),
    "`holidays`, built in": Probe(
        "organization_id is null",
        "name",
        "insert into public.holidays (name, month_day) values ('Mine for everyone', '07-01')",
    ),
    "`holidays`, the organisation's own": Probe(
        "organization_id = %(organization)s",
        "name",
        "insert into public.holidays (organization_id, name, month_day) "
        "values (%(organization)s, 'Founder', '07-01')",
    ),
    "`organization_members`": Probe("organization_id = %(organization)s and user_id <> %(me)s"),
    "`invitations`": Probe("organization_id = %(organization)s"),
    "`assets`": Probe("id = %(asset)s", "name", ASSET.format(VISIBLE)),
    "`assets`, in a section that the tier hides": Probe("id = %(hidden)s", "name", ASSET.format(HIDDEN)),
    "`assets`, archived": Probe("id = %(archived)s", "name"),
    "`asset_photos`": Probe("asset_id = %(asset)s", "caption", PHOTO.format("asset")),
    "`asset_photos`, in a section that the tier hides": Probe(
        "asset_id = %(hidden)s", "caption", PHOTO.format("hidden")
    ),
    "`asset_photos`, of an archived asset": Probe(
        "asset_id = %(archived)s", "caption", PHOTO.format("archived")
    ),
    "`reservations`": Probe("id = %(owners_booking)s"),
    "`reservations`, in a section that the tier hides": Probe("id = %(hidden_booking)s"),
    "`reservations`, a hold of the member": Probe("id = %(hold)s"),
    "`reservation_details`, booked by the member": Probe("reservation_id = %(booking)s"),
    "`reservation_details`, booked by the owner": Probe("reservation_id = %(owners_booking)s"),
    "`reservation_details`, booked by the removed member": Probe("reservation_id = %(removed_booking)s"),
    "`reservation_guests`, booked by the member": Probe("reservation_id = %(booking)s"),
    "`reservation_guests`, booked by the owner": Probe("reservation_id = %(owners_booking)s"),
    "`approval_requests`, of the member's booking": Probe("id = %(request)s"),
    "`approval_requests`, that asks the viewer": Probe("id = %(owners_request)s"),
    "`approval_requests`, of the removed member's booking": Probe("id = %(removed_request)s"),
    "`rule_approvals`, of the member's booking": Probe("request_id = %(request)s"),
    "`rule_approvals`, that asks the viewer": Probe("request_id = %(owners_request)s"),
    "`waitlist_entries`, of the member": Probe("id = %(waiting)s"),
    "`waitlist_entries`, of the owner": Probe("id = %(owners_waiting)s"),
    "`waitlist_entries`, of the removed member": Probe("id = %(removed_waiting)s"),
    "`approval_delegations`, to the member": Probe("id = %(delegation)s"),
    "`approval_delegations`, between others": Probe("id = %(others_delegation)s"),
    "`maintenance_windows`": Probe("id = %(maintenance)s"),
    "`maintenance_windows`, in a section that the tier hides": Probe("id = %(hidden_maintenance)s"),
    "`reservation_series`": Probe("id = %(series)s"),
    "`reservation_series`, in a section that the tier hides": Probe("id = %(hidden_series)s"),
    "`calendar_events`": Probe("reservation_id = %(owners_booking)s"),
    "`calendar_events`, in a section that the tier hides": Probe("reservation_id = %(hidden_booking)s"),
    "`audit_logs`": Probe("organization_id = %(organization)s"),
}


def _allowed(connection: Connection, query: str, values: dict[str, str]) -> bool:
    """Whether the statement touched a row; it is taken back. What is no question of rights raises."""
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(query.encode(), values).rowcount > 0
    except psycopg.errors.InsufficientPrivilege:
        return False


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("line", ROWS)
def test_rows_are_open_to_whom_the_page_says(
    scene: Scene, connections: dict[str, Connection], line: str, role: str
) -> None:
    table, probe = names(line)[0], PROBES[line]
    column = probe.column or next(column for of, column in COLUMNS if of == table)
    statements = {
        "r": f"select from public.{table} where {probe.where}",
        "i": probe.insert or f"insert into public.{table} default values",
        "u": f"update public.{table} set {column} = {column} where {probe.where}",
        "d": f"delete from public.{table} where {probe.where}",
    }
    if "archived" in line and not probe.insert:
        del statements["i"]  # nobody may name deleted_at in an insert: the columns' table
    values = scene.values(role)
    may = {letter for letter, query in statements.items() if _allowed(connections[role], query, values)}
    assert may == set(ROWS[line][role]) - {NOTHING}


def test_each_line_of_the_page_is_probed() -> None:
    assert PROBES.keys() == ROWS.keys()


def test_each_table_has_its_lines_on_the_page(db: Connection) -> None:
    tables = db.execute(
        "select relname from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"
    )
    assert {row["relname"] for row in tables} == {names(line)[0] for line in ROWS}


def test_each_column_may_be_named_as_the_page_says(db: Connection) -> None:
    granted = db.execute(
        """
        select c.relname, a.attname,
            has_column_privilege('authenticated', c.oid, a.attnum, 'select') as may_read,
            has_column_privilege('authenticated', c.oid, a.attnum, 'insert') as may_insert,
            has_column_privilege('authenticated', c.oid, a.attnum, 'update') as may_update
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
            and a.attnum > 0 and not a.attisdropped
        """
    )
    assert {
        (row["relname"], row["attname"]): (row["may_read"], row["may_insert"], row["may_update"])
        for row in granted
    } == COLUMNS


def test_no_role_may_truncate_reference_or_lay_triggers(db: Connection) -> None:
    grants = db.execute(
        """
        select c.relname, r.rolname
        from pg_class c, (values ('anon'), ('authenticated'), ('service_role')) as r(rolname)
        where c.relnamespace in ('public'::regnamespace, 'app'::regnamespace)
            and c.relkind in ('r', 'p', 'v', 'm')
            and (has_table_privilege(r.rolname, c.oid, 'truncate, references, trigger, maintain')
                or ((r.rolname = 'anon' or c.relnamespace = 'app'::regnamespace)
                    and has_any_column_privilege(r.rolname, c.oid, 'select, insert, update')))
        """
    )
    assert grants.fetchall() == []


def test_the_service_reads_and_writes_all_but_the_logs(db: Connection) -> None:
    rows = db.execute(
        """
        select relname, has_table_privilege('service_role', oid, 'select') as may_read,
            has_table_privilege('service_role', oid, 'insert')
                and has_table_privilege('service_role', oid, 'update')
                and has_table_privilege('service_role', oid, 'delete') as may_write
        from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        """
    ).fetchall()
    assert {row["relname"] for row in rows if not row["may_read"]} == {"audit_logs"}
    assert {row["relname"] for row in rows if not row["may_write"]} == {"audit_logs", "calendar_events"}


CALLS = {
    "me": "public.me()",
    "create_organization": """public.create_organization('{"legal_name": "One more"}')""",
    "update_organization": """public.update_organization(%(organization)s, '{"ruc": "1-2-3"}')""",
    "member_directory": "public.member_directory(%(organization)s)",
    "list_members": "public.list_members(%(organization)s)",
    "update_member": 'public.update_member(%(organization)s, %(colleague)s, \'{"role": "viewer"}\')',
    "remove_member": "public.remove_member(%(organization)s, %(colleague)s)",
    "list_invitations": "public.list_invitations(%(organization)s)",
    "create_invitation": """public.create_invitation(%(organization)s, '{"email": "new@example.test"}')""",
    "revoke_invitation": "public.revoke_invitation(%(organization)s, %(invitation)s)",
    "accept_invitation": "public.accept_invitation('no such token')",
    "get_organization": "public.get_organization(%(organization)s)",
    "delete_organization": "public.delete_organization(%(organization)s)",
    "restore_organization": "public.restore_organization(%(organization)s)",
    "list_tiers": "public.list_tiers(%(organization)s)",
    "create_tier": """public.create_tier(%(organization)s, '{"name": "New", "priority": 77}')""",
    "update_tier": """public.update_tier(%(organization)s, %(spare_tier)s, '{"name": "Renamed"}')""",
    "delete_tier": "public.delete_tier(%(organization)s, %(spare_tier)s)",
    "list_rules": "public.list_rules(%(organization)s)",
    "create_rule": (
        "public.create_rule(%(organization)s, "
        """'{"name": "Notice", "rule_type": "lead_time", "conditions": {"min_hours": 2}}')"""
    ),
    "update_rule": """public.update_rule(%(organization)s, %(rule)s, '{"is_active": false}')""",
    "delete_rule": "public.delete_rule(%(organization)s, %(rule)s)",
    "list_blackouts": "public.list_blackouts(%(organization)s)",
    "create_blackout": (
        "public.create_blackout(%(organization)s, "
        """'{"start_date": "2031-01-01", "end_date": "2031-01-02"}')"""
    ),
    "update_blackout": """public.update_blackout(%(organization)s, %(blackout)s, '{"reason": "Paint"}')""",
    "delete_blackout": "public.delete_blackout(%(organization)s, %(blackout)s)",
    "list_holidays": "public.list_holidays(%(organization)s)",
    "create_holiday": (
        """public.create_holiday(%(organization)s, '{"name": "Feast", "date": "2031-07-16"}')"""
    ),
    "update_holiday": """public.update_holiday(%(organization)s, %(holiday)s, '{"name": "Feast"}')""",
    "delete_holiday": "public.delete_holiday(%(organization)s, %(holiday)s)",
    "check_availability": "public.check_availability(%(asset)s, now() + '50 days', now() + '51 days')",
    "asset_availability": "public.asset_availability(%(asset)s, now() + '50 days', now() + '51 days')",
    "search_assets": "public.search_assets(%(organization)s, 'plane')",
    "bulk_assets": "public.bulk_assets(%(organization)s, 'partial', '[{}]')",
    "plan_photo_upload": "public.plan_photo_upload(%(asset)s, 'image/png', 1000)",
    "utilization_report": "public.utilization_report(%(organization)s, now() - interval '30 d', now())",
    "create_reservation": "public.create_reservation(%(asset)s, 'Mine', now() + '50 d', now() + '51 d')",
    "preview_reservation": ("public.preview_reservation(%(asset)s, 'Mine', now() + '50 d', now() + '51 d')"),
    "get_reservation": "public.get_reservation(%(booking)s)",
    "list_reservations": "public.list_reservations(%(organization)s)",
    "update_reservation": """public.update_reservation(%(booking)s, '{"title": "Renamed"}')""",
    "cancel_reservation": "public.cancel_reservation(%(booking)s)",
    "restore_reservation": "public.restore_reservation(%(canceled_booking)s)",
    "create_hold": "public.create_hold(%(asset)s, now() + '50 d', now() + '51 d')",
    "release_hold": "public.release_hold(%(hold)s)",
    "expire_holds": "public.expire_holds()",
    "complete_reservations": "public.complete_reservations()",
    "decide_reservation": "public.decide_reservation(%(pending)s, 'approve')",
    "join_waitlist": (
        "public.join_waitlist(%(organization)s, %(asset)s, 'Mine', now() + '70 d', now() + '71 d')"
    ),
    "list_waitlist": "public.list_waitlist(%(organization)s)",
    "leave_waitlist": "public.leave_waitlist(%(waiting)s)",
    "accept_waitlist_offer": "public.accept_waitlist_offer(%(offered)s)",
    "list_approvals": "public.list_approvals(%(organization)s)",
    "list_approval_delegations": "public.list_approval_delegations(%(organization)s)",
    "create_approval_delegation": (
        "public.create_approval_delegation(%(organization)s, %(colleague)s, now() + '1 d')"
    ),
    "delete_approval_delegation": "public.delete_approval_delegation(%(delegation)s)",
    "create_maintenance": "public.create_maintenance(%(asset)s, 'Check', now() + '80 d', now() + '81 d')",
    "get_maintenance": "public.get_maintenance(%(maintenance)s)",
    "update_maintenance": """public.update_maintenance(%(maintenance)s, '{"title": "Renamed"}')""",
    "cancel_maintenance": "public.cancel_maintenance(%(maintenance)s)",
    "create_series": """
        public.create_series(%(asset)s, 'Mine', now() + '50 d', now() + '51 d', 'FREQ=WEEKLY;COUNT=2')
    """,
    "get_series": "public.get_series(%(series)s)",
    "update_series": """public.update_series(%(series)s, '{"title": "Renamed"}', 'all')""",
    "cancel_series": "public.cancel_series(%(series)s, 'all')",
    "calendar": "public.calendar(%(organization)s, now(), now() + '7 d')",
    "organization_stats": "public.organization_stats(%(organization)s)",
    "stream_grants": "public.stream_grants('[]')",
    "events_since": "public.events_since('[]')",
    "prune_calendar_events": "public.prune_calendar_events()",
    "offer_waitlist": "public.offer_waitlist()",
    "expire_approvals": "public.expire_approvals()",
    "refresh_organization_stats": "public.refresh_organization_stats()",
    "list_audit_logs": "public.list_audit_logs(%(organization)s)",
    "export_audit_logs": "public.export_audit_logs(%(organization)s)",
    "verify_audit_chain": "public.verify_audit_chain(%(organization)s)",
    "audit_chain_head": "public.audit_chain_head(%(organization)s)",
    "record_requests": "public.record_requests('[]')",
    "seal_audit_logs": "public.seal_audit_logs()",
    "audit_backlog": "public.audit_backlog()",
}


def _outcome(connection: Connection, call: str, values: dict[str, str]) -> str:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"select {call}".encode(), values)
    except psycopg.errors.InsufficientPrivilege:
        return "no"
    except psycopg.Error as error:
        if error.sqlstate != "PGRST":
            raise
        return str(json.loads(error.diag.message_detail or "{}")["status"])
    return "yes"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_answer_as_the_page_says(
    scene: Scene, connections: dict[str, Connection], function: str, role: str
) -> None:
    assert _outcome(connections[role], CALLS[function], scene.values(role)) == FUNCTIONS[function][role]


EXECUTABLE = """
    select p.proname
    from pg_proc p
    where p.pronamespace = %s::regnamespace and has_function_privilege(%s, p.oid, 'execute')
        and not exists (
            select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
"""


def test_each_function_of_the_api_is_on_the_page(db: Connection) -> None:
    functions = db.execute("select proname from pg_proc where pronamespace = 'public'::regnamespace")
    assert {row["proname"] for row in functions} == FUNCTIONS.keys()


@pytest.mark.parametrize(
    ("database_role", "column"),
    [("anon", "anonymous"), ("authenticated", "member"), ("service_role", "service")],
)
def test_functions_may_be_called_by_whom_the_page_says(
    db: Connection, database_role: str, column: str
) -> None:
    callable_ones = {row["proname"] for row in db.execute(EXECUTABLE, ("public", database_role))}
    assert callable_ones == {name for name, cells in FUNCTIONS.items() if cells[column] != "no"}


def test_helpers_outside_the_api_are_those_that_policies_call(db: Connection) -> None:
    listed = names(DOC.read_text().split("Schema `app` is not reachable")[1])
    executable = {row["proname"] for row in db.execute(EXECUTABLE, ("app", "authenticated"))}
    assert executable == set(listed) - {"authenticated"}
    for role in ("anon", "service_role"):
        assert db.execute(EXECUTABLE, ("app", role)).fetchall() == []
