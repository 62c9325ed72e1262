"""Places of streams in a real Redis, counted over all processes."""

import asyncio
import contextlib
import sys

import redis.asyncio

from bff.limits.leases import Leases
from bff.limits.limiter import Names
from bff.limits.owners import Owner
from bff.limits.redis import CONNECTIONS, WatchedRedis
from tests.harness import stopped
from tests.limits.redis import RunningRedis
from tests.limits.watched import PATIENT, leased, until, watched


async def test_places_are_counted_over_all_processes_and_given_back(shared_url: str) -> None:
    async with watched(shared_url) as server, leased(server, 3) as one, leased(server, 3) as other:
        taken = await asyncio.gather(*(each.take("anna") for _ in range(5) for each in (one, other)))
        held = [lease for lease in taken if lease is not None]
        assert len(held) == len(one) + len(other) == 3
        assert await one.take("ben") is not None
        holder = one if held[0] in one._held else other
        holder.release(held[0])
        holder.release(held[0])

        async def is_free() -> bool:
            return await other.take("anna") is not None

        await until(is_free)
        assert await one.take("anna") is None


class Elsewhere(Owner):
    """A process of another machine."""

    def __init__(self) -> None:
        super().__init__()
        self._here = "another machine"


async def test_the_places_of_a_machine_that_died_run_out_and_those_of_a_process_that_lives_do_not(
    shared_url: str,
) -> None:
    async with watched(shared_url) as server, leased(server, 2, seconds=1.0, renewal=0.1) as living:
        gone = Leases(server, Names("a secret"), 2, seconds=1.0)
        gone._owner = Elsewhere()
        assert await gone.take("cleo") is not None
        assert await living.take("cleo") is not None
        assert await living.take("cleo") is None

        async def is_free() -> bool:
            return await living.take("cleo") is not None

        await until(is_free)
        # Two of the living one's now, and neither has run out.
        assert await living.take("cleo") is None


async def test_the_places_of_a_killed_process_are_nobodys_at_once_on_its_own_machine(shared_url: str) -> None:
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    async with watched(shared_url) as server, leased(server, 2) as living:
        killed, earlier = (Leases(server, Names("a secret"), 2) for _ in range(2))
        killed._owner._pid = dead.pid
        # It had our own id: a container's first process always has the same.
        earlier._owner._nonce = "earlier"
        for each in (killed, earlier):
            assert await each.take("fred") is not None
        assert None not in [await living.take("fred") for _ in range(2)]
        assert await living.take("fred") is None


async def test_who_gives_up_while_a_place_is_taken_for_them_keeps_none(own_redis: RunningRedis) -> None:
    async with watched(own_redis.url) as server, leased(server, 1) as leases:
        with stopped(own_redis.process.pid):
            taking = asyncio.create_task(leases.take("dora"))
            await asyncio.sleep(0)
            taking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await taking
        assert len(leases) == 0

        async def is_free() -> bool:
            return await leases.take("dora") is not None

        await until(is_free)


async def test_streams_that_were_opened_while_redis_was_away_are_counted_when_it_is_back(
    own_redis: RunningRedis,
) -> None:
    names = Names("a secret")
    server = WatchedRedis(own_redis.url, PATIENT, lambda is_up: leases.renew_soon() if is_up else None)
    leases = Leases(server, names, 2)
    await server.find()
    running = [asyncio.create_task(server.run()), asyncio.create_task(leases.run())]
    assert await leases.take("elsa") is not None
    own_redis.kill()
    assert await leases.take("elsa") is not None
    own_redis.start()
    async with watched(own_redis.url) as theirs:
        other = Leases(theirs, names, 2)

        async def are_counted() -> bool:
            lease = await other.take("elsa")
            if lease is not None:
                other.release(lease)
                await other.aclose()
            return lease is None

        await until(are_counted)
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await server.aclose()


async def test_as_many_places_as_are_wanted_at_once_are_taken_over_few_connections(
    own_redis: RunningRedis,
) -> None:
    async with watched(own_redis.url) as server, leased(server, 2) as leases:
        await asyncio.gather(*(leases.take(f"user {number % 128}") for number in range(256)))
        assert server.is_up
        async with redis.asyncio.Redis.from_url(own_redis.url) as inside:
            keys = [key async for key in inside.scan_iter("reservepty:streams:*")]
            assert [await inside.zcard(key) for key in keys] == [2] * 128
            # Its own, and those of one process.
            assert len(await inside.client_list()) <= 1 + CONNECTIONS
        assert await leases.take("user 1") is None
