"""Every knob, read from the environment or `.env`. Only `bff.app` and what starts it see it.

`python -m bff.settings` prints `docs/settings.md`.
"""

import os
import re
import sys
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from redis.asyncio.connection import parse_url

from bff.flags import FEATURES

UPSTASH: Final = "set REDIS_URL to the rediss:// address of the database, which Upstash shows too"
# Names that a deployment may bring along and that would do nothing: said at start, not found in an outage.
REFUSED: Final[Mapping[str, str]] = {
    "PROMETHEUS_PUSH_GATEWAY": "nothing is pushed; have Prometheus scrape /api/metrics (docs/metrics.md)",
    "UPSTASH_REDIS_REST_URL": UPSTASH,
    "UPSTASH_REDIS_REST_TOKEN": UPSTASH,
}


_DSN: Final = re.compile(r"https?://[^\s/@:]+(:[^\s/@]*)?@[^\s/@]+(/[^\s]+)*/\d+")


class SettingsError(Exception):
    """A variable is missing or wrong; names it, and never shows a value."""


def _knob(default: Any, names: str, meaning: str, unit: str = "", **constraints: Any) -> Any:
    return Field(
        default=default,
        validation_alias=AliasChoices(*names.split()),
        description=meaning,
        json_schema_extra={"unit": unit},
        **constraints,
    )


def _limit(default: int, name: str, meaning: str) -> Any:
    return _knob(default, f"RATE_LIMIT_{name}", f"{meaning}, in any window.", "requests/window", ge=1)


