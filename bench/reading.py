"""Calendars, lists and searches at scale, each as a member whose tier names the sections that it shows."""

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from bench.booking import milliseconds
from bench.report import Figure, median
from bench.scale import DEEP_ASSETS, DEEP_EACH, Connection, Scale, as_user

TURNS = 40
SLOW_TURNS = 10
WARM_UP = 6  # a plan is made for good after the fifth time

ROWS: LiteralString = """
select r.id, r.asset_id, r.user_id, r.title, r.start_date, r.end_date, r.status, r.guest_count, r.version
from public.reservations r
where r.organization_id = %(organization)s and r.status in ('pending', 'approved', 'completed')
    and r.end_date > %(from)s and r.end_date < %(to)s + interval '8784 hours' and r.start_date < %(to)s
    and r.asset_id = any (%(assets)s::uuid[])
order by r.start_date, r.id
"""
# What calendar() answers, by who need not ask whether he may.
ANSWER: LiteralString = """
select jsonb_build_object(
    'reservations', coalesce((
        select jsonb_agg(app.reservation_state(r) order by r.start_date, r.id)
        from public.reservations r
        where r.organization_id = %(organization)s and r.status in ('pending', 'approved', 'completed')
            and r.end_date > %(from)s and r.end_date < %(to)s + interval '8784 hours'
            and r.start_date < %(to)s and r.asset_id = any (%(assets)s::uuid[])
    ), '[]'),
    'maintenance', coalesce((
        select jsonb_agg(app.maintenance_state(w) order by w.start_date, w.id)
        from public.maintenance_windows w
        where w.organization_id = %(organization)s and w.status = 'scheduled'
            and w.end_date > %(from)s and w.end_date < %(to)s + interval '8784 hours'
            and w.start_date < %(to)s and w.asset_id = any (%(assets)s::uuid[])
    ), '[]')
)
"""
CALENDAR: LiteralString = (
    "select public.calendar(%(organization)s, %(from)s, %(to)s, p_asset_ids => %(assets)s::uuid[])"
)
# The same page and its total straight from the tables, as PostgREST would ask for them.
PAGE: LiteralString = """
select (
    select count(*) from public.reservations r
    where r.organization_id = %(organization)s and r.status in ('approved', 'pending')
        and r.start_date < %(to)s and r.end_date > %(from)s and r.title ilike '%%trip 6%%'
), array(
    select to_jsonb(r) from public.reservations r
    where r.organization_id = %(organization)s and r.status in ('approved', 'pending')
        and r.start_date < %(to)s and r.end_date > %(from)s and r.title ilike '%%trip 6%%'
    order by r.start_date, r.id limit 50
)
"""
LIST: LiteralString = """
select public.list_reservations(
    %(organization)s, p_status => array['approved', 'pending'],
    p_from => %(from)s, p_to => %(to)s, p_q => 'trip 6'
)
"""
WHOLE_PAGE: LiteralString = """
select (select count(*) from public.reservations r where r.organization_id = %(organization)s), array(
    select to_jsonb(r) from public.reservations r
    where r.organization_id = %(organization)s order by r.start_date desc, r.id desc limit 50
)
"""
WHOLE_LIST: LiteralString = "select public.list_reservations(%(organization)s, p_sort => '-start_date')"
# The platform's plan looks for free assets by OVERLAPS among the bookings, and for words by ILIKE.
FREE_BY_OVERLAPS: LiteralString = """
select count(*) from public.assets a
where a.organization_id = %(deep)s and a.capacity >= 4
    and (a.name ilike '%%asset%%' or a.description ilike '%%asset%%')
    and not exists (
        select from public.reservations r
        where r.asset_id = a.id and r.status in ('approved', 'pending')
            and (r.start_date, r.end_date) overlaps (%(past)s, %(past)s + interval '1 hour')
    )
"""
SEARCH: LiteralString = """
select public.search_assets(
    %(deep)s, p_q => 'asset', p_capacity_min => 4,
    p_free_from => %(past)s, p_free_to => %(past)s + interval '1 hour'
)
"""


def _compare(
    ours: tuple[Connection, LiteralString],
    baseline: tuple[Connection, LiteralString],
    values: dict[str, Any],
    turns: int = TURNS,
) -> tuple[float, float, Any]:
    """Medians of both, asked in turn, and the last answer to ours."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM_UP + turns):
        for which, (db, query) in enumerate((ours, baseline)):
            times[which].append(milliseconds(db, query, values))
    db, query = ours
    return median(times[0][WARM_UP:]), median(times[1][WARM_UP:]), db.execute(query, values).fetchall()


def _bounded(name: str, baseline: str, took: float, straight: float, most: float) -> Figure:
    return Figure(
        name=name,
        baseline=f"{baseline} {straight:.2f} ms",
        ours=f"{took:.2f} ms",
        ratio=took / straight,
        aim=f"{most:.0f} ms at most",
        met=took <= most,
    )


def _calendars(member: Connection, owner: Connection, values: dict[str, Any]) -> list[Figure]:
    found = []
    for name, query, same in (
        ("a month of 100 assets under row security", ROWS, ROWS),
        ("calendar() of a month of 100 assets", CALENDAR, ANSWER),
    ):
        took, straight, rows = _compare((member, query), (owner, same), values)
        bookings = len(rows) if query is ROWS else len(rows[0][0]["reservations"])
        found.append(
            Figure(
                name=f"{name}, {bookings} bookings",
                baseline=f"as the tables' owner {straight:.2f} ms",
                ours=f"{took:.2f} ms",
                ratio=took / straight,
                aim="1.5 times at most, and 25 ms",
                met=took <= 1.5 * straight and took <= 25,
            )
        )
    return found


def figures(scale: Scale) -> list[Figure]:
    """All of this module."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    values: dict[str, Any] = {
        "organization": scale.organization,
        "assets": list(scale.assets),
        "from": today + timedelta(days=60),
        "to": today + timedelta(days=90),
        "deep": scale.deep_organization,
        "past": datetime(2021, 6, 1, 4, tzinfo=UTC),
    }
    with (
        as_user(scale.admin, scale.members[0]) as member,
        as_user(scale.admin, scale.deep_owner) as deep_owner,
        psycopg.connect(scale.dashboard, autocommit=True) as owner,
    ):
        found = _calendars(member, owner, values)
        quarter = {**values, "to": today + timedelta(days=150)}
        took, straight, rows = _compare((member, LIST), (member, PAGE), quarter)
        found.append(
            _bounded(
                f"list by status, quarter and words, {rows[0][0]['total']} found",
                "straight from the table", took, straight, 50,
            )
        )  # fmt: skip
        took, straight, rows = _compare((member, WHOLE_LIST), (member, WHOLE_PAGE), values)
        found.append(
            _bounded(f"list of all {rows[0][0]['total']:,}", "straight from the table", took, straight, 50)
        )
        took, straight, rows = _compare(
            (deep_owner, SEARCH), (deep_owner, FREE_BY_OVERLAPS), values, SLOW_TURNS
        )
        found.append(
            _bounded(
                f"search with free between, {DEEP_ASSETS} assets of {DEEP_EACH:,} bookings",
                "by OVERLAPS", took, straight, 50,
            )
        )  # fmt: skip
    return found
