"""Whether an asset is free, at a million reservations on a hundred assets.

Baseline: the same question asked of the reservations by OVERLAPS, as the platform's plan words it, with the
plan's index. Both are asked by a member, under row security, on one connection, in turn.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import psycopg.conninfo
from psycopg import sql

from bench.report import Figure, median

RESERVATIONS = 1_000_000
ASSETS = 100
QUESTIONS = 200
FIRST_START = datetime(2020, 1, 1, tzinfo=UTC)
SPACING = timedelta(hours=6)
LENGTH = timedelta(hours=4)

# The plan's question, on a table and with an index like the plan's.
BASELINE: LiteralString = """
create function public.is_free_by_overlaps(p_asset_id uuid, p_start timestamptz, p_end timestamptz)
returns table (is_available boolean, conflicting_reservations jsonb)
language sql stable security definer set search_path = ''
as $$
    with taken as (
        select r.id, r.title, r.start_date, r.end_date, r.status,
            p.first_name || ' ' || p.last_name as booked_by
        from public.reservations r join public.profiles p on p.id = r.user_id
        where r.asset_id = p_asset_id and r.status in ('approved', 'pending')
            and (r.start_date, r.end_date) overlaps (p_start, p_end)
    )
    select not exists (select from taken), (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from taken t)
$$;
grant execute on function public.is_free_by_overlaps(uuid, timestamptz, timestamptz) to authenticated;
"""

FILL: LiteralString = """
with asset as (
    select a.id, a.organization_id, row_number() over () - 1 as place
    from public.assets a where a.organization_id = %(organization)s
), slot as (
    select gen_random_uuid() as id, asset.id as asset_id, asset.organization_id,
        %(first)s::timestamptz + n.value * %(spacing)s::interval as starts
    from asset cross join generate_series(0, %(each)s - 1) as n(value)
), booked as (
    insert into public.reservations
        (id, organization_id, asset_id, user_id, title, start_date, end_date, status)
    select s.id, s.organization_id, s.asset_id, %(user)s, 'Booked',
        s.starts, s.starts + %(length)s::interval, 'approved'
    from slot s
    returning id, asset_id, start_date, end_date
)
insert into app.occupancy (asset_id, occupied, kind, source_id)
select b.asset_id, tstzrange(b.start_date, b.end_date), 'reservation', b.id from booked b
"""


@contextmanager
def _filled_database() -> Iterator[tuple[str, str, list[Any]]]:
    """A migrated database with the rows; yields its conninfo, a member's id and the assets' ids."""
    admin_url, name = os.environ["STACK_ADMIN_DATABASE_URL"], f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(os.environ["STACK_TEMPLATE_DATABASE"])
            )
        )
        try:
            conninfo = psycopg.conninfo.make_conninfo(admin_url, dbname=name)
            yield conninfo, *_fill(conninfo)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _fill(conninfo: str) -> tuple[str, list[Any]]:
    user, organization = str(uuid.uuid4()), str(uuid.uuid4())
    with psycopg.connect(conninfo) as db:
        db.execute("insert into auth.users (id, email) values (%s, 'bench@example.test')", [user])
        db.execute(
            "insert into public.organizations (id, legal_name, commercial_name)"
            " values (%s, 'Bench', 'Bench')",
            [organization],
        )
        # The triggers keep one row at a time in step; here both tables are laid as they would end.
        db.execute("set local session_replication_role = replica")
        db.execute(
            "insert into public.organization_members (organization_id, user_id, role)"
            " values (%s, %s, 'owner')",
            [organization, user],
        )
        db.execute(
            "insert into public.assets (organization_id, section, name)"
            " select %s, 'planes', 'Plane ' || n from generate_series(1, %s) n",
            [organization, ASSETS],
        )
        parameters = {
            "organization": organization,
            "user": user,
            "first": FIRST_START,
            "spacing": SPACING,
            "length": LENGTH,
            "each": RESERVATIONS // ASSETS,
        }
        db.execute(FILL, parameters)
        db.execute(BASELINE)
        assets = [row[0] for row in db.execute("select id from public.assets").fetchall()]
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("vacuum analyze public.reservations")
        db.execute("vacuum analyze app.occupancy")
    return user, assets


def _ask(
    db: psycopg.Connection[Any], function: LiteralString, question: tuple[Any, ...]
) -> tuple[float, bool]:
    started = time.perf_counter()
    row = db.execute(f"select is_available from public.{function}(%s, %s, %s)", question).fetchone()
    took = (time.perf_counter() - started) * 1000
    assert row is not None
    return took, bool(row[0])


async def at_a_million() -> list[Figure]:
    """Median of questions whose answers must agree, half of them free, half taken."""
    chance = random.Random(20_261_122)
    ours: list[float] = []
    baseline: list[float] = []
    with _filled_database() as (conninfo, user, assets), psycopg.connect(conninfo, autocommit=True) as db:
        claims = f'{{"sub": "{user}", "role": "authenticated", "aal": "aal1"}}'
        db.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        db.execute("set role authenticated")
        for number in range(QUESTIONS):
            slot = FIRST_START + SPACING * chance.randrange(RESERVATIONS // ASSETS)
            begin = slot + (timedelta(hours=1) if number % 2 else LENGTH)
            question = (chance.choice(assets), begin, begin + timedelta(hours=1))
            plan_took, plan_says = _ask(db, "is_free_by_overlaps", question)
            took, says = _ask(db, "check_availability", question)
            if says != plan_says:
                raise RuntimeError(f"the two disagree on {question}: {says} and {plan_says}")
            baseline.append(plan_took)
            ours.append(took)
    ratio = median(baseline) / median(ours)
    return [
        Figure(
            name=f"check_availability, {RESERVATIONS:,} reservations on {ASSETS} assets",
            baseline=f"by OVERLAPS {median(baseline):.2f} ms",
            ours=f"{median(ours):.2f} ms",
            ratio=ratio,
            aim="5 times faster at least",
            met=ratio >= 5,
        )
    ]
