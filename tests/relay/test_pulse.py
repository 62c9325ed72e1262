"""Heartbeats, and the end of tokens."""

import json
from contextlib import AsyncExitStack

import pytest

from bff.relay.pulse import REAUTH_SECONDS, Pulse
from tests.relay.fakes import until
from tests.relay.wire import World, connected


async def test_heartbeats_carry_the_position_that_a_filtered_stream_did_not_see() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        pulse = Pulse(0.05, world.backlogs)
        pulse.add(stream)
        world.hub.regrant(stream, frozenset(), "")
        world.commit()
        assert wire.seqs == []
        pulse.beat()
        assert wire.seqs == [1]
        pulse.discard(stream)
        pulse.beat()
        assert wire.seqs == [1]


def test_heartbeats_are_spread_over_the_interval() -> None:
    world = World()
    pulse = Pulse(20, world.backlogs)
    for _ in range(100):
        pulse.add(world.make())
    assert {len(slot) for slot in pulse._slots} == {5}


async def test_a_stream_says_reauth_a_minute_before_its_token_ends_and_ends_before_it_does() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        now = stream.expires_at - REAUTH_SECONDS - 10.0
        pulse = Pulse(20, world.backlogs, clock=lambda: now)
        pulse.add(stream)
        pulse.beat()
        assert "reauth" not in wire.text
        now += 9.5
        pulse.beat()
        pulse.beat()
        assert wire.text.count("event: reauth") == 1
        assert not stream.ended
        now += REAUTH_SECONDS
        pulse.beat()
        assert wire.last == ("bye", {"reason": "token_expired"})
        assert wire.is_complete


@pytest.mark.parametrize("direct", [False, True], ids=["by send", "taken over"])
async def test_a_stuck_reader_is_cut_off_a_tick_after_its_time_wherever_its_heartbeat_is(
    direct: bool,
) -> None:
    world = World(stall=20.0)
    pulse = Pulse(20, world.backlogs)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(world, direct=direct)) for _ in range(3)]
        for stream, _ in opened:
            pulse.add(stream)
        (stuck, stuck_wire), (slow, slow_wire), (quick, _) = opened
        for wire in (stuck_wire, slow_wire):
            wire.stop()
        world.commit()
        for second in range(20):
            world.now = second + 1.0
            pulse.beat()
        assert not any(stream.ended for stream, _ in opened)
        # Whoever takes anything has its time anew.
        slow_wire.go()
        await until(lambda: slow_wire.seqs[:1] == [1])
        slow_wire.stop()
        world.commit()
        world.now = 21.0
        pulse.beat()
        assert [stream.ended for stream in (stuck, slow, quick)] == [True, False, False]
        assert world.hub.counts.resets == {"slow_consumer": 1}
        stuck_wire.go()
        await until(lambda: stuck_wire.is_complete)
        assert stuck_wire.last == ("reset", {"reason": "slow_consumer"})
        world.now = 42.0
        pulse.beat()
        assert [stream.ended for stream in (slow, quick)] == [True, False]


async def test_a_token_that_has_ended_already_ends_its_stream_with_the_next_beat() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        pulse = Pulse(20, world.backlogs, clock=lambda: stream.expires_at + 100.0)
        pulse.add(stream)
        pulse.beat()
        assert wire.is_complete
        assert wire.text.index("event: reauth") < wire.text.index("event: bye")


async def test_what_has_closed_is_not_kept_until_its_token_ends() -> None:
    world = World()
    pulse = Pulse(20, world.backlogs)
    stream = world.make()
    pulse.add(stream)
    pulse.discard(stream)
    pulse.discard(stream)
    assert not any(pulse._slots)
    assert not any(pulse._due.values())


async def test_whether_the_log_can_be_read_is_told_to_every_stream_at_once_and_with_each_heartbeat() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        pulse = Pulse(20, world.backlogs)
        pulse.add(stream)

        pulse.tell_behind(behind=True)
        for _ in range(20):
            pulse.beat()
        pulse.tell_behind(behind=False)
        frames = [frame.splitlines() for frame in wire.text.split("\n\n") if "event: heartbeat" in frame]
        said = [json.loads(line[6:]) for lines in frames for line in lines if line.startswith("data: ")]
        cursor = stream.organization.cursor
        behind = {"cursor": cursor, "catchingUp": True}
        assert said == [behind, behind, {"cursor": cursor}]
