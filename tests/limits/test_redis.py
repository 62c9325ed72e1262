"""Redis is given up in time when it is away or no use, and never for what is not its fault."""

import asyncio
import os
import signal
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.connection import AbstractConnection, SSLConnection

from bff.limits import service
from bff.limits.limiter import Limiter, Names
from bff.limits.policies import NAMES, Policies
from bff.limits.redis import CONNECTIONS, AwayError, WatchedRedis
from bff.metrics import Metrics
from tests.certificates import make_certificate
from tests.harness import stopped
from tests.limits.redis import RunningRedis
from tests.limits.watched import PATIENT, Middleman, Shared, leased, policy, seen, until, watched

# Seconds; local windows begin at fixed times, and one that ended meanwhile would let in more.
DAY = 86_400


async def test_a_redis_that_died_is_left_alone_until_it_is_back_and_was_told_the_scripts(
    own_redis: RunningRedis,
) -> None:
    async with watched(own_redis.url) as server:
        windows = Shared(server)
        charge = (policy("api", 10), "killed")
        assert seen(await windows.take(charge)) == [(True, True)]
        own_redis.kill()
        with pytest.raises(AwayError):
            await windows.take(charge)
        assert not server.is_up
        assert (await server.check())[1] == "It cannot be used."
        own_redis.start()

        async def is_back() -> bool:
            return server.is_up

        await until(is_back)
        assert seen(await windows.take(charge)) == [(True, True)]
        assert (await server.check())[1] == ""


async def test_a_redis_that_was_replaced_between_two_requests_is_told_the_scripts_at_once(
    own_redis: RunningRedis,
) -> None:
    async with watched(own_redis.url) as server:
        windows = Shared(server)
        charge = (policy("api", 10), "replaced")
        await windows.take(charge)
        async with redis.asyncio.Redis.from_url(own_redis.url) as admin:
            await admin.script_flush()
        assert (await windows.take(charge))[0].remaining == 8


async def test_a_redis_that_answers_nothing_costs_those_of_one_moment_its_timeout_and_nobody_else(
    own_redis: RunningRedis,
) -> None:
    losses: list[bool] = []
    server = WatchedRedis(own_redis.url, 0.2, losses.append)
    await server.find()
    policies = Policies(dict.fromkeys(NAMES, 10), DAY, 10)
    limiter = Limiter(policies, Names("a secret"), Metrics().limits, server)
    [auth] = policies.under("auth", "address")
    charge = limiter.charge(auth, "192.0.2.1")
    with stopped(own_redis.process.pid):
        # None is cut off, though the time is up for all of them.
        answers = await asyncio.gather(*(limiter.take([charge]) for _ in range(20)))
        answers += [await limiter.take([charge]) for _ in range(20)]
    assert seen([standing for [standing] in answers]) == [(True, False)] * 5 + [(False, False)] * 35
    assert {standing.quota for [standing] in answers} == {5}
    assert losses == [True, False]
    assert (await limiter.check())[:2] == ("fail", 0.0)
    await server.aclose()


async def test_an_answer_that_came_while_the_event_loop_was_held_up_is_in_time(
    own_redis: RunningRedis,
) -> None:
    losses: list[bool] = []
    server = WatchedRedis(own_redis.url, 0.2, losses.append)
    await server.find()
    with stopped(own_redis.process.pid):
        taking = asyncio.create_task(Shared(server).take((policy("api", 10), "held up")))
        for _ in range(20):
            # Sent by now, and not answered.
            await asyncio.sleep(0)

        def hold_up() -> None:
            os.kill(own_redis.process.pid, signal.SIGCONT)
            time.sleep(0.4)

        asyncio.get_running_loop().call_soon(hold_up)
        assert seen(await taking) == [(True, True)]
    assert losses == [True]
    await server.aclose()


