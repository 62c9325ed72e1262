"""A run: rounds of turmoil, and after each a rest in which every view must come to show what is."""

import asyncio
import contextlib
import functools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.actors import SECTIONS, TokenSigner, connect
from tests.conftest import token_signer
from tests.harness import ReturningBff, RunningStack
from tests.prove.acts import TOLD, Hands
from tests.prove.faults import HOLD_SECONDS, PROCESSES, REALTIME, Breaker
from tests.prove.journal import COMMIT_SECONDS
from tests.prove.records import Life, Shown, Watcher, seq
from tests.prove.verdict import Allowance, bookings, check, same
from tests.prove.viewers import Stranger, UnansweredError, Viewer
from tests.prove.world import Dashboard, House, World, make_world

POLL_SECONDS = 3.0
REVIEW_SECONDS = 3.0
# One interval between reviews of the rights, one between polls of the log, and what the calls may take.
ALLOWED_SECONDS = REVIEW_SECONDS + POLL_SECONDS + 5.0
# How the BFFs run: bounds that are reached within a short run. Otherwise they are as shipped.
BFF_SETTINGS = {
    "LOG_LEVEL": "WARNING",
    "RELAY_POLL_SECONDS": str(POLL_SECONDS),
    "RELAY_GRANT_SECONDS": str(REVIEW_SECONDS),
    "RELAY_HEARTBEAT_SECONDS": "2",
    "RELAY_RING_SIZE": "64",
    "RELAY_BACKLOG_BYTES": "65536",
    "RELAY_STALL_SECONDS": "3",
}
SHORT_TOKEN_SECONDS = 25
# How long after the last fault every view must show the calendar as it is.
SETTLE_SECONDS = 90.0
# Of each view that is wrong then: so many of its bookings are told of.
WRONG_TOLD = 5
LATELY_SECONDS = 10.0
# Between two looks at all views.
PAUSE_SECONDS = 0.3
# In the BFFs' log: faults of ours, whatever the circumstances.
OUR_FAULTS = ("relay_loop_died", "event_unreadable", "Traceback")


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        seed: of all acts, faults and clients.
        rounds: how long each lasts, in seconds.
        houses: how many organisations.
        realtime: which faults of Realtime, and for how long each (seconds, between which).
        processes: which other faults.
        all_kinds: a round lasts until each fault was there.
    """

    seed: int
    rounds: Sequence[float]
    houses: int = 3
    realtime: Sequence[str] = tuple(REALTIME)
    hold: tuple[float, float] = HOLD_SECONDS
    processes: Sequence[str] = PROCESSES
    all_kinds: bool = False


@dataclass
class Report:
    """What happened, and what was wrong."""

    plan: Plan
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    acts: Counter[tuple[str, str]] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    resets: Counter[str] = field(default_factory=Counter)
    feed: Counter[str] = field(default_factory=Counter)
    viewers: int = 0
    events: int = 0
    attempts: int = 0
    """What strangers have tried."""
    converged: list[float] = field(default_factory=list)
    """Seconds from the end of the faults until all views were right, by round."""
    violations: list[str] = field(default_factory=list)


class Run:
    """All that takes part in a run."""

    def __init__(
        self,
        plan: Plan,
        stack: RunningStack,
        bffs: tuple[ReturningBff, ReturningBff],
        signer: TokenSigner,
        world: World,
    ) -> None:
        self.plan = plan
        self.report = Report(plan)
        self.world = world
        self._dashboards = [Dashboard(stack.database_url) for _ in range(plan.houses + 1)]
        self.breaker = Breaker(
            stack, bffs, self._dashboards[-1], f"{plan.seed}-faults", plan.realtime, plan.processes, plan.hold
        )
        self.allowance = Allowance(ALLOWED_SECONDS, REVIEW_SECONDS, self.breaker.outages)
        neighbours = [*world.houses[1:], world.houses[0]]
        self.hands = [
            Hands(house, neighbour, world, self._dashboards[place], f"h{place}", f"{plan.seed}-acts-{place}")
            for place, (house, neighbour) in enumerate(zip(world.houses, neighbours, strict=True))
        ]
        self.viewers: list[Viewer] = []
        self.strangers: list[Stranger] = []
        for place, (house, neighbour) in enumerate(zip(world.houses, neighbours, strict=True)):
            views = list(_views(house, f"h{place}", plan.seed, world.urls, signer))
            self.viewers += views
            spy = neighbour.people["owner"]
            self.strangers.append(
                Stranger(spy, neighbour.id, views[0], world.urls, f"{plan.seed}-stranger-{place}")
            )

    async def go(self, tell: Callable[[str], None]) -> Report:
        """All rounds, and the verdict; `tell` is told of each round."""
        began = time.monotonic()
        watchers: list[Viewer | Stranger] = [*self.viewers, *self.strangers]
        watching = [asyncio.create_task(each.run()) for each in watchers]
        try:
            for seconds in self.plan.rounds:
                await self._turmoil(seconds)
                await self._rest(watching)
                right = f"round {len(self.report.converged)}: right after {self.report.converged[-1]:.1f} s"
                tell(f"{right}, {self.report.events} events, {len(self.report.violations)} violations")
                if self.report.violations:
                    break
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            for each in self._dashboards:
                await each.close()
        self._sum_up()
        self.report.seconds = time.monotonic() - began
        return self.report

    async def _turmoil(self, seconds: float) -> None:
        for viewer in self.viewers:
            viewer.behaves = False
        rest = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for hands in self.hands:
                group.create_task(hands.act(rest))
            await self.breaker.run(seconds, all_kinds=self.plan.all_kinds)
            rest.set()

    async def _rest(self, watching: Sequence[asyncio.Task[None]]) -> None:
        """Everyone is as good as can be, until each view shows the calendar as it is; then all is judged."""
        for viewer in self.viewers:
            viewer.behaves = True
        began = time.time()
        right: dict[int, tuple[float, float]] = {}
        confirmed = began
        while len(right) < len(self.viewers) or time.time() < confirmed:
            if time.time() > began + SETTLE_SECONDS:
                break
            await self.world.read_journal()
            # Of the last change of rights a view may be told this late; it is right only if it stays so.
            confirmed = self.world.journal.rights[-1].at + COMMIT_SECONDS + self.allowance.seconds
            await self._look_again(right)
            for task in watching:
                if task.done():
                    task.result()
            await asyncio.sleep(PAUSE_SECONDS)
        self.report.converged.append(max((at for at, _ in right.values()), default=began) - began)
        for place, viewer in enumerate(self.viewers):
            if place not in right:
                self.report.violations += await self._tell(viewer)
        await self._judge({place: last for place, (_, last) in right.items()})

    async def _look_again(self, right: dict[int, tuple[float, float]]) -> None:
        """Notes of each view since when it is right, and when it was last found so."""
        heads = await self.world.heads()
        asked_at = time.time()
        answers = await asyncio.gather(*(self._is_right(viewer, heads) for viewer in self.viewers))
        for place, is_right in enumerate(answers):
            if is_right:
                right[place] = (right.get(place, (asked_at, 0))[0], asked_at)
            else:
                right.pop(place, None)

    async def _is_right(self, viewer: Viewer, heads: dict[str, int]) -> bool:
        """Whether a view shows what a fresh snapshot shows, all of the log behind it."""
        life = viewer.life
        with contextlib.suppress(httpx.TransportError, UnansweredError):
            fresh = await viewer.fresh()
            if fresh is None or life is None:
                return fresh is None and life is None
            is_same = life is viewer.life and life.state == fresh[0]
            return is_same and seq(life.position) == heads[viewer.watcher.organization_id]
        return False

    async def _tell(self, viewer: Viewer) -> list[str]:
        life, fresh = viewer.life, None
        with contextlib.suppress(httpx.TransportError, UnansweredError):
            fresh = await viewer.fresh()
        where = f"at {life.position} ({_progress(life)})" if life else "without a calendar"
        told = f"state: {viewer.watcher.name} is {where} {SETTLE_SECONDS:g} s after the last fault"
        shown, real = life.state if life else {}, fresh[0] if fresh else {}
        wrong = list(same(shown, real))
        head = f"{told}: {len(wrong)} bookings are wrong; the calendar is at {fresh and fresh[1]}"
        return [head, *(f"{told}: {each}" for each in wrong[:WRONG_TOLD])]

    async def _judge(self, right: dict[int, float]) -> None:
        lives = [
            life
            for place, viewer in enumerate(self.viewers)
            for life in viewer.turn_page(right.get(place, time.time()))
        ]
        await self.world.read_journal()
        logs = await self.world.logs()
        for life in lives:
            log = logs[life.watcher.organization_id]
            self.report.violations += check(life, log, self.world.journal, self.allowance)
        rows = [row for log in logs.values() for row in log.rows]
        self.report.events = len(rows)
        for hands in self.hands:
            self.report.violations += bookings(hands.made, rows)

    def _sum_up(self) -> None:
        report = self.report
        report.viewers = len(self.viewers)
        report.faults = self.breaker.counts
        for hands in self.hands:
            report.acts += hands.outcomes
        for viewer in self.viewers:
            report.clients += viewer.counts
            report.resets += viewer.resets
            report.violations += [f"answer: {each}" for each in viewer.complaints]
        for stranger in self.strangers:
            report.attempts += stranger.tries
            report.violations += [f"leak: {each}" for each in stranger.complaints]
        for (act, outcome), count in report.acts.items():
            if outcome not in TOLD:
                report.violations.append(f"act: {act} came to {outcome} ({count} times)")
        for bff in self.breaker.bffs:
            text = bff.log.read_text(errors="replace")
            for word in ("realtime_lost", "realtime_deaf", "event_log_down"):
                report.feed[word] += text.count(word)
            report.violations += [f"log: {bff.log.name} has {word}" for word in OUR_FAULTS if word in text]


def _progress(life: Life) -> str:
    """Whether a view that is behind moves: slow, or cut off from its stream without a word."""
    now = time.time()
    if not life.received:
        return "without a frame"
    lately = sum(received.at > now - LATELY_SECONDS for received in life.received)
    last = life.received[-1]
    return (
        f"the last frame, {last.frame.event}, came {now - last.at:.1f} s ago over a stream asked for "
        f"{now - last.opening.asked_at:.1f} s ago; {lately} came in the last {LATELY_SECONDS:g} s"
    )


def _views(
    house: House, name: str, seed: int, urls: tuple[str, ...], signer: TokenSigner
) -> Sequence[Viewer]:
    """One organisation's clients, of each kind."""
    dice = random.Random(f"{seed}-views-{name}")
    some = frozenset(dice.sample(house.assets, 3))
    renew = functools.partial(signer.sign, house.people["admin"], lifetime=SHORT_TOKEN_SECONDS)
    kinds: dict[str, tuple[str, Shown, dict[str, Any]]] = {
        "whole": ("owner", Shown(), {}),
        "whole, by ticket": ("manager", Shown(), {"by_ticket": True}),
        "whole, small window": ("owner", Shown(), {"small_window": True}),
        "whole, short tokens": ("admin", Shown(), {"renew": renew}),
        "by asset": ("admin", Shown(assets=some), {}),
        "by section": ("manager", Shown(section=dice.choice(SECTIONS)), {}),
        "limited": ("ana", Shown(), {}),
        "limited, small window": ("eva", Shown(), {"small_window": True}),
        "limited, by asset": ("luis", Shown(assets=some), {}),
        "limited, by section": ("eva", Shown(section=dice.choice(SECTIONS)), {}),
        "changing": ("rita", Shown(), {}),
        "changing, by ticket": ("omar", Shown(), {"by_ticket": True}),
    }
    views = []
    for kind, (person, shown, options) in kinds.items():
        actor = house.people[person]
        watcher = Watcher(f"{name} {person} ({kind})", house.id, actor.id, shown)
        views.append(Viewer(watcher, actor, urls, f"{seed}-{watcher.name}", **options))
    return views


