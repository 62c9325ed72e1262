"""A Redis for the limits' own tests, and two BFFs with small limits that share it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
import redis.asyncio

from tests.harness import RunningBff, RunningStack, running_bff
from tests.limits.redis import RunningRedis, running_redis

ORIGIN = "https://app.example"
API, API_ADDRESS, EXPIRED, BOOKING, AUTH, OPENS, TICKETS, STREAMS = 40, 20, 30, 10, 10, 8, 5, 3
SMALL_LIMITS = {
    "RATE_LIMIT_API": str(API),
    "RATE_LIMIT_API_ADDRESS": str(API_ADDRESS),
    "RATE_LIMIT_EXPIRED_ADDRESS": str(EXPIRED),
    "RATE_LIMIT_BOOKING": str(BOOKING),
    "RATE_LIMIT_AUTH_ADDRESS": str(AUTH),
    "RATE_LIMIT_AUTH_ACCOUNT": str(AUTH),
    "RATE_LIMIT_STREAM_OPENS": str(OPENS),
    "RATE_LIMIT_STREAM_TICKETS": str(TICKETS),
    "RELAY_MAX_STREAMS_PER_USER": str(STREAMS),
    # Nothing here may be refused or let in because this machine was busy for a moment.
    "REDIS_TIMEOUT": "5",
}


@pytest.fixture(scope="package")
def redis_server() -> Iterator[RunningRedis]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="package")
def shared_url(redis_server: RunningRedis) -> str:
    """A part of the server that no BFF of the tests uses."""
    return f"{redis_server.url.removesuffix('/0')}/1"


@pytest.fixture
def own_redis() -> Iterator[RunningRedis]:
    with running_redis() as server:
        yield server


@pytest_asyncio.fixture
async def inside(redis_server: RunningRedis) -> AsyncIterator[redis.asyncio.Redis]:
    """What Redis holds."""
    client = redis.asyncio.Redis.from_url(redis_server.url, decode_responses=True)
    yield client
    await client.aclose()


@dataclass(frozen=True)
class Pair:
    """Two BFFs. Only the first believes `X-Forwarded-For`."""

    trusting: RunningBff
    other: RunningBff


@pytest.fixture(scope="package")
def pair(stack: RunningStack, redis_server: RunningRedis) -> Iterator[Pair]:
    env = {**stack.env, "REDIS_URL": redis_server.url, "CORS_ORIGINS": ORIGIN, **SMALL_LIMITS}
    logs = stack.directory
    with (
        running_bff(env, logs / "bff-limits-a.log", TRUSTED_PROXIES="127.0.0.1") as trusting,
        running_bff(env, logs / "bff-limits-b.log") as other,
    ):
        yield Pair(trusting, other)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client
