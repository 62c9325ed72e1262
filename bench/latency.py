"""From a commit in Postgres to a frame on a calendar's stream.

Baseline: a realtime-py client that listens to the same broadcasts directly. The two take turns in blocks,
one of them connected at a time, so that neither waits for the other's share of the processor.
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import psycopg
from realtime import AsyncRealtimeClient, RealtimeChannelOptions, RealtimeSubscribeStates

from bench.crowd import crowd
from bench.demo import Demo
from bench.fanout import stream_request, two_cores
from bench.report import Figure, median, p99
from bench.servers import bff_process
from bff.descriptors import raise_file_limit

BLOCKS = 4
CHANGES = 100  # in each block
WARM_UP = 10
SEEN_SECONDS = 20.0
STREAMS = 2_000
COMMITS = 60  # one after the other, each when all streams have the one before

Heard = Callable[[str], None]
Listen = Callable[[Heard], AbstractAsyncContextManager[None]]


class Ear:
    """Notes when the title of each change was first heard (seconds of the monotonic clock)."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def expect(self, title: str) -> asyncio.Future[float]:
        """A future of the moment when a change of that title is heard."""
        return self._waiting.setdefault(title, asyncio.get_running_loop().create_future())

    def heard(self, title: str) -> None:
        """A change of that title came."""
        future = self._waiting.pop(title, None)
        if future is not None and not future.done():
            future.set_result(time.monotonic())


def realtime_py(demo: Demo) -> Listen:
    """Listens as a client of Supabase would that had the service key."""

    @asynccontextmanager
    async def listen(heard: Heard) -> AsyncIterator[None]:
        url = f"{demo.supabase}/realtime/v1".replace("http", "ws", 1)
        client = AsyncRealtimeClient(url, os.environ["SUPABASE_SECRET_KEY"], auto_reconnect=False)
        await client.connect()
        options: RealtimeChannelOptions = {
            "config": {
                "broadcast": {"self": False, "ack": False},
                "presence": {"key": "", "enabled": False},
                "private": True,
            }
        }
        channel = client.channel("calendar-events", options)
        joined = asyncio.Event()

        def callback(message: Any) -> None:
            heard(message["payload"]["payload"]["reservation"]["title"])

        def status(state: RealtimeSubscribeStates, _: Exception | None) -> None:
            if state == RealtimeSubscribeStates.SUBSCRIBED:
                joined.set()

        channel.on_broadcast("calendar_event", callback)
        await channel.subscribe(status)
        await asyncio.wait_for(joined.wait(), 10)
        try:
            yield
        finally:
            await client.close()

    return listen


def stream(demo: Demo, bff: str) -> Listen:
    """Listens as a calendar view does."""

    @asynccontextmanager
    async def listen(heard: Heard) -> AsyncIterator[None]:
        path = f"/api/v1/organizations/{demo.organization}/calendar/stream"
        async with (
            httpx.AsyncClient(
                base_url=bff, headers=demo.headers, timeout=httpx.Timeout(10, read=None)
            ) as http,
            http.stream("GET", path) as response,
        ):
            response.raise_for_status()
            lines = response.aiter_lines()
            async for line in lines:
                if line == "event: ready":
                    break
            reading = asyncio.create_task(_read(lines, heard))
            try:
                yield
            finally:
                reading.cancel()
                await asyncio.wait([reading])

    return listen


async def _read(lines: AsyncIterator[str], heard: Heard) -> None:
    async for line in lines:
        if line.startswith("data: ") and '"title"' in line:
            heard(json.loads(line[6:])["payload"]["reservation"]["title"])


async def _block(
    listen: Listen, connection: psycopg.AsyncConnection[Any], reservation_id: str
) -> list[float]:
    """Milliseconds from each commit's beginning until the change was heard."""
    ear, took = Ear(), []
    async with listen(ear.heard):
        for number in range(WARM_UP + CHANGES):
            title = uuid.uuid4().hex
            future = ear.expect(title)
            await connection.execute(
                "update public.reservations set title = %s where id = %s", [title, reservation_id]
            )
            started = time.monotonic()
            await connection.commit()
            seen = await asyncio.wait_for(future, SEEN_SECONDS)
            if number >= WARM_UP:
                took.append((seen - started) * 1000)
    return took


async def _reservation(connection: psycopg.AsyncConnection[Any], demo: Demo) -> str:
    """A booking of the demo organisation that can be changed."""
    found = await connection.execute(
        "select id from public.reservations where organization_id = %s and status = 'approved' limit 1",
        [demo.organization],
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("the demo organisation has no reservation")
    return str(row[0])


async def commit_to_frame(demo: Demo) -> list[Figure]:
    """Median and 99th percentile of both ways, from the same commits' moments."""
    with bff_process(os.environ) as bff:
        async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"]) as connection:
            reservation_id = await _reservation(connection, demo)
            direct: list[float] = []
            ours: list[float] = []
            for _ in range(BLOCKS):
                direct += await _block(realtime_py(demo), connection, reservation_id)
                ours += await _block(stream(demo, bff.url), connection, reservation_id)
    ratio = median(ours) / median(direct)
    return [
        Figure(
            name=f"commit to frame, median of {len(ours)}",
            baseline=f"realtime-py {median(direct):.2f} ms",
            ours=f"{median(ours):.2f} ms",
            ratio=ratio,
            aim="2 times and 5 ms at most",
            met=ratio <= 2 and median(ours) <= 5,
        ),
        Figure(
            name="commit to frame, 99th percentile",
            baseline=f"realtime-py {p99(direct):.2f} ms",
            ours=f"{p99(ours):.2f} ms",
            ratio=p99(ours) / p99(direct),
            aim="shown",
            met=True,
        ),
    ]


async def commit_to_frames(demo: Demo) -> list[Figure]:
    """From commits to each of many streams: the last one waits for as many writes.

    Server and clients have a core of their own each; Postgres, REST and Realtime share both.
    """
    raise_file_limit()
    settings = {"RELAY_MAX_STREAMS_PER_USER": str(STREAMS), "RELAY_HEARTBEAT_SECONDS": "3600"}
    with (
        two_cores() as (core, other),
        crowd(other) as readers,
        bff_process({**os.environ, **settings}, core=core) as bff,
    ):
        async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"]) as connection:
            reservation_id = await _reservation(connection, demo)
            direct = await _block(realtime_py(demo), connection, reservation_id)
            readers.connect(bff.port, [stream_request(demo.organization, demo.token)] * STREAMS)
            await asyncio.to_thread(readers.opened)
            readers.mark(arrivals=True)
            committed: list[float] = []
            for number in range(COMMITS):
                await connection.execute(
                    "update public.reservations set title = %s where id = %s",
                    [uuid.uuid4().hex, reservation_id],
                )
                committed.append(time.monotonic())
                await connection.commit()
                await asyncio.to_thread(readers.counted, (number + 1) * STREAMS)
            arrivals = readers.arrived()
            readers.close()
    took = [
        (moment - begin) * 1000
        for begin, moments in zip(committed[WARM_UP:], arrivals[WARM_UP:], strict=True)
        for moment in moments
    ]
    return [
        Figure(
            name=f"commit to frame on {STREAMS:,} streams, {name}",
            baseline=f"realtime-py, one client {of(direct):.2f} ms",
            ours=f"{of(took):.1f} ms",
            ratio=of(took) / of(direct),
            aim=f"{aim} ms at most",
            met=of(took) <= aim,
        )
        for name, of, aim in (("median", median, 30), ("99th percentile", p99, 60))
    ]