class Settings(BaseSettings):
    """The settings of one BFF process. A variable that is set but empty counts as not set."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    supabase_url: str = _knob(
        ...,
        "SUPABASE_URL NEXT_PUBLIC_SUPABASE_URL",
        "The project's address.",
        pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
    )
    supabase_publishable_key: str = _knob(
        ...,
        "SUPABASE_PUBLISHABLE_KEY SUPABASE_ANON_KEY NEXT_PUBLIC_SUPABASE_ANON_KEY",
        "Key that goes along with users' requests.",
        min_length=1,
    )
    supabase_secret_key: SecretStr = _knob(
        ...,
        "SUPABASE_SECRET_KEY SUPABASE_SERVICE_ROLE_KEY",
        "Service key, for the relay, the audit's writer and the health check. A secret.",
        min_length=1,
    )
    supabase_jwt_secret: SecretStr | None = _knob(
        None,
        "SUPABASE_JWT_SECRET",
        "Shared secret of projects that sign HS256. A secret; without it only published keys count.",
        min_length=32,
    )
    supabase_jwt_issuer: str | None = _knob(
        None,
        "SUPABASE_JWT_ISSUER",
        "What tokens' `iss` must be; by default `<SUPABASE_URL>/auth/v1`.",
    )
    supabase_forwarding_key: SecretStr | None = _knob(
        None,
        "SUPABASE_FORWARDING_KEY",
        "Key `sb_secret_…` of the sign-in relay alone: hosted Supabase believes the client's address by it "
        "(docs/accounts.md). A secret.",
    )
    enable_mfa: bool = _knob(
        True, "ENABLE_MFA", "Whether `/api/v1/auth/mfa` is served; what organisations demand stays demanded."
    )
    host: str = _knob("127.0.0.1", "BFF_HOST", "Address to listen on.")
    port: int = _knob(8000, "BFF_PORT", "Port to listen on; 0 takes any free one.", ge=0, le=65_535)
    workers: int = _knob(
        1,
        "BFF_WORKERS",
        "Processes that serve. Each has a relay and a connection to Realtime of its own.",
        "processes",
        ge=1,
        le=64,
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _knob(
        (),
        "CORS_ORIGINS",
        "Origins whose pages may call, separated by commas; `*` is refused.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _knob(
        (),
        "TRUSTED_PROXIES",
        "Addresses or networks whose `X-Forwarded-For` is believed, separated by commas; `*` is refused.",
    )
    calendar_page_dir: Path | None = _knob(
        None,
        "CALENDAR_PAGE_DIR",
        "Folder of the built calendar page, to be served at `/calendar`; for development and demo.",
    )
    log_level: str = _knob(
        "INFO", "LOG_LEVEL", "Least level that is logged.", pattern=r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$"
    )
    metrics_token: SecretStr | None = _knob(
        None,
        "METRICS_TOKEN",
        "Bearer token that `/api/metrics` asks for. A secret; without it anyone who reaches it may read.",
        min_length=16,
    )
    sentry_dsn: SecretStr | None = _knob(
        None,
        "SENTRY_DSN",
        "Where errors are reported, scrubbed: a project's address at Sentry. Without it, nowhere.",
    )
    sentry_environment: str = _knob(
        "production",
        "SENTRY_ENVIRONMENT",
        "What Sentry calls this deployment.",
        pattern=r"^[^\s/]{1,64}$",
    )
    features_off: Annotated[tuple[str, ...], NoDecode] = _knob(
        (),
        "FEATURES_OFF",
        "Features that this deployment does without, separated by commas (docs/flags.md).",
    )
    enable_realtime: bool = _knob(
        True,
        "ENABLE_REALTIME",
        "Whether to listen to Realtime; without it the event log is read every RELAY_FAST_POLL_SECONDS.",
    )
    max_body_bytes: int = _knob(131_072, "MAX_BODY_BYTES", "Largest request body.", "bytes", ge=1024)
    max_url_bytes: int = _knob(
        8_192, "MAX_URL_BYTES", "Longest path and query; beyond, 414.", "bytes", ge=1024
    )
    max_header_bytes: int = _knob(
        32_768, "MAX_HEADER_BYTES", "Largest headers in all; beyond, 431.", "bytes", ge=4096
    )
    max_headers: int = _knob(100, "MAX_HEADERS", "Most headers; beyond, 431.", "headers", ge=10, le=1000)
    max_requests: int = _knob(
        1_000,
        "MAX_REQUESTS",
        "API requests under way at once in one process, without streams, and as many whose bodies are still "
        "coming; further ones get 503.",
        "requests",
        ge=1,
    )
    max_connections: int = _knob(
        10_000,
        "MAX_CONNECTIONS",
        "Connections open at once to one process, streams too; further ones are closed with 503.",
        "connections",
        ge=1,
    )
    header_seconds: float = _knob(
        10.0, "HEADER_SECONDS", "How long a request's headers may take to arrive.", "seconds", gt=0
    )
    body_seconds: float = _knob(
        10.0, "BODY_SECONDS", "How long its body may take; then 408.", "seconds", gt=0
    )
    write_seconds: float = _knob(
        20.0,
        "WRITE_SECONDS",
        "How long a client may read nothing of an answer; streams have RELAY_STALL_SECONDS.",
        "seconds",
        gt=0,
    )
    idle_seconds: int = _knob(
        5,
        "IDLE_SECONDS",
        "How long a connection may be idle between requests; a proxy in front must give up sooner.",
        "seconds",
        ge=1,
    )
    request_timeout: float = _knob(
        10.0, "REQUEST_TIMEOUT", "Deadline of a request, retries included.", "seconds", gt=0
    )
    upstream_timeout: float = _knob(
        5.0, "UPSTREAM_TIMEOUT", "Deadline of one call to Supabase.", "seconds", gt=0
    )
    upstream_connections: int = _knob(
        8,
        "UPSTREAM_CONNECTIONS",
        "Most calls of one process to Supabase's REST at once: with two more, times processes and hosts, no "
        "more than its pool has (docs/deployment.md).",
        "connections",
        ge=1,
    )
    upstream_queue: int = _knob(
        200,
        "UPSTREAM_QUEUE",
        "Calls that may wait for a place at REST, at Auth or at Storage; beyond, one gets 503 at once.",
        "calls",
        ge=0,
    )
    upstream_queue_seconds: float = _knob(
        1.0, "UPSTREAM_QUEUE_SECONDS", "How long one may wait for it; then 503.", "seconds", gt=0
    )
    upstream_answer_bytes: int = _knob(
        16_777_216, "UPSTREAM_ANSWER_BYTES", "Largest answer that is read; beyond, 502.", "bytes", ge=65_536
    )
    breaker_failures: int = _knob(
        5,
        "BREAKER_FAILURES",
        "Failed calls in a row after which Supabase's REST, Auth or Storage counts as away.",
        "calls",
        ge=1,
    )
    breaker_seconds: float = _knob(
        1.0, "BREAKER_SECONDS", "Between two probes of what counts as away.", "seconds", gt=0
    )
    retry_ratio: float = _knob(
        0.2, "RETRY_RATIO", "Retries for each call to Supabase, on average.", "", ge=0, le=1
    )
    retry_base: float = _knob(
        1.0,
        "RETRY_BASE",
        "Longest pause before the first retry of a safe call; doubles with each.",
        "seconds",
        ge=0,
    )
    retry_cap: float = _knob(10.0, "RETRY_CAP", "Longest pause before any retry.", "seconds", ge=0)

    redis_url: SecretStr | None = _knob(
        None,
        "REDIS_URL",
        "Redis, where processes count requests and streams together: `redis://` or, with TLS, `rediss://`. "
        "May hold a secret; without it each process counts by itself.",
    )
    redis_timeout: float = _knob(
        0.1,
        "REDIS_TIMEOUT",
        "How long Redis may take for one request's limits, until processes count by themselves for a while.",
        "seconds",
        gt=0,
    )
    rate_limit_window: int = _knob(
        60, "RATE_LIMIT_WINDOW", "Length of the sliding window of all rate limits.", "seconds", ge=1
    )
    rate_limit_api: int = _limit(100, "API", "Requests of one user")
    rate_limit_api_address: int = _limit(100, "API_ADDRESS", "Requests of one address without a good token")
    rate_limit_expired_address: int = _limit(
        300, "EXPIRED_ADDRESS", "Requests of one address with a token that has expired"
    )
    rate_limit_booking: int = _limit(
        30, "BOOKING", "Of those of one user, the ones that book or change bookings"
    )
    rate_limit_auth_address: int = _limit(10, "AUTH_ADDRESS", "Requests of one address to `/api/v1/auth/`")
    rate_limit_auth_account: int = _limit(10, "AUTH_ACCOUNT", "Requests to `/api/v1/auth/` about one account")
    rate_limit_stream_opens: int = _limit(30, "STREAM_OPENS", "Streams that one user opens")
    rate_limit_stream_tickets: int = _limit(30, "STREAM_TICKETS", "Stream tickets that one user takes")
    audit_requests: bool = _knob(
        True, "AUDIT_REQUESTS", "Record requests that change something or are refused."
    )
    audit_spool_dir: Path = _knob(
        Path(".audit-spool"),
        "AUDIT_SPOOL_DIR",
        "Folder of records that the database does not have yet; on a disk that stays, one for each host.",
    )
    audit_spool_bytes: int = _knob(
        268_435_456,
        "AUDIT_SPOOL_BYTES",
        "What one process' records may take there; at some 1.2 KB each.",
        "bytes",
        ge=65_536,
    )
    audit_sync: Literal["normal", "full"] = _knob(
        "normal",
        "AUDIT_SYNC",
        "Both survive `kill -9`; `full` waits for the disk before each answer and survives a power cut too.",
    )
    audit_when_full: Literal["refuse", "serve"] = _knob(
        "refuse",
        "AUDIT_WHEN_FULL",
        "Without room for records, `refuse` what must be recorded with 503, or `serve` it unrecorded.",
    )

    relay_poll_seconds: float = _knob(
        15.0,
        "RELAY_POLL_SECONDS",
        "Between two reads of the event log while Realtime works.",
        "seconds",
        gt=0,
    )
    relay_fast_poll_seconds: float = _knob(
        1.0, "RELAY_FAST_POLL_SECONDS", "The same while Realtime is down, deaf or just back.", "seconds", gt=0
    )
    relay_heartbeat_seconds: float = _knob(
        20.0, "RELAY_HEARTBEAT_SECONDS", "Between two heartbeats of a stream.", "seconds", gt=0
    )
    relay_grant_seconds: float = _knob(
        60.0, "RELAY_GRANT_SECONDS", "Between two checks of the open streams' rights.", "seconds", gt=0
    )
    relay_ring_size: int = _knob(
        256, "RELAY_RING_SIZE", "Frames of each organisation that are kept to resume from.", "frames", ge=1
    )
    relay_backlog_bytes: int = _knob(
        1_048_576,
        "RELAY_BACKLOG_BYTES",
        "With more than that waiting for it when more comes, a slow reader is cut off.",
        "bytes",
        ge=1,
    )
    relay_total_backlog_bytes: int = _knob(
        67_108_864,
        "RELAY_TOTAL_BACKLOG_BYTES",
        "What may wait for all slow readers, shared bytes counted once; beyond, the worst are cut off.",
        "bytes",
        ge=1,
    )
    relay_stall_seconds: float = _knob(
        20.0, "RELAY_STALL_SECONDS", "How long one write to a reader may take.", "seconds", gt=0
    )
    relay_max_streams: int = _knob(
        5_000, "RELAY_MAX_STREAMS", "Most streams open at once in one process.", "streams", ge=1
    )
    relay_max_streams_per_user: int = _knob(
        10,
        "RELAY_MAX_STREAMS_PER_USER",
        "Most streams of one user open at once; in all processes together where there is a Redis.",
        "streams",
        ge=1,
    )
    relay_max_openings: int = _knob(
        256, "RELAY_MAX_OPENINGS", "Streams that are being opened at once; others wait.", "streams", ge=1
    )
    relay_opening_seconds: float = _knob(
        10.0,
        "RELAY_OPENING_SECONDS",
        "A stream that would wait longer for those before it is refused at once.",
        "seconds",
        gt=0,
    )
    relay_max_lag_seconds: float = _knob(
        2.0,
        "RELAY_MAX_LAG_SECONDS",
        "No stream is opened while the process' event loop is that late.",
        "seconds",
        gt=0,
    )
    relay_max_resident_bytes: int | None = _knob(
        None,
        "RELAY_MAX_RESIDENT_BYTES",
        "No stream is opened while streams make one process that big; off by default (docs/relay.md).",
        "bytes",
        ge=1,
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        if "*" in value:
            raise ValueError("name the origins; * is not allowed")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(proxy.strip() for proxy in value.split(",") if proxy.strip())
        try:
            return tuple(str(ip_network(proxy)) for proxy in value)
        except ValueError:
            raise ValueError("name IP addresses or networks such as 10.0.0.0/8, without host bits") from None

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                parse_url(value.get_secret_value())
            except ValueError:
                raise ValueError(
                    "it must be redis://[user:password@]host[:port][/number] or rediss://"
                ) from None
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _check_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _DSN.fullmatch(value.get_secret_value()):
            raise ValueError("it must be such as https://key@host/project")
        return value

    @field_validator("features_off", mode="before")
    @classmethod
    def _split_features(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(name.strip() for name in value.split(",") if name.strip())
        if set(value) - set(FEATURES):
            raise ValueError(f"there are only {', '.join(FEATURES)}")
        return value

    @field_validator("supabase_forwarding_key")
    @classmethod
    def _check_forwarding_key(cls, value: SecretStr | None) -> SecretStr | None:
        # With any other key Supabase ignores the address without a word.
        if value is not None and not value.get_secret_value().startswith("sb_secret_"):
            raise ValueError("it must be a secret key, sb_secret_…")
        return value

    @property
    def jwt_issuer(self) -> str:
        """What tokens' `iss` must be."""
        return self.supabase_jwt_issuer or f"{self.supabase_url.rstrip('/')}/auth/v1"


