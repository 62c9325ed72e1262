"""The data that the engine is measured at: 200 organisations, 10,000 assets, 1,000,000 reservations.

One organisation is deep, with thousands of bookings on each of its assets; in another one the measurements
act; the rest are there to be passed over. Each has fifty rules, and none of them stands in the way of what is
measured.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import psycopg.conninfo
from psycopg import sql

ORGANIZATIONS = 200
ASSETS = 10_000
RESERVATIONS = 1_000_000
MEMBERS = 50  # of each organisation, beside its owner
RULES = 50  # of each organisation
DEEP_ASSETS = 40
MEASURED_ASSETS = 100
DEEP_EACH = 9_960  # bookings on each asset of the deep organisation,
MEASURED_EACH = 100  # of the measured one,
OTHERS_EACH = 60  # and of the rest
DEEP_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
DEEP_SPACING = timedelta(hours=6)
LENGTH = timedelta(hours=4)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Scale:
    """The database and who and what the measurements need of it.

    Args:
        admin: its conninfo for the superuser, who may leave triggers out.
        dashboard: its conninfo for role postgres, who owns the tables.
        organization: the measured organisation.
        owner: its owner.
        members: its members; their tier names every section, so that all is visible by the longer way.
        assets: its assets.
        deep_organization: the deep organisation.
        deep_owner: its owner.
        deep_assets: its assets.
    """

    admin: str
    dashboard: str
    organization: str
    owner: str
    members: Sequence[str]
    assets: Sequence[str]
    deep_organization: str
    deep_owner: str
    deep_assets: Sequence[str]


# A short booking, weeks ahead and not at the end of a year, meets each of these rules and passes.
CONDITIONS: list[tuple[str, dict[str, Any]]] = [
    *(("date_range", {"start_month_day": f"12-{day}", "end_month_day": "01-02"}) for day in (23, 24, 25)),
    *(("date_range", {"start_date": f"20{y}-05-01", "end_date": f"20{y}-05-03"}) for y in (21, 22)),
    *(
        ("holiday", {"holiday_ids": [f"b0000000-0000-4000-8000-00000000{last}"], "days_before": n})
        for n, last in enumerate(("0101", "1128", "1208", "1220", "1225"))
    ),
    *(("lead_time", {"min_hours": hours}) for hours in (1, 12, 24)),
    *(("advance_window", {"max_days": days}) for days in (1000, 2000, 3000)),
    ("duration", {"min_minutes": 30}),
    ("duration", {"max_minutes": 2880}),
    ("duration", {"max_nights": 14}),
    ("duration", {"min_minutes": 15, "max_minutes": 5000}),
    *(("max_consecutive_days", {"max": days, "gap_days": days % 3}) for days in (7, 14, 21, 30, 60)),
    *(
        ("quota", {"amount": amount, "unit": unit, "period": period, "scope": scope})
        for amount, unit, period, scope in (
            (30, "days", "month", "organization"),
            (150, "days", "year", "section"),
            (300, "days", "rolling_365", "organization"),
            (15, "nights", "month", "asset"),
            (100, "nights", "rolling_365", "section"),
            (24, "hours", "day", "organization"),
            (40, "hours", "week", "asset"),
            (200, "hours", "month", "section"),
            (500, "hours", "rolling_365", "asset"),
            (20, "count", "week", "organization"),
            (20, "count", "month", "asset"),
            (400, "count", "year", "organization"),
        )
    ),
    *(("consecutive_booking", {"count": 30, "unit": "days"}) for _ in range(3)),
    *(("consecutive_booking", {"count": 40, "unit": "weekends"}) for _ in range(3)),
    *(("concurrent_booking", {"max_assets": most}) for most in (50, 60, 70)),
    *(("max_open", {"max": most, "exempt_within_days": 3}) for most in (1000, 2000, 3000)),
    ("max_open", {"max": 1000}),
]
assert len(CONDITIONS) == RULES

# In place of what triggers do row by row, each relation is laid as it would end. `place` numbers the
# organisations: the first is the deep one, the second the measured one.
PEOPLE: LiteralString = """
create temporary table spot as
select gen_random_uuid() as organization_id, gen_random_uuid() as tier_id, n as place,
    case n when 1 then %(deep_assets)s when 2 then %(measured_assets)s else 0 end as assets
