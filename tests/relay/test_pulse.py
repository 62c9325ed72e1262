"""Heartbeats, and the end of tokens."""

from bff.relay.pulse import REAUTH_SECONDS, Pulse
from tests.relay.wire import World, connected


async def test_heartbeats_carry_the_position_that_a_filtered_stream_did_not_see() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        pulse = Pulse(interval=0.05)
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
    pulse = Pulse(interval=20)
    for _ in range(100):
        pulse.add(world.make())
    assert {len(slot) for slot in pulse._slots} == {5}


async def test_a_stream_says_reauth_a_minute_before_its_token_ends_and_ends_before_it_does() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        now = stream.expires_at - REAUTH_SECONDS - 10.0
        pulse = Pulse(interval=20, clock=lambda: now)
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


async def test_a_token_that_has_ended_already_ends_its_stream_with_the_next_beat() -> None:
    world = World()
    async with connected(world, direct=True) as (stream, wire):
        pulse = Pulse(interval=20, clock=lambda: stream.expires_at + 100.0)
        pulse.add(stream)
        pulse.beat()
        assert wire.is_complete
        assert wire.text.index("event: reauth") < wire.text.index("event: bye")


async def test_what_has_closed_is_not_kept_until_its_token_ends() -> None:
    world = World()
    pulse = Pulse(interval=20)
    stream = world.make()
    pulse.add(stream)
    pulse.discard(stream)
    pulse.discard(stream)
    assert not any(pulse._slots)
    assert not any(pulse._due.values())
