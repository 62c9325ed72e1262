"""The limits of one process, put together, and what runs beside the requests for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from bff.limits.leases import Leases
from bff.limits.limiter import Limiter, Names
from bff.limits.metrics import LimitMetrics
from bff.limits.policies import Policies
from bff.limits.redis import WatchedRedis

log = structlog.get_logger(__name__)

# Seconds until what died is begun again.
RESTART_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """How the limits are.

    Args:
        secret: shared by all processes; keys are derived from it.
        amounts: of each policy, in requests a window.
        window: seconds.
        streams: of one user, open at once.
        redis_url: None where each process counts by itself.
        redis_timeout: seconds.
    """

    secret: str
    amounts: Mapping[str, int]
    window: int
    streams: int
    redis_url: str | None
    redis_timeout: float


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What others use of it; `leases` is None where there is no Redis."""

    limiter: Limiter
    leases: Leases | None


@asynccontextmanager
async def open_limits(config: LimitsConfig, metrics: LimitMetrics) -> AsyncIterator[RateLimits]:
    """Limits that count. Without Redis too: it is looked for as long as this lasts."""
    policies = Policies(config.amounts, config.window, config.streams)
    names = Names(config.secret)
    if config.redis_url is None:
        log.warning("limits_local", reason="REDIS_URL is not set: each process counts by itself")
        metrics.shared(is_shared=False)
        yield RateLimits(Limiter(policies, names, metrics), None)
        return

    def changed(is_up: bool) -> None:
        metrics.shared(is_shared=is_up)
        if is_up:
            leases.renew_soon()
        else:
            metrics.lost()

    redis = WatchedRedis(config.redis_url, config.redis_timeout, changed, metrics.answered)
    leases = Leases(redis, names, config.streams)
    limiter = Limiter(policies, names, metrics, redis)
    await redis.find()
    beside = [asyncio.create_task(_keep_running(each)) for each in (redis.run, leases.run)]
    try:
        yield RateLimits(limiter, leases)
    finally:
        for each in beside:
            each.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await leases.aclose()
        await redis.aclose()


async def _keep_running(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("limits_loop_died", loop=getattr(loop, "__qualname__", ""))
            await asyncio.sleep(RESTART_SECONDS)
