"""`python -m bench.bare`: the BFF without limits, audit, metrics and logs, for `bench.middleware`.

The same application in the same server; nobody is served with it, so it is no setting of the product.
"""

import time

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.addresses import client_address
from bff.app import create_app
from bff.limits.middleware import AddressLimits, RateLimitHeaders, UserLimits
from bff.middleware import RequestContext
from bff.server import listen, serve
from bff.settings import Settings, load_settings
from bff.state import Noted
from bff.telemetry import REQUEST_ID_HEADER, request_id

LIMITS = (AddressLimits, RateLimitHeaders, UserLimits)


class Context:
    """What routes find in a request's state; `RequestContext` measures and logs besides."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            sent = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), None)
            scope.setdefault("state", {}).update(
                request_id=request_id(sent),
                # Deadlines count from here.
                started_at=time.perf_counter(),
                principal=None,
                client_address=client_address(scope),
                noted=Noted(),
                rate_limits=[],
            )
        await self.app(scope, receive, send)


def bare_settings(settings: Settings) -> Settings:
    """Nothing recorded, counted beyond the process, or logged."""
    off = {"audit_requests": False, "redis_url": None, "sentry_dsn": None, "log_level": "CRITICAL"}
    return settings.model_copy(update=off)


def create_bare_app(settings: Settings) -> Starlette:
    """The application of `bff.app` without these; metrics are not told of requests.

    Raises:
        RuntimeError: what should be left out is not there: the BFF is composed in another way.
    """
    app = create_app(bare_settings(settings))
    if missing := {RequestContext, *LIMITS} - {_class_of(each) for each in app.user_middleware}:
        raise RuntimeError(f"not in the application: {missing}")
    app.user_middleware = [
        Middleware(Context) if _class_of(each) is RequestContext else each
        for each in app.user_middleware
        if _class_of(each) not in LIMITS
    ]
    return app


def _class_of(middleware: Middleware) -> object:
    return middleware.cls


def main() -> None:
    """Serves until SIGTERM."""
    settings = load_settings()
    listener = listen(settings.host, settings.port, settings.relay_stall_seconds)
    serve(create_bare_app(settings), settings, listener)


if __name__ == "__main__":
    main()
