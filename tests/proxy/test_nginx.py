"""The stream through nginx with `ops/nginx.conf`; by `make proxy`, as neither pip nor npm brings nginx."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.actors import Actor, Organization
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, running_bff, stop
from tests.proxy.nginx import RunningNginx, running_nginx
from tests.relay.calendar import book, titles
from tests.relay.client import Watching, watch
from tests.relay.fakes import until

# More than the six connections that browsers open to a host over HTTP/1.1.
STREAMS = 8

Front = Callable[..., AbstractContextManager[RunningNginx]]


@pytest.fixture(scope="module")
def own_bff(stack: RunningStack) -> Iterator[RunningBff]:
    """A BFF whose heart beats fast, and that counts a user's streams."""
    settings = {"RELAY_HEARTBEAT_SECONDS": "0.3", "RELAY_MAX_STREAMS_PER_USER": str(STREAMS)}
    with running_bff(stack.env, stack.directory / "bff-proxied.log", **settings) as running:
        yield running


@pytest.fixture
def front(tmp_path: Path) -> Front:
    """Starts an nginx with its files in the test's folder."""

    def start(*bffs: RunningBff, **changes: str) -> AbstractContextManager[RunningNginx]:
        return running_nginx(tmp_path, *bffs, **changes)

    return start


@asynccontextmanager
async def watching(
    nginx: RunningNginx, actor: Actor, organization: Organization, cursor: str | None = None
) -> AsyncIterator[Watching]:
    """A stream through the proxy over HTTP/1.1."""
    headers = {"Authorization": f"Bearer {actor.token}"}
    if cursor is not None:
        headers["Last-Event-ID"] = cursor
    async with (
        httpx.AsyncClient(base_url=nginx.url, headers=headers, verify=nginx.trust) as http,
        watch(http, organization.id) as stream,
    ):
        yield stream


@pytest.mark.parametrize(
    "upstream",
    [{}, {"proxy_http_version": "1.0"}],
    ids=["as recommended", "with HTTP/1.0 to the BFF, nginx's own default"],
)
async def test_each_frame_arrives_before_the_next_booking_is_made(
    own_bff: RunningBff, front: Front, client: Client, office: Organization, upstream: dict[str, str]
) -> None:
    member = client(office.member)
    with front(own_bff, **upstream) as nginx:
        async with watching(nginx, office.viewer, office) as stream:
            for number in range(1, 6):
                await book(member, office.assets["planes"], str(number))
                await stream.until(lambda: len(stream.changes) == number)  # noqa: B023 - awaited here
            headers = stream.response.headers
    assert [title for _, title in titles(stream)] == ["1", "2", "3", "4", "5"]
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert "content-encoding" not in headers


async def test_heartbeats_keep_a_quiet_stream_open(
    own_bff: RunningBff, front: Front, client: Client, office: Organization
) -> None:
    with front(own_bff, proxy_read_timeout="1s") as nginx:
        async with watching(nginx, office.viewer, office) as stream:
            await stream.until(lambda: [frame.event for frame in stream.frames].count("heartbeat") > 6)
            await book(client(office.member), office.assets["planes"])
            await stream.get("reservation_created")
            assert not stream.ended


async def test_without_a_heartbeat_within_the_timeout_a_quiet_stream_is_cut_off(
    bff: RunningBff, front: Front, office: Organization
) -> None:
    with front(bff, proxy_read_timeout="1s") as nginx:
        async with watching(nginx, office.viewer, office) as stream:
            await stream.until(lambda: stream.ended)
            assert [frame.event for frame in stream.frames] == ["ready"]


async def test_after_a_reload_a_client_resumes_at_the_new_worker_and_has_missed_nothing(
    own_bff: RunningBff, front: Front, client: Client, office: Organization
) -> None:
    member, asset = client(office.member), office.assets["planes"]
    with front(own_bff, worker_shutdown_timeout="1s") as nginx:
        async with watching(nginx, office.viewer, office) as first:
            await book(member, asset, "before")
            await first.get("reservation_created")
            nginx.reload()
            await first.until(lambda: first.ended)
        await book(member, asset, "between")
        async with watching(nginx, office.viewer, office, first.cursor) as second:
            assert second.frames[0].data["resumed"] is True
            await book(member, asset, "after")
            await second.until(lambda: len(second.changes) == 2)
    assert [title for _, title in titles(first) + titles(second)] == ["before", "between", "after"]


