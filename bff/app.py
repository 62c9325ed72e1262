"""`create_app`: routes, middleware in the order of execution, and what lives as long as the process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bff import docs, openapi
from bff.audit.keeper import AuditConfig
from bff.audit.middleware import Audit, Room
from bff.audit.recorder import Recorder, open_audit
from bff.audit.spool import project_of
from bff.audit.subjects import Subjects
from bff.audit.writer import Writer
from bff.auth import Authenticator, Jwks
from bff.errors import ApiError
from bff.exchange import Bounds, Exchange, Part, Timing
from bff.flags import off_headers
from bff.health import HealthMonitor, service_headers
from bff.http import Endpoint, to_routes
from bff.identity import AuthServer
from bff.limits.middleware import AddressLimits, RateLimitHeaders, UserLimits
from bff.limits.policies import NAMES
from bff.limits.service import LimitsConfig, open_limits
from bff.metrics import Metrics
from bff.middleware import (
    Authentication,
    BodyLimit,
    Errors,
    RequestContext,
    SecurityHeaders,
    handle_error,
)
from bff.overload import BodyDeadline, HeadLimit, Overload
from bff.paths import PlainPaths
from bff.pool import Pool
from bff.relay import Limits, Relay, RelayConfig, open_relay
from bff.repository import Supabase
from bff.routes import (
    accounts,
    approvals,
    assets,
    audit,
    auth,
    blackouts,
    holds,
    invitations,
    maintenance,
    members,
    organizations,
    page,
    photos,
    reports,
    reservations,
    rules,
    series,
    stream,
    system,
    tiers,
    waitlist,
)
from bff.settings import Settings, SettingsError, load_settings
from bff.state import State
from bff.telemetry import configure_logging, lines_dropped

if TYPE_CHECKING:
    from bff.reporting import Reporter

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *system.ENDPOINTS,
    *auth.ENDPOINTS,
    *accounts.ENDPOINTS,
    *organizations.ENDPOINTS,
    *members.ENDPOINTS,
    *invitations.ENDPOINTS,
    *tiers.ENDPOINTS,
    *rules.ENDPOINTS,
    *blackouts.ENDPOINTS,
    *assets.ENDPOINTS,
    *photos.ENDPOINTS,
    *reservations.ENDPOINTS,
    *series.ENDPOINTS,
    *waitlist.ENDPOINTS,
    *maintenance.ENDPOINTS,
    *holds.ENDPOINTS,
    *approvals.ENDPOINTS,
    *reports.ENDPOINTS,
    *audit.ENDPOINTS,
    *stream.ENDPOINTS,
)
# Whoever asks these for tokens has none, or one that has expired: what they send as one is not looked at.
TOKENLESS: Final = frozenset({auth.sign_in.path, auth.refresh_session.path})
CORS_METHODS: Final = ("GET", "POST", "PATCH", "DELETE")
CORS_REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Request-ID",
)
CORS_RESPONSE_HEADERS: Final = (
    "ETag",
    "Location",
    "Link",
    "Retry-After",
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
)
CORS_MAX_AGE: Final = 600  # seconds; Chromium keeps a preflight for two hours at most


def create_app(settings: Settings | None = None) -> Starlette:
    """The application, ready for any ASGI server.

    Args:
        settings: By default those of the environment.

    Raises:
        SettingsError: A variable is missing or wrong.
        OSError: The folder for several processes' metrics cannot be made.

    """
    settings = settings or load_settings()
    reporter = start_reporting(settings)
    metrics = Metrics(settings.workers)
    if settings.audit_requests:
        _make_spool_dir(settings.audit_spool_dir)
    app = Starlette(
        routes=[*to_routes(ENDPOINTS), *_page_routes(settings)],
        middleware=_middleware(settings, metrics),
        exception_handlers={ApiError: handle_error, HTTPException: handle_error},
        lifespan=_lifespan(settings, metrics, reporter),
    )
    # A redirect to the path without its slash would lose bodies and hide a client's mistake.
    app.router.redirect_slashes = False
    return app


def start_reporting(settings: Settings) -> "Reporter | None":
    """Has the process log as the settings say; the reporter of its errors, where they are reported."""
    reporter = None
    if settings.sentry_dsn is not None:
        from bff.reporting import Reporter  # noqa: PLC0415 - see there

        reporter = Reporter(settings.sentry_dsn.get_secret_value(), settings.sentry_environment)
    configure_logging(settings.log_level, None if reporter is None else reporter.report)
    return reporter


def _page_routes(settings: Settings) -> list[Route]:
    if settings.calendar_page_dir is None:
        return []
    try:
        return page.routes(
            settings.calendar_page_dir, settings.supabase_url, settings.supabase_publishable_key
        )
    except OSError as error:
        raise SettingsError(f"CALENDAR_PAGE_DIR: {error.strerror}; `make setup` builds the page") from error


def _make_spool_dir(path: Path) -> None:
    """Now, as a message at start is read, and a folder that is missing later loses records."""
    try:
        # Records name people and their addresses.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"AUDIT_SPOOL_DIR: {path}: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise SettingsError(f"AUDIT_SPOOL_DIR: {path}: cannot be written to")


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """In the order of execution; the errors of whatever stands below `Errors` get the one body."""
    is_audited = settings.audit_requests
    return [
        Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies)),
        Middleware(RequestContext, metrics=metrics),
        # Above whatever answers by itself, as CORS does preflights.
        Middleware(SecurityHeaders),
        *([Middleware(Audit, subjects=Subjects(ENDPOINTS))] if is_audited else ()),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_RESPONSE_HEADERS,
            max_age=CORS_MAX_AGE,
        ),
        Middleware(RateLimitHeaders),
        Middleware(Errors),
        Middleware(
            HeadLimit,
            url_bytes=settings.max_url_bytes,
            header_bytes=settings.max_header_bytes,
            headers=settings.max_headers,
        ),
        Middleware(Overload, limit=settings.max_requests),
        Middleware(BodyDeadline, seconds=settings.body_seconds),
        Middleware(BodyLimit, limit=settings.max_body_bytes),
        Middleware(AddressLimits),
        Middleware(Authentication, prefix="/api/v1/", unless=TOKENLESS),
        Middleware(UserLimits),
        Middleware(PlainPaths),
        *([Middleware(Room)] if is_audited else ()),
    ]


def _lifespan(
    settings: Settings, metrics: Metrics, reporter: "Reporter | None"
) -> Callable[[Starlette], AbstractAsyncContextManager[State]]:
    document = openapi.render(ENDPOINTS)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        relay_config = _relay_config(settings)
        async with (
            _reported(reporter) as flush,
            Pool(settings.supabase_url, settings.upstream_answer_bytes) as pool,
            httpx.AsyncClient(timeout=settings.upstream_timeout) as client,
            open_limits(_limits_config(settings), metrics.limits) as limits,
            _open_audit(settings, client, metrics) as audit,
            open_relay(relay_config, metrics.lagged, limits.leases) as relay,
            metrics.following(relay.status, None if audit is None else audit.status, lines_dropped),
            _exchange(settings, pool, metrics, relay) as exchange,
        ):
            jwks = Jwks(
                client,
                f"{settings.supabase_url.rstrip('/')}/auth/v1/.well-known/jwks.json",
                {"apikey": settings.supabase_publishable_key},
            )
            health = HealthMonitor(
                client, settings.supabase_url, relay_config.secret_key, relay.status, limits.limiter
            )
            try:
                yield State(
                    audit=audit,
                    authenticator=Authenticator(
                        jwks, settings.jwt_issuer, _secret(settings.supabase_jwt_secret)
                    ),
                    supabase=Supabase(
                        exchange,
                        client,
                        settings.supabase_url,
                        settings.supabase_publishable_key,
                        off_headers(settings.features_off),
                    ),
                    identity=AuthServer(
                        exchange,
                        settings.supabase_url,
                        settings.supabase_publishable_key,
                        forwarding_key=_secret(settings.supabase_forwarding_key),
                        has_mfa=settings.enable_mfa,
                    ),
                    relay=relay,
                    limiter=limits.limiter,
                    health=health,
                    metrics=metrics,
                    metrics_token=_secret(settings.metrics_token),
                    openapi=json.dumps(document).encode(),
                    docs=docs.render(document).encode(),
                )
            finally:
                flush()
                await asyncio.gather(jwks.aclose(), health.aclose())

    return lifespan


@asynccontextmanager
async def _open_audit(
    settings: Settings, client: httpx.AsyncClient, metrics: Metrics
) -> AsyncIterator[Recorder | None]:
    if not settings.audit_requests:
        yield None
        return
    config = AuditConfig(
        folder=settings.audit_spool_dir.resolve(),
        project=project_of(settings.supabase_url),
        sync=settings.audit_sync,
        max_bytes=settings.audit_spool_bytes,
        when_full=settings.audit_when_full,
        retry_base=settings.retry_base,
        retry_cap=settings.retry_cap,
    )
    headers = service_headers(settings.supabase_secret_key.get_secret_value())
    writer = Writer(client, settings.supabase_url, headers)
    async with open_audit(config, writer, writer.backlog) as recorder:
        yield recorder
    metrics.audit_ended(recorder.status())


@asynccontextmanager
async def _reported(reporter: "Reporter | None") -> AsyncIterator[Callable[[], None]]:
    """Yields what begins to deliver the last reports, on a thread; waits for that at the end.

    So it takes no time of its own: it goes on while the relay and the connections close.
    """
    flushing: list[asyncio.Task[None]] = []

    def begin() -> None:
        if reporter is not None:
            flushing.append(asyncio.create_task(asyncio.to_thread(reporter.flush)))

    try:
        yield begin
    finally:
        await asyncio.gather(*flushing)


def _secret(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _relay_config(settings: Settings) -> RelayConfig:
    return RelayConfig(
        supabase_url=settings.supabase_url,
        secret_key=settings.supabase_secret_key.get_secret_value(),
        poll_seconds=settings.relay_poll_seconds,
        fast_poll_seconds=settings.relay_fast_poll_seconds,
        heartbeat_seconds=settings.relay_heartbeat_seconds,
        grant_seconds=settings.relay_grant_seconds,
        ring_size=settings.relay_ring_size,
        backlog_bytes=settings.relay_backlog_bytes,
        total_backlog_bytes=settings.relay_total_backlog_bytes,
        stall_seconds=settings.relay_stall_seconds,
        limits=Limits(
            streams=settings.relay_max_streams,
            streams_per_user=settings.relay_max_streams_per_user,
            openings=settings.relay_max_openings,
            opening_seconds=settings.relay_opening_seconds,
            lag_seconds=settings.relay_max_lag_seconds,
            resident_bytes=settings.relay_max_resident_bytes,
        ),
        realtime=settings.enable_realtime,
        headers=off_headers(settings.features_off),
    )


def _exchange(settings: Settings, pool: Pool, metrics: Metrics, relay: Relay) -> Exchange:
    def on_outage(part: Part) -> None:
        # The relay's calls are not stopped by it: they find out for themselves, and rather now than later.
        if part == "rest":
            relay.look()

    return Exchange(
        pool,
        settings.supabase_url,
        settings.supabase_publishable_key,
        Timing(
            attempt=settings.upstream_timeout,
            request=settings.request_timeout,
            retry_base=settings.retry_base,
            retry_cap=settings.retry_cap,
        ),
        Bounds(
            connections=settings.upstream_connections,
            queue=settings.upstream_queue,
            queue_seconds=settings.upstream_queue_seconds,
            retry_ratio=settings.retry_ratio,
            failures=settings.breaker_failures,
            probe_pause=settings.breaker_seconds,
        ),
        metrics.upstream,
        on_outage,
    )


def _limits_config(settings: Settings) -> LimitsConfig:
    amounts = {name: getattr(settings, f"rate_limit_{name.replace('-', '_')}") for name in NAMES}
    return LimitsConfig(
        secret=settings.supabase_secret_key.get_secret_value(),
        amounts=amounts,
        window=settings.rate_limit_window,
        streams=settings.relay_max_streams_per_user,
        redis_url=_secret(settings.redis_url),
        redis_timeout=settings.redis_timeout,
    )
