"""Redis is given up in time when it is away or no use, and never for what is not its fault."""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.client import Pipeline

from bff.limits import service
from bff.limits.limiter import Limiter, Names
from bff.limits.link import AwayError, Link
from bff.limits.policies import NAMES, Policies
from bff.limits.shared import SharedWindows
from bff.limits.windows import Charge
from bff.metrics import Metrics
from tests.certificates import make_certificate
from tests.harness import stopped
from tests.limits.linking import PATIENT, SCRIPTS, Middleman, leased, linked, policy, seen, until
from tests.limits.redis import RunningRedis

# Seconds; local windows begin at fixed times, and one that ended meanwhile would let in more.
DAY = 86_400


async def test_a_redis_that_died_is_left_alone_until_it_is_back_and_was_told_the_scripts(
    own_redis: RunningRedis,
) -> None:
    async with linked(own_redis.url) as link:
        windows = SharedWindows(link)
        charge = Charge(policy("api", 10), "killed")
        assert seen(await windows.take([charge])) == [(True, True)]
        own_redis.kill()
        with pytest.raises(AwayError):
            await windows.take([charge])
        assert not link.is_up
        assert (await link.check())[1] == "It cannot be used."
        own_redis.start()

        async def is_back() -> bool:
            return link.is_up

        await until(is_back)
        assert seen(await windows.take([charge])) == [(True, True)]
        assert (await link.check())[1] == ""


async def test_a_redis_that_was_replaced_between_two_requests_is_told_the_scripts_at_once(
    own_redis: RunningRedis,
) -> None:
    async with linked(own_redis.url) as link:
        windows = SharedWindows(link)
        charge = Charge(policy("api", 10), "replaced")
        await windows.take([charge])
        async with redis.asyncio.Redis.from_url(own_redis.url) as admin:
            await admin.script_flush()
        assert (await windows.take([charge]))[0].remaining == 8


async def test_a_redis_that_answers_nothing_costs_those_of_one_moment_its_timeout_and_nobody_else(
    own_redis: RunningRedis,
) -> None:
    losses: list[bool] = []
    link = Link(own_redis.url, 0.2, SCRIPTS, losses.append)
    await link.find()
    policies = Policies(dict.fromkeys(NAMES, 10), DAY, 10)
    limiter = Limiter(policies, Names("a secret"), Metrics().limits, link)
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
    await link.aclose()


async def test_an_answer_that_came_while_the_event_loop_was_held_up_is_in_time(
    own_redis: RunningRedis,
) -> None:
    losses: list[bool] = []
    link = Link(own_redis.url, 0.2, SCRIPTS, losses.append)
    await link.find()
    with stopped(own_redis.process.pid):
        taking = asyncio.create_task(SharedWindows(link).take([Charge(policy("api", 10), "held up")]))
        for _ in range(20):
            # Sent by now, and not answered.
            await asyncio.sleep(0)

        def hold_up() -> None:
            os.kill(own_redis.process.pid, signal.SIGCONT)
            time.sleep(0.4)

        asyncio.get_running_loop().call_soon(hold_up)
        assert seen(await taking) == [(True, True)]
    assert losses == [True]
    await link.aclose()