async def test_goodbye_arrives_and_behind_the_same_address_another_process_takes_over(
    stack: RunningStack, front: Front, client: Client, office: Organization
) -> None:
    member, asset = client(office.member), office.assets["planes"]
    log = stack.directory / "bff-proxied-deploy.log"
    with (
        contextlib.ExitStack() as running,
        running_bff(stack.env, log) as old,
        front(old, running.enter_context(running_bff(stack.env, log))) as nginx,
    ):
        async with contextlib.AsyncExitStack() as opened:
            # nginx asks its servers in turn: one of two is at the process that goes.
            streams = [
                await opened.enter_async_context(watching(nginx, office.viewer, office)) for _ in range(2)
            ]
            await book(member, asset, "before")
            for stream in streams:
                await stream.get("reservation_created")
            assert await asyncio.to_thread(stop, old.process) == 0
            await until(lambda: any(stream.ended for stream in streams))
            (gone,) = [stream for stream in streams if stream.ended]
            bye = gone.frames[-1]
            assert (bye.event, bye.data) == ("bye", {"reason": "draining"})
            assert bye.retry is not None
            await book(member, asset, "between")
            async with watching(nginx, office.viewer, office, gone.cursor) as back:
                await back.get("reservation_created")
    assert [title for _, title in titles(gone) + titles(back)] == ["before", "between"]


def test_the_metrics_are_not_for_the_internet(own_bff: RunningBff, front: Front) -> None:
    with front(own_bff) as nginx:
        assert httpx.get(f"{own_bff.url}/api/metrics", timeout=20).status_code == 200
        for path in ("/api/metrics", "//api/metrics", "/api/%6detrics", "/api/v1/../metrics"):
            assert httpx.get(f"{nginx.url}{path}", verify=nginx.trust).status_code in (400, 404), path
        assert httpx.get(f"{nginx.url}/api/live", verify=nginx.trust).status_code == 200


async def test_a_client_that_goes_is_noticed_and_its_place_is_free_again(
    own_bff: RunningBff, front: Front, office: Organization
) -> None:
    with front(own_bff) as nginx:
        async with contextlib.AsyncExitStack() as opened:
            streams = [
                await opened.enter_async_context(watching(nginx, office.viewer, office))
                for _ in range(STREAMS)
            ]
            assert await refused(nginx, office)
            assert not any(stream.ended for stream in streams)
        await granted(nginx, office)


async def test_over_http2_many_streams_share_a_connection_and_one_that_is_given_up_is_noticed(
    own_bff: RunningBff, front: Front, client: Client, office: Organization
) -> None:
    with front(own_bff) as nginx:
        async with http2_streams(nginx, office, STREAMS) as streams:
            await until(lambda: [each.status for each in streams.each] == [200] * STREAMS)
            assert await refused(nginx, office)
            await book(client(office.member), office.assets["planes"])
            await until(lambda: all("reservation_created" in each.events for each in streams.each))
            streams.give_up(3)
            await granted(nginx, office)
            before = [each.events.count("reservation_created") for each in streams.each]
            await book(client(office.member), office.assets["planes"])
            others = [each for number, each in enumerate(streams.each) if number != 3]
            await until(lambda: all(each.events.count("reservation_created") == 2 for each in others))
            assert before == [1] * STREAMS
            assert streams.each[3].events.count("reservation_created") == 1
        await granted(nginx, office)


async def refused(nginx: RunningNginx, office: Organization) -> bool:
    """Whether the viewer has as many streams open as may be."""
    url = f"{nginx.url}/api/v1/organizations/{office.id}/calendar/stream"
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    async with (
        httpx.AsyncClient(headers=headers, verify=nginx.trust) as http,
        http.stream("GET", url) as response,
    ):
        assert response.status_code in (200, 429)
        return response.status_code == httpx.codes.TOO_MANY_REQUESTS


async def granted(nginx: RunningNginx, office: Organization) -> None:
    """Waits until the viewer may open another stream."""
    async with asyncio.timeout(10):
        while await refused(nginx, office):
            pass


class Http2Stream:
    """A stream of node's HTTP/2 client, and what came over it."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.events: list[str] = []


class Http2Streams:
    """Streams over one connection."""

    def __init__(self, count: int, node: asyncio.subprocess.Process) -> None:
        self.each = [Http2Stream() for _ in range(count)]
        self._node = node

    async def read(self) -> None:
        assert self._node.stdout is not None
        async for line in self._node.stdout:
            told: dict[str, Any] = json.loads(line)
            stream = self.each[told["stream"]]
            if "status" in told:
                stream.status = told["status"]
            else:
                stream.events.append(told["event"])

    def give_up(self, number: int) -> None:
        """Cancels one stream; the connection and the others stay."""
        assert self._node.stdin is not None
        self._node.stdin.write(f"{number}\n".encode())


@asynccontextmanager
async def http2_streams(nginx: RunningNginx, office: Organization, count: int) -> AsyncIterator[Http2Streams]:
    """The viewer's streams over one HTTP/2 connection."""
    node = await asyncio.create_subprocess_exec(
        "node",
        str(Path(__file__).with_name("http2_client.mjs")),
        nginx.url,
        f"/api/v1/organizations/{office.id}/calendar/stream",
        office.viewer.token,
        str(count),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    streams = Http2Streams(count, node)
    reading = asyncio.create_task(streams.read())
    try:
        yield streams
    finally:
        assert node.stdin is not None
        node.stdin.close()
        await asyncio.wait_for(node.wait(), 10)
        await reading
