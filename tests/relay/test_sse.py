"""Frames on the wire, stepped sends, the slow lane, and what becomes of readers that do not read."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import Message

from bff.protocol import Protocol
from bff.relay.hub import Hub
from bff.relay.log import GrantRequest
from bff.relay.sse import FRAMES, Pulse, Stream
from bff.relay.views import Filter
from bff.server import listen
from tests.relay.client import Sent, parse
from tests.relay.fakes import FakeLog, make_event, until

ORG = "org-1"


@dataclass
class World:
    """A hub over a log without a database, and the streams that are open."""

    log: FakeLog = field(default_factory=FakeLog)
    backlog: int = 64 * 1024
    stall: float = 20.0
    streams: list[Stream] = field(default_factory=list)
    closed: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hub = Hub(self.log.read, FRAMES)

    async def open(self, expires_in: float = 3600) -> Stream:
        stream = Stream(
            self.hub,
            GrantRequest("user", ORG, "aal1", None),
            int(time.time() + expires_in),
            Filter(),
            backlog=self.backlog,
            stall=self.stall,
            on_close=self.closed.append,
        )
        self.streams.append(stream)
        self.hub.enter(stream, self.log.head(ORG))
        await self.hub.place(stream, None)
        stream.opening = (FRAMES.ready(stream.cursor, resumed=False),)
        return stream

    def commit(self, size: int = 0) -> None:
        self.hub.publish([self.log.commit(ORG, payload={"reservation": {"title": "x" * size}})])


class Wire:
    """The other end of an ASGI response; `gate` says whether it takes anything now."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.gone = asyncio.Event()

    async def send(self, message: Message) -> None:
        await self.gate.wait()
        self.messages.append(message)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    @property
    def seqs(self) -> list[int]:
        ids = [line for line in self.text.splitlines() if line.startswith("id: ")]
        return [int(line[4:].split("-")[0]) for line in ids][1:]


@asynccontextmanager
async def connected(world: World) -> AsyncIterator[tuple[Stream, Wire]]:
    """A stream that is live on a wire of ours."""
    wire = Wire()
    stream = await world.open()
    task = asyncio.create_task(stream({"type": "http"}, wire.receive, wire.send))
    await until(lambda: stream.live)
    try:
        yield stream, wire
    finally:
        wire.gate.set()
        wire.gone.set()
        await asyncio.gather(task, return_exceptions=True)


def test_a_change_is_encoded_as_the_table_says() -> None:
    event = make_event(ORG, 7, source_user_id="u1")
    lines = FRAMES.change(event, "whole", "5eaf00d5").decode().split("\n")
    assert lines[:2] == [f"id: {event['cursor']}-5eaf00d5", "event: reservation_updated"]
    assert json.loads(lines[2].removeprefix("data: ")) == {
        "type": "reservation_updated",
        "payload": event["payload"],
        "timestamp": "2026-11-22T15:00:00Z",
        "sourceUserId": "u1",
    }
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize(
    ("kind", "view", "name"),
    [
        ("reservation_updated", "moved", "reservation_canceled"),
        ("reservation_updated", "entered", "reservation_created"),
        ("maintenance_updated", "moved", "maintenance_canceled"),
        ("maintenance_updated", "entered", "maintenance_scheduled"),
    ],
)
def test_a_move_shows_only_the_side_that_may_be_seen(kind: str, view: Any, name: str) -> None:
    subject = kind.partition("_")[0]
    payload = {subject: {"id": "r", "title": "new"}, "previousState": {"id": "r", "title": "old"}}
    data = json.loads(
        FRAMES.change(make_event(ORG, 1, type=kind, payload=payload), view, "").decode().split("\n")[2][6:]
    )
    assert data["type"] == name
    hidden = "new" if view == "moved" else "old"
    assert hidden not in json.dumps(data)
    assert data["payload"].get("reason") == ("moved" if view == "moved" else None)


async def test_a_frame_goes_out_in_the_hubs_own_step_without_another_task() -> None:
    world = World()
    async with connected(world) as (_, wire):
        tasks = asyncio.all_tasks()
        for _ in range(100):
            world.commit()
        assert wire.seqs == list(range(1, 101))
        assert asyncio.all_tasks() == tasks


async def test_the_slow_lane_keeps_the_order() -> None:
    world = World(backlog=10**7)
    async with connected(world) as (_, wire):
        for number in range(900):
            if number % 7 == 0:
                wire.gate.clear()
            world.commit()
            if number % 11 == 0:
                wire.gate.set()
            if number % 13 == 0:
                await asyncio.sleep(0)
        wire.gate.set()
        await until(lambda: len(wire.seqs) == 900)
        assert wire.seqs == list(range(1, 901))


