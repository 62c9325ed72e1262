"""Two thousand clients that come back at once, and readers that do not read; the event log is a stub."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from bench.crowd import Crowd, crowd
from bench.fanout import requests_for, two_cores
from bench.logstub import LogStub, log_stub
from bench.report import Figure, median, p99
from bench.servers import Served, bff_process, free_port
from bff.descriptors import raise_file_limit

STREAMS = 2_000
ORGANIZATIONS = 20
# Where the log stands before the restart, how far behind that the clients' cursors reach, and what is
# committed while the process is away: more than a ring holds, and a page.
HEAD = 2_000
SPREAD = 300
MISSED = 100
CALLS = 5  # for each organisation, at most

ROUNDS = 5
EVENTS = 12  # in each round, for each number of stalled readers
SPACING = 0.1  # seconds between two events
STALLED = (0, 1, 20)
# What makes a stalled reader stuck: beyond the kernel's buffers, within its backlog.
FILLING = 150  # events
# A page of large events at once, to readers that read nothing for so many seconds.
PAGE = 200  # events
PAGE_FRAME_BYTES = 2_048
PAUSE = 1.0
SUPERVISOR = 10.0  # seconds that supervisors wait, as a rule, before they kill
SAMPLE = 0.01  # seconds between two looks at the process' size
SETTINGS = {"RELAY_FAST_POLL_SECONDS": "0.02", "RELAY_HEARTBEAT_SECONDS": "3600"}


async def restart() -> list[Figure]:
    """kill -9 of the process, and all clients back with their cursors as soon as it listens again."""
    raise_file_limit()
    port = free_port()
    with two_cores() as (core, other), crowd(other) as readers:
        async with log_stub(ORGANIZATIONS) as stub:
            stub.grow(HEAD)
            with bff_process(stub.env, core=core, port=port) as bff:
                readers.connect(port, requests_for(stub, STREAMS))
                await asyncio.to_thread(readers.opened)
                bff.process.kill()
                killed = time.monotonic()
                readers.close()
            stub.grow(MISSED)
            stub.calls.clear()
            seqs = [HEAD - number * 7 % SPREAD for number in range(STREAMS)]
            requests = requests_for(stub, STREAMS, seqs)
            readers.begin("open", port, requests, seqs)
            with bff_process(stub.env, core=core, port=port, wait=False):
                await asyncio.to_thread(readers.answer)
                seconds, *_ = await asyncio.to_thread(readers.caught_up, HEAD + MISSED)
                away = time.monotonic() - killed
                calls = stub.calls.total()
                # Live is who gets the next event too.
                stub.feed(ORGANIZATIONS, 1)
                _, misplaced, refused = await asyncio.to_thread(readers.caught_up, HEAD + MISSED + 1)
                readers.close()
    frames = sum(HEAD + MISSED - seq for seq in seqs)
    return [
        Figure(
            name=f"{STREAMS:,} streams of {ORGANIZATIONS} organisations after kill -9: all live",
            baseline=f"the restart itself {away - seconds:.1f} s",
            ours=f"{seconds:.1f} s with {frames:,} frames, {refused} sent away",
            ratio=seconds / (away - seconds),
            aim="shown",
            met=True,
        ),
        Figure(
            name=f"{STREAMS:,} streams after kill -9: calls of the database",
            baseline=f"a grant and a read each {2 * STREAMS:,}",
            ours=f"{calls}",
            ratio=calls / (2 * STREAMS),
            aim=f"{CALLS} for each organisation at most",
            met=calls <= CALLS * ORGANIZATIONS,
        ),
        Figure(
            name=f"{STREAMS:,} streams after kill -9: frames lost or misplaced",
            baseline=f"sent {frames:,}",
            ours=f"{misplaced}",
            ratio=misplaced / frames,
            aim="0",
            met=misplaced == 0,
        ),
    ]


async def stalled() -> list[Figure]:
    """What one and twenty readers that do not read cost the others."""
    raise_file_limit()
    slowest: dict[int, list[float]] = {count: [] for count in STALLED}
    with two_cores() as (core, other), crowd(other) as readers:
        async with log_stub() as stub:
            with bff_process(SETTINGS | stub.env, core=core) as bff:
                requests = requests_for(stub, STREAMS + max(STALLED))
                readers.connect(bff.port, requests[:STREAMS])
                await asyncio.to_thread(readers.opened)
                for _ in range(ROUNDS):
                    for count in STALLED:
                        stuck = requests[STREAMS : STREAMS + count]
                        await asyncio.to_thread(readers.stall, bff.port, stuck)
                        slowest[count].append(p99(await _waits(stub, readers)))
                readers.close()
    figures = []
    for count in STALLED[1:]:
        # Of each round by itself: what else the machine does meets all three alike.
        ratio = median([ours / alone for ours, alone in zip(slowest[count], slowest[0], strict=True)])
        figures.append(
            Figure(
                name=f"{count} more than {STREAMS:,} readers stalled: the others' 99th percentile",
                baseline=f"none stalled {median(slowest[0]):.1f} ms",
                ours=f"{median(slowest[count]):.1f} ms",
                ratio=ratio,
                aim="1.2 times at most",
                met=ratio <= 1.2,
            )
        )
    return figures


async def paused() -> list[Figure]:
    """What the process holds for readers that all pause while a page of large events goes out to them."""
    raise_file_limit()
    with two_cores() as (core, other), crowd(other) as readers:
        async with log_stub() as stub:
            stub.frame_bytes = PAGE_FRAME_BYTES
            with bff_process(SETTINGS | stub.env, core=core) as bff:
                readers.connect(bff.port, requests_for(stub, STREAMS))
                await asyncio.to_thread(readers.opened)
                readers.mark()
                before = peak = bff.resident
                readers.begin("pause", PAUSE)
                stub.feed(1, PAGE)
                for answer in (readers.answer, partial(readers.settled, PAGE)):
                    waiting = asyncio.create_task(asyncio.to_thread(answer))
                    while not waiting.done():
                        peak = max(peak, bff.resident)
                        await asyncio.wait([waiting], timeout=SAMPLE)
                    cut = waiting.result()
                goodbye = await _goodbye(bff)
                readers.close()
    sent, grown = STREAMS * PAGE * PAGE_FRAME_BYTES, peak - before
    return [
        Figure(
            name=f"{PAGE} events of 2 KB to {STREAMS:,} readers that pause for a second: memory at its peak",
            baseline=f"a copy for each {sent / 2**20:,.0f} MB",
            ours=f"{grown / 2**20:,.0f} MB more, {cut} cut off",
            ratio=grown / sent,
            aim="64 MB at most, none cut off",
            met=grown <= 64 * 2**20 and cut == 0,
        ),
        Figure(
            name=f"SIGTERM under {STREAMS:,} streams: goodbyes, to the end of the process",
            baseline=f"killed by a supervisor after {SUPERVISOR:.0f} s",
            ours=f"{goodbye:.1f} s",
            ratio=goodbye / SUPERVISOR,
            aim="shown",
            met=True,
        ),
    ]


async def _goodbye(bff: Served) -> float:
    """Seconds from SIGTERM to the end of the process."""
    begun = time.monotonic()
    bff.process.terminate()
    await asyncio.to_thread(bff.process.wait)
    return time.monotonic() - begun


async def _waits(stub: LogStub, readers: Crowd) -> Sequence[float]:
    """Milliseconds from the log's answer to each of the readers that read, EVENTS times."""
    readers.mark()
    stub.feed(1, FILLING)
    await asyncio.to_thread(readers.counted, FILLING * STREAMS)
    readers.mark(arrivals=True)
    stub.feed(EVENTS, 1, SPACING)
    await asyncio.to_thread(readers.counted, EVENTS * STREAMS)
    arrivals = readers.arrived()
    return [
        (moment - begin) * 1000
        for begin, moments in zip(stub.published, arrivals, strict=True)
        for moment in moments
    ]
