"""What it costs to count a request: under one policy and under two, in Redis and by the process alone.

Baseline: the same request where no policy looks at it, through the same middleware, the three in turn.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from bench.report import Figure, median, render
from bff.limits.limiter import Limiter
from bff.limits.middleware import RateLimitHeaders, UserLimits
from bff.limits.policies import NAMES
from bff.limits.service import LimitsConfig, open_limits
from bff.metrics import Metrics

TURNS: Final = 2_000
WARM_UP: Final = 200
# Method, path, and the milliseconds that Redis may add: it is asked twice for one policy, five times for two.
REQUESTS: Final = {
    "none": ("GET", "/nowhere", 0.0),
    "one policy": ("GET", "/api/v1/assets", 1.0),
    "two policies": ("POST", "/api/v1/reservations", 3.0),
}
# Nobody is refused here.
AMOUNT: Final = 1_000_000_000


async def figures(redis_url: str) -> list[Figure]:
    """What is added, at the median.

    Args:
        redis_url: a Redis on this machine, of which a few keys are used.
    """
    found: list[Figure] = []
    for where, url in (("in Redis", redis_url), ("by the process alone", None)):
        async with _limiter(url) as limiter:
            times = await _take_turns(limiter)
        none = median(times.pop("none"))
        for name, each in times.items():
            ours, allowed = median(each), REQUESTS[name][2] if url else 0.2
            found.append(
                Figure(
                    name=f"a request that counts under {name}, {where}",
                    baseline=f"none {none:.3f} ms",
                    ours=f"{ours:.3f} ms (+{ours - none:.3f} ms)",
                    ratio=ours / none,
                    aim=f"+{allowed} ms at most",
                    met=ours - none <= allowed,
                )
            )
    return found


@asynccontextmanager
async def _limiter(redis_url: str | None) -> AsyncIterator[Limiter]:
    config = LimitsConfig("bench only", dict.fromkeys(NAMES, AMOUNT), 60, 10, redis_url, 1.0)
    async with open_limits(config, Metrics().limits) as limits:
        yield limits.limiter


async def _take_turns(limiter: Limiter) -> dict[str, list[float]]:
    app = RateLimitHeaders(UserLimits(_answer))
    times: dict[str, list[float]] = {name: [] for name in REQUESTS}
    for turn in range(WARM_UP + TURNS):
        for name, (method, path, _) in REQUESTS.items():
            state = {"limiter": limiter, "principal": SimpleNamespace(user_id="a user")}
            scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "state": state}
            began = time.perf_counter()
            await app(scope, _receive, _send)
            took = (time.perf_counter() - began) * 1000
            if turn >= WARM_UP:
                times[name].append(took)
    return times


async def _answer(_: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


async def _receive() -> Message:
    return {"type": "http.disconnect"}


async def _send(_: Message) -> None:
    pass


async def main() -> int:
    """Prints the table by itself, with the Redis at REDIS_URL."""
    found = await figures(os.environ["REDIS_URL"])
    print(render(found))
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
