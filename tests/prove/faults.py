"""What breaks: each fault has a name, is counted, and is undone by itself.

Two lanes run side by side: one turns the knobs of the embedded Realtime, one ends and stops processes. Each
goes through a shuffled deck of all its faults, then through the next, so that each kind comes equally often.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from tests.harness import ReturningBff, RunningStack, wait_until
from tests.prove.world import Dashboard

# How long a fault of Realtime holds, and how long there is peace until the next.
HOLD_SECONDS = (1.0, 3.0)
PEACE_SECONDS = (0.3, 1.5)
# The same for what ends and freezes: long enough for something to happen in between.
LULL_SECONDS = (1.0, 4.0)
# How long a frozen process stays so: longer than a call of the relay may take, or shorter.
FREEZE_SECONDS = (2.0, 7.0)
# After a part is ready again, until everything that leans on it has noticed.
RECOVERY_SECONDS = 5.0
CONTROL_SECONDS = 5.0
# What a part has to end by itself.
GRACE_SECONDS = 3.0
# Events that a pruned log still has.
KEPT_EVENTS = 40

Knobs = Callable[[random.Random], dict[str, Any]]
# What is turned; a socket is closed too where the fault is one of connecting.
REALTIME: Mapping[str, Knobs] = {
    "Realtime drops all": lambda _: {"drop": True},
    "Realtime drops the next n": lambda dice: {"drop": dice.randrange(1, 20)},
    "Realtime drops a fraction": lambda dice: {"drop": dice.uniform(0.1, 0.8), "seed": dice.getrandbits(30)},
    "Realtime delays": lambda dice: {"delay_ms": dice.randrange(100, 1500)},
    "Realtime reorders": lambda _: {"reorder": True},
    "Realtime duplicates": lambda _: {"duplicate": True},
    "Realtime delays, reorders and duplicates": lambda dice: {
        "delay_ms": dice.randrange(50, 500),
        "reorder": True,
        "duplicate": True,
    },
    "Realtime limits the rate silently": lambda dice: {"rate_limit": dice.randrange(0, 4)},
    "Realtime goes silent": lambda _: {"silent": True},
    "Realtime refuses connects": lambda _: {"refuse_connects": True, "close": 1012},
    "Realtime joins cold": lambda dice: {"cold_join_ms": dice.randrange(200, 2000), "close": 1012},
    "Realtime closes with 1000": lambda _: {"close": 1000},
    "Realtime closes with 1001": lambda _: {"close": 1001},
    "Realtime closes with 1012": lambda _: {"close": 1012},
    "Realtime closes its channels for no reason": lambda _: {"close_channels": True},
    "Realtime's sockets of now go mute": lambda _: {"mute": True},
    "Realtime's token expires": lambda _: {"expire_tokens": True},
}
# The feed rests for a minute, or half of one, after these. So that what follows meets a feed that listens,
# both processes are replaced after a while.
REFUSALS: Mapping[str, dict[str, Any]] = {
    "Realtime refuses joins": {"refuse_joins": True, "refusal_delay_ms": 500, "close": 1001},
    "Realtime limits joins": {"refuse_joins": "ChannelRateLimitReached: Too many channels", "close": 1012},
}
REFUSAL_SECONDS = 4.0
# Name -> part of the stack and signal.
PARTS: Mapping[str, tuple[str, signal.Signals]] = {
    "Realtime killed": ("realtime", signal.SIGKILL),
    "Realtime restarted": ("realtime", signal.SIGTERM),
    "REST (lite) killed": ("lite", signal.SIGKILL),
    "REST (lite) restarted": ("lite", signal.SIGTERM),
    "Postgres killed": ("postgres", signal.SIGKILL),
    "Postgres restarted": ("postgres", signal.SIGINT),
    "gateway killed": ("gateway", signal.SIGKILL),
}
FROZEN = {"REST (lite) frozen": "lite", "Realtime frozen": "realtime"}
# Name -> which BFF processes, and the signal.
BFFS: Mapping[str, tuple[tuple[int, ...], signal.Signals]] = {
    "BFF killed": ((0,), signal.SIGKILL),
    "other BFF killed": ((1,), signal.SIGKILL),
    "BFF told to end": ((0,), signal.SIGTERM),
    "other BFF told to end": ((1,), signal.SIGTERM),
    "both BFFs killed": ((0, 1), signal.SIGKILL),
}
DEAF, PRUNED = "Realtime's hold on the database ended", "log pruned"
PROCESSES = (*PARTS, *FROZEN, *BFFS, *REFUSALS, DEAF, PRUNED)
# With these the rights cannot be asked for; whoever is served goes on being served by the old ones.
OUTAGES = {name for name, (part, _) in PARTS.items() if part != "realtime"} | {"REST (lite) frozen"}
PRUNE = """
with young as (
    select organization_id, greatest(0, last_seq - %(kept)s) as seq from app.event_counters
), copied as (
    insert into prove.pruned (organization_id, seq, event)
    select e.organization_id, e.seq, app.event_json(e)
    from public.calendar_events e join young y using (organization_id) where e.seq <= y.seq
    on conflict do nothing
)
update public.calendar_events e set occurred_at = e.occurred_at - interval '192 hours'
from young y where e.organization_id = y.organization_id and e.seq <= y.seq
"""

# The one event that pruning leaves of those keeps its time.
RESTORE = """
update public.calendar_events set occurred_at = occurred_at + interval '192 hours'
where occurred_at < now() - interval '168 hours'
"""


@dataclass
class Breaker:
    """Breaks the stack and the two BFFs.

    Args:
        stack: its Realtime, REST, Postgres and gateway.
        bffs: two.
        dashboard: prunes the log.
        seed: of the order of the faults and all that is random about them.
        realtime: names of `REALTIME`.
        processes: names of `PROCESSES`.
        hold: how long a fault of Realtime holds (seconds, between which).
    """

    stack: RunningStack
    bffs: tuple[ReturningBff, ReturningBff]
    dashboard: Dashboard
    seed: str
    realtime: Sequence[str] = tuple(REALTIME)
    processes: Sequence[str] = PROCESSES
    hold: tuple[float, float] = HOLD_SECONDS
    counts: Counter[str] = field(default_factory=Counter)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """When the rights could not be asked for: begin and end in Unix seconds."""

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        self._knobs = Lane(random.Random(dice.getrandbits(64)), self.realtime, PEACE_SECONDS)
        self._processes = Lane(random.Random(dice.getrandbits(64)), self.processes, LULL_SECONDS)
        self._turning = asyncio.Lock()

    async def run(self, seconds: float, *, all_kinds: bool = False) -> None:
        """Breaks things for that long, at most a fault longer, and leaves all of it mended.

        Args:
            seconds: how long.
            all_kinds: longer, until each kind was there once.
        """
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._knobs.run(until, self._turn, all_kinds=all_kinds))
            lanes.create_task(self._processes.run(until, self._end, all_kinds=all_kinds))
        async with self._control() as control:
            (await control.post("/_control", json={"reset": True})).raise_for_status()

    def _control(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.stack.control_url, timeout=CONTROL_SECONDS)

    async def _turn(self, name: str, dice: random.Random) -> None:
        await self._hold(name, REALTIME[name](dice), dice.uniform(*self.hold))

    async def _hold(self, name: str, knobs: dict[str, Any], seconds: float) -> None:
        # Realtime may be dead just now, by the other lane; then the fault is not counted.
        with contextlib.suppress(httpx.HTTPError):
            async with self._turning, self._control() as control:
                (await control.post("/_control", json={"reset": True, **knobs})).raise_for_status()
                self.counts[name] += 1
                await asyncio.sleep(seconds)
                await control.post("/_control", json={"reset": True})

    async def _end(self, name: str, dice: random.Random) -> None:
        if name in REFUSALS:
            await self._hold(name, REFUSALS[name], REFUSAL_SECONDS)
            await self._replace((0, 1), signal.SIGTERM)
            return
        async with self._outage() if name in OUTAGES else contextlib.nullcontext():
            if name in PARTS:
                await asyncio.to_thread(self._end_part, *PARTS[name])
            elif name in FROZEN:
                await self._freeze(FROZEN[name], dice.uniform(*FREEZE_SECONDS))
            elif name in BFFS:
                await self._replace(*BFFS[name])
            elif name == DEAF:
                async with self._turning:
                    await asyncio.to_thread(self._end_listening, dice.uniform(*HOLD_SECONDS))
            else:
                await self.dashboard.patiently(self._prune)
        self.counts[name] += 1

    async def _replace(self, which: Sequence[int], how: signal.Signals) -> None:
        await asyncio.gather(*(asyncio.to_thread(self.bffs[each].die, how) for each in which))

    def _end_part(self, part: str, how: signal.Signals) -> None:
        died = self.stack.kill(part, how)
        if how != signal.SIGKILL:
            # lite ends only when its clients have let go, which a busy gateway never does.
            try:
                wait_until(lambda: self.stack.pids().get(part) != died, seconds=GRACE_SECONDS, what="an end")
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(died, signal.SIGKILL)
        self.stack.wait_ready(part, died=died)

    @asynccontextmanager
    async def _outage(self) -> AsyncIterator[None]:
        began = time.time()
        try:
            yield
        finally:
            self.outages.append((began, time.time() + RECOVERY_SECONDS))

    async def _freeze(self, part: str, seconds: float) -> None:
        pid = self.stack.pids()[part]
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _end_listening(self, away: float) -> None:
        """As when the replication backend of the real server is killed: it hears nothing of the database.

        Realtime listens again after `away` seconds, and has missed what was sent meanwhile.
        """
        with contextlib.suppress(httpx.HTTPError):
            knobs = {"relisten_ms": round(1000 * away)}
            httpx.post(f"{self.stack.control_url}/_control", json=knobs, timeout=CONTROL_SECONDS)
        with psycopg.connect(self.stack.admin_database_url, autocommit=True) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %'"
            )

    async def _prune(self) -> None:
        async with self.dashboard.transaction() as connection:
            await connection.execute(PRUNE, {"kept": KEPT_EVENTS})
            await connection.execute("select public.prune_calendar_events()")
            await connection.execute(RESTORE)


class Lane:
    """Faults one after the other, with a pause after each: deck after deck, each fault with its own dice."""

    def __init__(self, dice: random.Random, kinds: Sequence[str], pause: tuple[float, float]) -> None:
        self._pause = pause
        self._dice = dice
        self._kinds = kinds
        self._deck: list[str] = []
        self._decks = 0

    async def run(
        self, until: float, act: Callable[[str, random.Random], Awaitable[None]], *, all_kinds: bool
    ) -> None:
        """Until that moment (time.monotonic), or until the first deck is through."""
        while time.monotonic() < until or (
            all_kinds and (self._decks == 0 or (self._decks == 1 and self._deck))
        ):
            if not self._deck:
                self._deck = self._dice.sample(self._kinds, len(self._kinds))
                self._decks += 1
            dice = random.Random(self._dice.getrandbits(64))
            await act(self._deck.pop(), dice)
            await asyncio.sleep(dice.uniform(*self._pause))
