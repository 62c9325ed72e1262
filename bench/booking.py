"""Booking under all rules, at scale: what judging adds to writing, and a thousand who want one slot."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg

from bench.report import Figure, median
from bench.scale import RESERVATIONS, RULES, Connection, Scale, as_user

TURNS = 100
WARM_UP = 20  # functions are compiled, and their plans made, once a connection
CONNECTIONS = 50
ATTEMPTS = 1000
SEED = 20_261_122
BOOKED = timedelta(minutes=50)

CREATE: LiteralString = """
select public.create_reservation(p_asset_id => %s, p_title => 'Bench', p_start_date => %s, p_end_date => %s)
"""
# What a create writes and nothing else: triggers keep the occupancy and the log, nobody judges.
BARE: LiteralString = """
with booked as (
    insert into public.reservations
        (organization_id, asset_id, user_id, title, start_date, end_date, status, approved_at)
    values (%s, %s, %s, 'Bench', %s, %s, 'approved', now())
    returning id
)
insert into public.reservation_details (reservation_id) select id from booked
"""
# Each a day after a booking, where nothing stands for days; not at the end of a year, where rules look.
FREE: LiteralString = """
select r.asset_id, r.end_date + interval '30 hours'
from public.reservations r
where r.organization_id = %s and r.status = 'approved' and r.title <> 'Bench'
    and r.start_date between now() + interval '20 days' and now() + interval '300 days'
    and to_char(r.start_date, 'MMDD') between '0106' and '1110'
order by r.id
"""


@dataclass(frozen=True)
class Slot:
    """A free time of an asset."""

    asset: Any
    start: datetime

    @property
    def end(self) -> datetime:
        """Its end."""
        return self.start + BOOKED


def free_slots(scale: Scale) -> Iterator[Slot]:
    """Slots of the measured organisation, in an order of chance, each given out once."""
    with psycopg.connect(scale.admin) as db:
        slots = [Slot(*row) for row in db.execute(FREE, [scale.organization]).fetchall()]
    random.Random(SEED).shuffle(slots)
    return iter(slots)


def milliseconds(db: Connection, query: LiteralString, values: Sequence[Any] | Mapping[str, Any]) -> float:
    """How long the answer takes."""
    started = time.perf_counter()
    db.execute(query, values)
    return (time.perf_counter() - started) * 1000


def creates(scale: Scale, slots: Iterator[Slot]) -> Figure:
    """A create by a member in turn with a bare insert by the tables' owner; each member after the other."""
    ours: list[float] = []
    baseline: list[float] = []
    with (
        psycopg.connect(scale.dashboard, autocommit=True) as dashboard,
        as_user(scale.admin, scale.members[0]) as db,
    ):
        for turn in range(WARM_UP + TURNS):
            member = scale.members[turn % len(scale.members)]
            claims = json.dumps({"sub": member, "role": "authenticated", "aal": "aal1"})
            db.execute("select set_config('request.jwt.claims', %s, false)", [claims])
            bare, judged = next(slots), next(slots)
            row = [scale.organization, bare.asset, member, bare.start, bare.end]
            baseline.append(milliseconds(dashboard, BARE, row))
            call = [judged.asset, judged.start, judged.end]
            ours.append(milliseconds(db, CREATE, call))
    took, straight = median(ours[WARM_UP:]), median(baseline[WARM_UP:])
    return Figure(
        name=f"create, {RULES} rules, {RESERVATIONS:,} reservations",
        baseline=f"bare insert {straight:.2f} ms",
        ours=f"{took:.2f} ms",
        ratio=took / straight,
        aim="6 times at most, and 10 ms",
        met=took <= 6 * straight and took <= 10,
    )


def _attempt(db: Connection, slot: Slot) -> str:
    try:
        db.execute(CREATE, [slot.asset, slot.start, slot.end])
    except psycopg.Error as error:
        if error.sqlstate == "PGRST":
            return str(json.loads(error.diag.message_primary or "{}").get("code"))
        return str(error.sqlstate)
    return "booked"


def _race(scale: Scale, warm_up: Sequence[Slot], slots: Sequence[Slot]) -> tuple[float, Counter[str]]:
    """Seconds that the connections, a member each, take to ask for all slots; and what they are told."""
    start = threading.Barrier(CONNECTIONS + 1)

    def one(place: int) -> list[str]:
        with as_user(scale.admin, scale.members[place]) as db:
            # A pool's connections have booked and been refused before: functions are compiled, and plans
            # made, while the asset is locked.
            with db.transaction(force_rollback=True):
                _attempt(db, warm_up[place])
                _attempt(db, warm_up[place])
            start.wait()
            return [_attempt(db, slot) for slot in slots[place::CONNECTIONS]]

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = [pool.submit(one, place) for place in range(CONNECTIONS)]
        start.wait()
        started = time.perf_counter()
        told = Counter(word for answer in answers for word in answer.result())
    return time.perf_counter() - started, told


def _words(told: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in told.most_common())


def _deadlocks(scale: Scale) -> int:
    with psycopg.connect(scale.admin) as db:
        row = db.execute(
            "select deadlocks from pg_stat_database where datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def one_slot(scale: Scale, slots: Iterator[Slot]) -> Figure:
    """Many who want one slot, against as many who each want another."""
    before = _deadlocks(scale)
    warm_up = [next(slots) for _ in range(CONNECTIONS)]
    apart, all_booked = _race(scale, warm_up, [next(slots) for _ in range(ATTEMPTS)])
    together, told = _race(scale, warm_up, [next(slots)] * ATTEMPTS)
    deadlocks = _deadlocks(scale) - before
    return Figure(
        name=f"{ATTEMPTS:,} creates of one slot by {CONNECTIONS} connections",
        baseline=f"of as many slots {apart:.1f} s ({_words(all_booked)})",
        ours=f"{together:.1f} s ({_words(told)}, {deadlocks} deadlocks)",
        ratio=together / apart,
        aim="one booked, all others CONFLICT",
        met=told == {"booked": 1, "CONFLICT": ATTEMPTS - 1}
        and all_booked == {"booked": ATTEMPTS}
        and not deadlocks,
    )


def figures(scale: Scale) -> list[Figure]:
    """All of this module."""
    slots = free_slots(scale)
    return [creates(scale, slots), one_slot(scale, slots)]
