"""The hub's promises: each stream gets what it may see, once and in order, whatever is lost on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.relay.hub import Hub
from bff.relay.pages import UnavailableError
from bff.relay.views import Filter
from tests.relay.fakes import EMPTY, FakeEncoder, FakeLog, Reader, make_event, until

ORG = "org-1"


@dataclass
class Harness:
    log: FakeLog
    hub: Hub
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(
        self, cursor: str | None = None, shown: Filter | None = None, organization: str = ORG
    ) -> Reader:
        reader = Reader(organization, shown)
        self.hub.enter(reader, self.log.head(organization))
        reason = await self.hub.place(reader, cursor)
        if reason is not None:
            reader.push(self.hub.encoder.reset(reason))
        async for chunk in self.hub.replay(reader):
            reader.push(chunk)
        return reader

    def announce(self, *events: dict[str, Any]) -> None:
        self.hub.publish(events)


@contextlib.asynccontextmanager
async def running(log: FakeLog | None = None, ring_size: int = 256) -> AsyncIterator[Harness]:
    log = log or FakeLog()
    hub = Hub(log.read, FakeEncoder(), ring_size=ring_size)
    mending = asyncio.create_task(hub.mend(pause=0.001, retry=0.001))
    try:
        yield Harness(log, hub)
    finally:
        mending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await mending


async def test_the_next_event_goes_out_at_once_without_a_read_of_the_log() -> None:
    async with running() as world:
        reader = await world.open()
        await until(lambda: len(world.log.reads) == 1)
        world.announce(world.log.commit(ORG))
        assert reader.seen == [(1, "whole")]
        assert len(world.log.reads) == 1


async def test_a_later_event_waits_for_those_that_were_lost() -> None:
    async with running() as world:
        reader = await world.open()
        _lost, announced = world.log.commit(ORG), world.log.commit(ORG)
        world.announce(announced)
        assert reader.seen == []
        await until(lambda: len(reader.seen) == 2)
        assert [seq for seq, _ in reader.seen] == [1, 2]


async def test_an_earlier_event_is_dropped() -> None:
    async with running() as world:
        reader = await world.open()
        first, second = world.log.commit(ORG), world.log.commit(ORG)
        world.announce(first, second)
        world.announce(second, first, first)
        assert [seq for seq, _ in reader.seen] == [1, 2]
        assert world.hub.counts.duplicates == 3


async def test_without_realtime_a_poll_brings_everything() -> None:
    async with running() as world:
        reader = await world.open()
        for _ in range(1_200):
            world.log.commit(ORG)
        assert await world.hub.poll() == {ORG: 1_200}
        assert [seq for seq, _ in reader.seen] == list(range(1, 1_201))
        assert await world.hub.poll() == {}


async def test_a_poll_also_tells_what_the_log_brought_between_polls() -> None:
    async with running(ring_size=1) as world:
        await world.open()
        start = world.log.head(ORG)
        world.announce(world.log.commit(ORG))
        assert await world.hub.poll() == {}
        world.log.commit(ORG)
        world.hub.hint(ORG, 2)
        await until(lambda: world.hub.organizations[ORG].seq == 2)
        assert await world.hub.poll() == {ORG: 2}
        world.log.commit(ORG)
        reader = Reader(ORG)
        world.hub.enter(reader, world.log.head(ORG))
        await world.hub.place(reader, start)
        assert await world.hub.poll() == {ORG: 3}
        assert await world.hub.poll() == {}


async def test_a_burst_is_one_write_for_each_stream() -> None:
    async with running() as world:
        reader = await world.open()
        world.announce(*[world.log.commit(ORG) for _ in range(8)])
        assert (len(reader.seen), reader.writes) == (8, 1)


async def test_what_was_committed_between_the_grant_and_the_entry_is_not_missed() -> None:
    async with running() as world:
        head = world.log.head(ORG)
        missed = world.log.commit(ORG)
        world.announce(missed)
        reader = Reader(ORG)
        world.hub.enter(reader, head)
        assert await world.hub.place(reader, None) is None
        async for chunk in world.hub.replay(reader):
            reader.push(chunk)
        await until(lambda: [seq for seq, _ in reader.seen] == [1])


async def test_a_log_that_is_down_delays_and_loses_nothing() -> None:
    async with running() as world:
        reader = await world.open()
        await until(lambda: len(world.log.reads) == 1)
        world.log.down = True
        world.log.commit(ORG)
        world.announce(world.log.commit(ORG))
        with pytest.raises(UnavailableError):
            await world.hub.poll()
        assert not reader.ended
        world.log.down = False
        await until(lambda: [seq for seq, _ in reader.seen] == [1, 2])


async def test_a_resume_within_the_ring_does_not_ask_the_log() -> None:
    async with running() as world:
        await world.open()
        await until(lambda: len(world.log.reads) == 1)
        events = [world.log.commit(ORG) for _ in range(10)]
        world.announce(*events)
        reader = await world.open(events[4]["cursor"])
        assert [seq for seq, _ in reader.seen] == [6, 7, 8, 9, 10]
        assert len(world.log.reads) == 1


async def test_a_resume_beyond_the_ring_is_read_from_the_log_and_fills_the_ring() -> None:
    async with running(ring_size=8) as world:
        events = [world.log.commit(ORG) for _ in range(20)]
        first = await world.open(events[2]["cursor"])
        assert [seq for seq, _ in first.seen] == list(range(4, 21))
        await until(lambda: len(world.log.reads) == 2)
        second = await world.open(events[12]["cursor"])
        assert [seq for seq, _ in second.seen] == list(range(14, 21))
        assert len(world.log.reads) == 2


async def test_a_thousand_resumes_after_a_restart_cost_a_few_reads() -> None:
    async with running() as world:
        events = [world.log.commit(ORG) for _ in range(100)]
        world.log.pauses = 3
        readers = await asyncio.gather(*(world.open(events[i % 100]["cursor"]) for i in range(1_000)))
        for i, reader in enumerate(readers):
            assert [seq for seq, _ in reader.seen] == list(range(i % 100 + 2, 101))
        assert len(world.log.reads) <= 3


async def test_a_pruned_cursor_says_reset_and_goes_on_live() -> None:
    async with running(ring_size=2) as world:
        events = [world.log.commit(ORG) for _ in range(10)]
        world.log.pruned = 5
        reader = await world.open(events[1]["cursor"])
        assert reader.resets == ["cursor_expired"]
        world.announce(world.log.commit(ORG))
        assert [seq for seq, _ in reader.seen] == [11]


@pytest.mark.parametrize("cursor", ["99-01234567", "3-ffffffff"])
async def test_a_cursor_ahead_or_of_another_history_says_reset(cursor: str) -> None:
    async with running() as world:
        for _ in range(10):
            world.log.commit(ORG)
        reader = await world.open(cursor)
        assert reader.resets == ["cursor_unknown"]
        assert reader.seen == []


async def test_a_stream_that_knows_more_than_the_hub_waits_for_it() -> None:
    async with running() as world:
        first = await world.open()
        await until(lambda: len(world.log.reads) == 1)
        ahead = [world.log.commit(ORG) for _ in range(3)][1]
        second = await world.open(ahead["cursor"])
        world.announce(world.log.commit(ORG))
        await until(lambda: len(first.seen) == 4)
        assert [seq for seq, _ in first.seen] == [1, 2, 3, 4]
        assert [seq for seq, _ in second.seen] == [3, 4]


async def test_a_restored_log_resets_every_stream_once_it_is_noticed() -> None:
    async with running() as world:
        reader = await world.open()
        world.announce(*[world.log.commit(ORG) for _ in range(5)])
        del world.log.events[ORG][2:]
        world.announce(world.log.commit(ORG))
        await until(lambda: reader.resets == ["cursor_unknown"])
        world.announce(world.log.commit(ORG))
        assert [seq for seq, _ in reader.seen] == [1, 2, 3, 4, 5, 4]


async def test_a_restored_log_that_has_overtaken_the_hub_resets_every_stream_all_the_same() -> None:
    """What is next by its number alone follows events of another history."""
    async with running() as world:
        reader = await world.open()
        world.announce(*[world.log.commit(ORG) for _ in range(5)])
        del world.log.events[ORG][3:]
        world.announce(*[world.log.commit(ORG) for _ in range(3)])
        await until(lambda: reader.resets == ["cursor_unknown"])
        assert [seq for seq, _ in reader.seen] == [1, 2, 3, 4, 5]
        world.announce(world.log.commit(ORG))
        assert [seq for seq, _ in reader.seen][5:] == [7]


async def test_while_the_log_does_not_know_the_position_nothing_is_taken_for_the_next() -> None:
    async with running() as world:
        reader = await world.open()
        world.announce(*[world.log.commit(ORG) for _ in range(5)])
        del world.log.events[ORG][3:]
        unheard = [world.log.commit(ORG) for _ in range(3)]
        await world.hub.poll()
        world.announce(unheard[-1])
        await until(lambda: reader.resets == ["cursor_unknown"])
        assert [seq for seq, _ in reader.seen] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kept", [1, 3])
async def test_a_log_that_was_restored_while_it_was_away_and_has_overtaken_the_hub_resets_every_stream(
    kept: int,
) -> None:
    """Also where what it overtook us by was not announced; `kept` events are from before the restore."""
    async with running() as world:
        reader = await world.open()
        world.announce(*[world.log.commit(ORG) for _ in range(2)])
        await world.hub.poll()
        world.announce(*[world.log.commit(ORG) for _ in range(2)])
        world.log.down = True
        with pytest.raises(UnavailableError):
            await world.hub.poll()
        del world.log.events[ORG][kept:]
        last = [world.log.commit(ORG) for _ in range(5 - kept)][-1]
        world.announce(last)
        world.log.down = False
        await world.hub.poll()
        await until(lambda: reader.resets == ["cursor_unknown"])
        world.announce(world.log.commit(ORG))
        assert reader.seen[-1] == (6, "whole")


async def test_a_log_that_is_shorter_when_it_is_back_resets_every_stream_without_waiting_for_an_event() -> (
    None
):
    async with running() as world:
        reader = await world.open()
        world.log.down = True
        with pytest.raises(UnavailableError):
            await world.hub.poll()
        world.announce(*[world.log.commit(ORG) for _ in range(4)])
        del world.log.events[ORG][2:]
        world.log.down = False
        await world.hub.poll()
        await until(lambda: reader.resets == ["cursor_unknown"])


async def test_a_log_that_was_away_and_is_the_same_resets_nobody_and_tells_nothing_twice() -> None:
    async with running(FakeLog(page_size=2)) as world:
        reader = await world.open()
        world.log.down = True
        with pytest.raises(UnavailableError):
            await world.hub.poll()
        world.announce(*[world.log.commit(ORG) for _ in range(5)])
        unheard = [world.log.commit(ORG) for _ in range(5)]
        world.log.down = False
        await world.hub.poll()
        world.announce(*unheard)
        assert reader.resets == []
        assert [seq for seq, _ in reader.seen] == list(range(1, 11))
        await world.hub.poll()
        assert world.log.reads[-1] == [(ORG, unheard[-1]["cursor"])]


async def test_a_position_that_is_unknown_for_a_moment_resets_nobody() -> None:
    async with running() as world:
        reader = await world.open()
        await until(lambda: len(world.log.reads) == 1)
        early = make_event(ORG, 1)
        world.announce(early)
        await world.hub.poll()
        world.log.events[ORG] = [early]
        await until(lambda: not world.hub.organizations[ORG].is_late)
        assert reader.resets == []
        assert [seq for seq, _ in reader.seen] == [1]


async def test_an_event_that_cannot_be_read_holds_up_neither_what_follows_nor_other_organisations() -> None:
    async with running() as world:
        first, other = await world.open(), await world.open(organization="org-2")
        bad = world.log.commit(ORG, asset_ids=[])
        world.announce(bad, world.log.commit("org-2"))
        world.announce(world.log.commit(ORG))
        resumed = await world.open(cursor=EMPTY)
        for reader in (first, resumed):
            assert (reader.resets, reader.seen) == (["cursor_unknown"], [(2, "whole")])
        assert other.seen == [(1, "whole")]


async def test_a_page_that_leads_nowhere_is_not_read_for_ever() -> None:
    async with running(FakeLog(page_size=2)) as world:
        world.log.pauses = 1
        reader = await world.open()
        for _ in range(5):
            world.log.commit(ORG)
        del world.log.events[ORG][0]
        async with asyncio.timeout(5):
            assert await world.hub.poll() == {}
        assert reader.seen == []


async def test_an_organisation_without_streams_is_forgotten() -> None:
    async with running() as world:
        reader = await world.open()
        world.hub.leave(reader)
        world.hub.leave(reader)
        world.announce(world.log.commit(ORG))
        assert world.hub.organizations == {}
        assert reader.seen == []


async def test_a_stream_that_ends_during_its_replay_never_goes_live() -> None:
    async with running() as world:
        events = [world.log.commit(ORG) for _ in range(10)]
        reader = Reader(ORG)
        world.hub.enter(reader, world.log.head(ORG))
        await world.hub.place(reader, events[0]["cursor"])
        async for _ in world.hub.replay(reader):
            reader.ended = True
            world.hub.leave(reader)
        assert not reader.live
        assert world.hub.organizations == {}


async def test_another_section_is_shown_from_the_new_grant_on() -> None:
    async with running() as world:
        reader = await world.open(shown=Filter(granted=frozenset({"planes"})))
        world.announce(world.log.commit(ORG), world.log.commit(ORG, new=("r1", "residences")))
        world.hub.regrant(reader, frozenset({"residences"}), "")
        world.announce(world.log.commit(ORG), world.log.commit(ORG, new=("r1", "residences")))
        assert [seq for seq, _ in reader.seen] == [1, 4]


PLANE, OTHER_PLANE, HOUSE = ("a1", "planes"), ("a2", "planes"), ("r1", "residences")


@pytest.mark.parametrize(
    ("kind", "new", "old", "view"),
    [
        ("reservation_created", PLANE, PLANE, "whole"),
        ("reservation_created", HOUSE, HOUSE, None),
        ("reservation_updated", PLANE, PLANE, "whole"),
        ("reservation_updated", OTHER_PLANE, PLANE, "whole"),
        ("reservation_updated", HOUSE, PLANE, "moved"),
        ("reservation_updated", PLANE, HOUSE, "entered"),
        ("reservation_updated", HOUSE, HOUSE, None),
        ("reservation_canceled", PLANE, PLANE, "whole"),
        ("reservation_canceled", HOUSE, PLANE, "moved"),
        ("reservation_canceled", PLANE, HOUSE, None),
        ("maintenance_scheduled", PLANE, PLANE, "whole"),
        ("maintenance_updated", HOUSE, PLANE, "moved"),
        ("maintenance_canceled", PLANE, PLANE, "whole"),
    ],
)
def test_a_limited_stream_is_told_of_a_move_by_what_it_may_see(
    kind: str, new: tuple[str, str], old: tuple[str, str], view: str | None
) -> None:
    event = make_event(ORG, 1, type=kind, new=new, old=old)
    for shown in (
        Filter(granted=frozenset({"planes"})),
        Filter(sections=frozenset({"planes"})),
        Filter(assets=frozenset({"a1", "a2"})),
        Filter(sections=frozenset({"planes", "residences"}), granted=frozenset({"planes", "watercraft"})),
    ):
        assert shown.view(event) == view
    assert Filter().view(event) == "whole"


STATES = st.sampled_from([PLANE, OTHER_PLANE, HOUSE, ("w1", "watercraft")])
ORGANIZATIONS = st.sampled_from(["org-1", "org-2"])
SECTIONS = st.none() | st.frozensets(st.sampled_from(["planes", "residences", "watercraft"]), max_size=2)
FILTERS = st.builds(
    Filter,
    assets=st.none() | st.frozensets(st.sampled_from(["a1", "r1"])),
    sections=SECTIONS,
    granted=SECTIONS,
)
KINDS = st.sampled_from(["reservation_created", "reservation_updated", "reservation_canceled"])
ACTIONS = st.one_of(
    st.tuples(st.just("commit"), ORGANIZATIONS, KINDS, STATES, STATES),
    st.tuples(st.just("announce"), st.integers(0, 5), st.integers(1, 4)),
    st.tuples(st.just("open"), ORGANIZATIONS, FILTERS, st.none() | st.integers(0, 12)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("poll")),
    st.tuples(st.just("down"), st.booleans()),
    st.tuples(st.just("pause"), st.integers(0, 3)),
    st.tuples(st.just("tick"), st.integers(1, 6)),
)


@dataclass
class Watcher:
    reader: Reader
    start: int | None = None
    task: asyncio.Task[None] | None = None


class Play:
    """Does random things to a hub and remembers what each stream ought to see."""

    def __init__(self, world: Harness) -> None:
        self.world = world
        self.heard: list[dict[str, Any]] = []
        self.watchers: list[Watcher] = []

    async def act(self, name: str, *rest: Any) -> None:
        log, hub = self.world.log, self.world.hub
        if name == "commit":
            organization, kind, new, old = rest
            self.heard.append(log.commit(organization, type=kind, new=new, old=old))
        elif name == "announce" and self.heard:
            back, count = rest
            begin = max(0, len(self.heard) - 1 - back)
            hub.publish(list(reversed(self.heard[begin : begin + count])))
        elif name == "open":
            await self.open(*rest)
        elif name == "close" and rest[0] < len(self.watchers):
            hub.leave(self.watchers[rest[0]].reader)
            self.watchers[rest[0]].reader.ended = True
        elif name == "poll":
            with contextlib.suppress(UnavailableError):
                await hub.poll()
        elif name == "down":
            log.down = rest[0]
        elif name == "pause":
            log.pauses = rest[0]
        elif name == "tick":
            for _ in range(rest[0]):
                await asyncio.sleep(0)

    async def open(self, organization: str, shown: Filter, back: int | None) -> None:
        log = self.world.log
        events = log.events.get(organization, [])
        cursor = None
        if back is not None:
            cursor = events[len(events) - 1 - back]["cursor"] if back < len(events) else EMPTY
        watcher = Watcher(Reader(organization, shown))
        self.watchers.append(watcher)
        self.world.hub.enter(watcher.reader, log.head(organization))
        watcher.task = asyncio.create_task(self.follow(watcher, cursor))

    async def follow(self, watcher: Watcher, cursor: str | None) -> None:
        reader, hub = watcher.reader, self.world.hub
        try:
            assert await hub.place(reader, cursor) is None
            watcher.start = int(reader.cursor.partition("-")[0])
            async for chunk in hub.replay(reader):
                reader.push(chunk)
                await asyncio.sleep(0)
        except UnavailableError:
            reader.ended = True
            hub.leave(reader)

    def check(self) -> None:
        for watcher in self.watchers:
            reader = watcher.reader
            assert reader.resets == []
            if watcher.start is None:
                continue
            after = self.world.log.events.get(reader.organization_id, [])[watcher.start :]
            views = [(event["seq"], reader.filter.view(event)) for event in after]
            expected = [(seq, view) for seq, view in views if view is not None]
            if reader.ended:
                assert reader.seen == expected[: len(reader.seen)]
            else:
                assert reader.seen == expected
            assert all(line["organization"] == reader.organization_id for line in reader.lines)


@settings(max_examples=300, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=60), ring_size=st.integers(1, 8), page_size=st.integers(1, 5))
def test_each_stream_sees_its_events_once_and_in_order_whatever_is_lost(
    actions: list[tuple[Any, ...]], ring_size: int, page_size: int
) -> None:
    async def run() -> None:
        async with running(FakeLog(page_size), ring_size) as world:
            play = Play(world)
            for action in actions:
                await play.act(*action)
            world.log.down, world.log.pauses = False, 0
            await asyncio.gather(*(watcher.task for watcher in play.watchers if watcher.task))
            await world.hub.poll()
            play.check()

    asyncio.run(run())
