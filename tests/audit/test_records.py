"""Which requests are recorded, and what a record says of them; the database is a stub that counts."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bff import __version__
from bff.app import ENDPOINTS, create_app
from bff.audit.middleware import MESSAGE, PATH, RETRY_AFTER, TOO_LARGE, USER_AGENT, Audit, _body
from bff.audit.redaction import LIST_ITEMS, WITHHELD
from bff.audit.repeats import SINGLY
from bff.audit.spool import Spool, SpoolError
from bff.audit.subjects import Subject, Subjects
from bff.errors import STATUS
from bff.http import Endpoint, to_routes
from bff.metrics import Metrics
from bff.middleware import RequestContext
from bff.settings import Settings, SettingsError
from bff.state import Noted, Request
from tests.api.shape import assert_error
from tests.api.test_upstream import BOOKING, STORED, postgrest_error
from tests.api.upstream import USER, AuditLog, Upstream, answer, app_before, failing_supabase, token
from tests.metering import parse
from tests.relay.fakes import until

ORG = "0b5c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4e"
ASSET = "1b5c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4e"


@pytest_asyncio.fixture(scope="module")
async def database() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        running.audit_log = AuditLog()
        yield running


@pytest_asyncio.fixture(scope="module")
async def app(database: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    async with app_before(database.url, upstream_timeout=1.0, request_timeout=2.0) as client:
        yield client


@pytest.fixture
def upstream(database: Upstream) -> Upstream:
    database.behaviours = [answer(200, {})]
    database.requests.clear()
    database.audit_log = AuditLog()
    return database


async def record_of(upstream: Upstream, response: httpx.Response | str) -> dict[str, Any]:
    """The one record of a request."""
    identity = response if isinstance(response, str) else response.headers["x-request-id"]
    log = upstream.audit_log
    assert log is not None
    await until(lambda: identity in log.requests())
    [record] = [each for each in log.records.values() if each["metadata"]["request_id"] == identity]
    return record


async def unrecorded(upstream: Upstream, app: httpx.AsyncClient, responses: list[httpx.Response]) -> None:
    """None of these has a record, seen when a later request has one."""
    await record_of(upstream, await app.post("/api/v1/reservations", json={}))
    assert upstream.audit_log is not None
    assert not {each.headers["x-request-id"] for each in responses} & set(upstream.audit_log.requests())


async def test_a_booking_is_recorded_with_who_what_where_from_and_how_it_went(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [answer(200, {**STORED, "organization_id": ORG})]
    began = datetime.now(UTC)
    response = await app.post(
        "/api/v1/reservations?secret=1",
        json={**BOOKING, "notes": "hush", "guest_count": 2},
        headers={"User-Agent": "curl/8"},
    )
    assert response.status_code == 201
    record = await record_of(upstream, response)
    assert began - timedelta(seconds=1) < datetime.fromisoformat(record.pop("created_at")) < datetime.now(UTC)
    assert 0 < record.pop("duration_ms") < 20_000
    assert re.fullmatch("[0-9a-f-]{36}", record.pop("id"))
    assert isinstance(record["metadata"].pop("process"), int)
    assert record == {
        "user_id": USER,
        "organization_id": ORG,
        "action": "create_reservation",
        "resource_type": "reservations",
        "resource_id": STORED["id"],
        "ip_address": "127.0.0.1",
        "user_agent": "curl/8",
        "request_method": "POST",
        "request_path": "/api/v1/reservations",
        "request_body": {**BOOKING, "title": WITHHELD, "notes": WITHHELD, "guest_count": 2},
        "response_status": 201,
        "error_message": None,
        "metadata": {
            "request_id": response.headers["x-request-id"],
            "code": None,
            "session_id": None,
            "aal": "aal1",
            "version": __version__,
        },
    }


async def test_what_was_refused_is_recorded_with_its_code_and_our_own_words(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    for code, status in [("FORBIDDEN", 403), ("MFA_REQUIRED", 403), ("NOT_FOUND", 404), ("CONFLICT", 409)]:
        upstream.behaviours = [answer(status, postgrest_error(code, "Not you."))]
        # Spanish for the caller, one language for whoever reads the log.
        response = await app.post(
            "/api/v1/reservations", json={**BOOKING, "asset_id": ASSET}, headers={"Accept-Language": "es"}
        )
        record = await record_of(upstream, response)
        assert record["response_status"] == status
        assert record["metadata"]["code"] == code
        assert record["error_message"] == "Not you."
        assert (record["resource_type"], record["resource_id"]) == ("assets", ASSET), "nothing was made"


@pytest.mark.parametrize("code", [code for code, status in STATUS.items() if status in (401, 403, 429)])
async def test_a_read_is_recorded_where_it_is_denied_or_limited(
    app: httpx.AsyncClient, upstream: Upstream, code: str
) -> None:
    upstream.behaviours = [answer(STATUS[code], postgrest_error(code))]
    path = f"/api/v1/organizations/{ORG}/members"
    record = await record_of(upstream, await app.get(path))
    assert record["response_status"] == STATUS[code]
    assert (record["action"], record["request_method"]) == ("list_members", "GET")
    assert record["organization_id"] == ORG
    assert record["request_body"] is None
    head = await record_of(upstream, await app.head(path))
    assert (head["action"], head["request_method"]) == ("list_members", "HEAD")


@pytest.mark.parametrize(
    "path", [f"organizations/{ORG}", f"organizations/{ORG}/members", f"reservations/{USER}"]
)
async def test_a_read_of_what_is_another_offices_or_nobodys_is_recorded(
    app: httpx.AsyncClient, upstream: Upstream, path: str
) -> None:
    upstream.behaviours = [answer(404, postgrest_error("NOT_FOUND"))]
    record = await record_of(upstream, await app.get(f"/api/v1/{path}"))
    assert (record["response_status"], record["metadata"]["code"]) == (404, "NOT_FOUND")
    assert record["user_id"] == USER
    assert record["organization_id"] == (ORG if ORG in path else None)
    assert record["request_path"] == f"/api/v1/{path}"


async def test_refusals_that_a_member_repeats_are_counted_and_the_count_is_there_at_the_end(
    upstream: Upstream,
) -> None:
    upstream.behaviours = [answer(403, postgrest_error("FORBIDDEN"))]
    async with app_before(upstream.url) as app:
        for _ in range(SINGLY + 20):
            await app.post("/api/v1/reservations", json=BOOKING)
        # What fails otherwise is each a record.
        for _ in range(SINGLY + 3):
            await app.post("/api/v1/reservations", json={})
        metered = parse((await app.get("/api/metrics")).text)
        assert metered.get("audit_records_total", outcome="repeated") == 20
    assert upstream.audit_log is not None
    records = list(upstream.audit_log.records.values())
    assert [each["response_status"] for each in records].count(400) == SINGLY + 3
    [counted] = [each for each in records if "count" in each["metadata"]]
    assert len(records) == 2 * SINGLY + 3 + 1
    assert (counted["user_id"], counted["action"]) == (USER, "create_reservation")
    assert (counted["metadata"]["count"], counted["metadata"]["code"]) == (20, "FORBIDDEN")
    assert counted["metadata"]["first"] <= counted["metadata"]["last"]


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/nothing"])
async def test_a_stranger_who_asks_for_nothing_but_refusals_makes_few_records(
    upstream: Upstream, path: str
) -> None:
    async with app_before(upstream.url) as app:
        for _ in range(200):
            assert (await app.post(path, headers={"Authorization": ""})).status_code in (401, 404, 405)
    assert upstream.audit_log is not None
    records = list(upstream.audit_log.records.values())
    assert len(records) == SINGLY + 1
    assert records[-1]["metadata"]["count"] == 200 - SINGLY
    assert records[-1]["metadata"]["who"] == records[-1]["ip_address"] == "127.0.0.1"


async def test_a_member_who_asks_for_nothing_but_refusals_takes_nobodys_room(upstream: Upstream) -> None:
    assert upstream.audit_log is not None
    upstream.audit_log.is_away = True
    async with app_before(upstream.url, audit_spool_bytes=65_536) as app:
        for status, code in [(429, "RATE_LIMIT_EXCEEDED"), (403, "FORBIDDEN"), (404, "NOT_FOUND")]:
            upstream.behaviours = [answer(status, postgrest_error(code))]
            for _ in range(100):
                assert (await app.post("/api/v1/reservations", json=BOOKING)).status_code == status
        upstream.behaviours = [answer(200, STORED)]
        assert (await app.post("/api/v1/reservations", json=BOOKING)).status_code == 201


async def test_reads_that_succeed_paths_that_are_not_ours_and_preflights_leave_no_record(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [answer(200, STORED)]
    read = f"/api/v1/reservations/{USER}"
    responses = [await app.get(read), await app.head(read), await app.get("/api/v1/nothing")]
    responses += [await app.get("/api/live"), await app.get("/api/metrics"), await app.post("/api/live")]
    responses.append(
        await app.options(
            read, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
    )
    assert [each.status_code for each in responses] == [200, 200, 404, 200, 200, 405, 400]
    await unrecorded(upstream, app, responses)


async def test_who_has_no_token_or_a_bad_one_is_recorded_as_nobody(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer x.y.z"}):
        for method in ("GET", "DELETE"):
            path = f"/api/v1/organizations/{ORG}/tiers/{ASSET}" if method == "DELETE" else "/api/v1/me"
            record = await record_of(upstream, await app.request(method, path, headers=headers))
            assert (record["user_id"], record["response_status"]) == (None, 401)
            assert record["metadata"]["code"] == "UNAUTHORIZED"
    assert (record["action"], record["organization_id"]) == ("delete_tier", ORG)
    assert (record["resource_type"], record["resource_id"]) == ("tiers", ASSET)


async def test_a_refused_stream_is_recorded_without_its_ticket(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    path = f"/api/v1/organizations/{ORG}/calendar/stream"
    response = await app.get(path, params={"ticket": "stolen-ticket"}, headers={"Authorization": ""})
    # The client's own header is gone only where it is not sent at all.
    record = await record_of(upstream, response)
    assert (record["action"], record["response_status"]) == ("stream_calendar", 401)
    assert record["request_path"] == path
    assert "stolen" not in json.dumps(record)


async def test_malformed_requests_are_recorded_and_nothing_of_what_they_hold(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    bodies: list[tuple[bytes, str, int]] = [
        (b'{"title": "hunter2", "password": "hunter2", "hunter2": 1, "asset_id": "hunter2"}', "json", 400),
        (b'{"title": "hunter2"', "json", 400),
        (b'"hunter2"', "json", 400),
        (b"hunter2", "text", 415),
        (b'"' + b"hunter2" * 30_000 + b'"', "json", 413),
    ]
    for content, kind, status in bodies:
        media = "application/json" if kind == "json" else "text/plain"
        response = await app.post("/api/v1/reservations", content=content, headers={"Content-Type": media})
        record = await record_of(upstream, response)
        assert record["response_status"] == status
        assert "hunter2" not in json.dumps(record)


async def test_paths_and_methods_that_are_not_ours_are_recorded_as_unknown(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    for method, path, status in [
        ("POST", "/api/v1/admin/%00%0aroot\u00f1", 404),
        ("PUT", "/api/v1/me", 405),
        ("DELETE", "/api/v1/" + "x" * 5000, 404),
    ]:
        record = await record_of(upstream, await app.request(method, path))
        assert (record["action"], record["resource_type"]) == ("unknown", None)
        assert record["response_status"] == status
        assert record["request_path"].isascii()
        assert record["request_path"].isprintable()
        assert len(record["request_path"]) <= PATH


async def test_ids_that_are_none_are_left_out(app: httpx.AsyncClient, upstream: Upstream) -> None:
    response = await app.patch("/api/v1/organizations/hunter2/tiers/'; drop table", json={"priority": 1})
    record = await record_of(upstream, response)
    assert (record["organization_id"], record["resource_id"]) == (None, None)
    assert record["request_path"] == "/api/v1/organizations/{org}/tiers/{id}"
    assert record["response_status"] == 400


async def test_what_a_client_sends_of_itself_is_bounded_and_plain(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    agent = b"bot\xff\x7f\x80" + b"a" * 5000
    upstream.behaviours = [answer(403, postgrest_error("FORBIDDEN", "x" * 5000))]
    response = await app.post("/api/v1/reservations", json=BOOKING, headers={b"User-Agent": agent})
    record = await record_of(upstream, response)
    assert len(record["user_agent"]) == USER_AGENT
    assert record["user_agent"].startswith("botÿ\ufffd\ufffdaaa")
    assert len(record["error_message"]) == MESSAGE


async def test_the_largest_bodies_make_small_records(app: httpx.AsyncClient, upstream: Upstream) -> None:
    bulk = {"mode": "atomic", "operations": [{"op": "archive", "note": "n" * 200}] * 100}
    record = await record_of(upstream, await app.post(f"/api/v1/organizations/{ORG}/assets/bulk", json=bulk))
    assert record["request_body"] == {"mode": "atomic", "operations": [*[WITHHELD] * LIST_ITEMS, "[50 more]"]}


def test_a_body_that_is_large_even_when_redacted_keeps_its_names() -> None:
    kept_whole = Subject(redact=lambda sent: sent)
    large: dict[str, Any] = {"ids": [USER] * 1000, "kind": "all"}
    assert _body(Noted(body=large), kept_whole) == {"ids": TOO_LARGE, "kind": TOO_LARGE}
    assert _body(Noted(body=large["ids"]), kept_whole) == TOO_LARGE
    assert _body(Noted(body={"kind": "all"}), kept_whole) == {"kind": "all"}


async def test_a_fault_of_ours_and_an_unreadable_database_are_recorded(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    for content, status in [(b"<html>", 502), ({"code": "XX000", "message": "hunter2"}, 500)]:
        upstream.behaviours = [answer(200 if status == 502 else 500, content)]
        record = await record_of(upstream, await app.post("/api/v1/reservations", json=BOOKING))
        assert record["response_status"] == status
        assert "hunter2" not in json.dumps(record)


async def test_a_request_that_is_cancelled_is_recorded_with_the_answer_it_got(upstream: Upstream) -> None:
    async def wait(_: asyncio.StreamWriter) -> None:
        waiting.set()

    waiting = asyncio.Event()
    upstream.behaviours = [wait]
    async with app_before(upstream.url) as app:
        asking = asyncio.create_task(
            app.post("/api/v1/reservations", json=BOOKING, headers={"X-Request-ID": "cut-off"})
        )
        await waiting.wait()
        asking.cancel()
        assert_error(await asking, "SERVICE_UNAVAILABLE")
        record = await record_of(upstream, "cut-off")
    assert record["response_status"] == 503
    assert record["action"] == "create_reservation"


async def test_an_id_that_a_client_repeats_does_not_hide_the_second_request(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    for _ in range(2):
        await app.post("/api/v1/reservations", json={}, headers={"X-Request-ID": "again"})
    log = upstream.audit_log
    assert log is not None
    await until(lambda: log.requests().count("again") == 2)


async def test_what_is_there_at_the_end_is_sent_before_the_process_goes(upstream: Upstream) -> None:
    async with app_before(upstream.url) as app:
        response = await app.post("/api/v1/reservations", json={})
    assert upstream.audit_log is not None
    assert response.headers["x-request-id"] in upstream.audit_log.requests()


async def test_without_room_for_its_record_a_change_is_refused_before_it_is_begun_and_reads_go_on(
    upstream: Upstream,
) -> None:
    log = upstream.audit_log
    assert log is not None
    log.is_away = True
    upstream.behaviours = [answer(200, STORED)]
    async with app_before(upstream.url, audit_spool_bytes=65_536, retry_cap=0.05) as app:
        acknowledged = []
        while (response := await app.post("/api/v1/reservations", json=BOOKING)).status_code == 201:
            acknowledged.append(response.headers["x-request-id"])
        error = assert_error(response, "SERVICE_UNAVAILABLE")
        assert error["retryAfter"] == RETRY_AFTER
        assert len(upstream.requests) == len(acknowledged), "the refused one was not begun"
        assert (await app.get(f"/api/v1/reservations/{USER}")).status_code == 200
        log.is_away = False
        await until(lambda: set(acknowledged) <= set(log.requests()))
        # Room comes free a moment after the database has them.
        deadline = time.monotonic() + 20
        while parse((await app.get("/api/metrics")).text).get("audit_up") == 0:
            assert time.monotonic() < deadline
        metered = parse((await app.get("/api/metrics")).text)
        assert metered.get("audit_records_total", outcome="turned_away") == 1
        assert metered.get("audit_records_total", outcome="lost") == 0
        assert (await app.post("/api/v1/reservations", json=BOOKING)).status_code == 201


async def test_where_the_operator_wants_it_changes_go_on_without_room(upstream: Upstream) -> None:
    log = upstream.audit_log
    assert log is not None
    log.is_away = True
    upstream.behaviours = [answer(200, STORED)]
    settings: dict[str, Any] = {"audit_spool_bytes": 65_536, "audit_when_full": "serve"}
    async with app_before(upstream.url, **settings) as app:
        for _ in range(80):
            assert (await app.post("/api/v1/reservations", json=BOOKING)).status_code == 201
        assert parse((await app.get("/api/metrics")).text).get("audit_up") == 0


async def test_what_is_lost_at_the_very_end_is_counted_in_the_metrics_that_outlive_the_process(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Metrics] = []

    class Kept(Metrics):
        def __init__(self, processes: int) -> None:
            super().__init__(processes)
            made.append(self)

    def fail(*_: object) -> None:
        raise SpoolError("database or disk is full")

    monkeypatch.setattr("bff.app.Metrics", Kept)
    monkeypatch.setattr(Spool, "append", fail)
    log = upstream.audit_log
    assert log is not None
    log.is_away = True
    async with app_before(upstream.url) as app:
        assert_error(await app.post("/api/v1/reservations", json={}), "VALIDATION_ERROR")
    [metrics] = made
    # As another process' answer has them, which asks nobody who is gone.
    assert parse(metrics._render().decode()).get("audit_records_total", outcome="lost") == 1


def test_a_folder_that_cannot_be_had_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings(
        supabase_url="http://127.0.0.1:1",
        supabase_publishable_key="x",
        supabase_secret_key=SecretStr("x"),
        audit_spool_dir=tmp_path / "file" / "spool",
    )
    with pytest.raises(SettingsError, match="AUDIT_SPOOL_DIR"):
        create_app(settings)


async def test_without_the_audit_nothing_is_kept_or_sent(upstream: Upstream, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    async with app_before(upstream.url, audit_requests=False, audit_spool_dir=folder) as app:
        assert_error(await app.post("/api/v1/reservations", json={}), "VALIDATION_ERROR")
    assert not folder.exists()
    assert upstream.audit_log is not None
    assert upstream.audit_log.calls == 0


async def test_tokens_of_users_never_reach_a_record(app: httpx.AsyncClient, upstream: Upstream) -> None:
    mine = token(upstream.url, session_id="s-1", email="anna@example.test")
    response = await app.post("/api/v1/reservations", json={}, headers={"Authorization": f"Bearer {mine}"})
    record = await record_of(upstream, response)
    assert record["metadata"]["session_id"] == "s-1"
    assert mine not in json.dumps(record)
    assert "anna@" not in json.dumps(record)


@pytest.mark.parametrize(("audited", "status", "count"), [(True, 200, 1), (False, 200, 0), (False, 403, 1)])
async def test_a_read_that_is_declared_sensitive_is_recorded_though_it_succeeds(
    audited: bool, status: int, count: int
) -> None:
    async def export(_: Request) -> Response:
        return Response(status_code=status)

    declared = Endpoint("GET", "/api/v1/exports/{id}", "", "", export, audited=audited, public=True)
    kept: list[bytes] = []

    class Recorder:
        async def keep(self, record: bytes, **_: Any) -> None:
            kept.append(record)

        def is_counted(self, *_: object) -> bool:
            return False

    app = Starlette(
        routes=to_routes([declared]),
        middleware=[
            Middleware(RequestContext, metrics=Metrics()),
            Middleware(Audit, subjects=Subjects([declared])),
        ],
    )

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"audit": Recorder()}
        await app(scope, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=with_state), base_url="http://bff"
    ) as http:
        for method in ("GET", "HEAD"):
            assert (await http.request(method, f"/api/v1/exports/{ASSET}")).status_code == status
    records = [json.loads(each) for each in kept]
    assert len(records) == 2 * count
    for record in records:
        assert (record["action"], record["resource_type"], record["resource_id"]) == (
            "export",
            "exports",
            ASSET,
        )


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        (
            "POST",
            "/api/v1/organizations/{org}/restore",
            ("restore_organization", "organizations", "org", None),
        ),
        ("DELETE", "/api/v1/organizations/{org}/members/{user}", ("remove_member", "members", "user", None)),
        ("POST", "/api/v1/organizations/{org}/assets/bulk", ("bulk_assets", "assets", None, None)),
        ("POST", "/api/v1/reservations/{id}/cancel", ("cancel_reservation", "reservations", "id", None)),
        ("POST", "/api/v1/reservations/preview", ("preview_reservation", "reservations", None, None)),
        ("POST", "/api/v1/assets/{id}/photos", ("register_photo", "photos", None, ("assets", "id"))),
        ("POST", "/api/v1/stream-tickets", ("create_stream_ticket", "stream_tickets", None, None)),
        ("PATCH", "/api/v1/me", ("update_me", "me", None, None)),
    ],
)
def test_action_and_resource_come_from_the_declaration(method: str, path: str, expected: object) -> None:
    subject = Subjects(ENDPOINTS)._subjects[method, path]
    assert (subject.action, subject.resource_type, subject.parameter, subject.within) == expected


def test_each_route_has_an_action_of_its_own_that_the_table_takes() -> None:
    subjects = Subjects(ENDPOINTS)._subjects
    assert set(subjects) == {(e.method, e.path) for e in ENDPOINTS if e.path.startswith("/api/v1/")}
    actions = [subject.action for subject in subjects.values()]
    assert len(set(actions)) == len(actions)
    assert all(0 < len(action) <= 100 for action in actions)
