"""Whether a BFF that is reached from outside shows what it should, and no more."""

from collections.abc import Iterator

import httpx

from ops.check_hosted.project import TIMEOUT, body_of
from ops.check_hosted.report import Finding, failed, passed, unknown


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
    status = body.get("status") if isinstance(body, dict) else None
    if status == "healthy":
        yield passed("bff: healthy", f"version {body['version']}")
    elif status is not None:
        checks = {name: each.get("message") for name, each in body.get("checks", {}).items()}
        told = "; ".join(f"{name}: {message}" for name, message in checks.items() if message)
        yield failed("bff: healthy", f"{status}: {told}")
    else:
        yield failed("bff: healthy", f"GET /api/health answers {response.status_code}")


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