def load_settings() -> Settings:
    """The settings of this process' environment.

    Raises:
        SettingsError: Names each variable that is missing, wrong or refused.

    """
    env_file = Settings.model_config.get("env_file")
    given = {**(dotenv_values(str(env_file)) if env_file else {}), **os.environ}
    refused = [f"{name}: {why}" for name, why in REFUSED.items() if given.get(name)]
    if refused:
        raise SettingsError("; ".join(refused))
    try:
        return Settings()
    except ValidationError as error:
        # pydantic's own text would print the values, secrets among them.
        raise SettingsError("; ".join(_complaints(error))) from None


def _complaints(error: ValidationError) -> list[str]:
    complaints = []
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(found["loc"][0])
        names = next(
            (variables(f) for n, f in Settings.model_fields.items() if name in (n, *variables(f))), [name]
        )
        missing = found["type"] == "missing"
        complaints.append(f"{names[0]} is not set" if missing else f"{names[0]}: {found['msg']}")
    return complaints


def variables(field: FieldInfo) -> list[str]:
    """The names of a setting's environment variable, the preferred one first."""
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []


_TYPES: Final = {
    "supabase_secret_key": "secret",
    "supabase_jwt_secret": "secret",
    "supabase_forwarding_key": "secret",
    "metrics_token": "secret",
    "sentry_dsn": "secret",
    "features_off": "list",
    "redis_url": "secret",
    "cors_origins": "list",
    "trusted_proxies": "list",
    "relay_max_resident_bytes": "int",
    "audit_spool_dir": "str",
    "audit_sync": "str",
    "audit_when_full": "str",
}