from generate_series(1, %(organizations)s) n;
create temporary table person as
select gen_random_uuid() as user_id, s.organization_id, s.tier_id, n as place from spot s
cross join generate_series(0, %(members)s) n;
insert into auth.users (id, email) select p.user_id, p.user_id || '@example.test' from person p;
insert into public.profiles (id, email, first_name, last_name)
select p.user_id, p.user_id || '@example.test', 'Ana', 'Testigo ' || p.place from person p;
insert into public.organizations (id, legal_name, commercial_name)
select s.organization_id, 'Organisation ' || s.place, 'Organisation ' || s.place from spot s;
insert into app.event_counters (organization_id) select s.organization_id from spot s;
insert into public.subscriptions (organization_id, status, seat_limit)
select s.organization_id, 'active', %(members)s + 50 from spot s;
insert into public.entitlements (organization_id, subscription_id, section, is_active)
select u.organization_id, u.id, section, true
from public.subscriptions u cross join unnest(enum_range(null::public.asset_section)) section;
insert into public.tiers (id, organization_id, name, priority, is_default, sections)
select s.tier_id, s.organization_id, 'Members', 2, true, enum_range(null::public.asset_section) from spot s;
insert into public.tier_rules (
    tier_id, organization_id, max_days_per_month, max_consecutive_days, min_lead_time_hours, max_advance_days
)
select s.tier_id, s.organization_id, 31, 60, 1, 3000 from spot s;
insert into public.organization_members (organization_id, user_id, role, tier_id)
select p.organization_id, p.user_id, case when p.place = 0 then 'owner' else 'member' end::public.member_role,
    p.tier_id
from person p;
insert into public.tier_booking_rules (organization_id, tier_id, name, rule_type, conditions, priority)
select s.organization_id, case when r.place %% 2 = 0 then s.tier_id end, 'Rule ' || r.place,
    (r.value ->> 0)::public.rule_type, r.value -> 1, 100 + r.place
from spot s cross join jsonb_array_elements(%(rules)s::jsonb) with ordinality as r(value, place);
analyze spot;
analyze person
"""

THINGS: LiteralString = """
create temporary table thing as
select gen_random_uuid() as asset_id, spread.*,
    row_number() over (partition by spread.organization_id) as place,
    case spread.organization_place
        when 1 then %(deep_each)s when 2 then %(measured_each)s else %(others_each)s
    end as each
from (
    select s.organization_id, s.place as organization_place
    from spot s cross join generate_series(1, s.assets)
    union all
    select s.organization_id, s.place
    from generate_series(1, %(assets)s - %(deep_assets)s - %(measured_assets)s) n
    join spot s on s.place = 3 + n %% (%(organizations)s - 2)
) spread;
insert into public.assets (id, organization_id, section, name, description, details, capacity)
select t.asset_id, t.organization_id,
    (enum_range(null::public.asset_section))[1 + t.place %% 4], 'Asset ' || t.place,
    'Comfortable, based in Panama, number ' || t.place, jsonb_build_object('registration', 'HP-' || t.place),
    4 + t.place %% 12
from thing t;
insert into app.asset_documents (asset_id, document)
select a.id,
    setweight(to_tsvector('simple', a.name), 'A') || setweight(to_tsvector('english', a.description), 'B')
from public.assets a;
update public.tier_booking_rules r set applies_to_all_assets = false
where r.priority %% 10 = 0;
insert into public.tier_rule_assets (rule_id, asset_id, organization_id)
select r.id, t.asset_id, r.organization_id
from public.tier_booking_rules r join thing t on t.organization_id = r.organization_id
where not r.applies_to_all_assets;
analyze thing
"""

# Of the deep organisation every six hours since 2020; of the others over the last year and the next.
BOOKINGS: LiteralString = """
insert into public.reservations
    (organization_id, asset_id, user_id, title, start_date, end_date, status, approved_at)
select t.organization_id, t.asset_id, p.user_id, 'Trip ' || n, b.starts, b.starts + %(length)s::interval,
    case
        when t.organization_place > 1 and n %% 10 = 0 then 'canceled'
        when b.starts < now() then 'completed'
        when t.organization_place > 1 and n %% 12 = 5 then 'pending'
        else 'approved'
    end::public.reservation_status, b.starts - interval '10 days'
