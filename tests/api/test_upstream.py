"""Supabase fails in every way it can; the caller gets one error shape and learns when to come back."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from bff.bounded import fetch
from tests.api.shape import assert_error, assert_problem, data
from tests.api.upstream import (
    USER,
    Behaviour,
    Upstream,
    answer,
    app_before,
    failing_supabase,
    hang,
    raw,
    token,
)
from tests.harness import free_port

BOOKING = {
    "asset_id": USER,
    "title": "Weekend",
    "start_date": "2026-03-01T15:00:00Z",
    "end_date": "2026-03-02T15:00:00Z",
}
STORED = {
    **BOOKING,
    "id": USER,
    "organization_id": USER,
    "user_id": USER,
    "time_zone": "America/Panama",
    "status": "approved",
    "guest_count": None,
    "version": 1,
    "created_at": "2026-02-01T15:00:00Z",
    "updated_at": "2026-02-01T15:00:00Z",
}
# 16 KB of nothing.
CHUNK = b"4000\r\n%b\r\n" % (b" " * 0x4000)
READ = f"/api/v1/reservations/{USER}"


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest_asyncio.fixture
async def app(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    async with app_before(upstream.url, upstream_timeout=0.3, request_timeout=2.0) as client:
        yield client


def postgrest_error(
    code: str, message: str = "no words that matter", details: object = None
) -> dict[str, object]:
    return {"code": code, "message": message, "details": details, "hint": None}


async def test_a_read_is_repeated_until_it_succeeds(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [answer(503, {}), raw(b"", close=True), answer(200, STORED)]
    assert data(await app.get(READ))["id"] == USER
    assert len(upstream.requests) == 3


async def test_a_read_is_given_up_after_three_repetitions(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [answer(503, b"<html>")]
    assert_error(await app.get(READ), "SERVICE_UNAVAILABLE")
    assert len(upstream.requests) == 4


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "PGRST003", "57P03", "25006", "53100"])
async def test_a_busy_database_is_503_with_retry_after(
    app: httpx.AsyncClient, upstream: Upstream, sqlstate: str
) -> None:
    upstream.behaviours = [answer(500, postgrest_error(sqlstate))]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "SERVICE_UNAVAILABLE")
    assert len(upstream.requests) == 1, "a write without a key is never repeated"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b"[" * 200_000, "BAD_GATEWAY"),
        (503, b'{"code": ' + b"[" * 200_000, "SERVICE_UNAVAILABLE"),
        (500, b'{"code": "08006", "details": ' + b'{"a":' * 100_000, "BAD_GATEWAY"),
        (409, postgrest_error("CONFLICT", details="[" * 200_000), "CONFLICT"),
    ],
    ids=["400", "503", "500", "details"],
)
async def test_an_error_that_is_nested_too_deeply_to_be_read_is_told_by_its_status(
    app: httpx.AsyncClient, upstream: Upstream, status: int, body: object, code: str
) -> None:
    upstream.behaviours = [answer(status, body)]
    assert "details" not in assert_error(await app.post("/api/v1/reservations", json=BOOKING), code)


async def test_a_write_with_an_idempotency_key_is_repeated(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [answer(500, postgrest_error("40001")), answer(200, STORED)]
    response = await app.post("/api/v1/reservations", json=BOOKING, headers={"Idempotency-Key": "once"})
    assert data(response, 201)["id"] == USER
    assert response.headers["location"] == READ
    assert len(upstream.requests) == 2


async def test_no_answer_in_time_is_504(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [hang]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "TIMEOUT")


async def test_repetitions_end_with_the_requests_deadline(upstream: Upstream) -> None:
    upstream.behaviours = [hang]
    async with app_before(upstream.url, upstream_timeout=0.2, request_timeout=0.5) as app:
        response = await app.get(READ)
    assert_error(response, "TIMEOUT")
    assert response.json()["metadata"]["duration"] < 1500
    assert len(upstream.requests) <= 3


async def test_a_refused_connection_is_503() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with app_before(url) as app:
        assert_error(await app.post("/api/v1/reservations", json=BOOKING), "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    "garbage",
    [
        answer(200, b"<html>It works!</html>"),
        answer(200, {"id": "of something else"}),
        answer(200, []),
        answer(200, b""),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n", close=True),
        answer(418, b"<html>"),
    ],
    ids=["html", "other object", "list", "nothing", "not HTTP", "error without JSON"],
)
async def test_an_unreadable_answer_is_502(
    app: httpx.AsyncClient, upstream: Upstream, garbage: object
) -> None:
    upstream.behaviours = [garbage]  # type: ignore[list-item]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "BAD_GATEWAY")


async def test_an_answer_that_breaks_off_is_503(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", close=True)]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "SERVICE_UNAVAILABLE")


async def test_business_errors_come_with_their_details_decoded(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    taken = {"start_date": "2026-03-01T15:00:00Z", "end_date": "2026-03-01T17:00:00Z"}
    conflict = {"conflicts": [taken], "alternatives": []}
    upstream.behaviours = [answer(409, postgrest_error("CONFLICT", "It is taken.", json.dumps(conflict)))]
    error = assert_error(await app.post("/api/v1/reservations", json=BOOKING), "CONFLICT")
    assert (error["message"], error["details"]) == ("It is taken.", conflict)


@pytest.mark.parametrize(
    ("sqlstate", "status", "code"),
    [
        ("42501", 403, "FORBIDDEN"),
        ("57014", 500, "TIMEOUT"),
        ("PGRST301", 401, "UNAUTHORIZED"),
        ("23505", 409, "CONFLICT"),
        ("23514", 400, "VALIDATION_ERROR"),
        ("23503", 409, "VALIDATION_ERROR"),
        ("PGRST116", 406, "NOT_FOUND"),
        ("SUP", 500, "INTERNAL_ERROR"),
        ("42883", 404, "INTERNAL_ERROR"),
    ],
)
async def test_codes_of_the_database_are_worded_by_us(
    app: httpx.AsyncClient, upstream: Upstream, sqlstate: str, status: int, code: str
) -> None:
    upstream.behaviours = [answer(status, postgrest_error(sqlstate, 'relation "app.secrets" of role x'))]
    response = await app.post("/api/v1/reservations", json=BOOKING)
    assert_error(response, code)
    assert "secrets" not in response.text


async def test_the_same_errors_come_as_problem_details(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [answer(500, postgrest_error("SUP"))]
    headers = {"Accept": "application/problem+json"}
    problem = assert_problem(await app.get(READ, headers=headers), "INTERNAL_ERROR")
    assert problem.instance == READ


async def test_each_call_carries_its_own_callers_token(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, STORED)]
    mine = [token(upstream.url, session_id=f"session {n}") for n in range(20)]
    async with app_before(upstream.url) as app:
        await asyncio.gather(*(app.get(READ, headers={"Authorization": f"Bearer {t}"}) for t in mine))
    lines = [line for head in upstream.heads for line in head.split("\r\n")]
    sent = [line.partition(" ")[2] for line in lines if line.lower().startswith("authorization:")]
    assert sorted(sent) == sorted(f"Bearer {each}" for each in mine)
    assert all("apikey: sb_publishable_x" in head for head in upstream.heads)


async def test_an_answer_that_came_too_late_is_nobody_elses(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await answer(200, {**STORED, "title": "someone else's"})(writer)

    upstream.behaviours = [late, answer(200, STORED)]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "TIMEOUT")
    titles = [data(await app.get(READ))["title"] for _ in range(5)]
    assert set(titles) == {"Weekend"}


async def test_connections_are_shared_and_bounded(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, STORED)]
    async with app_before(upstream.url, upstream_connections=3) as app:
        before = upstream.connections
        answers = await asyncio.gather(*(app.get(READ) for _ in range(30)))
        assert all(a.status_code == 200 for a in answers)
        # The relay's own few come on top.
        assert upstream.connections - before <= 3 + 3


async def test_an_unsolicited_answer_is_thrown_away(app: httpx.AsyncClient, upstream: Upstream) -> None:
    twice = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}" * 2
    upstream.behaviours = [raw(twice), answer(200, STORED)]
    assert_error(await app.post("/api/v1/reservations", json=BOOKING), "BAD_GATEWAY")
    assert data(await app.get(READ))["id"] == USER


async def test_interim_and_chunked_answers_are_understood(app: httpx.AsyncClient, upstream: Upstream) -> None:
    body = json.dumps(STORED).encode()
    halves = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in (body[:40], body[40:]))
    head = (
        b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    upstream.behaviours = [raw(head + halves + b"0\r\n\r\n")]
    assert data(await app.get(READ))["id"] == USER


@pytest.mark.parametrize(
    "bomb",
    [
        answer(200, gzip.compress(b" " * 10_000_000), content_encoding="gzip"),
        answer(200, json.dumps({**STORED, "title": "x" * 100_000}).encode()),
        raw(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"4000\r\n%b\r\n" % (b" " * 0x4000) * 5
        ),
    ],
    ids=["compressed", "too large", "without an end"],
)
async def test_an_answer_that_would_fill_memory_is_502(upstream: Upstream, bomb: Behaviour) -> None:
    upstream.behaviours = [bomb, answer(200, STORED)]
    async with app_before(upstream.url, upstream_answer_bytes=65_536) as app:
        assert_error(await app.post("/api/v1/reservations", json=BOOKING), "BAD_GATEWAY")
        assert data(await app.get(READ))["id"] == USER
    assert not any("accept-encoding" in head.lower() for head in upstream.heads)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (answer(200, gzip.compress(b" " * 10_000_000), content_encoding="gzip"), httpx.DecodingError),
        (answer(200, b" " * 2_000), httpx.DecodingError),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"), httpx.ReadTimeout),
        (hang, httpx.ReadTimeout),
        (raw(b"", close=True), httpx.RemoteProtocolError),
    ],
    ids=["compressed", "too large", "half an answer", "no answer", "closed"],
)
async def test_calls_with_the_services_key_end_in_time_and_fit_into_memory(
    upstream: Upstream, behaviour: Behaviour, error: type[Exception]
) -> None:
    upstream.behaviours = [behaviour]
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(error):
            await fetch(client, "GET", f"{upstream.url}/rest/v1/x", seconds=0.3, limit=1_000)
    assert "accept-encoding: identity" in upstream.heads[0].lower()


async def test_an_unforeseen_fault_says_nothing_of_the_inside(
    app: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("bff.http.Endpoint.__call__", explode)
    response = await app.get(READ)
    assert_error(response, "INTERNAL_ERROR")
    assert "hunter2" not in response.text


async def test_health_is_unhealthy_without_the_database() -> None:
    async with app_before(f"http://127.0.0.1:{free_port()}") as app:
        response = await app.get("/api/health")
    assert response.status_code == 503
    body = response.json()
    assert body["status"] == "unhealthy"
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "database": "fail",
        "auth": "fail",
        "cache": "pass",
        "realtime": "fail",
    }
    assert "sb_secret" not in response.text


async def test_health_is_degraded_without_realtime(app: httpx.AsyncClient) -> None:
    response = await app.get("/api/health")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
