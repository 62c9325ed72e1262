"""Redis is given up in time when it is away or no use, and never for what is not its fault."""

import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from bff.limits.limiter import Limiter, Names
from bff.limits.link import AwayError, Link
from bff.limits.policies import NAMES, Policies
from bff.limits.shared import SharedWindows
from bff.limits.windows import Charge
from bff.metrics import Metrics
from tests.certificates import make_certificate
from tests.harness import stopped
from tests.limits.linking import PATIENT, SCRIPTS, linked, policy, seen, until
from tests.limits.redis import RunningRedis


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
