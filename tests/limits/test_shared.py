"""Counts and leases in a real Redis: shared, atomic, and given up in time when it is away."""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from bff.limits.leases import RELEASE, RENEW, TAKE, Leases
from bff.limits.limiter import Limiter, Names
from bff.limits.link import AwayError, Link
from bff.limits.owners import Owner
from bff.limits.policies import NAMES, Failure, Policies, Policy
from bff.limits.shared import ACQUIRE, LOOK, SharedWindows
from bff.limits.windows import Charge, Standing
from bff.metrics import Metrics
from tests.certificates import make_certificate
from tests.harness import stopped
from tests.limits.redis import RunningRedis, running_redis

SCRIPTS = (ACQUIRE, LOOK, TAKE, RENEW, RELEASE)
PATIENT = 5.0  # seconds that Redis may take, where nothing is wrong with it


@pytest.fixture(scope="module")
def shared_url(redis_server: RunningRedis) -> str:
    """A part of the server that no BFF of the tests uses."""
    return f"{redis_server.url.removesuffix('/0')}/1"


def policy(name: str, amount: int, window: int = 60) -> Policy:
    return Policy(name, "user", frozenset({"other"}), Failure.LOCAL, amount, window)


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """A link that is looked after."""
    link = Link(url, PATIENT, SCRIPTS)
    await link.find()
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.aclose()


@asynccontextmanager
async def leased(link: Link, most: int, **times: float) -> AsyncIterator[Leases]:
    """The leases of a process that runs."""
    leases = Leases(link, Names("a secret"), most, **times)
    running = asyncio.create_task(leases.run())
    try:
        yield leases
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_of_two_hundred_requests_at_once_by_two_processes_exactly_the_allowed_hundred_pass(
    shared_url: str,
) -> None:
    charge = Charge(policy("api", 100), "hundred")
    async with linked(shared_url) as one, linked(shared_url) as other:
        processes = (SharedWindows(one), SharedWindows(other))
        asked = [process.take([charge]) for _ in range(100) for process in processes]
        answers = [standing for [standing] in await asyncio.gather(*asked)]
    passed = [each for each in answers if each.allowed]
    assert len(passed) == 100
    assert sorted(each.remaining for each in passed) == list(range(100))
    assert all(each.remaining == 0 and 0 < each.reset <= 60 for each in answers if not each.allowed)


async def test_requests_of_one_moment_share_one_exchange(shared_url: str) -> None:
    exchanges: list[float] = []
    link = Link(shared_url, PATIENT, SCRIPTS, on_answer=exchanges.append)
    await link.find()
    windows = SharedWindows(link)
    charges = [
        [Charge(policy("api", 10), str(number)), Charge(policy("booking", 10), str(number))]
        for number in range(50)
    ]
    await asyncio.gather(*(windows.take(each) for each in charges))
    assert len(exchanges) == 1
    await link.aclose()


async def test_a_request_that_one_policy_refuses_counts_under_none(shared_url: str) -> None:
    api, booking = Charge(policy("api", 50), "refund"), Charge(policy("booking", 2), "refund")
    async with linked(shared_url) as link:
        windows = SharedWindows(link)
        answers = await asyncio.gather(*(windows.take([api, booking]) for _ in range(10)))
        assert sum(all(each.allowed for each in standings) for standings in answers) == 2
        # What the refused ones took of the first policy went back before anything that comes later.
        [standing] = await windows.take([api])
        assert standing.remaining == 50 - 2 - 1


async def test_a_window_that_is_over_lets_in_again_and_slides_until_then(shared_url: str) -> None:
    charge = Charge(policy("api", 4, window=1), "sliding")
    async with linked(shared_url) as link:
        windows = SharedWindows(link)
        for remaining in (3, 2, 1, 0):
            [standing] = await windows.take([charge])
            assert (standing.allowed, standing.remaining) == (True, remaining)
        [refused] = await windows.take([charge])
        assert not refused.allowed
        assert 0 < refused.reset <= 1

        async def is_let_in() -> bool:
            # Asked all the while: what is refused does not prolong the wait.
            [standing] = await windows.take([charge])
            return standing.allowed

        await until(is_let_in)


