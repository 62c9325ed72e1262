"""About the service itself."""

import json
import secrets

from starlette.responses import Response

from bff import docs
from bff.errors import UnauthorizedError
from bff.http import endpoint, single_header
from bff.metrics import CONTENT_TYPE
from bff.schemas.health import Health, Liveness
from bff.state import Request


@endpoint(
    "GET",
    "/api/health",
    summary="Does everything work?",
    description="503 without database or Supabase Auth. At most a second old.",
    tag="system",
    response=Health,
    envelope=False,
    other_statuses=(503,),
    public=True,
)
async def read_health(request: Request) -> Response:
    """Asks the monitor."""
    health = await request.state["health"].check()
    status = 503 if health.status == "unhealthy" else 200
    return _plain(health.model_dump_json().encode(), status=status)


@endpoint(
    "GET",
    "/api/live",
    summary="Does the process answer?",
    tag="system",
    response=Liveness,
    envelope=False,
    public=True,
)
async def read_liveness(request: Request) -> Response:  # noqa: ARG001 (every handler takes it)
    """Asks nobody."""
    return _plain(json.dumps({"status": "alive"}).encode())


@endpoint(
    "GET",
    "/api/openapi.json",
    summary="This document",
    tag="system",
    response=dict,
    envelope=False,
    public=True,
)
async def read_openapi(request: Request) -> Response:
    """Rendered once, at start."""
    return _plain(request.state["openapi"])


@endpoint(
    "GET",
    "/api/docs",
    summary="This document, to be read",
    tag="system",
    response=str,
    envelope=False,
    media_type="text/html",
    public=True,
)
async def read_docs(request: Request) -> Response:
    """Rendered once, at start."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": docs.POLICY}
    return Response(request.state["docs"], headers=headers, media_type="text/html")


@endpoint(
    "GET",
    "/api/metrics",
    summary="What Prometheus reads",
    description="Of all processes. Asks for a bearer token where METRICS_TOKEN is set.",
    tag="system",
    response=str,
    envelope=False,
    media_type="text/plain",
    errors=("UNAUTHORIZED",),
    public=True,
    credentials=("", "metrics"),
)
async def read_metrics(request: Request) -> Response:
    """Adds up what each process has noted."""
    token = request.state["metrics_token"]
    if token is not None:
        sent = single_header(request, "Authorization") or ""
        if not secrets.compare_digest(sent.encode(), f"Bearer {token}".encode()):
            raise UnauthorizedError("The metrics have a token of their own.", sent=bool(sent))
    body = await request.state["metrics"].render()
    return Response(body, headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE})


def _plain(body: bytes, status: int = 200) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


ENDPOINTS = (read_health, read_liveness, read_metrics, read_openapi, read_docs)
