"""Pages of named origins may call; others' may not."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.api.upstream import USER, answer, app_before, failing_supabase

APP = "https://app.reservepty.example"


@pytest_asyncio.fixture
async def app() -> AsyncIterator[httpx.AsyncClient]:
    async with failing_supabase() as upstream:
        upstream.behaviours = [answer(404, {"code": "NOT_FOUND", "message": "No."})]
        async with app_before(upstream.url, cors_origins=(APP,)) as client:
            yield client


async def test_a_preflight_allows_what_the_api_reads(app: httpx.AsyncClient) -> None:
    wanted = "authorization, content-type, if-match, idempotency-key, last-event-id"
    response = await app.options(
        "/api/v1/reservations",
        headers={
            "Origin": APP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": wanted,
        },
    )
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == APP
    allowed = response.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in wanted.split(", "))
    assert "PATCH" in response.headers["access-control-allow-methods"]


async def test_a_page_of_a_named_origin_may_read_the_answer_and_its_headers(app: httpx.AsyncClient) -> None:
    response = await app.get(f"/api/v1/reservations/{USER}", headers={"Origin": APP})
    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == APP
    exposed = response.headers["access-control-expose-headers"].lower()
    for name in ("etag", "location", "link", "retry-after", "x-ratelimit-remaining", "ratelimit"):
        assert name in exposed
    assert "Origin" in response.headers["vary"]


async def test_errors_before_the_route_can_be_read_by_the_page_too(app: httpx.AsyncClient) -> None:
    headers = {"Origin": APP, "Authorization": "Bearer no.good.token"}
    response = await app.get("/api/v1/me", headers=headers)
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == APP


async def test_other_origins_get_no_permission(app: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", "null", f"{APP}.evil.example"):
        response = await app.get(f"/api/v1/reservations/{USER}", headers={"Origin": origin})
        assert "access-control-allow-origin" not in response.headers
        preflight = await app.options(
            "/api/v1/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers
