"""The gateway's application: routes, error answers, CORS, and the resources behind them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Lifespan
from starlette.websockets import WebSocket

from stack.gateway import admin, mfa, rest, sessions, storage, websocket
from stack.gateway.accounts import Accounts, open_accounts
from stack.gateway.credentials import Credentials
from stack.gateway.errors import GatewayError, not_routed, refused
from stack.gateway.keys import SigningKey
from stack.gateway.settings import GatewaySettings
from stack.gateway.upstream import Upstream

PREFLIGHT_SECONDS = 3600  # how long a browser may keep a preflight's answer, as hosted
METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"]
EXPOSED = [
    *("Content-Encoding", "Content-Location", "Content-Range", "Content-Type", "Date", "Location"),
    *("Preference-Applied", "Range-Unit", "Link", "X-Total-Count", "X-Supabase-Api-Version"),
]


class GatewayState(TypedDict):
    """What every request finds in its state."""

    settings: GatewaySettings
    signing_key: SigningKey
    credentials: Credentials
    accounts: Accounts
    rest: Upstream
    realtime: Upstream


GatewayRequest = Request[GatewayState]
GatewayWebSocket = WebSocket[GatewayState]


def create_app(settings: GatewaySettings) -> Starlette:
    """The gateway as an ASGI application.

    Raises:
        OSError: the signing key's file cannot be read.
        ValueError: it holds no EC P-256 key.
    """
    signing_key = SigningKey.read(settings.signing_key_file)
    auth = "/auth/v1"
    return Starlette(
        routes=[
            Route("/_ready", ready),
            Route(f"{auth}/.well-known/jwks.json", sessions.jwks),
            Route(f"{auth}/health", sessions.public),
            Route(f"{auth}/settings", sessions.public),
            Route(f"{auth}/signup", sessions.issue, methods=["POST"]),
            Route(f"{auth}/token", sessions.issue, methods=["POST"]),
            Route(f"{auth}/logout", sessions.logout, methods=["POST"]),
            Route(f"{auth}/user", sessions.user, methods=["GET", "PUT"]),
            Route(f"{auth}/factors", mfa.enroll, methods=["POST"]),
            Route(f"{auth}/factors/{{factor_id}}", mfa.unenroll, methods=["DELETE"]),
            Route(f"{auth}/factors/{{factor_id}}/challenge", mfa.challenge, methods=["POST"]),
            Route(f"{auth}/factors/{{factor_id}}/verify", mfa.verify, methods=["POST"]),
            Route(f"{auth}/admin/users", admin.create_user, methods=["POST"]),
            Route(f"{auth}/admin/users", admin.list_users, methods=["GET"]),
            Route(f"{auth}/admin/users/{{user_id}}", admin.get_user, methods=["GET"]),
            Route(f"{auth}/admin/users/{{user_id}}", admin.delete_user, methods=["DELETE"]),
            Route(f"{auth}/admin/users/{{user_id}}/factors", mfa.admin_list, methods=["GET"]),
            Route(
                f"{auth}/admin/users/{{user_id}}/factors/{{factor_id}}", mfa.admin_delete, methods=["DELETE"]
            ),
            WebSocketRoute("/realtime/v1/websocket", websocket.websocket),
            Route("/realtime/v1/api/broadcast", websocket.broadcast, methods=["POST"]),
            Route("/realtime/v1/api/broadcast/{message:path}", websocket.broadcast, methods=["POST"]),
            Route("/rest/v1/{path:path}", rest.rest, methods=METHODS),
            Route("/storage/v1/{path:path}", storage.storage, methods=METHODS),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=METHODS,
                allow_headers=["*"],
                expose_headers=EXPOSED,
                max_age=PREFLIGHT_SECONDS,
            )
        ],
        exception_handlers={
            GatewayError: refused,
            HTTPException: not_routed,
        },
        lifespan=lifespan(settings, signing_key),
    )


def lifespan(settings: GatewaySettings, signing_key: SigningKey) -> Lifespan[Starlette]:
    """Opens the pools and closes them."""

    @asynccontextmanager
    async def opened(_: Starlette) -> AsyncIterator[GatewayState]:
        async with AsyncExitStack() as stack:
            accounts = await stack.enter_async_context(
                open_accounts(
                    settings.database_url.get_secret_value(),
                    connections=settings.database_connections,
                    wait_seconds=settings.database_seconds,
                )
            )
            rest_upstream = _upstream("rest", settings.rest_url, settings)
            stack.push_async_callback(rest_upstream.aclose)
            realtime_upstream = _upstream("realtime", settings.realtime_url, settings)
            stack.push_async_callback(realtime_upstream.aclose)
            yield GatewayState(
                settings=settings,
                signing_key=signing_key,
                credentials=Credentials(
                    publishable_key=settings.publishable_key.get_secret_value(),
                    secret_key=settings.secret_key.get_secret_value(),
                    signing_key=signing_key,
                    secret=settings.jwt_secret.get_secret_value(),
                ),
                accounts=accounts,
                rest=rest_upstream,
                realtime=realtime_upstream,
            )

    return opened


def _upstream(name: str, url: str, settings: GatewaySettings) -> Upstream:
    return Upstream(
        name,
        url,
        connections=settings.pool_connections,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
    )


async def ready(_: GatewayRequest) -> Response:
    """200: the gateway itself serves, whatever becomes of the processes behind it."""
    return JSONResponse({"status": "ready"})
