"""What a write costs where the schedule refreshes the figures, and where triggers do, as the plan has it."""

from typing import LiteralString

import psycopg

from bench.booking import milliseconds
from bench.report import Figure, median
from bench.scale import RESERVATIONS, Connection, Scale

TURNS = 60
BASELINE_TURNS = 5  # each takes the time of a refresh
WARM_UP = 2

INSTALL: LiteralString = """
create function public.refresh_by_trigger() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    refresh materialized view concurrently app.mv_organization_stats;
    return null;
end;
$$;
create trigger refresh_by_trigger after insert or update or delete on public.organization_members
    for each statement execute function public.refresh_by_trigger();
create trigger refresh_by_trigger after insert or update or delete on public.assets
    for each statement execute function public.refresh_by_trigger()
"""
REMOVE: LiteralString = "drop function public.refresh_by_trigger() cascade"

WRITES: dict[str, LiteralString] = {
    "a member's role": """
        update public.organization_members
        set role = case when role = 'member' then 'manager' else 'member' end::public.member_role
        where organization_id = %(organization)s and user_id = %(member)s
        """,
    "an asset's description": """
        update public.assets set description = 'As of ' || clock_timestamp() where id = %(asset)s
        """,
}


def _times(db: Connection, scale: Scale, write: LiteralString, turns: int) -> list[float]:
    # The last member: nobody books as this one meanwhile.
    values = {"organization": scale.organization, "member": scale.members[-1], "asset": scale.assets[-1]}
    return [milliseconds(db, write, values) for _ in range(WARM_UP + turns)][WARM_UP:]


def figures(scale: Scale) -> list[Figure]:
    """All of this module."""
    with psycopg.connect(scale.dashboard, autocommit=True) as db:
        ours = {name: _times(db, scale, write, TURNS) for name, write in WRITES.items()}
        db.execute(INSTALL)
        try:
            baseline = {name: _times(db, scale, write, BASELINE_TURNS) for name, write in WRITES.items()}
        finally:
            db.execute(REMOVE)
    found = []
    for name in WRITES:
        took, straight = median(ours[name]), median(baseline[name])
        found.append(
            Figure(
                name=f"writing {name}, {RESERVATIONS:,} reservations",
                baseline=f"refresh by trigger {straight:.0f} ms",
                ours=f"{took:.2f} ms",
                ratio=straight / took,
                aim="20 times faster at least",
                met=straight >= 20 * took,
            )
        )
    return found
