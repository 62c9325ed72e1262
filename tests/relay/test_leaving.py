"""Clients that leave while their streams are being opened, or catch up."""

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from bff.relay.sse import Stream
from bff.routes.stream import unless_gone
from tests.relay.fakes import EMPTY, FakeLog, until
from tests.relay.wire import ORG, Wire, World, connect, serving_app


class Opening:
    """One that ends when it is let go on, and what became of it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.may_end = asyncio.Event()
        self.has_begun = False
        self.was_canceled = False
        self.is_open_already = False

    async def run(self) -> Stream:
        self.has_begun = True
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_canceled = True
            if not self.is_open_already:
                raise
        return self.stream


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_client_that_leaves_while_the_database_is_slow_gives_its_place_up_at_once() -> None:
    opening = Opening(World().make())
    raised: list[BaseException] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        try:
            await unless_gone(receive, opening.run())
        except ClientDisconnect as error:
            raised.append(error)

    async with serving_app(app) as url:
        client = connect(url)
        await until(lambda: opening.has_begun)
        client.close()
        await until(lambda: opening.was_canceled and raised)


async def test_a_client_that_stays_has_its_stream_and_nothing_goes_on_watching_it() -> None:
    opening = Opening(World().make())
    tasks = asyncio.all_tasks()
    opening.may_end.set()
    assert await unless_gone(never, opening.run()) is opening.stream
    await until(lambda: asyncio.all_tasks() == tasks)


async def test_a_stream_that_opened_in_the_moment_it_was_not_wanted_any_more_is_closed() -> None:
    world = World()
    opening = Opening(world.make())
    asking = asyncio.create_task(unless_gone(never, opening.run()))
    await until(lambda: opening.has_begun)
    opening.is_open_already = True
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert world.closed == [opening.stream]


async def test_why_a_stream_was_not_opened_is_passed_on() -> None:
    async def refuse() -> Stream:
        raise LookupError

    with pytest.raises(LookupError):
        await unless_gone(never, refuse())


async def test_what_a_client_missed_is_not_read_to_its_end_when_the_client_has_left() -> None:
    world = World(log=FakeLog(page_size=5), cursor=EMPTY)
    for _ in range(1_000):
        world.log.commit(ORG)
    wire, stream = Wire(direct=True), await world.open()
    opening = asyncio.create_task(stream(wire.scope, wire.receive, wire.send))
    await until(lambda: wire.seqs)
    wire.is_gone = True
    await opening
    assert world.closed == [stream]
    assert len(world.log.reads) < 50
    assert world.hub.organizations == {}
