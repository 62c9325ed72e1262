"""The service itself: health, the document, headers, methods and paths."""

import asyncio
import json

import httpx
import pytest
from openapi_spec_validator import validate

from bff import __version__, openapi
from bff.app import ENDPOINTS
from bff.http import to_routes
from bff.middleware import SECURITY_HEADERS
from tests.actors import Organization
from tests.api.shape import assert_error, assert_problem, data
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, wait_until


async def test_health_names_each_part_and_no_secret(client: Client, stack: RunningStack) -> None:
    def healthy() -> httpx.Response | None:
        response = httpx.get(str(client(None).base_url.join("/api/health")), timeout=10)
        return response if response.json()["status"] == "healthy" else None

    response = wait_until(healthy, seconds=30, what="healthy")
    body = response.json()
    assert set(body) == {"status", "timestamp", "version", "checks"}
    assert set(body["checks"]) == {"database", "auth", "cache", "realtime"}
    for check in body["checks"].values():
        assert set(check) == {"status", "latency", "message"}
        assert (check["status"], check["message"]) == ("pass", "")
        assert check["latency"] >= 0
    assert body["version"] == __version__
    assert stack.secret_key not in response.text
    assert body["timestamp"].endswith("Z")


async def test_health_is_asked_for_once_a_second(client: Client) -> None:
    anyone = client(None)
    answers = [(await anyone.get("/api/health")).json()["timestamp"] for _ in range(10)]
    assert len(set(answers)) < 10


async def test_live_asks_nobody(client: Client) -> None:
    response = await client(None).get("/api/live")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/api/live", "/api/health"])
async def test_probes_may_ask_for_the_head_alone(client: Client, path: str) -> None:
    asked = await client(None).head(path)
    told = await client(None).get(path)
    assert (asked.status_code, asked.content) == (told.status_code, b"")
    assert asked.headers["content-type"] == told.headers["content-type"]
    assert asked.headers["cache-control"] == "no-store"


async def test_the_document_is_valid_and_is_the_router(client: Client) -> None:
    document = (await client(None).get("/api/openapi.json")).json()
    validate(document)
    assert document == json.loads(json.dumps(openapi.render(ENDPOINTS)))
    described = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }
    served = {
        (method, route.path)
        for route in to_routes(ENDPOINTS)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert described == served
    assert len(
        {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    ) == len(described)


# Of the protocol, or on every answer alike.
COMMON_HEADERS = frozenset(
    {"date", "content-length", "content-type", "cache-control", "vary", *map(str.lower, SECURITY_HEADERS)}
)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/organizations/{org}", {}, 200),
        ("/api/v1/organizations/{org}", {"If-None-Match": "*"}, 304),
        ("/api/v1/organizations/{org}", {"Authorization": "Bearer x"}, 401),
        ("/api/v1/organizations/{org}/assets", {}, 200),
        ("/api/v1/organizations/{org}/calendar", {}, 400),
    ],
)
async def test_the_document_names_each_header_that_an_answer_carries(
    client: Client, office: Organization, path: str, headers: dict[str, str], status: int
) -> None:
    response = await client(office.owner).get(path.format(org=office.id), headers=headers)
    assert response.status_code == status
    described = openapi.render(ENDPOINTS)["paths"][path]["get"]["responses"][str(status)]["headers"]
    assert {name.lower() for name in described} == set(response.headers) - COMMON_HEADERS


async def test_the_page_needs_nothing_from_elsewhere(client: Client) -> None:
    response = await client(None).get("/api/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert "<script" not in response.text.lower()
    assert "src=" not in response.text
    for endpoint in ENDPOINTS:
        assert endpoint.summary.split("'")[0] in response.text.replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("method", "path"),
    sorted(
        (e.method, e.path.replace("{org}", "0" * 8).replace("{id}", "1")) for e in ENDPOINTS if not e.public
    ),
)
async def test_each_route_wants_to_know_who_calls(client: Client, method: str, path: str) -> None:
    assert_error(await client(None).request(method, path), "UNAUTHORIZED")


@pytest.mark.parametrize("value", ["Bearer", "Bearer x.y.z", "Basic YTpi", "x", "Bearer a b"])
async def test_a_token_that_is_sent_must_be_good(client: Client, value: str) -> None:
    response = await client(None).get("/api/v1/me", headers={"Authorization": value})
    assert_error(response, "UNAUTHORIZED")


