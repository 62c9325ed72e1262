"""Each index of booking serves the query that it is there for, under row level security, as plans show."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors import Connection, Organization, as_user, connect, make_organization
from tests.db.plans import explaining, indexes

OTHERS = 30
ASSETS = 20
BOOKINGS = 100


@pytest.fixture(scope="module")
def crowd(database: str, admin_database: str) -> Organization:
    """An organisation among thirty others, each with twenty assets of a hundred bookings."""
    with connect(database) as db:
        organization = make_organization(db)
    with connect(admin_database) as admin:
        # Triggers would take minutes; what the planner sees is the same.
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "insert into public.organizations (legal_name, commercial_name)"
            " select 'Other ' || n, 'Other ' || n from generate_series(1, %s) n",
            [OTHERS],
        )
        admin.execute(
            "insert into public.assets (organization_id, section, name)"
            " select o.id, (array['planes', 'residences'])[1 + n %% 2]::public.asset_section, 'Asset ' || n"
            " from public.organizations o cross join generate_series(1, %s) n",
            [ASSETS],
        )
        admin.execute(
            """
            insert into public.reservations
                (organization_id, asset_id, user_id, title, start_date, end_date, status)
            select a.organization_id, a.id, %(member)s, 'Booking ' || n,
                now() + (n - %(half)s) * interval '30 hours',
                now() + (n - %(half)s) * interval '30 hours' + interval '8 hours',
                case when n %% 10 = 0 then 'canceled' else 'approved' end::public.reservation_status
            from public.assets a cross join generate_series(1, %(bookings)s) n
            order by md5(a.id::text || n)
            """,
            {"bookings": BOOKINGS, "half": BOOKINGS // 2, "member": organization.member.id},
        )
        # Most are other people's.
        admin.execute(
            "update public.reservations set user_id = %s where md5(id::text) > '08'", [organization.owner.id]
        )
        admin.execute(
            "insert into app.occupancy (asset_id, occupied, kind, source_id)"
            " select asset_id, tstzrange(start_date, end_date), 'reservation', id"
            " from public.reservations where app.holds_slot(status)"
        )
        admin.execute(
            """
            insert into public.maintenance_windows
                (organization_id, asset_id, title, start_date, end_date, status, created_by)
            select a.organization_id, a.id, 'Check ' || n, now() + (n - 10) * interval '200 hours',
                now() + (n - 10) * interval '200 hours' + interval '20 hours',
                case when n %% 5 = 0 then 'canceled' else 'scheduled' end,
                case when n = 3 and a.name = 'Asset 1' then %(member)s::uuid end
            from public.assets a cross join generate_series(1, 20) n
            order by md5(a.id::text || n)
            """,
            {"member": organization.member.id},
        )
        admin.execute(
            """
            insert into public.calendar_events
                (organization_id, seq, id, type, reservation_id, asset_ids, sections, payload, occurred_at)
            select r.organization_id, row_number() over (partition by r.organization_id), gen_random_uuid(),
                'reservation_created', r.id, array[r.asset_id], '{planes}', '{}', r.created_at
            from public.reservations r
            """
        )
        # Quotas that any booking exceeds, so that they are counted exactly; the rest is far from its limit.
        admin.execute(
            """
            insert into public.tier_booking_rules (organization_id, name, rule_type, conditions)
            select o.id, r.rule_type, r.rule_type::public.rule_type, r.conditions::jsonb
            from public.organizations o
            cross join (values
                ('quota', '{"amount": 0, "unit": "hours", "period": "rolling_365", "scope": "section"}'),
                ('quota', '{"amount": 300, "unit": "days", "period": "month", "scope": "organization"}'),
                ('max_consecutive_days', '{"max": 1, "gap_days": 5}'),
                ('max_consecutive_days', '{"max": 60}'),
                ('consecutive_booking', '{"count": 2, "unit": "weekends"}'),
                ('concurrent_booking', '{"max_assets": 20}'),
                ('max_open', '{"max": 0, "exempt_within_days": 3}'),
                ('max_open', '{"max": 9000}')
            ) r(rule_type, conditions)
            """
        )
        admin.execute("vacuum analyze")
    return organization


def relations_read_whole(plan: dict[str, Any]) -> set[str]:
    found = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return found.union(*(relations_read_whole(child) for child in plan.get("Plans", [])))


QUERIES = {
    "idx_reservations_calendar": """
        select * from public.reservations
        where organization_id = %(organization)s and status in ('pending', 'approved', 'completed')
            and end_date > now() and end_date < now() + interval '40 days'
            and start_date < now() + interval '30 days'
        """,
    "idx_reservations_organization_start": """
        select * from public.reservations
        where organization_id = %(organization)s order by start_date desc, id desc limit 20
        """,
    "idx_reservations_asset_date": """
        select * from public.reservations where asset_id = %(asset)s order by start_date limit 20
        """,
    "idx_reservations_user_status": """
        select * from public.reservations
        where user_id = %(member)s and status = 'canceled' order by created_at desc limit 20
        """,
    "maintenance_windows_calendar": """
        select * from public.maintenance_windows
        where organization_id = %(organization)s and status = 'scheduled'
            and end_date > now() and end_date < now() + interval '40 days'
            and start_date < now() + interval '30 days'
        """,
    "maintenance_windows_asset": """
        select * from public.maintenance_windows where asset_id = %(asset)s order by start_date limit 20
        """,
    "calendar_events_pkey": """
        select * from public.calendar_events
        where organization_id = %(organization)s and seq > 1900 order by seq limit 100
        """,
}


@pytest.mark.parametrize(("index", "query"), QUERIES.items(), ids=QUERIES)
def test_an_index_serves_its_query_under_row_security(
    database: str, crowd: Organization, index: str, query: str
) -> None:
    values = {"organization": crowd.id, "asset": crowd.assets["planes"], "member": crowd.member.id}
    with as_user(database, crowd.member) as member:
        row = member.execute(f"explain (format json) {query}", values).fetchone()
    assert row is not None
    plan = row["QUERY PLAN"][0]["Plan"]
    assert index in indexes(plan), json.dumps(plan, indent=1)
    assert relations_read_whole(plan) & {"reservations", "maintenance_windows", "calendar_events"} == set()


@pytest.fixture
def explained(admin_database: str, crowd: Organization) -> Iterator[tuple[Connection, list[str]]]:
    """A connection as the member that also tells the plans of what functions run inside."""
    with explaining(admin_database, crowd.member) as explained:
        yield explained


@pytest.mark.parametrize(
    ("index", "query"),
    [
        (
            "occupancy_no_overlap",
            "select * from public.check_availability(%(asset)s, now(), now() + interval '6 hours')",
        ),
        (
            "occupancy_no_overlap",
            "select public.asset_availability(%(asset)s, now(), now() + interval '90 hours')",
        ),
        (
            "idx_reservations_calendar",
            "select public.calendar(%(organization)s, now(), now() + interval '30 days')",
        ),
        (
            "idx_reservations_organization_start",
            "select public.list_reservations(%(organization)s, p_q => 'booking 7')",
        ),
        (
            "idx_reservations_organization_start",
            "select public.list_reservations(%(organization)s, p_from => now(), p_to => now() + '9 days')",
        ),
        (
            "idx_reservations_asset_date",
            "select public.list_reservations(%(organization)s, p_asset_id => %(asset)s)",
        ),
        (
            "maintenance_windows_calendar",
            "select public.calendar(%(organization)s, now(), now() + interval '30 days')",
        ),
        (
            "idx_reservations_organization_start",
            (
                "select public.list_reservations(%(organization)s, p_sort => '-created_at',"
                " p_q => 'booking 7', p_status => array['canceled'],"
                " p_from => now(), p_to => now() + interval '30 days')"
            ),
        ),
        (
            "idx_reservations_user_(start|status)",
            (
                "select public.list_reservations(%(organization)s, p_user_id => %(member)s,"
                " p_status => array['approved'])"
            ),
        ),
        (
            "occupancy_no_overlap",
            (
                "select public.search_assets(%(organization)s, p_free_from => now(),"
                " p_free_to => now() + interval '5 hours')"
            ),
        ),
        (
            "occupancy_no_overlap",
            (
                "select public.search_assets(%(organization)s, p_section => 'planes', p_q => 'asset',"
                " p_free_from => now(), p_free_to => now() + interval '5 hours')"
            ),
        ),
        # All rules are judged, and what is in the way is looked for.
        (
            "idx_reservations_user_start",
            (
                "select public.preview_reservation("
                "%(asset)s, 'Trip', now() + interval '1 hour', now() + interval '3 hours')"
            ),
        ),
        (
            "occupancy_no_overlap",
            (
                "select public.preview_reservation("
                "%(asset)s, 'Trip', now() + interval '1 hour', now() + interval '3 hours')"
            ),
        ),
    ],
)
def test_an_index_serves_what_a_function_asks(
    explained: tuple[Connection, list[str]], crowd: Organization, index: str, query: str
) -> None:
    connection, plans = explained
    values = {"organization": crowd.id, "asset": crowd.assets["planes"], "member": crowd.member.id}
    connection.execute(query, values)
    told = "\n".join(plans)
    assert re.search(rf"\b{index}\b", told), told
    assert not re.search(r"Seq Scan on (public\.)?(reservations|occupancy)", told), told


@pytest.mark.parametrize("group", ["asset", "member", "month"])
def test_indexes_serve_a_report(
    explained: tuple[Connection, list[str]], crowd: Organization, group: str
) -> None:
    connection, plans = explained
    connection.execute(
        "select set_config('request.jwt.claims', %s, false)", [json.dumps(crowd.manager.claims)]
    )
    connection.execute(
        "select public.utilization_report(%s, now(), now() + interval '30 days', %s)", [crowd.id, group]
    )
    told = "\n".join(plans)
    assert re.search(r"\bidx_reservations_calendar\b", told), told
    assert not re.search(r"Seq Scan on (public\.|app\.)?(reservations|occupancy)", told), told


INSIDE = {
    # Through the function, which the query must see through.
    "idx_reservations_user_start": """
        select from app.own_bookings(
            row(%(organization)s, %(asset)s, 'planes', 'UTC', %(member)s, null, now(), now(), '{}', true)
                ::app.booking_case,
            current_date, current_date + 30, 'organization')
        """,
    "idx_reservations_approved_by": "select from public.reservations where approved_by = %(member)s",
    "idx_reservations_asset_date": """
        select from public.reservations where asset_id = %(asset)s and end_date > now() + interval '60 days'
        """,
    "maintenance_windows_created_by": """
        select from public.maintenance_windows where created_by = %(member)s
        """,
    "maintenance_windows_no_overlap": """
        select from public.maintenance_windows
        where asset_id = %(asset)s and status = 'scheduled'
            and tstzrange(start_date, end_date) && tstzrange(now(), now() + interval '20 hours')
        """,
    "reservations_holds": """
        select distinct asset_id from public.reservations where status = 'hold' and hold_expires_at <= now()
        """,
    "reservations_to_complete": """
        select id from public.reservations
        where status = 'approved' and end_date <= now() - interval '1000 hours'
        order by end_date limit 500
        """,
    "occupancy_source": "delete from app.occupancy where source_id = %(member)s",
    "calendar_events_occurred_at": """
        select from public.calendar_events where occurred_at < now() - interval '168 hours'
        """,
}


@pytest.mark.parametrize(("index", "query"), INSIDE.items(), ids=INSIDE)
def test_an_index_serves_what_triggers_and_schedules_ask(
    database: str, crowd: Organization, index: str, query: str
) -> None:
    with connect(database) as db:
        row = db.execute(
            f"explain (format json) {query}",
            {"organization": crowd.id, "member": crowd.member.id, "asset": crowd.assets["planes"]},
        ).fetchone()
    assert row is not None
    assert index in indexes(row["QUERY PLAN"][0]["Plan"])
