"""A feed and what it heard, a relay in this process and what its streams were shown, a link that breaks."""

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from bff.relay import Relay, RelayConfig, open_relay
from bff.relay.cadence import Cadence
from bff.relay.feed import Feed, Message
from bff.relay.log import PAGE_EVENTS
from bff.relay.organization import Subscriber
from bff.relay.pages import Page
from bff.relay.views import Filter
from tests.actors import Connection, Organization, as_user, rpc
from tests.harness import RunningStack
from tests.relay.calendar import slot
from tests.relay.fakes import EMPTY, until

numbers = itertools.count(1)
# The relay's judgement of a feed, whose patience is of seconds, by a clock that goes this much faster.
HASTE = 10


def realtime(stack: RunningStack) -> dict[str, Any]:
    """Realtime's knobs and counters."""
    state: dict[str, Any] = httpx.get(f"{stack.control_url}/_control").json()
    return state


def send(db: Connection, number: int, **payload: Any) -> None:
    """A message on the relay's topic, as SQL sends it."""
    db.execute(
        """
        select realtime.send(
            %s::jsonb || jsonb_build_object('seq', %s::int), 'calendar_event', 'calendar-events', true)
        """,
        [json.dumps(payload), number],
    )


class Listener:
    """A feed and what it heard."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        self.queue: asyncio.Queue[Message] = asyncio.Queue(options.pop("room", 100))
        self.changes: list[bool] = []
        self.feed = Feed(url, key, self.queue, self.changes.append, **options)

    async def hears(self, db: Connection) -> None:
        """A message sent now arrives."""
        number = next(numbers)
        while not self.queue.empty():
            self.queue.get_nowait()
        send(db, number)
        async with asyncio.timeout(10):
            while (await self.queue.get()).payload.get("seq") != number:
                pass


@asynccontextmanager
async def listening(stack: RunningStack, url: str = "", **options: Any) -> AsyncIterator[Listener]:
    """A feed that runs; `url` stands for the project's, `options` are the feed's, and `room` its queue's."""
    listener = Listener(url or stack.url, stack.secret_key, **options)
    task = asyncio.create_task(listener.feed.run())
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Follower(Subscriber):
    """A stream that remembers the numbers of the events that it was shown."""

    def __init__(self, organization: Organization) -> None:
        super().__init__(organization.id, Filter())
        self.office = organization
        self.seqs: list[int] = []

    def push(self, chunk: bytes) -> None:
        self.seqs += map(int, re.findall(rb"^id: (\d+)-", chunk, re.MULTILINE))

    def end(self, chunk: bytes) -> None:
        self.push(chunk)
        self.ended = True


class Supervised:
    """A relay in this process, and a stream of each organisation."""

    def __init__(self, stack: RunningStack, relay: Relay, cadence: Cadence) -> None:
        self.relay = relay
        self.cadence = cadence
        self.followers: list[Follower] = []
        self.reads = 0
        self._stack = stack
        self._read = relay.hub.read
        relay.hub.read = self._count

    async def _count(self, requests: Sequence[tuple[str, str]], limit: int = PAGE_EVENTS) -> Sequence[Page]:
        pages = await self._read(requests, limit)
        self.reads += 1
        return pages

    async def follow(self, organization: Organization) -> Follower:
        follower = Follower(organization)
        self.followers.append(follower)
        self.relay.hub.enter(follower, EMPTY)
        assert await self.relay.hub.place(follower, None) is None
        async for chunk in self.relay.hub.replay(follower):
            follower.push(chunk)
        return follower

    @property
    def status(self) -> str:
        return str(self.relay.status()["status"])

    @property
    def lives(self) -> int:
        return self.relay.feed.lives

    @property
    def hinted(self) -> int:
        """Events that came by Realtime, not from the log."""
        return self.relay.hub.counts.published - self.relay.hub.counts.from_log

    async def believed(self) -> None:
        """The feed is up, and the log is read as seldom as can be."""
        await until(lambda: self.status == "up" and self.cadence.delay == self.cadence._slow)

    def book(self, follower: Follower, count: int = 1) -> None:
        """Bookings, each in a transaction of its own."""
        office = follower.office
        with as_user(self._stack.database_url, office.member) as member:
            for _ in range(count):
                time_taken = {f"p_{name}": value for name, value in slot().items()}
                rpc(
                    member,
                    "create_reservation",
                    p_asset_id=office.assets["planes"],
                    p_title="Trip",
                    **time_taken,
                )

    async def sees(self, follower: Follower, count: int) -> None:
        """The stream is shown `count` events since it began: each once and in order."""
        await until(lambda: len(follower.seqs) >= count)
        assert follower.seqs == list(range(1, count + 1))

    async def hears(self, follower: Follower) -> None:
        """A booking made now comes by Realtime."""
        before = self.hinted
        self.book(follower)
        await self.sees(follower, len(follower.seqs) + 1)
        assert self.hinted == before + 1


@asynccontextmanager
async def supervised(
    stack: RunningStack,
    *organizations: Organization,
    slow: float = 0.5,
    fast: float = 0.2,
    haste: float = HASTE,
) -> AsyncIterator[Supervised]:
    """A relay in this process whose feed is up, with one stream for each organisation.

    Args:
        stack: whose Realtime and log it listens to.
        organizations: whose streams are open.
        slow: seconds between polls while all is well.
        fast: seconds between polls otherwise.
        haste: how much faster than the clock the feed is judged.
    """
    async with open_relay(RelayConfig(stack.url, stack.secret_key)) as relay:
        cadence = Cadence(slow, fast, clock=lambda: time.monotonic() * haste)
        relay._cadence = cadence
        watched = Supervised(stack, relay, cadence)
        for organization in organizations:
            await watched.follow(organization)
        await until(lambda: watched.status == "up")
        yield watched


@asynccontextmanager
async def believed(
    stack: RunningStack, organization: Organization, **options: float
) -> AsyncIterator[tuple[Supervised, Follower]]:
    """A relay whose feed is up and believed, and its one stream; `options` as in `supervised`."""
    async with supervised(stack, organization, **options) as watched:
        await watched.believed()
        (stream,) = watched.followers
        yield watched, stream


class Link:
    """A TCP connection to a server through this process, that can break as networks do."""

    def __init__(self, url: str, server: asyncio.Server) -> None:
        self.url = url
        self.server = server
        self.writers: set[asyncio.StreamWriter] = set()

    def abort(self) -> None:
        """Resets every connection, without a close of any kind."""
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def link_to(url: str) -> AsyncIterator[Link]:
    """A link to the server at `url`, on a port of its own."""
    target = urlsplit(url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(target.hostname, target.port)
        both = {writer, upstream}
        link.writers |= both
        try:
            await asyncio.gather(carry(reader, upstream), carry(upstream_reader, writer))
        finally:
            link.writers -= both

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    link = Link(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", server)
    try:
        yield link
    finally:
        server.close()
        link.abort()
