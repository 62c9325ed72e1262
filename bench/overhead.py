"""What the BFF adds to a call, and how many it can pass on.

Baseline of the first: the same rpc sent straight to REST by the same client, the two taking turns.
Baseline of the second: the same load sent straight to the stub that stands in Supabase's place.
"""

import asyncio
import contextlib
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Container
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil

from bench.demo import Demo
from bench.logstub import SECRET, sign
from bench.report import Figure, median
from bench.servers import Stub, bff_process

TURNS = 150
WARM_UP = 20
SPACING = timedelta(hours=6)  # a month's calendar then holds 124 bookings
CONNECTIONS = 16
REQUESTS = 6_000
SUCCESS = range(200, 300)


async def take_turns(
    baseline: Callable[[int], Awaitable[httpx.Response]],
    ours: Callable[[int], Awaitable[httpx.Response]],
    statuses: Container[int] = SUCCESS,
) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, the two in turn, so that a drift of the machine's speed meets both.

    Raises:
        RuntimeError: an answer had none of the statuses.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM_UP + TURNS):
        for which, call in enumerate((baseline, ours)):
            started = time.perf_counter()
            response = await call(2 * turn + which)
            took = (time.perf_counter() - started) * 1000
            if response.status_code not in statuses:
                raise RuntimeError(f"{response.status_code} {response.text}")
            if turn >= WARM_UP:
                times[which].append(took)
    return times


def _added(name: str, baseline: list[float], ours: list[float]) -> Figure:
    added = median([o - b for o, b in zip(ours, baseline, strict=True)])
    return Figure(
        name=f"{name}: added by the BFF, median of {len(ours)}",
        baseline=f"straight to REST {median(baseline):.2f} ms",
        ours=f"{median(ours):.2f} ms (+{added:.2f} ms)",
        ratio=median(ours) / median(baseline),
        aim="+3 ms at most",
        met=added <= 3,
    )


async def added(demo: Demo) -> list[Figure]:
    """The BFF's share of `create_reservation` and `calendar`."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=200)

    def slot(turn: int) -> tuple[str, str]:
        begin = start + SPACING * turn
        return begin.isoformat(), (begin + SPACING).isoformat()

    window = {
        "from": start.isoformat(),
        "to": (start + timedelta(days=31)).isoformat(),
        "asset_id": demo.asset,
    }
    with bff_process(os.environ) as served:
        async with (
            httpx.AsyncClient(base_url=demo.rest, headers=demo.rest_headers, timeout=30) as rest,
            httpx.AsyncClient(base_url=f"{served.url}/api/v1", headers=demo.headers, timeout=30) as bff,
        ):

            def create_rest(turn: int) -> Awaitable[httpx.Response]:
                begin, end = slot(turn)
                body = {"p_asset_id": demo.asset, "p_title": "b", "p_start_date": begin, "p_end_date": end}
                return rest.post("/rpc/create_reservation", json=body)

            def create_bff(turn: int) -> Awaitable[httpx.Response]:
                begin, end = slot(turn)
                body = {"asset_id": demo.asset, "title": "b", "start_date": begin, "end_date": end}
                return bff.post("/reservations", json=body)

            created = await take_turns(create_rest, create_bff)
            arguments = {
                "p_organization_id": demo.organization,
                "p_from": window["from"],
                "p_to": window["to"],
                "p_asset_ids": [demo.asset],
            }
            calendars = await take_turns(
                lambda _: rest.post("/rpc/calendar", json=arguments),
                lambda _: bff.get(f"/organizations/{demo.organization}/calendar", params=window),
            )
    return [_added("create_reservation", *created), _added("calendar of a month, 124 bookings", *calendars)]


async def load(port: int, request: bytes, total: int, statuses: Container[int] = SUCCESS) -> float:
    """Sends `total` requests over keep-alive connections; answers requests a second.

    Raises:
        RuntimeError: an answer had none of the statuses.
    """

    async def one_connection(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if int(head.split(b" ", 2)[1]) not in statuses:
                raise RuntimeError(head.decode())
            fields = (line.partition(b":") for line in head.lower().split(b"\r\n"))
            length = next(int(value) for name, _, value in fields if name == b"content-length")
            await reader.readexactly(length)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    started = time.perf_counter()
    await asyncio.gather(*(one_connection(total // CONNECTIONS) for _ in range(CONNECTIONS)))
    return total / (time.perf_counter() - started)


def raw_request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Accept: application/json",
        *([f"Content-Type: application/json\r\nContent-Length: {len(body)}"] if body else []),
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ceiling() -> list[Figure]:
    """Requests a second of one BFF process on one core, before a stub that costs nothing."""
    reservation: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "asset_id": str(uuid.uuid4()),
        "user_id": str(uuid.uuid4()),
        "title": "Weekend in Bocas",
        "start_date": "2026-01-01T10:00:00Z",
        "end_date": "2026-01-01T12:00:00Z",
        "status": "approved",
        "guest_count": 4,
        "version": 1,
    }
    body = json.dumps({"reservations": [reservation] * 5, "cursor": "1-00000000"}).encode()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(lambda *_: body), "127.0.0.1", 0)
    stub_port = int(server.sockets[0].getsockname()[1])
    path = f"/api/v1/organizations/{uuid.uuid4()}/calendar?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
    request = raw_request("GET", path, sign(f"http://127.0.0.1:{stub_port}"))
    env = {
        "SUPABASE_URL": f"http://127.0.0.1:{stub_port}",
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_bench",
        "SUPABASE_SECRET_KEY": "sb_secret_bench",
        "SUPABASE_JWT_SECRET": SECRET,
        # All of it is one caller's, who has a quarter of the places.
        "UPSTREAM_CONNECTIONS": str(4 * CONNECTIONS),
    }
    this = psutil.Process()
    cores = this.cpu_affinity()
    this.cpu_affinity([cores[-1]])
    try:
        # The stub does not answer while the BFF starts, and need not.
        with bff_process(env, core=cores[0]) as bff:
            await load(bff.port, request, 500)
            ours = await load(bff.port, request, REQUESTS)
            straight = await load(stub_port, request, REQUESTS)
    finally:
        this.cpu_affinity(cores)
        server.close()
    return [
        Figure(
            name=f"ceiling: calendar, one core, {CONNECTIONS} connections",
            baseline=f"the stub alone {straight:,.0f}/s",
            ours=f"{ours:,.0f}/s",
            ratio=ours / straight,
            aim="700/s at least",
            met=ours >= 700,
        )
    ]