async def test_unknown_paths_and_methods(client: Client, office: Organization) -> None:
    anyone = client(office.member)
    assert_error(await anyone.get("/api/v1/nothing"), "NOT_FOUND")
    assert_error(await anyone.get("/"), "NOT_FOUND")
    assert_error(await anyone.get("/api/live/"), "NOT_FOUND")
    response = await anyone.put("/api/v1/organizations", json={})
    assert_error(response, "METHOD_NOT_ALLOWED")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    problem = await anyone.get("/api/v1/nothing", headers={"Accept": "application/problem+json, */*"})
    assert_problem(problem, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/reservations/preview", {"POST"}),
        ("/api/v1/invitations/accept", {"POST"}),
        ("/api/v1/reservations/00000000-0000-4000-8000-000000000000", {"GET", "HEAD", "PATCH"}),
    ],
)
async def test_a_path_answers_for_its_own_methods_also_where_another_path_would_match(
    client: Client, office: Organization, path: str, allowed: set[str]
) -> None:
    response = await client(office.member).delete(path)
    assert_error(response, "METHOD_NOT_ALLOWED")
    assert set(response.headers["allow"].split(", ")) == allowed
    if "GET" not in allowed:
        assert_error(await client(office.member).patch(path, json={}), "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "path",
    sorted(
        e.path
        for e in ENDPOINTS
        if e.method == "GET" and "{id}" not in e.path and e.name != "stream_calendar"
    ),
)
async def test_a_head_gets_what_a_get_would_but_for_the_body(
    client: Client, office: Organization, path: str
) -> None:
    owner, target = client(office.owner), path.format(org=office.id)
    asked, told = await owner.head(target), await owner.get(target)
    assert (asked.status_code, asked.content) == (told.status_code, b"")
    assert asked.headers["content-type"] == told.headers["content-type"]


async def test_request_ids_are_taken_if_sane(client: Client) -> None:
    anyone = client(None)
    taken = await anyone.get("/api/live", headers={"X-Request-ID": "order-66.b_1"})
    assert taken.headers["x-request-id"] == "order-66.b_1"
    for insane in ("a b", "x" * 200, '"}{', "é"):
        headers = [(b"X-Request-ID", insane.encode())]
        given = (await anyone.get("/api/live", headers=headers)).headers["x-request-id"]
        assert len(given) == 32


async def test_headers_that_browsers_obey(client: Client, office: Organization) -> None:
    for response in (await client(None).get("/api/nothing"), await client(office.member).get("/api/v1/me")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["strict-transport-security"]


async def test_logs_have_the_request_id_and_no_query_or_token(
    client: Client, bff: RunningBff, office: Organization
) -> None:
    anyone = client(office.member)
    path = f"/api/v1/organizations/{office.id}/calendar/stream"
    await anyone.get(
        path, params={"ticket": "a-secret-ticket"}, headers={"Authorization": "Bearer no.good.token"}
    )
    await anyone.get("/api/v1/me", headers={"X-Request-ID": "find-me"})
    lines = wait_until(
        lambda: [line for line in bff.log.read_text().splitlines() if '"find-me"' in line], seconds=5
    )
    entry = json.loads(lines[-1])
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/api/v1/me", 200)
    assert entry["duration_ms"] > 0
    assert 0 < entry["upstream_ms"] < entry["duration_ms"]
    text = bff.log.read_text()
    assert "a-secret-ticket" not in text
    assert office.member.token not in text
    for line in text.splitlines():
        json.loads(line)


async def test_a_body_that_is_too_large_is_refused_however_it_is_sent(
    client: Client, office: Organization
) -> None:
    anyone = client(office.member)
    large = b" " * 200_000
    headers = {"Content-Type": "application/json"}

    async def chunks() -> object:
        for _ in range(20):
            yield large[:10_000]

    assert_error(
        await anyone.post("/api/v1/reservations", content=large, headers=headers), "PAYLOAD_TOO_LARGE"
    )
    assert_error(
        await anyone.post("/api/v1/reservations", content=chunks(), headers=headers),  # type: ignore[arg-type]
        "PAYLOAD_TOO_LARGE",
    )


async def test_me_is_in_the_envelope(client: Client, office: Organization) -> None:
    me = data(await client(office.owner).get("/api/v1/me"))
    assert me["user"] == {"id": office.owner.id, "email": office.owner.email}
    assert [(m["organization"]["id"], m["role"]) for m in me["memberships"]] == [(office.id, "owner")]
    assert me["aal"] == "aal1"


async def test_a_client_that_leaves_in_the_middle_is_no_fault_of_ours(
    bff: RunningBff, office: Organization
) -> None:
    port = int(bff.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /api/v1/reservations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {office.member.token}\r\n"
        "X-Request-ID: leaver\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    lines = wait_until(
        lambda: [line for line in bff.log.read_text().splitlines() if '"leaver"' in line], seconds=5
    )
    assert not any("unhandled" in line for line in lines)
