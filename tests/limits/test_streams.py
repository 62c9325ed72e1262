"""Streams of one user, counted over two processes, and given back however they end."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import redis.asyncio

from tests.actors import Organization, TokenSigner
from tests.api.shape import assert_error
from tests.harness import RunningBff, RunningStack, running_bff
from tests.limits.conftest import OPENS, SMALL_LIMITS, STREAMS, Pair
from tests.limits.redis import RunningRedis
from tests.limits.watched import until
from tests.metering import scrape
from tests.relay.client import watch


def client_of(bff: RunningBff, token: str | None = None) -> httpx.AsyncClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=bff.url, headers=headers, timeout=30)


def stream_path(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.id}/calendar/stream"


async def places(inside: redis.asyncio.Redis) -> int:
    """Leases that Redis holds, of whoever they are."""
    return sum([await inside.zcard(key) async for key in inside.scan_iter("reservepty:streams:*")])


def held(inside: redis.asyncio.Redis, number: int) -> Callable[[], Awaitable[bool]]:
    async def are_held() -> bool:
        return await places(inside) == number

    return are_held


async def test_a_users_streams_count_over_both_processes_and_one_that_closes_makes_room(
    pair: Pair, office: Organization, inside: redis.asyncio.Redis
) -> None:
    await until(held(inside, 0))
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(client_of(bff, office.viewer.token))
            for bff in (pair.trusting, pair.other)
        ]
        async with watch(one, office.id):
            for _ in range(STREAMS - 1):
                await stack.enter_async_context(watch(other, office.id))
            asked = scrape(pair.trusting.url).get("relay_grants_asked_total")
            refused = await one.get(stream_path(office))
            error = assert_error(refused, "RATE_LIMIT_EXCEEDED")
            assert error["details"] == {"reason": "streams"}
            assert refused.headers["retry-after"] == str(error["retryAfter"])
            assert refused.headers["x-ratelimit-limit"] == str(STREAMS)
            assert f'"streams";q={STREAMS};qu="concurrent-requests"' in refused.headers["ratelimit-policy"]
            assert scrape(pair.trusting.url).get("relay_grants_asked_total") == asked
            assert await places(inside) == STREAMS
        await until(held(inside, STREAMS - 1))
        async with watch(other, office.id):
            assert await places(inside) == STREAMS
    await until(held(inside, 0))


async def test_openings_count_by_user_with_a_token_and_with_tickets_alike(
    pair: Pair, office: Organization, inside: redis.asyncio.Redis
) -> None:
    async with client_of(pair.other, office.member.token) as member, client_of(pair.other) as nobody:
        for _ in range(OPENS - 1):
            async with watch(member, office.id) as stream:
                pass
            await until(held(inside, 0))
        assert f'"stream-opens";q={OPENS};w=60' in stream.response.headers["ratelimit-policy"]
        body = {"organization_id": office.id}
        tickets = [
            (await member.post("/api/v1/stream-tickets", json=body)).json()["data"]["ticket"]
            for _ in range(2)
        ]
        async with watch(nobody, office.id, params={"ticket": tickets[0]}):
            pass
        asked = scrape(pair.other.url).get("relay_grants_asked_total")
        for response in (
            await nobody.get(stream_path(office), params={"ticket": tickets[1]}),
            await member.get(stream_path(office)),
        ):
            error = assert_error(response, "RATE_LIMIT_EXCEEDED")
            assert error["details"] == {"policies": ["stream-opens"]}
        assert scrape(pair.other.url).get("relay_grants_asked_total") == asked
    await until(held(inside, 0))


async def test_a_place_comes_back_from_a_refusal_a_tokens_end_and_a_drain(
    stack: RunningStack,
    redis_server: RunningRedis,
    office: Organization,
    signer: TokenSigner,
    inside: redis.asyncio.Redis,
) -> None:
    await until(held(inside, 0))
    env = {**stack.env, **SMALL_LIMITS, "REDIS_URL": redis_server.url}
    with running_bff(env, stack.directory / "bff-limits-drained.log") as bff:
        async with client_of(bff, office.viewer.token) as viewer:
            path = "/api/v1/organizations/00000000-0000-4000-8000-000000000000/calendar/stream"
            assert_error(await viewer.get(path), "NOT_FOUND")
            await until(held(inside, 0))
            short = signer.sign(office.manager, lifetime=2)
            async with client_of(bff, short) as manager, watch(manager, office.id) as ending:
                assert await places(inside) == 1
                await ending.get("bye")
                await until(held(inside, 0))
            async with watch(viewer, office.id) as drained:
                assert await places(inside) == 1
                bff.process.send_signal(signal.SIGTERM)
                await drained.get("bye")
                await until(held(inside, 0))
