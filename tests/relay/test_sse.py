"""Frames on the wire, and readers that do not read: by `send`, and on a connection that is taken over."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bff.relay.frames import FRAMES
from tests.relay.fakes import EMPTY, make_event, until
from tests.relay.wire import ORG, Wire, World, connected

both_ways = pytest.mark.parametrize("direct", [False, True], ids=["by send", "taken over"])


def test_a_change_is_encoded_as_the_table_says() -> None:
    event = make_event(ORG, 7, source_user_id="u1")
    lines = FRAMES.change(event, "whole", "5eaf00d5").decode().split("\n")
    assert lines[:2] == [f"id: {event['cursor']}-5eaf00d5", "event: reservation_updated"]
    assert json.loads(lines[2].removeprefix("data: ")) == {
        "type": "reservation_updated",
        "payload": event["payload"],
        "timestamp": "2026-11-22T15:00:00Z",
        "sourceUserId": "u1",
    }
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize(
    ("kind", "view", "name"),
    [
        ("reservation_updated", "moved", "reservation_canceled"),
        ("reservation_updated", "entered", "reservation_created"),
        ("maintenance_updated", "moved", "maintenance_canceled"),
        ("maintenance_updated", "entered", "maintenance_scheduled"),
    ],
)
def test_a_move_shows_only_the_side_that_may_be_seen(kind: str, view: Any, name: str) -> None:
    subject = kind.partition("_")[0]
    payload = {subject: {"id": "r", "title": "new"}, "previousState": {"id": "r", "title": "old"}}
    data = json.loads(
        FRAMES.change(make_event(ORG, 1, type=kind, payload=payload), view, "").decode().split("\n")[2][6:]
    )
    assert data["type"] == name
    hidden = "new" if view == "moved" else "old"
    assert hidden not in json.dumps(data)
    assert data["payload"].get("reason") == ("moved" if view == "moved" else None)


@both_ways
async def test_a_frame_goes_out_in_the_hubs_own_step_without_another_task(direct: bool) -> None:
    world = World()
    async with connected(world, direct=direct) as (_, wire):
        tasks = asyncio.all_tasks()
        for _ in range(100):
            world.commit()
        assert wire.seqs == list(range(1, 101))
        assert asyncio.all_tasks() == tasks


@both_ways
async def test_the_slow_lane_keeps_the_order(direct: bool) -> None:
    world = World(backlog=10**7)
    async with connected(world, direct=direct) as (_, wire):
        for number in range(900):
            if number % 7 == 0:
                wire.stop()
            world.commit()
            if number % 11 == 0:
                wire.go()
            if number % 13 == 0:
                await asyncio.sleep(0)
        wire.go()
        await until(lambda: len(wire.seqs) == 900)
        assert wire.seqs == list(range(1, 901))


@both_ways
async def test_a_reader_that_cannot_keep_up_is_told_reset_and_closed_never_skipped(direct: bool) -> None:
    world = World(backlog=20_000)
    async with connected(world, direct=direct) as (stream, wire):
        world.commit()
        wire.stop()
        for _ in range(100):
            world.commit(size=500)
        assert stream.ended
        assert world.hub.organizations == {}
        wire.go()
        await until(lambda: wire.is_complete)
        assert wire.seqs == [1, 2]
        assert wire.last == ("reset", {"reason": "slow_consumer"})


@both_ways
async def test_a_reader_that_is_cut_off_in_the_middle_of_a_page_gets_whole_frames_before_the_reset(
    direct: bool,
) -> None:
    world = World(backlog=100_000)
    async with connected(world, direct=direct) as (stream, wire):
        wire.stop()
        world.commit(size=2_000, count=100)
        world.commit()
        assert stream.ended
        wire.go()
        await until(lambda: wire.is_complete)
        assert 0 < len(wire.seqs) < 100
        assert wire.seqs == list(range(1, len(wire.seqs) + 1))
        assert wire.last == ("reset", {"reason": "slow_consumer"})


@both_ways
async def test_one_stuck_reader_does_not_hold_up_the_others(direct: bool) -> None:
    world = World()
    async with connected(world, direct=direct) as (_, stuck), connected(world, direct=direct) as (_, other):
        stuck.stop()
        for _ in range(50):
            world.commit()
        assert other.seqs == list(range(1, 51))


@both_ways
async def test_a_connection_that_dies_in_a_step_takes_only_its_own_stream_along(direct: bool) -> None:
    world = World()
    async with (
        connected(world, direct=direct) as (dying, wire),
        connected(world, direct=direct) as (_, other),
    ):
        wire.broken = True
        world.commit()
        assert dying.ended
        assert other.seqs == [1]
        await until(lambda: dying in world.closed)
        assert wire.seqs == []


@both_ways
async def test_goodbye_is_the_last_frame_also_during_a_replay(direct: bool) -> None:
    world = World()
    for _ in range(3):
        world.log.commit(ORG)
    wire, stream = Wire(direct=direct), await world.open()
    wire.stop()
    task = asyncio.create_task(stream(wire.scope, wire.receive, wire.send))
    await asyncio.sleep(0)
    stream.end(FRAMES.bye("draining", 700))
    stream.push(b"never")
    wire.go()
    wire.gone.set()
    await task
    assert wire.text.endswith('event: bye\ndata: {"reason":"draining"}\nretry: 700\n\n')
    assert wire.is_complete
    assert "never" not in wire.text


@both_ways
async def test_a_reader_that_is_stuck_in_its_replay_is_given_up(direct: bool) -> None:
    world = World(stall=0.05, cursor=EMPTY)
    world.log.commit(ORG)
    wire, stream = Wire(direct=direct), await world.open()
    wire.stop()
    async with asyncio.timeout(20):
        await stream(wire.scope, wire.receive, wire.send)
    assert world.closed == [stream]
    assert world.hub.organizations == {}
    assert wire.is_aborted == direct


@both_ways
async def test_the_reader_with_the_most_waiting_is_cut_off_first_when_all_have_too_much(direct: bool) -> None:
    world = World(backlog=10**6, total=40_000)
    async with (
        connected(world, direct=direct) as (_, first),
        connected(world, direct=direct) as (_, second),
        connected(world, direct=direct) as (_, quick),
    ):
        first.stop()
        for _ in range(10):
            world.commit(size=1_000)
        second.stop()
        while not world.streams[0].ended:
            world.commit(size=1_000)
            assert world.backlogs.queued <= 40_000
        assert not world.streams[1].ended
        last = quick.seqs[-1]
        for wire in (first, second):
            wire.go()
        await until(lambda: first.is_complete and len(second.seqs) == last)
        assert first.last == ("reset", {"reason": "slow_consumer"})
        assert second.seqs == quick.seqs
        assert world.backlogs.queued == 0


async def test_what_waits_for_many_readers_is_in_memory_once() -> None:
    world = World(backlog=10**6)
    async with connected(world, direct=True) as (_, first), connected(world, direct=True) as (_, second):
        first.stop()
        second.stop()
        for count in (1, 150, 1):
            world.commit(size=2_000, count=count)
        # Each goes on at a time of its own: from its queue it gets the same bytes all the same.
        first.go()
        await until(lambda: first.seqs == list(range(1, 153)))
        second.go()
        await until(lambda: second.seqs == first.seqs)
        assert len(first.written) > 3
        assert [id(piece) for piece in first.written] == [id(piece) for piece in second.written]


@both_ways
async def test_a_connection_is_given_no_more_at_once_than_it_may_hold(direct: bool) -> None:
    world = World(backlog=10**6)
    async with connected(world, direct=direct) as (stream, wire):
        wire.stop()
        world.commit(size=2_000, count=150)
        given = sum(map(len, wire.written)) + sum(len(each.get("body", b"")) for each in wire.messages)
        assert given < 70_000
        assert stream.queued > 230_000
        wire.go()
        await until(lambda: wire.seqs == list(range(1, 151)))


@both_ways
async def test_many_who_lag_with_the_same_bytes_are_not_cut_off_for_what_is_in_memory_once(
    direct: bool,
) -> None:
    world = World(backlog=10**6, total=60_000)
    async with AsyncExitStack() as stack:
        wires = [(await stack.enter_async_context(connected(world, direct=direct)))[1] for _ in range(30)]
        for wire in wires:
            wire.stop()
        for _ in range(10):
            world.commit(size=4_000)
        assert not any(stream.ended for stream in world.streams)
        assert world.backlogs.queued < 50_000 < world.streams[0].queued * 30
        for wire in wires:
            wire.go()
        await until(lambda: all(wire.seqs == list(range(1, 11)) for wire in wires))
        assert world.backlogs.queued == 0


@both_ways
async def test_those_with_the_most_are_cut_off_where_each_waits_for_bytes_of_its_own(direct: bool) -> None:
    world = World(backlog=10**6, total=215_000)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(world, direct=direct)) for _ in range(20)]
        for number, (stream, wire) in enumerate(opened):
            wire.stop()
            stream.push(b"\n")
            stream.push(bytes([65 + number]) * 1_000 * (number + 1))
        assert 210_000 < world.backlogs.queued < 215_000
        assert not any(stream.ended for stream in world.streams)
        opened[0][0].push(b"." * 10_000)
        assert [stream.ended for stream in world.streams] == [False] * 18 + [True] * 2
        assert world.backlogs.queued < 215_000
        for _, wire in opened:
            wire.leave()
        await until(lambda: len(world.closed) == 20)
        assert world.backlogs.queued == 0
        assert all(stream.queued == 0 for stream in world.streams)