async def test_keys_run_out_by_themselves_and_hold_nothing_of_who_asked(shared_url: str) -> None:
    policies = Policies(dict.fromkeys(NAMES, 7), 11, 10)
    async with linked(shared_url) as link:
        limiter = Limiter(policies, Names("a secret"), Metrics().limits, link)
        [account] = policies.under("auth", "account")
        await limiter.take([limiter.charge(account, "anna@example.com")])
    async with redis.asyncio.Redis.from_url(shared_url, decode_responses=True) as inside:
        found = [key async for key in inside.scan_iter("*auth-account:7:11*")]
        assert len(found) == 1
        assert "anna" not in found[0]
        assert 0 < await inside.pttl(found[0]) <= 22_000


@pytest.fixture
def own_redis() -> Iterator[RunningRedis]:
    with running_redis() as server:
        yield server


def seen(standings: Sequence[Standing]) -> list[tuple[bool, bool]]:
    return [(each.allowed, each.shared) for each in standings]


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
    policies = Policies(dict.fromkeys(NAMES, 10), 60, 10)
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
    await limiter.aclose()
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


async def test_without_redis_by_choice_a_process_counts_by_itself_up_to_the_whole_amount() -> None:
    policies = Policies(dict.fromkeys(NAMES, 4), 60, 10)
    limiter = Limiter(policies, Names("a secret"), Metrics().limits)
    [auth] = policies.under("auth", "address")
    answers = [await limiter.take([limiter.charge(auth, "192.0.2.1")]) for _ in range(5)]
    assert seen([standing for [standing] in answers]) == [(True, False)] * 4 + [(False, False)]
    assert await limiter.check() == ("pass", 0.0, "REDIS_URL is not set: each process counts by itself.")


async def test_places_are_counted_over_all_processes_and_given_back(shared_url: str) -> None:
    async with linked(shared_url) as link, leased(link, 3) as one, leased(link, 3) as other:
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
    async with linked(shared_url) as link, leased(link, 2, seconds=1.0, renewal=0.1) as living:
        gone = Leases(link, Names("a secret"), 2, seconds=1.0)
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
    async with linked(shared_url) as link, leased(link, 2) as living:
        killed, earlier = (Leases(link, Names("a secret"), 2) for _ in range(2))
        killed._owner._pid = dead.pid
        # It had our own id: a container's first process always has the same.
        earlier._owner._nonce = "earlier"
        for each in (killed, earlier):
            assert await each.take("fred") is not None
        assert None not in [await living.take("fred") for _ in range(2)]
        assert await living.take("fred") is None


async def test_who_gives_up_while_a_place_is_taken_for_them_keeps_none(own_redis: RunningRedis) -> None:
    async with linked(own_redis.url) as link, leased(link, 1) as leases:
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


@asynccontextmanager
async def behind_tls(port: int, directory: Path) -> AsyncIterator[tuple[str, Path]]:
    """What listens on the port, over TLS on another one; its address, and whom to trust for it."""
    certificate, key = make_certificate(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while sent := await reader.read(65_536):
                writer.write(sent)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/1", certificate


async def test_rediss_is_redis_over_tls_with_a_certificate_that_somebody_vouches_for(
    redis_server: RunningRedis, tmp_path: Path
) -> None:
    async with behind_tls(redis_server.port, tmp_path) as (url, certificate):
        stranger = Link(url, PATIENT, SCRIPTS)
        await stranger.find()
        assert not stranger.is_up
        await stranger.aclose()
        async with linked(f"{url}?ssl_ca_certs={certificate}") as link:
            [standing] = await SharedWindows(link).take([Charge(policy("api", 10), "tls")])
            assert (standing.allowed, standing.shared, standing.remaining) == (True, True, 9)


async def test_streams_that_were_opened_while_redis_was_away_are_counted_when_it_is_back(
    own_redis: RunningRedis,
) -> None:
    names = Names("a secret")
    link = Link(own_redis.url, PATIENT, SCRIPTS, lambda is_up: leases.renew_soon() if is_up else None)
    leases = Leases(link, names, 2)
    await link.find()
    running = [asyncio.create_task(link.run()), asyncio.create_task(leases.run())]
    assert await leases.take("elsa") is not None
    own_redis.kill()
    assert await leases.take("elsa") is not None
    own_redis.start()
    async with linked(own_redis.url) as theirs:
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
    await link.aclose()
