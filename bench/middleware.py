"""What limits, audit, metrics and logs cost together, on the same routes over the same stack.

Baseline: `bench.bare`, the same BFF without them; the two take turns. The other is as shipped: its log is a
file, its counts are in the stack's Redis, its records on disk and then in the stack's database. Each has one
core for itself and for its threads, which log and keep records; what asks them has the other.
"""

import json
import os
import re
import tempfile
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from bench.demo import Demo
from bench.overhead import CONNECTIONS, TURNS, WARM_UP
from bench.pairs import ROUNDS, Route, compare
from bench.report import Figure
from bench.servers import Served, bff_process

NAME = "limits, audit, metrics, logs"
# As `bff.settings` has it by default; the other measurements do without a log.
LOG_LEVEL = "INFO"
# Of each connection in a round: a quarter of a second's, with the embedded stack's database and without it.
FEW, MANY = 4, 30


def _routes(demo: Demo) -> list[Route]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=300)
    wish = {
        "asset_id": demo.asset,
        "title": "b",
        "start_date": start.isoformat(),
        "end_date": (start + timedelta(hours=2)).isoformat(),
    }
    refused = range(400, 401)
    return [
        Route("a read of the database", "GET", "/api/v1/me", FEW * CONNECTIONS),
        Route(
            "a recorded POST that asks the database",
            "POST",
            "/api/v1/reservations/preview",
            FEW * CONNECTIONS,
            json.dumps(wish).encode(),
        ),
        Route(
            "a read that is refused before Supabase is asked",
            "GET",
            f"/api/v1/organizations/{demo.organization}/calendar",
            MANY * CONNECTIONS,
            statuses=refused,
        ),
        Route(
            "a recorded POST that is refused before Supabase is asked",
            "POST",
            "/api/v1/reservations",
            MANY * CONNECTIONS,
            json.dumps({**wish, "asset_id": str(uuid.uuid4()), "title": ""}).encode(),
            refused,
        ),
    ]


def _metric(text: str, name: str, *labels: str) -> int:
    """The sum of a metric's series that have all these labels."""
    lines = re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE)
    return round(sum(float(value) for found, value in lines if all(each in found for each in labels)))


def _check(ours: Served, routes: list[Route]) -> None:
    """Whether what should cost something was at work; says so.

    Raises:
        RuntimeError: it was not, so the figures say nothing.
    """
    asked, recorded = (
        sum(WARM_UP + TURNS + ROUNDS * each.requests for each in routes if each.method in methods)
        for methods in (("GET", "POST"), ("POST",))
    )
    text = httpx.get(f"{ours.url}/api/metrics", timeout=30).raise_for_status().text
    measured = _metric(text, "http_requests_total", 'path="/api/v1/')
    counted = _metric(text, "rate_limit_requests_total", 'policy="api"', 'counted="shared"')
    alone = _metric(text, "rate_limit_requests_total", 'policy="api"', 'counted="local"')
    kept = _metric(text, "audit_records_total", 'outcome="kept"')
    told = (
        f"{measured:,} of {asked:,} requests measured, {counted:,} counted in Redis, {alone:,} without it, "
        f"{kept:,} of {recorded:,} recorded"
    )
    if measured < asked or counted + alone < asked or kept < recorded or not counted:
        raise RuntimeError(told)
    print(told)


async def added(demo: Demo) -> list[Figure]:
    """What they add to an answer and take of the rate, on each route.

    Raises:
        RuntimeError: they were not at work, or an answer was not what was expected.
    """
    routes = _routes(demo)
    figures: list[Figure] = []
    this = psutil.Process()
    cores = this.cpu_affinity()
    this.cpu_affinity([cores[-1]])
    try:
        with ExitStack() as held:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="reservepty-log-")))
            bare = held.enter_context(bff_process(os.environ, core=cores[0], module="bench.bare"))
            settings = {**os.environ, "LOG_LEVEL": LOG_LEVEL}
            ours = held.enter_context(bff_process(settings, core=cores[0], log=folder / "log"))
            for route in routes:
                pair = await compare(bare, ours, demo.token, route)
                figures += pair.figures(NAME, route.name)
            _check(ours, routes)
            lines = (folder / "log").read_text().count('"event": "request"')
            print(f"{lines:,} lines logged")
    finally:
        this.cpu_affinity(cores)
    return figures
