"""Whether a BFF that is reached from outside shows what it should, and no more."""

from collections.abc import Iterator

import httpx
from pydantic import BaseModel, ValidationError

from ops.check_hosted.project import TIMEOUT, body_of
from ops.check_hosted.report import Finding, failed, passed, unknown


class Check(BaseModel):
    """What is said of one part."""

    message: str


class Health(BaseModel):
    """What we read of /api/health."""

    status: str
    version: str
    checks: dict[str, Check]


def findings(url: str | None) -> Iterator[Finding]:
    """The checks, or nothing where no address was given."""
    if not url:
        return
    try:
        with httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT) as client:
            yield from _health(client)
            yield from _closed(client)
    except httpx.HTTPError as error:
        yield failed("bff: an answer", f"{type(error).__name__}: {error}")


def _health(client: httpx.Client) -> Iterator[Finding]:
    response = client.get("/api/health")
    body = body_of(response)
    try:
        health = Health.model_validate(body)
    except ValidationError:
        yield failed("bff: healthy", f"GET /api/health answers {response.status_code}, and is no BFF's")
        return
    if health.status == "healthy":
        yield passed("bff: healthy", f"version {health.version}")
    else:
        told = "; ".join(f"{name}: {each.message}" for name, each in health.checks.items() if each.message)
        yield failed("bff: healthy", f"{health.status}: {told}")


def _closed(client: httpx.Client) -> Iterator[Finding]:
    metrics = client.get("/api/metrics")
    if metrics.is_success:
        yield failed("bff: metrics are not for all", "keep /api/metrics from the internet (ops/nginx.conf)")
    else:
        yield passed("bff: metrics are not for all", f"it answers {metrics.status_code}")
    response = client.get("/api/v1/me")
    if response.status_code == 401:
        yield passed("bff: the API asks for a token")
    else:
        yield failed("bff: the API asks for a token", f"GET /api/v1/me answers {response.status_code}")
    if "strict-transport-security" in response.headers:
        yield passed("bff: tells browsers to keep to TLS")
    else:
        yield unknown("bff: tells browsers to keep to TLS", "a proxy takes the header away")
