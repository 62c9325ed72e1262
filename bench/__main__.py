"""Runs every measurement and prints one table. The stack's address comes by the environment."""

import asyncio
import os
import sys

from bench import (
    auditing,
    availability,
    booking,
    fanout,
    latency,
    limits,
    middleware,
    overhead,
    reading,
    refreshing,
    spooling,
    storm,
    verification,
)
from bench.demo import sign_in
from bench.report import Figure, render
from bench.scale import filled_database


async def main() -> int:
    """Measures one thing after the other; answers 1 if an aim was missed."""
    if "SUPABASE_URL" not in os.environ:
        sys.exit("no SUPABASE_URL: `make bench` starts a stack and sets it")
    if "REDIS_URL" not in os.environ:
        sys.exit("no REDIS_URL: the stack found no redis-server, and limits without one cost next to nothing")
    demo = sign_in()
    figures: list[Figure] = []
    figures += await verification.verified()
    figures += await latency.commit_to_frame(demo)
    figures += await latency.commit_to_frames(demo)
    figures += await overhead.added(demo)
    figures += await overhead.ceiling()
    figures += await middleware.added(demo)
    figures += await limits.figures(os.environ["REDIS_URL"])
    figures += await spooling.throughput()
    figures += await spooling.cost()
    figures += await fanout.deliveries()
    figures += await storm.restart()
    figures += await storm.stalled()
    figures += await storm.paused()
    with filled_database() as scale:
        # Reading first: what booking writes is in nobody's way then.
        for measure in (availability, reading, refreshing, booking, auditing):
            figures += measure.figures(scale)
    print(f"\n{render(figures)}\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
