"""About the service itself."""

import json

from starlette.responses import Response

from bff.http import endpoint
from bff.schemas.health import Health, Liveness
from bff.state import Request

# The page has no script and loads nothing; its styles are in it.
DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


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
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": DOCS_POLICY}
    return Response(request.state["docs"], headers=headers, media_type="text/html")


def _plain(body: bytes, status: int = 200) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


ENDPOINTS = (read_health, read_liveness, read_openapi, read_docs)
