"""Whether an asset is free, at a million reservations, thousands of them on the asset.

Baseline: the same question asked of the reservations by OVERLAPS, as the platform's plan words it, with the
plan's index. Both are asked by a member, under row security, on one connection, in turn.
"""

import random
import time
from datetime import timedelta
from typing import Any, LiteralString

import psycopg

from bench.report import Figure, median
from bench.scale import DEEP_EACH, DEEP_FIRST, DEEP_SPACING, LENGTH, RESERVATIONS, Connection, Scale, as_user

QUESTIONS = 200

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
        where r.asset_id = p_asset_id and r.status in ('approved', 'pending', 'completed')
            and (r.start_date, r.end_date) overlaps (p_start, p_end)
    )
    select not exists (select from taken), (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from taken t)
$$;
grant execute on function public.is_free_by_overlaps(uuid, timestamptz, timestamptz) to authenticated;
"""


def _ask(db: Connection, function: LiteralString, question: tuple[Any, ...]) -> tuple[float, bool]:
    started = time.perf_counter()
    row = db.execute(f"select is_available from public.{function}(%s, %s, %s)", question).fetchone()
    took = (time.perf_counter() - started) * 1000
    assert row is not None
    return took, bool(row[0])


def figures(scale: Scale) -> list[Figure]:
    """Median of questions whose answers must agree, half of them free, half taken."""
    chance = random.Random(20_261_122)
    ours: list[float] = []
    baseline: list[float] = []
    with psycopg.connect(scale.admin) as admin:
        admin.execute(BASELINE)
    with as_user(scale.admin, scale.deep_owner) as db:
        for number in range(QUESTIONS):
            slot = DEEP_FIRST + DEEP_SPACING * chance.randrange(DEEP_EACH)
            begin = slot + (timedelta(hours=1) if number % 2 else LENGTH)
            question = (chance.choice(scale.deep_assets), begin, begin + timedelta(hours=1))
            plan_took, plan_says = _ask(db, "is_free_by_overlaps", question)
            took, says = _ask(db, "check_availability", question)
            if says != plan_says:
                raise RuntimeError(f"the two disagree on {question}: {says} and {plan_says}")
            baseline.append(plan_took)
            ours.append(took)
    ratio = median(baseline) / median(ours)
    return [
        Figure(
            name=f"check_availability, {RESERVATIONS:,} reservations, {DEEP_EACH:,} on the asset",
            baseline=f"by OVERLAPS {median(baseline):.2f} ms",
            ours=f"{median(ours):.2f} ms",
            ratio=ratio,
            aim="5 times faster at least",
            met=ratio >= 5,
        )
    ]
