"""`/realtime/v1/websocket` passes on what is said, how it ends, and how fast it can be read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.harness import RunningStack
from tests.stack.gateways import RunningGateway, running_gateway

Handler = Callable[[ServerConnection], Awaitable[None]]


class Realtime:
    """A stand-in for the Realtime process; each test says what it does with a connection."""

    def __init__(self) -> None:
        self.handle: Handler = self.echo
        self.refuse: HTTPStatus | None = None

    async def echo(self, connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def serve(self, connection: ServerConnection) -> None:
        await self.handle(connection)

    async def process(self, connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(self.refuse, "not you\n") if self.refuse else None


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[tuple[Realtime, str]]:
    realtime = Realtime()
    async with serve(
        realtime.serve,
        "127.0.0.1",
        0,
        process_request=realtime.process,
        select_subprotocol=lambda _, offered: Subprotocol("phoenix") if "phoenix" in offered else None,
        compression=None,
    ) as server:
        yield realtime, f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@pytest.fixture(scope="module")
async def gateway(stack: RunningStack, listening: tuple[Realtime, str]) -> AsyncIterator[RunningGateway]:
    log = stack.directory / "gateway-websocket.log"
    running = running_gateway(stack, log, realtime=listening[1], GATEWAY_MAX_FRAME_BYTES="1000000")
    # Its start polls and blocks; the stand-in needs the loop only afterwards.
    with running as started:
        yield started


@pytest.fixture
def realtime(listening: tuple[Realtime, str]) -> Realtime:
    stand_in = listening[0]
    stand_in.handle, stand_in.refuse = stand_in.echo, None
    return stand_in


@asynccontextmanager
async def connected(gateway: RunningGateway, **options: object) -> AsyncIterator[ClientConnection]:
    async with connect(gateway.websocket_url, proxy=None, **options) as client:  # type: ignore[arg-type]
        yield client


@pytest.mark.usefixtures("realtime")
async def test_messages_come_through_both_ways_in_order_and_kind(gateway: RunningGateway) -> None:
    messages: list[str | bytes] = [f"text {n}" if n % 2 else bytes([n, 0, 255]) for n in range(200)]
    async with connected(gateway) as client:
        for message in messages:
            await client.send(message)
        assert [await client.recv() for _ in messages] == messages


async def test_the_query_and_the_headers_come_through(gateway: RunningGateway, realtime: Realtime) -> None:
    async def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(connection.request.path)
        await connection.send(connection.request.headers["X-Client-Info"])

    realtime.handle = tell
    async with connected(gateway, additional_headers={"X-Client-Info": "a test"}) as client:
        assert await client.recv() == gateway.websocket_url[gateway.websocket_url.index("/realtime") :]
        assert await client.recv() == "a test"


@pytest.mark.usefixtures("realtime")
async def test_the_subprotocol_is_the_realtime_processs_choice(gateway: RunningGateway) -> None:
    async with connected(gateway, subprotocols=["phoenix", "other"]) as client:
        assert client.subprotocol == "phoenix"
    async with connected(gateway) as client:
        assert client.subprotocol is None


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1012, "restart"), (4001, "token expired")])
async def test_realtimes_close_reaches_the_client(
    gateway: RunningGateway, realtime: Realtime, code: int, reason: str
) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.close(code, reason)

    realtime.handle = close
    async with connected(gateway) as client:
        assert await client.recv() == "last words"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (4002, "enough")])
async def test_the_clients_close_reaches_realtime(
    gateway: RunningGateway, realtime: Realtime, code: int, reason: str
) -> None:
    seen: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        assert connection.close_code is not None
        seen.set_result((connection.close_code, connection.close_reason or ""))

    realtime.handle = wait
    async with connected(gateway) as client:
        await client.close(code, reason)
    assert await asyncio.wait_for(seen, 5) == (code, reason)


async def test_a_lost_realtime_is_an_error_to_the_client(gateway: RunningGateway, realtime: Realtime) -> None:
    async def break_off(connection: ServerConnection) -> None:
        await connection.send("last words")
        connection.transport.abort()

    realtime.handle = break_off
    async with connected(gateway) as client:
        assert await client.recv() == "last words"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


async def test_a_lost_client_is_told_to_realtime(gateway: RunningGateway, realtime: Realtime) -> None:
    seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        seen.set_result(connection.close_code)

    realtime.handle = wait
    async with connected(gateway) as client:
        client.transport.abort()
        assert await asyncio.wait_for(seen, 5) == 1001


async def test_a_client_that_does_not_read_slows_realtime_down(
    gateway: RunningGateway, realtime: Realtime
) -> None:
    total, sent = 400, 0
    stalled = asyncio.Event()

    async def pour(connection: ServerConnection) -> None:
        nonlocal sent
        while sent < total:
            sending = asyncio.ensure_future(connection.send(b"x" * 256_000))
            done, _ = await asyncio.wait((sending,), timeout=1.0)
            if not done:
                stalled.set()
            await sending
            sent += 1
        await connection.wait_closed()

    realtime.handle = pour
    async with connected(gateway, max_queue=1) as client:
        await asyncio.wait_for(stalled.wait(), 20)
        # What the sockets on the way hold, and no more: nothing is piled up in the gateway.
        assert sent < total / 2
        for _ in range(total):
            assert len(await client.recv()) == 256_000
        assert sent == total


@pytest.mark.usefixtures("realtime")
async def test_a_message_over_the_bound_ends_the_connection(gateway: RunningGateway) -> None:
    async with connected(gateway) as client:
        with contextlib.suppress(ConnectionClosed):
            await client.send(b"x" * 1_000_001)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_without_a_good_key_the_upgrade_is_refused(gateway: RunningGateway) -> None:
    address = gateway.websocket_url.partition("?")[0]
    for query in ("", "?apikey=sb_publishable_made_up"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address + query, proxy=None)
        assert refused.value.response.status_code == 401


async def test_a_refusal_of_realtime_is_passed_on(gateway: RunningGateway, realtime: Realtime) -> None:
    realtime.refuse = HTTPStatus.FORBIDDEN
    with pytest.raises(InvalidStatus) as refused:
        await connect(gateway.websocket_url, proxy=None)
    assert refused.value.response.status_code == 403
    assert refused.value.response.body == b"not you\n"


@pytest.mark.usefixtures("realtime")
async def test_no_key_is_written_to_the_log(stack: RunningStack, gateway: RunningGateway) -> None:
    async with connected(gateway):
        pass
    log = (stack.directory / "gateway-websocket.log").read_text()
    assert gateway.publishable_key not in log
    assert gateway.secret_key not in log


async def test_without_realtime_the_upgrade_answers_503(stack: RunningStack) -> None:
    with running_gateway(stack, stack.directory / "gateway-deaf.log") as deaf:
        with pytest.raises(InvalidStatus) as refused:
            await connect(deaf.websocket_url, proxy=None)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "1"
