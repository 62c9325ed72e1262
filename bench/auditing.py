"""What the audit costs: triggers on a booking and on a bulk, records handed over, sealing, verifying."""

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg

from bench.booking import CREATE, Slot, free_slots, milliseconds
from bench.report import Figure, median
from bench.scale import Connection, Scale, as_user

BLOCKS = 3  # with and without in turn: the machine's mood changes
TURNS = 40
BULKS = 5
WARM_UP = 20  # functions are compiled, and plans made anew once triggers were switched
BULK = 100
BATCHES = 80  # forty thousand: what is not linear shows
BATCH = 500
# Records a second that a busy day of all offices may bring; sealing must keep up with it.
RATE = 5000

SWITCH: LiteralString = """
select format('alter table %s {} trigger %I', t.tgrelid::regclass, t.tgname)
from pg_trigger t where t.tgfoid = 'app.audit_row'::regproc
"""
BULK_CALL: LiteralString = "select public.bulk_assets(%s, 'atomic', %s)"


@contextmanager
def untriggered(scale: Scale) -> Iterator[None]:
    """As long as the block runs, row changes leave no entry."""
    with psycopg.connect(scale.dashboard, autocommit=True) as db:

        def switch(how: str) -> None:
            for (statement,) in db.execute(SWITCH.format(how).encode()).fetchall():
                db.execute(str(statement).encode())

        switch("disable")
        try:
            yield
        finally:
            switch("enable")


def _alternating(scale: Scale, measure: Callable[[], list[float]]) -> tuple[float, float]:
    """Medians without the triggers and with them."""
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(BLOCKS):
        with untriggered(scale):
            bare += measure()
        ours += measure()
    return median(bare), median(ours)


def triggers(scale: Scale, slots: Iterator[Slot]) -> list[Figure]:
    """What recording each changed row adds to those who change them."""
    with (
        as_user(scale.admin, scale.members[0]) as member,
        as_user(scale.admin, scale.owner) as owner,
    ):

        def creates() -> list[float]:
            chosen = itertools.islice(slots, WARM_UP + TURNS)
            calls = [[slot.asset, slot.start, slot.end] for slot in chosen]
            return [milliseconds(member, CREATE, call) for call in calls][WARM_UP:]

        def bulks() -> list[float]:
            operation = {
                "op": "create",
                "asset": {"section": "planes", "name": "Bench", "details": {"seats": 8}},
            }
            call = [scale.organization, json.dumps([operation] * BULK)]
            return [milliseconds(owner, BULK_CALL, call) for _ in range(BULKS)][1:]

        figures = []
        for name, measure in (("a create", creates), (f"a bulk of {BULK} assets", bulks)):
            bare, ours = _alternating(scale, measure)
            figures.append(
                Figure(
                    name=f"{name}, its rows recorded",
                    baseline=f"triggers off {bare:.2f} ms",
                    ours=f"{ours:.2f} ms",
                    ratio=ours / bare,
                    aim="1.5 times at most",
                    met=ours <= 1.5 * bare,
                )
            )
    return figures


def _record(scale: Scale, place: int) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "created_at": "2026-11-28T10:00:00.123456Z",
        "user_id": scale.members[place % len(scale.members)],
        "organization_id": scale.organization,
        "action": "reservations.create",
        "resource_type": "reservations",
        "resource_id": str(uuid.uuid4()),
        "ip_address": "198.51.100.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "request_method": "POST",
        "request_path": "/api/v1/reservations",
        "request_body": {"asset_id": scale.assets[0], "title": "[redacted]"},
        "response_status": 201,
        "duration_ms": 12.5,
        "metadata": {"request_id": uuid.uuid4().hex},
    }


def _rate(db: Connection, query: LiteralString, calls: list[list[Any]], rows: int) -> float:
    started = time.perf_counter()
    for call in calls:
        db.execute(query, call)
    return rows / (time.perf_counter() - started)


BARE: LiteralString = """
insert into kept select r.*
from jsonb_to_recordset(%s) as r(
    id uuid, created_at timestamptz, user_id uuid, organization_id uuid, action text, resource_type text,
    resource_id uuid, ip_address inet, user_agent text, request_method text, request_path text,
    request_body jsonb, response_status smallint, duration_ms numeric, metadata jsonb
)
"""


def records(scale: Scale) -> list[Figure]:
    """Requests handed over in batches, then sealed, then verified."""
    rows = BATCHES * BATCH
    batches = [[json.dumps([_record(scale, place) for place in range(BATCH)])] for _ in range(BATCHES + 1)]
    with psycopg.connect(scale.dashboard, autocommit=True) as db:
        db.execute("create temporary table kept as select * from public.audit_logs limit 0")
        db.execute("alter table kept drop column error_message")
        while db.execute("select public.seal_audit_logs()").fetchone() != (0,):
            pass
        db.execute("select public.record_requests(%s)", batches[0])
        bare = _rate(db, BARE, batches[1:], rows)
        written = _rate(db, "select public.record_requests(%s)", batches[1:], rows)
        sealed = _rate(db, "select public.seal_audit_logs()", [[]], rows)
        verified = _rate(
            db, "select public.verify_audit_chain(%s, p_limit => %s)", [[scale.organization, rows]], rows
        )
    return [
        Figure(
            name=f"records of requests, {BATCH} a call",
            baseline=f"bare inserts {bare:,.0f}/s",
            ours=f"{written:,.0f}/s",
            ratio=written / bare,
            aim=f"{RATE:,} a second at least",
            met=written >= RATE,
        ),
        Figure(
            name="sealing entries into their chain",
            baseline=f"records {written:,.0f}/s",
            ours=f"{sealed:,.0f}/s",
            ratio=sealed / written,
            aim=f"{RATE:,} a second at least",
            met=sealed >= RATE,
        ),
        Figure(
            name="verifying a chain",
            baseline=f"sealing {sealed:,.0f}/s",
            ours=f"{verified:,.0f}/s",
            ratio=verified / sealed,
            aim="25,000, a range, within 2 s",
            met=verified >= 25_000 / 2,
        ),
    ]


def figures(scale: Scale) -> list[Figure]:
    """All of this module."""
    return [*triggers(scale, free_slots(scale)), *records(scale)]
