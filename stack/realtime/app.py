"""The ASGI application: websockets, HTTP broadcast, readiness, and the tests' control."""

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from psycopg_pool import AsyncConnectionPool
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from stack.realtime.authorization import Authorizer, Pool
from stack.realtime.connection import Connection
from stack.realtime.hub import Hub
from stack.realtime.knobs import Commands, Knobs
from stack.realtime.listener import Listener
from stack.realtime.protocol import BINARY_ENCODING, Broadcast, UserPush, Version
from stack.realtime.settings import RealtimeSettings
from stack.realtime.tokens import Identity, RefusedError, Verifier, load_public_key

DATABASE_TIMEOUT_SECONDS = 5.0
# A policy that does not come to an end must not hold a connection for ever.
STATEMENT_TIMEOUT = "-c statement_timeout=5000"


@dataclass(frozen=True)
class Server:
    """What the routes share."""

    hub: Hub
    verifier: Verifier
    authorizer: Authorizer
    listener: Listener


class State(TypedDict):
    """The lifespan's state."""

    server: Server


def create_app(settings: RealtimeSettings) -> Starlette:
    """The application for these settings.

    Raises:
        OSError: the signing key cannot be read.
        ValueError: it is no elliptic curve key.
    """
    verifier = Verifier(
        load_public_key(settings.signing_key_file.read_bytes()),
        settings.issuer,
        settings.publishable_key.get_secret_value(),
        settings.secret_key.get_secret_value(),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[State]:
        pool: Pool = AsyncConnectionPool(
            settings.database_url,
            min_size=1,
            max_size=4,
            open=False,
            timeout=DATABASE_TIMEOUT_SECONDS,
            kwargs={"autocommit": True, "options": STATEMENT_TIMEOUT},
            # After a restart of Postgres the pool holds dead connections.
            check=AsyncConnectionPool.check_connection,
        )
        hub = Hub()
        async with pool:
            listener = Listener(
                settings.database_url, pool, hub.publish, lambda: hub.faults.knobs.relisten_ms / 1000
            )
            tasks = [asyncio.create_task(listener.run()), asyncio.create_task(listener.keep_house())]
            yield {"server": Server(hub, verifier, Authorizer(pool), listener)}
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)

    batch, single = "/api/broadcast", "/api/broadcast/{topic:path}/events/{event:path}"
    return Starlette(
        routes=[
            WebSocketRoute("/realtime/v1/websocket", _websocket),
            WebSocketRoute("/socket/websocket", _websocket),
            *(Route(prefix + batch, _broadcast_batch, methods=["POST"]) for prefix in ("/realtime/v1", "")),
            *(Route(prefix + single, _broadcast_one, methods=["POST"]) for prefix in ("/realtime/v1", "")),
            Route("/_ready", _ready),
            Route("/_control", _read_control),
            Route("/_control", _turn, methods=["POST"]),
        ],
        lifespan=lifespan,
    )


def _server(connection: HTTPConnection) -> Server:
    server: Server = connection.state.server
    return server


async def _websocket(websocket: WebSocket) -> None:
    server = _server(websocket)
    refusal = server.hub.faults.knobs.refuse_connects
    if refusal is not False:
        await websocket.send_denial_response(Response(status_code=503 if refusal is True else refusal))
        return
    try:
        version = Version(websocket.query_params.get("vsn", "1.0.0"))
    except ValueError:
        await websocket.send_denial_response(_message("unsupported vsn", 400))
        return
    try:
        identity = server.verifier.apikey(_apikey(websocket))
    except RefusedError:
        await websocket.send_denial_response(_message("Unauthorized", 401))
        return
    await Connection(websocket, version, identity, server.hub, server.verifier, server.authorizer).serve()


def _apikey(connection: HTTPConnection) -> str:
    headers = connection.headers
    return headers.get("x-api-key") or headers.get("apikey") or connection.query_params.get("apikey") or ""


def _caller(request: Request) -> Identity:
    server = _server(request)
    identity = server.verifier.apikey(_apikey(request))
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token and not token.startswith("sb_"):
        identity = server.verifier.token(token)
    return identity


