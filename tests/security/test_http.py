"""HTTP itself as a way in: origins, paths, methods, headers and bodies that mean something else elsewhere."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from bff.routes.page import FILES
from tests.actors import Organization
from tests.api.shape import assert_error, data
from tests.api.upstream import USER, Upstream, app_before, failing_supabase
from tests.conftest import Client
from tests.security.answers import assert_hardened

APP = "https://app.reservepty.example"


@pytest_asyncio.fixture(scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def app(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    async with app_before(upstream.url, cors_origins=(APP,)) as client:
        yield client


ORIGINS = (
    "null",
    "https://evil.example",
    f"{APP}.evil.example",
    "https://evil.example/app.reservepty.example",
    "https://evilapp.reservepty.example",
    "https://sub.app.reservepty.example",
    "http://app.reservepty.example",
    f"{APP}:8443",
    f"{APP}/",
    f"{APP}@evil.example",
    f"{APP},https://evil.example",
    "https://APP.reservepty.example",
    "*",
    "",
)


@pytest.mark.parametrize("origin", ORIGINS)
async def test_an_origin_is_named_or_gets_nothing(app: httpx.AsyncClient, origin: str) -> None:
    ask = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for response in (
        await app.get("/api/live", headers={"Origin": origin}),
        await app.get("/api/v1/nowhere", headers={"Origin": origin}),
        await app.get("/api/v1/me", headers={"Origin": origin, "Authorization": "Bearer x"}),
        await app.options("/api/v1/me", headers=ask),
    ):
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-credentials" not in response.headers
        assert "origin" in response.headers["vary"].lower()
        assert_hardened(response)


async def test_no_page_may_send_what_a_browser_holds_for_it(app: httpx.AsyncClient) -> None:
    # There is no cookie: nothing that a browser adds by itself authenticates anybody (CSRF).
    preflight = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    for response in (
        await app.options("/api/v1/reservations", headers=preflight),
        await app.get("/api/live", headers={"Origin": APP}),
    ):
        assert response.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in response.headers
        assert_hardened(response)
    token = app.headers["Authorization"].removeprefix("Bearer ")
    cookies = {"Cookie": f"access_token={token}; sb-access-token={token}; Authorization=Bearer {token}"}
    url = httpx.Request("GET", app.base_url.join("/api/v1/me"), headers=cookies)
    assert_error(await app.send(url), "UNAUTHORIZED")


async def test_a_preflight_grants_no_other_header_or_method(app: httpx.AsyncClient) -> None:
    for ask in (
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-http-method-override"},
        {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "apikey"},
        {"Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"},
    ):
        response = await app.options("/api/v1/me", headers={"Origin": APP, **ask})
        assert response.status_code == 400
        assert "access-control-allow-private-network" not in response.headers
        assert_hardened(response)


OTHER_PATHS = (
    "//api/v1/me",
    "/api//v1/me",
    "/api/v1/me/",
    "/api/v1/me.",
    "/api/v1/me;x=1",
    "/api/v1/me%00",
    "/api/v1/me%20",
    "/api/v1%2fme",
    "/api%2Fv1%2Fme",
    "/api%5cv1%5cme",
    "/api/v1/%2e%2e/v1/me",
    "/API/v1/me",
    "/api%2flive",
    "/api/metrics/",
    "/api%2fmetrics",
    "/calendar/..%2f..%2fetc%2fpasswd",
    "/calendar/%2e%2e/%2e%2e/etc/passwd",
    "//evil.example/api/live",
    "/.env",
    "/.git/config",
    "/rest/v1/profiles",
    "/graphql/v1",
)


@pytest.mark.parametrize("path", OTHER_PATHS)
async def test_a_path_has_one_spelling(app: httpx.AsyncClient, upstream: Upstream, path: str) -> None:
    # As a URL object: a string would be normalised before it is sent.
    url = httpx.URL(scheme="http", host="bff", raw_path=path.encode())
    response = await app.get(url)
    assert_error(response, "NOT_FOUND")
    assert_hardened(response)
    assert not upstream.requests


FULL_WIDTH = "".join(chr(ord(each) + 0xFEE0) if each.isdigit() else each for each in USER)


@pytest.mark.parametrize(
    "spelling",
    [
        USER.replace("-", ""),
        f"{{{USER}}}",
        f"urn:uuid:{USER}",
        FULL_WIDTH,
        USER.replace("-", "_"),
        f" {USER}",
        f"{USER}\n",
        f"{USER}\x00",
        f"{USER},{USER}",
        f"eq.{USER}",
        "*",
    ],
    ids=ascii,
)
async def test_an_id_has_one_spelling(app: httpx.AsyncClient, upstream: Upstream, spelling: str) -> None:
    response = await app.get(f"/api/v1/reservations/{quote(spelling, safe='')}")
    error = assert_error(response, "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["code"] == "uuid"
    assert not upstream.requests


@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "TRACK", "PROPFIND", "GET /", "OPTIONS"])
async def test_other_methods_are_refused(app: httpx.AsyncClient, upstream: Upstream, method: str) -> None:
    response = await app.request(method, f"/api/v1/assets/{USER}")
    assert_error(response, "METHOD_NOT_ALLOWED")
    assert set(response.headers["allow"].split(", ")) == {"DELETE", "GET", "HEAD", "PATCH"}
    assert_hardened(response)
    assert not upstream.requests


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-HTTP-Method": "DELETE"},
        {"X-Method-Override": "DELETE"},
        {"X-Original-URL": "/api/metrics"},
        {"X-Rewrite-URL": "/api/metrics"},
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Proto": "gopher"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"Referer": "https://evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_headers_that_frameworks_heed_change_nothing(
    office: Organization, client: Client, headers: dict[str, str]
) -> None:
    organization = client(office.owner)
    path = f"/api/v1/organizations/{office.id}/tiers"
    plain, tricked = await organization.get(path), await organization.get(path, headers=headers)
    assert data(plain) == data(tricked)
    assert plain.headers["link"] == tricked.headers["link"]
    assert "evil" not in tricked.text + str(tricked.headers)


async def test_nothing_sends_a_browser_elsewhere(office: Organization, client: Client) -> None:
    # Of all answers none is a redirect, and what names a place names a path of ours.
    member = client(office.member)
    booking = {
        "asset_id": office.assets["planes"],
        "title": "https://evil.example\r\nSet-Cookie: a=b",
        "start_date": "2027-03-01T15:00:00Z",
        "end_date": "2027-03-02T15:00:00Z",
    }
    created = await member.post("/api/v1/reservations", json=booking, headers={"Host": "evil.example"})
    assert created.status_code == 201
    assert re.fullmatch(r"/api/v1/reservations/[0-9a-f-]{36}", created.headers["location"])
    assert_hardened(created)
    path = f"/api/v1/organizations/{office.id}/reservations"
    searched = await member.get(path, params={"q": '>; rel="next", <https://evil.example'})
    targets = re.findall(r'<([^>]*)>; rel="(\w+)"', searched.headers["link"])
    assert [rel for _, rel in targets] == ["first", "last"]
    assert all(target.startswith(f"{path}?") for target, _ in targets)
    assert_hardened(searched)


async def test_a_path_that_was_not_found_is_not_run_by_whoever_shows_the_error(
    app: httpx.AsyncClient,
) -> None:
    path = "/api/v1/<script>alert(1)</script>"
    response = await app.get(path, headers={"Accept": "application/problem+json, text/html"})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["instance"] == path


async def test_the_pages_say_what_may_run_in_them(tmp_path: Path, upstream: Upstream) -> None:
    for name in FILES:
        (tmp_path / name).write_text("x")
    async with app_before(upstream.url, cors_origins=(APP,), calendar_page_dir=tmp_path) as app:
        for path in (
            "/calendar",
            "/calendar/app.js",
            "/calendar/config.json",
            "/api/openapi.json",
            "/api/docs",
        ):
            page = await app.get(path)
            assert page.status_code == 200
            assert_hardened(page)
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_errors_before_any_route_are_hardened_too(app: httpx.AsyncClient) -> None:
    for response in (
        await app.get("/api/v1/me", params={"x": "y" * 20_000}),
        await app.get("/api/v1/me", headers={"X-Large": "y" * 40_000}),
        await app.patch("/api/v1/me", content=b"x" * 2_000_000),
        await app.get("/api/v1/me", headers={"Authorization": "Basic YTpi"}),
    ):
        assert response.status_code in (401, 413, 414, 431)
        assert_hardened(response)
    assert_hardened(await app.get(f"/api/v1/reservations/{USER}"))


async def test_a_stream_is_hardened_too(office: Organization, client: Client) -> None:
    path = f"/api/v1/organizations/{office.id}/calendar/stream"
    async with client(office.viewer).stream("GET", path) as stream:
        assert stream.status_code == 200
        assert_hardened(stream)
    refused = await client(None).get(path, params={"ticket": "x.y.z"})
    assert_error(refused, "UNAUTHORIZED")
    assert_hardened(refused)
