"""What a delivery costs: one event to thousands of streams, singly and in bursts, and what a stream weighs.

The BFF is the real one, with its route, middleware and authentication; its events come from a stub of the
event log (bench.logstub), whose reads are part of the cost. Baseline: sse-starlette's EventSourceResponse
with a queue a stream, under the same server, before the same readers, in the same run (bench.queues).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from bench.crowd import Crowd, crowd
from bench.logstub import FRAME_BYTES, LogStub, cursor_at, log_stub
from bench.report import Figure
from bench.servers import Served, bff_process, free_port, python_process
from bff.descriptors import raise_file_limit

SIZES = (2_000, 5_000)
USERS = 500
BURST = 8  # events
# Deliveries of each kind that are measured, after a few to warm up.
DELIVERIES = 200_000
BASELINE_DELIVERIES = 60_000
WARM_UP = 2
SETTINGS = {
    "RELAY_FAST_POLL_SECONDS": "0.001",
    "RELAY_HEARTBEAT_SECONDS": "3600",
    "RELAY_MAX_STREAMS": "6000",
}


@dataclass(frozen=True)
class Load:
    """What deliveries cost: processor time for each in microseconds, and how many went out a second."""

    cpu: float
    rate: float


@contextmanager
def two_cores() -> Iterator[tuple[int, int]]:
    """The core of what is measured, and that of all else, to which this process is bound meanwhile."""
    this = psutil.Process()
    cores = this.cpu_affinity()
    this.cpu_affinity([cores[-1]])
    try:
        yield cores[0], cores[-1]
    finally:
        this.cpu_affinity(cores)


def requests_for(stub: LogStub, streams: int, seqs: Sequence[int] | None = None) -> list[bytes]:
    """As many openings, by USERS users, spread evenly over the organisations; with `seqs`, after those."""
    users, organizations = [stub.token() for _ in range(USERS)], list(stub.heads)
    return [
        stream_request(
            organizations[number % len(organizations)],
            users[number % USERS],
            None if seqs is None else cursor_at(seqs[number]),
        )
        for number in range(streams)
    ]


def stream_request(organization: str, token: str, cursor: str | None = None) -> bytes:
    """What opens one stream."""
    lines = (
        f"GET /api/v1/organizations/{organization}/calendar/stream HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        *(() if cursor is None else (f"Last-Event-ID: {cursor}",)),
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def _deliver(
    served: Served, readers: Crowd, streams: int, total: int, size: int, publish: Callable[[int, int], None]
) -> Load:
    """Bursts of `size` events until `total` deliveries are made."""
    bursts = max(4, total // streams // size)
    for count in (WARM_UP, bursts):
        readers.mark(arrivals=True)
        before = served.cpu
        publish(count, size)
        await asyncio.to_thread(readers.counted, count * size * streams)
        spent = served.cpu - before
        moments = readers.arrived()
    # The first burst is not counted: before it the readers waited.
    took = max(moments[-1]) - max(moments[size - 1])
    return Load(spent / (count * size * streams) * 1e6, (count - 1) * size * streams / took)


@dataclass(frozen=True)
class Measured:
    """One design at one number of streams."""

    singly: Load
    bursts: Load
    memory: float  # bytes a stream


async def _measure(
    served: Served,
    readers: Crowd,
    requests: list[bytes],
    total: int,
    publish: Callable[[int, int], None],
) -> Measured:
    streams = len(requests)
    before = served.resident
    readers.connect(served.port, requests)
    await asyncio.to_thread(readers.opened)
    memory = (served.resident - before) / streams
    singly = await _deliver(served, readers, streams, total, 1, publish)
    bursts = await _deliver(served, readers, streams, total, BURST, publish)
    readers.close()
    return Measured(singly, bursts, memory)


async def ours(streams: int, total: int = DELIVERIES) -> Measured:
    """The BFF."""
    with two_cores() as (core, other), crowd(other) as readers:
        async with log_stub() as stub:
            # The stub does not answer while the BFF starts, and need not.
            with bff_process(SETTINGS | stub.env, core=core) as bff:
                return await _measure(bff, readers, requests_for(stub, streams), total, stub.feed)


async def queues(streams: int, total: int = BASELINE_DELIVERIES) -> Measured:
    """The baseline."""
    request = b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    port = free_port()
    with (
        two_cores() as (core, other),
        crowd(other) as readers,
        python_process(["-m", "bench.queues", str(port)], {}, port, core=core) as served,
        httpx.Client(base_url=served.url, timeout=120) as http,
    ):

        def publish(bursts: int, size: int) -> None:
            http.post("/publish", params={"bursts": bursts, "size": size}).raise_for_status()

        return await _measure(served, readers, [request] * streams, total, publish)


def _figures(streams: int, baseline: Measured, ours: Measured) -> list[Figure]:
    figures = []
    for name, theirs, own, aim in (
        ("singly", baseline.singly, ours.singly, 3),
        (f"{BURST} at once", baseline.bursts, ours.bursts, 10),
    ):
        what = f"{streams:,} streams, {FRAME_BYTES}-byte events {name}"
        figures += [
            Figure(
                name=f"{what}: deliveries",
                baseline=f"sse-starlette {theirs.rate:,.0f}/s",
                ours=f"{own.rate:,.0f}/s",
                ratio=own.rate / theirs.rate,
                aim=f"{aim} times at least",
                met=own.rate >= aim * theirs.rate,
            ),
            Figure(
                name=f"{what}: CPU a delivery",
                baseline=f"sse-starlette {theirs.cpu:.1f} µs",
                ours=f"{own.cpu:.1f} µs",
                ratio=own.cpu / theirs.cpu,
                aim="shown",
                met=True,
            ),
        ]
    return [
        *figures,
        Figure(
            name=f"{streams:,} streams: resident memory a stream",
            baseline=f"sse-starlette {baseline.memory / 1024:.1f} KB",
            ours=f"{ours.memory / 1024:.1f} KB",
            ratio=ours.memory / baseline.memory,
            aim="17 KB at most",
            met=ours.memory <= 17 * 1024,
        ),
    ]


async def deliveries() -> list[Figure]:
    """Both designs at each number of streams."""
    raise_file_limit()
    figures: list[Figure] = []
    for streams in SIZES:
        baseline = await queues(streams)
        figures += _figures(streams, baseline, await ours(streams))
    return figures
