"""`/realtime/v1`: the Realtime process, its websocket frame by frame."""

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from stack.gateway.errors import KeyRefusedError, UnavailableError

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest, GatewayWebSocket

# A Realtime that is alive but frozen is noticed after both, as it would be through a hosted load balancer.
PING_SECONDS = 20.0
PONG_SECONDS = 20.0

# Codes that no close frame may carry (RFC 6455, 7.4.1): the connection was lost, not closed.
_LOST = frozenset({1005, 1006, 1015})
_LOST_TO_CLIENT = 1011  # what the client is told instead

# The handshake's own fields; the rest of a client's headers goes on.
_OF_THE_HANDSHAKE = frozenset({"host", "connection", "upgrade", "origin", "content-length"})


async def broadcast(request: "GatewayRequest") -> Response:
    """Pass an HTTP broadcast on to the Realtime process, which decides by key or token."""
    request.state["credentials"].key_of(request)
    return await request.state["realtime"].forward(request, {})


async def websocket(client: "GatewayWebSocket") -> None:
    """Connect to the Realtime process, then pass messages and the close on, both ways.

    The upgrade is answered only when the Realtime process has answered it: 503 while it is down.
    """
    try:
        client.state["credentials"].key_of(client)
    except KeyRefusedError as refusal:
        await client.send_denial_response(refusal.response(client))
        return
    settings = client.state["settings"]
    base = settings.realtime_url.replace("http", "ws", 1).rstrip("/")
    headers = [
        (name, value)
        for name, value in client.headers.items()
        if name not in _OF_THE_HANDSHAKE and not name.startswith("sec-websocket-")
    ]
    try:
        upstream = await connect(
            f"{base}{client.url.path}?{client.url.query}",
            additional_headers=headers,
            subprotocols=[Subprotocol(each) for each in client.scope["subprotocols"]] or None,
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=settings.max_frame_bytes,
            open_timeout=settings.connect_seconds,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
        )
    except InvalidStatus as error:
        answer = error.response
        kind = answer.headers.get("content-type", "text/plain")
        await client.send_denial_response(
            Response(bytes(answer.body or b""), answer.status_code, media_type=kind)
        )
        return
    except (OSError, TimeoutError, InvalidHandshake):
        await client.send_denial_response(UnavailableError("realtime").response(client))
        return
    await client.accept(upstream.subprotocol)
    await _exchange(client, upstream)


async def _exchange(client: "GatewayWebSocket", upstream: ClientConnection) -> None:
    up = asyncio.create_task(_to_realtime(client, upstream))
    down = asyncio.create_task(_to_client(client, upstream))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        await upstream.close()
    for task in (up, down):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _to_realtime(client: "GatewayWebSocket", upstream: ClientConnection) -> None:
    """The client's messages; its close ends the connection to the Realtime process with the same code."""
    while True:
        message: Message = await client.receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code", 1005)
            await upstream.close(1001 if code in _LOST else code, message.get("reason") or "")
            return
        text = message.get("text")
        try:
            await upstream.send(text if text is not None else message["bytes"])
        except ConnectionClosed:
            return  # the other direction tells the client


async def _to_client(client: "GatewayWebSocket", upstream: ClientConnection) -> None:
    """The Realtime process's messages and, at their end, its close."""
    # One message at a time: a slow client fills its socket, `send` waits, and so in the end does Realtime.
    try:
        while True:
            message = await upstream.recv()
            await client.send(
                {"type": "websocket.send", "text": message}
                if isinstance(message, str)
                else {"type": "websocket.send", "bytes": message}
            )
    except WebSocketDisconnect:
        return  # the other direction tells Realtime
    except ConnectionClosed as closed:
        if client.client_state is WebSocketState.DISCONNECTED:
            return
        frame = closed.rcvd or closed.sent
        code = frame.code if frame is not None else 1006
        await client.close(_LOST_TO_CLIENT if code in _LOST else code, frame.reason if frame else "")