async def test_rediss_is_redis_over_tls_with_a_certificate_that_somebody_vouches_for(
    redis_server: RunningRedis, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with Middleman(redis_server.port).serve(context) as address:
        stranger = WatchedRedis(f"rediss://{address}", PATIENT)
        await stranger.find()
        assert not stranger.is_up
        await stranger.aclose()
        async with watched(f"rediss://{address}?ssl_ca_certs={certificate}") as server:
            asked = [(policy("api", 10), f"tls {number}") for number in range(10)]
            answers = await asyncio.gather(*(Shared(server).take(each) for each in asked))
            assert all((each.allowed, each.shared, each.remaining) == (True, True, 9) for [each] in answers)
            # To read whom to trust takes tens of milliseconds, in which nobody is served.
            connections = [
                each for each in server.pool._available_connections if isinstance(each, SSLConnection)
            ]
            assert len(connections) > 1
            assert len({id(each.ssl_context.context) for each in connections}) == 1


def hold_up(seconds: float) -> None:
    """What a busy process does to its event loop."""
    time.sleep(seconds)


async def test_a_command_that_was_sent_late_is_not_answered_late(
    own_redis: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[bool] = []
    server = WatchedRedis(own_redis.url, 0.2, losses.append)
    await server.find()
    send = AbstractConnection.send_command

    async def send_after_a_hold_up(self: AbstractConnection, *args: Any, **kwargs: Any) -> None:
        hold_up(0.3)
        await send(self, *args, **kwargs)

    monkeypatch.setattr(AbstractConnection, "send_command", send_after_a_hold_up)
    windows, charge = Shared(server), (policy("api", 10), "sent late")
    assert seen(await windows.take(charge)) == [(True, True)]
    assert losses == [True]
    await server.aclose()


async def test_a_loop_that_is_held_up_at_each_turn_loses_no_redis(own_redis: RunningRedis) -> None:
    losses: list[bool] = []
    server = WatchedRedis(own_redis.url, 0.02, losses.append)
    while not server.is_up:
        await server.find()
    losses.clear()

    async def keep_holding_up() -> None:
        while True:
            hold_up(0.03)
            await asyncio.sleep(0)

    windows = Shared(server)
    holding = asyncio.create_task(keep_holding_up())
    for _ in range(2):
        charges = [(policy("api", 10), f"at each turn {number}") for number in range(CONNECTIONS)]
        answers = await asyncio.gather(*(windows.take(charge) for charge in charges))
        assert all(standing.shared for [standing] in answers)
    holding.cancel()
    assert losses == []
    await server.aclose()


async def test_what_redis_let_in_is_not_let_in_again_by_the_process_when_redis_is_lost(
    own_redis: RunningRedis,
) -> None:
    policies = Policies(dict.fromkeys(NAMES, 10), DAY, 10)
    async with watched(own_redis.url) as server:
        limiter = Limiter(policies, Names("a secret"), Metrics().limits, server)
        charges = [limiter.charge(policy, "anna") for policy in policies.under("booking", "user")]
        for _ in range(7):
            assert seen(await limiter.take(charges)) == [(True, True)] * 2
        own_redis.kill()
        answers = [await limiter.take(charges) for _ in range(5)]
        assert [seen(each) for each in answers] == [[(True, False)] * 2] * 3 + [[(False, False)] * 2] * 2


async def test_more_than_there_are_connections_for_wait_their_turn_and_are_all_counted(
    own_redis: RunningRedis,
) -> None:
    middleman = Middleman(own_redis.port)
    losses: list[bool] = []
    async with middleman.serve() as address:
        server = WatchedRedis(f"redis://{address}", 1.0, losses.append)
        await server.find()
        windows = Shared(server)
        # The scripts, which take time too.
        await windows.take((policy("api", 10), "first"))
        middleman.delay = 0.1
        many = [(policy("api", 10), f"many {number}") for number in range(4 * CONNECTIONS)]
        answers = await asyncio.gather(*(windows.take(each) for each in many))
        assert all(each.remaining == 9 for [each] in answers)
        assert losses == [True]
        await server.aclose()


async def test_when_redis_stands_still_those_who_wait_their_turn_are_let_go_with_those_whose_turn_it_is(
    own_redis: RunningRedis,
) -> None:
    begun: list[int] = []
    ended: list[int] = []
    server = WatchedRedis(own_redis.url, 0.2)
    await server.find()

    async def count() -> None:
        begun.append(1)
        try:
            await server.client.incr("reservepty:test")
        finally:
            ended.append(1)

    async def have_ended() -> bool:
        return len(ended) == len(begun)

    await server.ask(count)
    with stopped(own_redis.process.pid):
        asked = [server.ask(count) for _ in range(10 * CONNECTIONS)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, AwayError) for each in answers)
        # And nobody goes on waiting for what is not answered.
        await until(have_ended)
    assert len(begun) == 1 + CONNECTIONS
    await server.aclose()


async def test_of_two_thousand_requests_at_once_all_are_counted_and_nobody_gets_a_fresh_amount(
    own_redis: RunningRedis,
) -> None:
    losses: list[bool] = []
    server = WatchedRedis(own_redis.url, 0.5, losses.append)
    await server.find()
    policies = Policies(dict.fromkeys(NAMES, 50), DAY, 10)
    limiter = Limiter(policies, Names("a secret"), Metrics().limits, server)
    [api] = policies.under("other", "user")
    charges = [limiter.charge(api, f"user {number % 20}") for number in range(2_000)]
    answers = await asyncio.gather(*(limiter.take([charge]) for charge in charges))
    let_in = Counter(charge.key for charge, [each] in zip(charges, answers, strict=True) if each.allowed)
    assert all(each.shared for [each] in answers)
    assert set(let_in.values()) == {50}
    assert losses == [True]
    await server.aclose()


async def test_who_gives_up_in_the_middle_leaves_no_answer_to_the_next_and_takes_no_connection_along(
    own_redis: RunningRedis,
) -> None:
    async with watched(own_redis.url) as server:
        windows = Shared(server)
        for turn in range(10):
            taking = [
                asyncio.create_task(windows.take((policy("api", 1_000), "given up"))) for _ in range(100)
            ]
            for _ in range(turn):
                await asyncio.sleep(0)
            for each in taking:
                each.cancel()
            await asyncio.gather(*taking, return_exceptions=True)
            asked = [(policy("api", 10), f"turn {turn}, {number}") for number in range(2 * CONNECTIONS)]
            answers = await asyncio.gather(*(windows.take(each) for each in asked))
            assert {each.remaining for [each] in answers} == {9}
        assert server.is_up


async def test_a_distant_redis_is_found_though_to_connect_takes_longer_than_an_answer_may(
    own_redis: RunningRedis,
) -> None:
    middleman = Middleman(own_redis.port)
    middleman.delay = 0.3
    async with middleman.serve() as address:
        # To connect and to write take four answers.
        server = WatchedRedis(f"redis://{address}", 0.9)
        await server.find()
        assert server.is_up
        await server.aclose()


Change = Callable[[redis.asyncio.Redis], Awaitable[Any]]
UNREADABLE = pytest.mark.parametrize(
    "unreadable",
    [b":abc\r\n", b"*1\r\n" * 3_000, b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    ids=["no-number", "nested", "ok", "one", "nothing", "http"],
)


@UNREADABLE
async def test_what_answers_as_no_redis_does_is_not_found(own_redis: RunningRedis, unreadable: bytes) -> None:
    middleman = Middleman(own_redis.port)
    middleman.instead = unreadable
    async with middleman.serve() as address:
        server = WatchedRedis(f"redis://{address}", 0.5)
        await server.find()
        assert not server.is_up
        await server.aclose()


@UNREADABLE
async def test_an_answer_that_cannot_be_read_is_a_loss_like_any_other_and_redis_is_found_again(
    own_redis: RunningRedis, unreadable: bytes
) -> None:
    middleman = Middleman(own_redis.port)
    async with (
        middleman.serve() as address,
        watched(f"redis://{address}", 0.5) as server,
        leased(server, 2, renewal=0.05) as leases,
    ):

        async def is_up() -> bool:
            return server.is_up

        async def is_lost() -> bool:
            return not server.is_up

        windows, charge = Shared(server), (policy("api", 10), "unreadable")
        assert await leases.take("gina") is not None
        middleman.instead = unreadable
        # By a renewal, or by whoever asks first; by one that looks for it if not before.
        for _ in range(2):
            with pytest.raises(AwayError):
                await windows.take(charge)
            assert await leases.take("gina") is not None
        await until(is_lost)
        assert (await server.check())[1] != ""
        middleman.instead = None
        await until(is_up)
        assert seen(await windows.take(charge)) == [(True, True)]
        assert len(leases) == 3

        async def is_full() -> bool:
            # What was opened meanwhile was entered: renewals go on.
            return await leases.take("gina") is None

        await until(is_full)


@pytest.mark.parametrize(
    ("worsen", "mend"),
    [
        (lambda server: server.config_set("maxmemory", 1), lambda server: server.config_set("maxmemory", 0)),
        (lambda server: server.slaveof("127.0.0.1", "1"), lambda server: server.slaveof()),
    ],
    ids=["full", "read-only"],
)
async def test_a_redis_that_cannot_be_written_to_is_none(
    own_redis: RunningRedis, worsen: Change, mend: Change
) -> None:
    async with watched(own_redis.url) as server, redis.asyncio.Redis.from_url(own_redis.url) as admin:
        assert (await server.check())[1] == ""
        await worsen(admin)
        # Nobody has asked for anything yet.
        assert await server.check() == (0.0, "It cannot be used.")
        await server.find()
        assert not server.is_up
        await mend(admin)

        async def is_back() -> bool:
            return server.is_up

        await until(is_back)


async def test_what_runs_beside_the_requests_is_begun_again_where_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "RESTART_SECONDS", 0)
    begun: list[int] = []
    is_running = asyncio.Event()

    async def loop() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise ValueError
        is_running.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(service._keep_running(loop))
    async with asyncio.timeout(10):
        await is_running.wait()
    running.cancel()
    assert len(begun) == 3