async def _broadcast_batch(request: Request) -> Response:
    try:
        caller = _caller(request)
    except RefusedError:
        return _message("Unauthorized", 401)
    messages = _messages(await request.body())
    if messages is None:
        return JSONResponse(
            {
                "errors": {
                    "messages": ["each needs a topic, an event and a payload, and private may be a boolean"]
                }
            },
            422,
        )
    server = _server(request)
    allowed: dict[str, bool] = {}
    for message in messages:
        topic, private = message["topic"], message.get("private", False)
        if private and topic not in allowed:
            try:
                allowed[topic] = await server.authorizer.writable(topic, caller)
            except RefusedError as refusal:
                return _message(str(refusal), 503)
        # As on hosted Supabase, what the policies refuse is left out, and the answer is 202 all the same.
        if not private or allowed[topic]:
            server.hub.publish(topic, private, Broadcast.live(topic, message["event"], message["payload"]))
    return Response(status_code=202)


def _messages(body: bytes) -> list[dict[str, Any]] | None:
    try:
        messages = json.loads(body)["messages"]
        is_valid = isinstance(messages, list) and all(
            isinstance(message["topic"], str)
            and isinstance(message["event"], str)
            and isinstance(message["payload"], dict)
            and isinstance(message.get("private", False), bool)
            for message in messages
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return messages if is_valid else None


async def _broadcast_one(request: Request) -> Response:
    try:
        caller = _caller(request)
    except RefusedError:
        return _message("Unauthorized", 401)
    server = _server(request)
    topic, event = request.path_params["topic"], request.path_params["event"]
    private = request.query_params.get("private") == "true"
    if private:
        try:
            if not await server.authorizer.writable(topic, caller):
                return _message("Unauthorized", 401)
        except RefusedError as refusal:
            return _message(str(refusal), 503)
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/octet-stream"):
        broadcast = Broadcast(topic, None, (UserPush(event, BINARY_ENCODING, body), None))
    else:
        try:
            broadcast = Broadcast.live(topic, event, json.loads(body))
        except ValueError:
            return _message("the body is not JSON", 422)
    server.hub.publish(topic, private, broadcast)
    return Response(status_code=202)


def _message(text: str, status: int) -> Response:
    return JSONResponse({"message": text}, status)


async def _ready(request: Request) -> Response:
    is_ready = _server(request).listener.listening
    return JSONResponse({"listening": is_ready}, 200 if is_ready else 503)


def _is_local(request: Request) -> bool:
    # A proxy on this machine has a loopback address too, but says for whom it asks.
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    return ipaddress.ip_address(request.client.host).is_loopback


def _control(server: Server) -> Response:
    hub = server.hub
    return JSONResponse(
        {
            **hub.faults.knobs.model_dump(),
            "listening": server.listener.listening,
            "connections": len(hub.sockets),
            "channels": hub.channels,
            "published": hub.published,
            "delivered": hub.delivered,
            "dropped": hub.faults.dropped,
        }
    )


async def _read_control(request: Request) -> Response:
    if not _is_local(request):
        return Response(status_code=404)
    return _control(_server(request))


async def _turn(request: Request) -> Response:
    if not _is_local(request):
        return Response(status_code=404)
    server = _server(request)
    hub = server.hub
    try:
        body: dict[str, Any] = dict(await request.json())
        commands = Commands.model_validate(
            {key: body.pop(key) for key in list(body) if key in Commands.model_fields}
        )
        former = {} if commands.reset else hub.faults.knobs.model_dump()
        knobs = Knobs.model_validate({**former, **body})
    except ValidationError as error:
        return JSONResponse({"errors": error.errors(include_url=False, include_context=False)}, 400)
    except (ValueError, TypeError):
        return _message("the body must be a JSON object", 400)
    hub.faults.turn(knobs)
    if commands.expire_tokens:
        hub.expire_all()
    if commands.close_channels:
        hub.shut_all()
    if commands.mute:
        hub.mute_all()
    if commands.close is not None:
        hub.close_all(commands.close)
    return _control(server)