async def test_rediss_is_redis_over_tls_with_a_certificate_that_somebody_vouches_for(
    redis_server: RunningRedis, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with Middleman(redis_server.port).serve(context) as address:
        stranger = Link(f"rediss://{address}", PATIENT, SCRIPTS)
        await stranger.find()
        assert not stranger.is_up
        await stranger.aclose()
        async with linked(f"rediss://{address}?ssl_ca_certs={certificate}") as link:
            [standing] = await SharedWindows(link).take([Charge(policy("api", 10), "tls")])
            assert (standing.allowed, standing.shared, standing.remaining) == (True, True, 9)


def hold_up(seconds: float) -> None:
    """What a busy process does to its event loop."""
    time.sleep(seconds)


async def test_a_command_that_was_sent_late_is_not_answered_late(
    own_redis: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[bool] = []
    link = Link(own_redis.url, 0.2, SCRIPTS, losses.append)
    await link.find()
    execute = Pipeline.execute

    async def execute_after_a_hold_up(self: Pipeline, raise_on_error: bool = True) -> list[Any]:
        hold_up(0.3)
        return await execute(self, raise_on_error)

    monkeypatch.setattr(Pipeline, "execute", execute_after_a_hold_up)
    windows, charge = SharedWindows(link), Charge(policy("api", 10), "sent late")
    for _ in range(3):
        assert seen(await windows.take([charge])) == [(True, True)]
    assert losses == [True]
    await link.aclose()


async def test_a_loop_that_is_held_up_at_each_turn_loses_no_redis(own_redis: RunningRedis) -> None:
    losses: list[bool] = []
    link = Link(own_redis.url, 0.02, SCRIPTS, losses.append)
    while not link.is_up:
        await link.find()
    losses.clear()

    async def keep_holding_up() -> None:
        while True:
            hold_up(0.03)
            await asyncio.sleep(0)

    windows = SharedWindows(link)
    holding = asyncio.create_task(keep_holding_up())
    for _ in range(2):
        charges = [Charge(policy("api", 10), f"at each turn {number}") for number in range(150)]
        answers = await asyncio.gather(*(windows.take([charge]) for charge in charges))
        assert all(standing.shared for [standing] in answers)
    holding.cancel()
    assert losses == []
    await link.aclose()


async def test_what_redis_let_in_is_not_let_in_again_by_the_process_when_redis_is_lost(
    own_redis: RunningRedis,
) -> None:
    policies = Policies(dict.fromkeys(NAMES, 10), DAY, 10)
    async with linked(own_redis.url) as link:
        limiter = Limiter(policies, Names("a secret"), Metrics().limits, link)
        charges = [limiter.charge(policy, "anna") for policy in policies.under("booking", "user")]
        for _ in range(7):
            assert seen(await limiter.take(charges)) == [(True, True)] * 2
        own_redis.kill()
        answers = [await limiter.take(charges) for _ in range(5)]
        assert [seen(each) for each in answers] == [[(True, False)] * 2] * 3 + [[(False, False)] * 2] * 2


async def test_a_redis_that_has_too_much_to_do_is_not_waited_for_and_not_lost(
    own_redis: RunningRedis,
) -> None:
    middleman = Middleman(own_redis.port)
    losses: list[bool] = []
    async with middleman.serve() as address:
        link = Link(f"redis://{address}", 0.3, SCRIPTS, losses.append)
        await link.find()
        windows = SharedWindows(link)
        # A connection, which takes time too.
        await windows.take([Charge(policy("api", 10), "first")])
        middleman.delay = 0.15
        charges = [Charge(policy("api", 10), f"many {number}") for number in range(2_000)]
        answers = await asyncio.gather(
            *(windows.take([charge]) for charge in charges), return_exceptions=True
        )
        late = [each for each in answers if isinstance(each, AwayError)]
        # Ten exchanges are needed, and two or three are waited for.
        assert 0 < len(late) < 2_000
        assert not any(isinstance(each, Exception) for each in answers[:200])
        assert losses == [True]
        await link.aclose()


async def test_a_distant_redis_is_found_as_its_scripts_travel_together(own_redis: RunningRedis) -> None:
    middleman = Middleman(own_redis.port)
    middleman.delay = 0.4
    async with middleman.serve() as address:
        link = Link(f"redis://{address}", PATIENT, SCRIPTS)
        await link.find()
        assert link.is_up
        await link.aclose()


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
        link = Link(f"redis://{address}", 0.5, SCRIPTS)
        await link.find()
        assert not link.is_up
        await link.aclose()


@UNREADABLE
async def test_an_answer_that_cannot_be_read_is_a_loss_like_any_other_and_redis_is_found_again(
    own_redis: RunningRedis, unreadable: bytes
) -> None:
    middleman = Middleman(own_redis.port)
    async with (
        middleman.serve() as address,
        linked(f"redis://{address}", 0.5) as link,
        leased(link, 2, renewal=0.05) as leases,
    ):

        async def is_up() -> bool:
            return link.is_up

        async def is_lost() -> bool:
            return not link.is_up

        windows, charge = SharedWindows(link), Charge(policy("api", 10), "unreadable")
        assert await leases.take("gina") is not None
        middleman.instead = unreadable
        # By a renewal, or by whoever asks first; by one that looks for it if not before.
        for _ in range(2):
            with pytest.raises(AwayError):
                await windows.take([charge])
            assert await leases.take("gina") is not None
        await until(is_lost)
        assert (await link.check())[1] != ""
        middleman.instead = None
        await until(is_up)
        assert seen(await windows.take([charge])) == [(True, True)]
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
    async with linked(own_redis.url) as link, redis.asyncio.Redis.from_url(own_redis.url) as admin:
        assert (await link.check())[1] == ""
        await worsen(admin)
        # Nobody has asked for anything yet.
        assert await link.check() == (0.0, "It cannot be used.")
        await link.find()
        assert not link.is_up
        await mend(admin)

        async def is_back() -> bool:
            return link.is_up

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