@asynccontextmanager
async def _open_world(
    plan: Plan, stack: RunningStack, urls: tuple[str, ...], signer: TokenSigner
) -> AsyncIterator[World]:
    lifetime = int(sum(plan.rounds)) + len(plan.rounds) * int(SETTLE_SECONDS) + 3600
    with connect(stack.database_url) as db:
        houses = make_world(db, signer, plan.houses, lifetime)
    reader = Dashboard(stack.database_url)
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(timeout=15, limits=limits) as http:
        yield World(urls, houses, reader, http)
    await reader.close()


async def prove(
    plan: Plan, stack: RunningStack, logs: Path, tell: Callable[[str], None] = lambda _: None
) -> Report:
    """One run.

    Args:
        plan: what is done.
        stack: of this run's own, on which nobody else relies.
        logs: the folder for what the two BFFs print.
        tell: is told of each round as it ends.
    """
    with ExitStack() as started:
        bffs = tuple(ReturningBff(stack, logs / f"bff-{name}.log", **BFF_SETTINGS) for name in ("a", "b"))
        for bff in bffs:
            started.callback(bff.close)
        signer = token_signer(stack)
        urls = tuple(bff.url for bff in bffs)
        async with _open_world(plan, stack, urls, signer) as world:
            return await Run(plan, stack, (bffs[0], bffs[1]), signer, world).go(tell)
