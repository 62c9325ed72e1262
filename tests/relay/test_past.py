"""A restart with thousands of clients costs a few reads for each organisation, whatever cursors they have."""

import asyncio
from collections.abc import Sequence

import pytest

from bff.relay.hub import Hub
from bff.relay.pages import Page, UnavailableError
from bff.relay.past import READ_BATCH
from tests.relay.fakes import FakeEncoder, FakeLog, Reader, until

ORG = "org-1"
PAGE = 200


class World:
    """A process that has just started: its hub knows where the logs end, and nothing of what is in them."""

    def __init__(self, events: int, organizations: Sequence[str] = (ORG,), ring_size: int = 256) -> None:
        self.log = FakeLog(PAGE)
        for organization in organizations:
            for _ in range(events):
                self.log.commit(organization)
        self.hub = Hub(self.log.read, FakeEncoder(), ring_size=ring_size)

    def cursor(self, seq: int, organization: str = ORG) -> str:
        cursor: str = self.log.events[organization][seq - 1]["cursor"]
        return cursor

    async def resume(self, cursor: str, organization: str = ORG, pause: int = 0) -> Reader:
        """Opens a stream as the relay does; with `pause` it lets others run that often after each chunk."""
        reader = Reader(organization)
        self.hub.enter(reader, self.log.head(organization))
        try:
            if (reason := await self.hub.place(reader, cursor)) is not None:
                reader.push(self.hub.encoder.reset(reason))
            async for chunk in self.hub.replay(reader):
                reader.push(chunk)
                for _ in range(pause):
                    await asyncio.sleep(0)
        except UnavailableError:
            self.hub.leave(reader)
            raise
        return reader

    async def resume_all(self, seqs: Sequence[int], pause: int = 0) -> list[Reader]:
        return await asyncio.gather(*(self.resume(self.cursor(seq), pause=pause) for seq in seqs))


def assert_caught_up(reader: Reader, begin: int, end: int) -> None:
    assert [seq for seq, _ in reader.seen] == list(range(begin + 1, end + 1))
    assert reader.live


@pytest.mark.parametrize("ring_size", [4, 256, 5_000])
@pytest.mark.parametrize(
    "seqs",
    [range(1, 999, 9), range(998, 0, -9), [1] * 100, [500, 1] * 50],
    ids=["ascending", "descending", "the same", "two places"],
)
async def test_a_log_is_read_once_from_the_oldest_cursor_whatever_cursors_come(
    seqs: Sequence[int], ring_size: int
) -> None:
    world = World(1_000, ring_size=ring_size)
    readers = await world.resume_all(seqs)
    for seq, reader in zip(seqs, readers, strict=True):
        assert_caught_up(reader, seq, 1_000)
    # Some pages overlap: those who have the first one are not back yet when the second is read.
    assert len(world.log.reads) <= 2 * 1_000 / PAGE


async def test_those_who_write_more_slowly_find_the_pages_still_there() -> None:
    world = World(1_000, ring_size=4)
    quick, *slow = await asyncio.gather(
        world.resume(world.cursor(1)), *(world.resume(world.cursor(1), pause=50 * n) for n in range(1, 40))
    )
    for reader in (quick, *slow):
        assert_caught_up(reader, 1, 1_000)
    assert len(world.log.reads) <= 2 * 1_000 / PAGE


async def test_pages_are_kept_until_nobody_has_resumed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.relay.past.KEEP_SECONDS", 0.02)
    world = World(1_000, ring_size=4)
    await world.resume_all(range(1, 900, 7))
    organization = world.hub.organizations[ORG]
    assert organization.stretches
    await until(lambda: not organization.stretches)
    assert world.hub._pieces == {}
    assert len(organization.ring.frames) <= 4


async def test_many_organisations_share_their_calls() -> None:
    names = [f"org-{number}" for number in range(4 * READ_BATCH)]
    world = World(300, names)
    readers = await asyncio.gather(
        *(world.resume(world.cursor(seq, name), name) for seq in range(1, 200, 20) for name in names)
    )
    assert all(reader.live for reader in readers)
    assert sum(len(read) for read in world.log.reads) <= 2 * len(names)
    assert len(world.log.reads) <= 3 * len(names) / READ_BATCH


async def test_one_organisation_does_not_wait_for_another_whose_read_takes_long() -> None:
    world = World(300, [ORG, "org-2"])
    read, gate = world.log.read, asyncio.Event()

    async def read_slowly(requests: Sequence[tuple[str, str]], limit: int | None = None) -> list[Page]:
        pages = await read(requests, limit)
        if requests[0][0] == ORG:
            await gate.wait()
        return pages

    world.hub = Hub(read_slowly, FakeEncoder())
    slow = asyncio.create_task(world.resume(world.cursor(1)))
    await until(lambda: world.log.reads)
    assert_caught_up(await world.resume(world.cursor(1, "org-2"), "org-2"), 1, 300)
    assert not slow.done()
    gate.set()
    assert_caught_up(await slow, 1, 300)


async def test_while_the_log_is_down_those_who_come_share_the_calls_that_fail_and_can_come_back() -> None:
    world = World(300)
    world.log.down = True
    seqs = range(1, 200)
    failed = await asyncio.gather(*(world.resume(world.cursor(seq)) for seq in seqs), return_exceptions=True)
    assert all(isinstance(each, UnavailableError) for each in failed)
    assert len(world.log.reads) == 1
    world.log.down = False
    assert len(await world.resume_all(seqs)) == len(seqs)


@pytest.mark.parametrize("lost", ["cursor_unknown", "cursor_expired"])
async def test_lost_cursors_are_found_out_together_and_keep_nobody_else_from_resuming(lost: str) -> None:
    world = World(1_000, ring_size=4)
    gone = [world.cursor(seq) for seq in range(1, 401)]
    if lost == "cursor_unknown":
        gone = [cursor[:-1] + ("0" if cursor[-1] != "0" else "1") for cursor in gone]
    else:
        world.log.pruned = 401
    readers = await asyncio.gather(
        *map(world.resume, gone), *(world.resume(world.cursor(seq)) for seq in range(500, 900))
    )
    assert [reader.resets for reader in readers[:400]] == [[lost]] * 400
    for seq, reader in zip(range(500, 900), readers[400:], strict=True):
        assert_caught_up(reader, seq, 1_000)
    assert len(world.log.reads) <= 10


async def test_streams_that_know_more_than_the_hub_have_it_read_on_once() -> None:
    world = World(10)
    behind = world.log.head(ORG)
    first = Reader(ORG)
    world.hub.enter(first, behind)
    for _ in range(5):
        world.log.commit(ORG)
    readers = await world.resume_all([15] * 300)
    for reader in readers:
        assert_caught_up(reader, 15, 15)
    assert len(world.log.reads) <= 3


async def test_whoever_leaves_while_a_page_is_read_does_not_take_it_from_the_others() -> None:
    world = World(300)
    world.log.pauses = 50
    leaving, *staying = [asyncio.create_task(world.resume(world.cursor(1))) for _ in range(3)]
    await until(lambda: world.log.reads)
    leaving.cancel()
    for reader in await asyncio.gather(*staying):
        assert_caught_up(reader, 1, 300)
