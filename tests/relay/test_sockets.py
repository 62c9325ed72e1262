"""Streams on real sockets behind our own protocol, on either event loop: production runs uvloop."""

import asyncio
import inspect
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
import uvloop

from bff.relay.frames import FRAMES
from bff.relay.sse import FAREWELL_SECONDS
from bff.server import listen
from tests.relay.client import Sent, parse
from tests.relay.fakes import EMPTY, until
from tests.relay.wire import ORG, World, connect, dechunked, read_all, serving

both_ways = pytest.mark.parametrize("direct", [False, True], ids=["by send", "taken over"])


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test twice, each time on a loop of its own."""
    takes = inspect.signature(test)
    loop_of = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)

    def run(loop: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(test(**arguments))

    run.__name__ = test.__name__
    # By this pytest knows what to hand in.
    signature = takes.replace(parameters=[*takes.parameters.values(), loop_of], return_annotation=None)
    run.__dict__["__signature__"] = signature
    loops = [asyncio.new_event_loop, uvloop.new_event_loop]
    marked: Callable[..., None] = pytest.mark.parametrize("loop", loops, ids=["asyncio", "uvloop"])(run)
    return marked


@both_ways
@on_both_loops
async def test_a_stuck_reader_is_noticed_soon_and_its_connection_aborted(direct: bool) -> None:
    world = World(backlog=50_000)
    async with serving(world, direct=direct) as url:
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        sent = 0
        while not world.streams[0].ended:
            world.commit(size=2_000)
            sent += 2_000
            assert sent < 1_000_000, "the kernel swallowed a megabyte for a reader that does not read"
            await asyncio.sleep(0)
        await until(lambda: world.streams[0] in world.closed)
        client.close()


@both_ways
@on_both_loops
async def test_a_client_that_leaves_is_forgotten(direct: bool) -> None:
    world = World()
    async with serving(world, direct=direct) as url:
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        client.close()
        await until(lambda: world.closed == world.streams)
        assert world.hub.organizations == {}


@both_ways
@on_both_loops
async def test_a_client_that_pipelines_a_second_request_and_leaves_is_forgotten(direct: bool) -> None:
    world = World()
    async with serving(world, direct=direct) as url:
        client = connect(url, requests=2)
        await until(lambda: world.streams and world.streams[0].live)
        client.close()
        await until(lambda: world.closed == world.streams)
        assert world.hub.organizations == {}


async def commit_slowly(world: World, count: int) -> None:
    for _ in range(count):
        world.commit(size=1_000)
        await asyncio.sleep(0.001)


@both_ways
@on_both_loops
async def test_frames_arrive_whole_at_a_real_client_while_others_are_stuck(direct: bool) -> None:
    world = World(backlog=30_000)
    received: list[Sent] = []
    async with serving(world, direct=direct) as url, httpx.AsyncClient(timeout=10) as http:
        stuck = [connect(url) for _ in range(3)]
        async with http.stream("GET", f"{url}/stream") as response:
            await until(lambda: len(world.streams) == 4 and all(each.live for each in world.streams))
            committing = asyncio.create_task(commit_slowly(world, 300))
            async for frame in parse(response):
                received.append(frame)
                if len(received) == 301:
                    break
            await committing
        for each in stuck:
            each.close()
    assert [int(frame.id.split("-")[0]) for frame in received if frame.id] == list(range(301))


@on_both_loops
async def test_an_open_stream_on_our_own_server_holds_no_task_and_no_request() -> None:
    world = World()
    async with serving(world, direct=True) as url:
        before = asyncio.all_tasks()
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        await until(lambda: asyncio.all_tasks() == before)
        client.close()
        await until(lambda: world.closed == world.streams)


@on_both_loops
async def test_a_client_of_http_1_0_gets_the_bytes_as_they_are_until_the_connection_ends() -> None:
    world = World()
    async with serving(world, direct=True) as url:
        client = connect(url, version="1.0")
        await until(lambda: world.streams and world.streams[0].live)
        world.commit()
        world.streams[0].end(FRAMES.bye("draining"))
        head, _, text = (await read_all(client)).decode().partition("\r\n\r\n")
        client.close()
    assert "transfer-encoding" not in head.lower()
    names = [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event: ")]
    assert names == ["ready", "reservation_updated", "bye"]
    assert text.endswith('data: {"reason":"draining"}\n\n')


@on_both_loops
async def test_a_connection_that_was_taken_over_ends_with_the_last_chunk_and_said_so() -> None:
    world = World()
    async with serving(world, direct=True) as url:
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        world.streams[0].end(FRAMES.bye("draining"))
        head, _, rest = (await read_all(client)).partition(b"\r\n\r\n")
        client.close()
    assert b"\r\nconnection: close" in head
    body, is_complete = dechunked(rest)
    assert is_complete
    assert body.endswith(b'event: bye\ndata: {"reason":"draining"}\n\n')


@both_ways
@on_both_loops
async def test_a_client_that_lags_behind_its_own_replay_gets_all_of_it_and_then_the_rest_in_order(
    direct: bool,
) -> None:
    world = World(backlog=10**6, cursor=EMPTY)
    # As much as fits into the buffers of a reader that reads nothing.
    for _ in range(80):
        world.log.commit(ORG, payload={"reservation": {"title": "x" * 1_000}})
    async with serving(world, direct=direct) as url:
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        for _ in range(40):
            world.commit(size=1_000)
        world.streams[0].end(FRAMES.bye("draining"))
        _, _, rest = (await read_all(client)).partition(b"\r\n\r\n")
        client.close()
    body, is_complete = dechunked(rest)
    assert is_complete
    ids = [line for line in body.decode().split("\n") if line.startswith("id: ")]
    assert [int(line[4:].split("-")[0]) for line in ids][1:] == list(range(1, 121))


@pytest.mark.parametrize("stall", [1.0, 20.0, 60.0])
def test_the_kernel_does_not_end_a_stuck_reader_before_it_is_told_reset(stall: float) -> None:
    with listen("127.0.0.1", 0, stall) as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            milliseconds = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    # A look each second finds it; then it has time for the farewell.
    assert milliseconds / 1000 > stall + 1 + FAREWELL_SECONDS