def settings_page() -> str:
    """`docs/settings.md`."""
    rows = []
    for name, field in Settings.model_fields.items():
        first, *others = variables(field)
        extra = field.json_schema_extra
        unit = extra.get("unit", "") if isinstance(extra, dict) else ""
        kind = _TYPES.get(name) or getattr(field.annotation, "__name__", "str")
        kind = "str" if kind in ("Union", "UnionType", "Optional") else kind
        aliases = "".join(f"<br>`{other}`" for other in others)
        rows.append(f"| `{first}`{aliases} | {kind} | {unit} | {_default(field)} | {field.description} |")
    head = (
        "# Settings\n\n"
        "Read from the environment, then from `.env`. Where several names stand in one cell, the first "
        "that is set counts.\nThis page is printed by `python -m bff.settings`; a test compares them.\n\n"
        "`PROMETHEUS_MULTIPROC_DIR` is read from the environment only: the folder where several processes "
        "keep their metrics.\nWith `BFF_WORKERS` above 1 one is made and removed; `uvicorn --workers` needs "
        "it set. Empty it before a start, or\ncounters go on from where they ended; it is not to be shared "
        "between hosts or containers.\n\n"
        "`RESEND_API_KEY` and `SENDGRID_API_KEY` may stand beside these: the BFF sends no email and does not "
        "read them.\nRefused by name, since they would do nothing: "
        f"{', '.join(f'`{name}`' for name in REFUSED)}.\n\n"
        "| variable | type | unit | default | meaning |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    return "none" if value is None or value == () else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