from thing t
cross join lateral generate_series(0, t.each - 1) n
cross join lateral (
    select case
        when t.organization_place = 1 then %(first)s::timestamptz + n * %(spacing)s::interval
        else date_trunc('day', now()) - interval '365 days' + n * (interval '730 days' / t.each)
            + t.place %% 20 * interval '1 hour'
    end as starts
) b
join person p on p.organization_id = t.organization_id and p.place = (t.place * 7 + n) %% (%(members)s + 1);
insert into app.occupancy (asset_id, occupied, kind, source_id)
select r.asset_id, tstzrange(r.start_date, r.end_date), 'reservation', r.id
from public.reservations r where app.holds_slot(r.status);
insert into public.reservation_details (reservation_id, notes)
select r.id, 'None'
from public.reservations r where r.organization_id = (select s.organization_id from spot s where s.place = 2);
insert into public.maintenance_windows (organization_id, asset_id, title, start_date, end_date)
select t.organization_id, t.asset_id, 'Check', m.starts, m.starts + interval '20 hours'
from thing t cross join lateral (select now() + interval '2 years' + t.place * interval '1 hour' as starts) m;
insert into app.occupancy (asset_id, occupied, kind, source_id)
select w.asset_id, tstzrange(w.start_date, w.end_date), 'maintenance', w.id from public.maintenance_windows w
"""

# To fill indexes a row at a time takes several times as long as to build them whole, and a constraint that is
# added anew is checked row by row: so the indexes sleep while the rows are laid, and VACUUM FULL builds them.
# Only a superuser may do that, and only where nobody else is.
SLEEP: LiteralString = """
update pg_catalog.pg_index set indisready = %(awake)s, indisvalid = %(awake)s
where indrelid in ('public.reservations'::regclass, 'app.occupancy'::regclass) and not indisprimary
"""


def _execute(db: Connection, script: LiteralString, parameters: Mapping[str, Any]) -> None:
    for statement in script.split(";\n"):
        db.execute(statement, parameters)


def _vacuum(conninfo: str, relation: LiteralString) -> None:
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("set maintenance_work_mem = '256MB'")
        db.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.SQL(relation)))
        # Builds the visibility map, which VACUUM FULL leaves empty.
        db.execute(sql.SQL("vacuum {}").format(sql.SQL(relation)))


def _fill(conninfo: str) -> None:
    parameters = {
        "organizations": ORGANIZATIONS,
        "assets": ASSETS,
        "members": MEMBERS,
        "deep_assets": DEEP_ASSETS,
        "measured_assets": MEASURED_ASSETS,
        "deep_each": DEEP_EACH,
        "measured_each": MEASURED_EACH,
        "others_each": OTHERS_EACH,
        "first": DEEP_FIRST,
        "spacing": DEEP_SPACING,
        "length": LENGTH,
        "rules": json.dumps(CONDITIONS),
    }
    with psycopg.connect(conninfo) as db:
        db.execute("set local session_replication_role = replica")
        db.execute("set local jit = off")
        db.execute("set local work_mem = '128MB'")
        db.execute(SLEEP, {"awake": False})
        for script in (PEOPLE, THINGS, BOOKINGS):
            _execute(db, script, parameters)
        db.execute(SLEEP, {"awake": True})
        # A build that is buffered takes a third of the time.
        db.execute("alter index app.occupancy_no_overlap set (buffering = on)")
    with ThreadPoolExecutor() as both:
        list(both.map(lambda relation: _vacuum(conninfo, relation), ("app.occupancy", "public.reservations")))
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("alter index app.occupancy_no_overlap reset (buffering)")
        db.execute("vacuum (analyze, skip_locked)")
        db.execute("refresh materialized view app.mv_organization_stats")


@contextmanager
def filled_database() -> Iterator[Scale]:
    """A migrated database of its own, filled; dropped when the last measurement is done."""
    admin_url, name = os.environ["STACK_ADMIN_DATABASE_URL"], f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner postgres").format(
                sql.Identifier(name), sql.Identifier(os.environ["STACK_TEMPLATE_DATABASE"])
            )
        )
        try:
            conninfo = psycopg.conninfo.make_conninfo(admin_url, dbname=name)
            _fill(conninfo)
            yield describe(conninfo, psycopg.conninfo.make_conninfo(os.environ["DATABASE_URL"], dbname=name))
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def describe(admin: str, dashboard: str) -> Scale:
    """What the measurements need to know of a filled database."""

    def ids(db: Connection, query: LiteralString, organization: str) -> list[str]:
        return [str(row[0]) for row in db.execute(query, [organization]).fetchall()]

    with psycopg.connect(admin) as db:
        deep, measured = (
            str(row[0])
            for row in db.execute(
                "select id from public.organizations where legal_name in ('Organisation 1', 'Organisation 2')"
                " order by legal_name"
            ).fetchall()
        )
        owners: LiteralString = (
            "select user_id from public.organization_members where organization_id = %s and role = 'owner'"
        )
        members: LiteralString = (
            "select user_id from public.organization_members"
            " where organization_id = %s and role = 'member' order by user_id"
        )
        assets: LiteralString = "select id from public.assets where organization_id = %s order by id"
        return Scale(
            admin=admin,
            dashboard=dashboard,
            organization=measured,
            owner=ids(db, owners, measured)[0],
            members=ids(db, members, measured),
            assets=ids(db, assets, measured),
            deep_organization=deep,
            deep_owner=ids(db, owners, deep)[0],
            deep_assets=ids(db, assets, deep),
        )


@contextmanager
def as_user(conninfo: str, user: str) -> Iterator[Connection]:
    """A connection that is `authenticated` as that user, as PostgREST makes each request."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        claims = json.dumps({"sub": user, "role": "authenticated", "aal": "aal1"})
        db.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        db.execute("set role authenticated")
        yield db