async def test_a_reader_that_cannot_keep_up_is_told_reset_and_closed_never_skipped() -> None:
    world = World(backlog=20_000)
    async with connected(world) as (stream, wire):
        world.commit()
        wire.gate.clear()
        for _ in range(100):
            world.commit(size=500)
        assert stream.ended
        assert world.hub.organizations == {}
        wire.gate.set()
        await until(lambda: not wire.messages[-1]["more_body"])
        assert wire.seqs == [1, 2]
        assert wire.text.endswith('event: reset\ndata: {"reason":"slow_consumer"}\n\n')


async def test_one_stuck_reader_does_not_hold_up_the_others() -> None:
    world = World()
    async with connected(world) as (_, stuck), connected(world) as (_, other):
        stuck.gate.clear()
        for _ in range(50):
            world.commit()
        assert other.seqs == list(range(1, 51))


async def test_a_connection_that_dies_in_a_step_takes_only_its_own_stream_along() -> None:
    world = World()
    async with connected(world) as (dying, wire), connected(world) as (_, other):

        async def broken(_: Any) -> None:
            raise RuntimeError("handler is closed")

        dying._send = broken
        world.commit()
        assert dying.ended
        assert other.seqs == [1]
        await until(lambda: dying in world.closed)
        assert wire.seqs == []


async def test_goodbye_is_the_last_frame_also_during_a_replay() -> None:
    world = World()
    for _ in range(3):
        world.log.commit(ORG)
    wire, stream = Wire(), await world.open()
    wire.gate.clear()
    task = asyncio.create_task(stream({"type": "http"}, wire.receive, wire.send))
    await asyncio.sleep(0)
    stream.end(FRAMES.bye("draining", 700))
    stream.push(b"never")
    wire.gate.set()
    wire.gone.set()
    await task
    assert wire.text.endswith('event: bye\ndata: {"reason":"draining"}\nretry: 700\n\n')
    assert not wire.messages[-1]["more_body"]
    assert "never" not in wire.text


async def test_a_stream_says_reauth_and_ends_with_its_token() -> None:
    world = World()
    wire, stream = Wire(), await world.open(expires_in=1)
    task = asyncio.create_task(stream({"type": "http"}, wire.receive, wire.send))
    await until(lambda: "token_expired" in wire.text)
    wire.gone.set()
    await task
    assert wire.text.index("event: reauth") < wire.text.index("event: bye")
    assert stream in world.closed


async def test_heartbeats_carry_the_position_that_a_filtered_stream_did_not_see() -> None:
    world = World()
    async with connected(world) as (stream, wire):
        pulse = Pulse(interval=0.05)
        pulse.add(stream)
        world.hub.regrant(stream, frozenset(), "")
        world.commit()
        assert wire.seqs == []
        pulse.beat()
        assert wire.seqs == [1]
        pulse.discard(stream)
        pulse.beat()
        assert wire.seqs == [1]


def test_heartbeats_are_spread_over_the_interval() -> None:
    world = World()
    pulse = Pulse(interval=20)
    for _ in range(100):
        pulse.add(
            Stream(
                world.hub,
                GrantRequest("user", ORG, "aal1", None),
                0,
                Filter(),
                backlog=1,
                stall=1,
                on_close=world.closed.append,
            )
        )
    assert {len(slot) for slot in pulse._slots} == {5}


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """The streams behind the BFF's own socket and protocol; the address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        stream = await world.open()
        await stream(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=Protocol, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for stream in world.streams:
            stream.end(b"")
        server.should_exit = True
        await task


def connect(url: str, *, receive_buffer: int = 4096, requests: int = 1) -> socket.socket:
    """A raw client that has asked and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    host, port = url.removeprefix("http://").split(":")
    client.connect((host, int(port)))
    client.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    return client


async def test_a_stuck_reader_is_noticed_soon_and_its_connection_aborted() -> None:
    world = World(backlog=50_000)
    async with serving(world) as url:
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


async def test_a_client_that_leaves_is_forgotten() -> None:
    world = World()
    async with serving(world) as url:
        client = connect(url)
        await until(lambda: world.streams and world.streams[0].live)
        client.close()
        await until(lambda: world.closed == world.streams)
        assert world.hub.organizations == {}


async def test_a_client_that_pipelines_a_second_request_and_leaves_is_forgotten() -> None:
    world = World()
    async with serving(world) as url:
        client = connect(url, requests=2)
        await until(lambda: world.streams and world.streams[0].live)
        client.close()
        await until(lambda: world.closed == world.streams)
        assert world.hub.organizations == {}


async def commit_slowly(world: World, count: int) -> None:
    for _ in range(count):
        world.commit(size=1_000)
        await asyncio.sleep(0.001)


async def test_frames_arrive_whole_at_a_real_client_while_others_are_stuck() -> None:
    world = World(backlog=30_000)
    received: list[Sent] = []
    async with serving(world) as url, httpx.AsyncClient(timeout=10) as http:
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
