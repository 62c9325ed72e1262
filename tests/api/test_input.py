"""What is malformed is refused with the place and the reason, before anything is asked of the database."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.shape import assert_error, assert_fields
from tests.api.upstream import USER, Upstream, app_before, failing_supabase

JSON = {"Content-Type": "application/json"}
BOOKING: dict[str, Any] = {
    "asset_id": USER,
    "title": "Weekend",
    "start_date": "2026-03-01T15:00:00Z",
    "end_date": "2026-03-02T15:00:00Z",
}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest_asyncio.fixture
async def app(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    async with app_before(upstream.url) as client:
        yield client
    assert not upstream.requests, "nothing that is malformed may reach the database"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("title", "", "string_too_short"),
        ("title", "   ", "string_too_short"),
        ("title", "x" * 201, "string_too_long"),
        ("title", "a\x00b", "string_nul"),
        ("title", 5, "string_type"),
        ("title", None, "string_type"),
        ("asset_id", "1", "uuid_parsing"),
        ("start_date", "2026-03-01T15:00:00", "timezone_aware"),
        ("start_date", "2026-03-01", "datetime_format"),
        ("start_date", 1_770_000_000, "datetime_format"),
        ("start_date", "1770000000", "datetime_format"),
        ("start_date", "2026-02-30T15:00:00Z", "datetime_from_date_parsing"),
        ("start_date", "0001-01-01T00:00:00+14:00", "datetime_range"),
        ("end_date", "2200-01-01T00:00:00Z", "datetime_range"),
        ("end_date", "infinity", "datetime_format"),
        ("guest_count", -1, "greater_than_equal"),
        ("guest_count", 10**30, "less_than_equal"),
        ("guest_count", "5", "int_type"),
        ("guest_count", True, "int_type"),
        ("guest_count", 1.5, "int_type"),
        ("notes", "x" * 2001, "string_too_long"),
        ("metadata", {"legs": "x" * 17_000}, "too_large"),
        ("metadata", {"legs": [{"from\x00": 1}]}, "string_nul"),
        ("metadata", [], "dict_type"),
        ("guests", [{"name": "x"}] * 51, "too_long"),
        ("status", "approved", "extra_forbidden"),
        ("organization_id", USER, "extra_forbidden"),
        ("user_id", USER, "extra_forbidden"),
    ],
)
async def test_a_wrong_field_is_named(app: httpx.AsyncClient, field: str, value: object, code: str) -> None:
    response = await app.post("/api/v1/reservations", json={**BOOKING, field: value})
    error = assert_error(response, "VALIDATION_ERROR")
    assert [(f["path"], f["code"]) for f in error["details"]["fields"]] == [(field, code)]


async def test_all_faults_are_told_at_once_with_their_paths(app: httpx.AsyncClient) -> None:
    body = {"title": "", "start_date": "x", "guests": [{"name": "Ana"}, {"name": "", "email": "nobody"}]}
    error = assert_error(await app.post("/api/v1/reservations", json=body), "VALIDATION_ERROR")
    assert {f["path"] for f in error["details"]["fields"]} == {
        "asset_id",
        "title",
        "start_date",
        "end_date",
        "guests.1.name",
        "guests.1.email",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\x00",
        b"{'title': 'x'}",
        b'{"a": 1} x',
    ],
    ids=lambda content: repr(content[:12]),
)
async def test_what_is_not_json_is_refused(app: httpx.AsyncClient, content: bytes) -> None:
    response = await app.post("/api/v1/reservations", content=content, headers=JSON)
    error = assert_error(response, "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["code"] == "json_invalid"


async def test_a_key_that_comes_twice_is_refused(app: httpx.AsyncClient) -> None:
    content = b'{"title": "a", "metadata": {"x": 1, "x": 2}}'
    assert_fields(await app.post("/api/v1/reservations", content=content, headers=JSON), x="repeated")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b"5"])
async def test_a_body_that_is_no_object_is_refused(app: httpx.AsyncClient, content: bytes) -> None:
    error = assert_error(
        await app.post("/api/v1/reservations", content=content, headers=JSON), "VALIDATION_ERROR"
    )
    assert [f["code"] for f in error["details"]["fields"]] == ["model_type"]


async def test_lone_surrogates_are_refused(app: httpx.AsyncClient) -> None:
    content = b'{"title": "\\ud800", "metadata": {"a": "\\udfff"}}'
    error = assert_error(
        await app.post("/api/v1/reservations", content=content, headers=JSON), "VALIDATION_ERROR"
    )
    codes = {f["path"]: f["code"] for f in error["details"]["fields"]}
    assert codes["title"] == codes["metadata"] == "string_unicode"


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_media_types_are_refused(app: httpx.AsyncClient, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = await app.post("/api/v1/reservations", content=b"{}", headers=headers)
    assert_error(response, "UNSUPPORTED_MEDIA_TYPE")


async def test_no_body_is_an_empty_one(app: httpx.AsyncClient) -> None:
    assert_fields(
        await app.post("/api/v1/reservations"),
        asset_id="missing",
        title="missing",
        start_date="missing",
        end_date="missing",
    )


@pytest.mark.parametrize("path", ["me", f"assets/{USER}", f"organizations/{USER}", f"reservations/{USER}"])
async def test_a_patch_must_change_something(app: httpx.AsyncClient, path: str) -> None:
    error = assert_error(await app.patch(f"/api/v1/{path}", json={}), "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["code"] == "missing"


@pytest.mark.parametrize(
    ("path", "body", "field", "code"),
    [
        ("me", {"phone": "6123"}, "phone", "string_pattern_mismatch"),
        ("me", {"locale": "fr"}, "locale", "literal_error"),
        ("me", {"email": "new@example.com"}, "email", "extra_forbidden"),
        ("me", {"avatar_url": "javascript:alert(1)"}, "avatar_url", "string_pattern_mismatch"),
        ("me", {"timezone": None}, "timezone", "null_forbidden"),
        (f"assets/{USER}", {"name": None}, "name", "null_forbidden"),
        (f"assets/{USER}", {"capacity": 0}, "capacity", "greater_than_equal"),
        (f"assets/{USER}", {"check_in": "25:00"}, "check_in", "time_parsing"),
        (f"assets/{USER}", {"check_in": 54_000}, "check_in", "time_format"),
        (f"assets/{USER}", {"section": "boats"}, "section", "literal_error"),
        (f"assets/{USER}", {"is_active": "yes"}, "is_active", "bool_type"),
        (f"assets/{USER}", {"organization_id": USER}, "organization_id", "extra_forbidden"),
        (f"assets/{USER}", {"deleted_at": None}, "deleted_at", "extra_forbidden"),
        (f"organizations/{USER}", {"billing_email": "a@b"}, "billing_email", "string_pattern_mismatch"),
        *(
            (f"organizations/{USER}", {"billing_email": email}, "billing_email", "string_pattern_mismatch")
            # A control character, a name of more than 64, an empty part, a host with a blank in it.
            for email in ("ana@e.\bcom", f"{'a' * 65}@example.com", ".ana@example.com", "ana@exa mple.com")
        ),
        (f"organizations/{USER}", {"address": {"planet": "x"}}, "address.planet", "extra_forbidden"),
        (f"organizations/{USER}", {"is_active": False}, "is_active", "extra_forbidden"),
        (f"reservations/{USER}", {"version": 3}, "version", "extra_forbidden"),
        (f"reservations/{USER}", {"start_date": None}, "start_date", "null_forbidden"),
    ],
)
async def test_changes_are_checked_field_by_field(
    app: httpx.AsyncClient, path: str, body: dict[str, Any], field: str, code: str
) -> None:
    error = assert_error(await app.patch(f"/api/v1/{path}", json=body), "VALIDATION_ERROR")
    assert [(f["path"], f["code"]) for f in error["details"]["fields"]] == [(field, code)]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("page=0", "page", "greater_than_equal"),
        ("page=x", "page", "int_parsing"),
        ("pageSize=101", "pageSize", "less_than_equal"),
        ("page_size=10", "page_size", "extra_forbidden"),
        ("sort=title", "sort", "literal_error"),
        ("colour=red", "colour", "extra_forbidden"),
        ("page=1&page=2", "page", "repeated"),
        ("status=gone", "status.0", "literal_error"),
        ("from=2026-01-01T00:00:00", "from", "timezone_aware"),
        ("asset_id=1", "asset_id", "uuid_parsing"),
    ],
)
async def test_query_parameters_are_checked(
    app: httpx.AsyncClient, query: str, field: str, code: str
) -> None:
    response = await app.get(f"/api/v1/organizations/{USER}/reservations?{query}")
    error = assert_error(response, "VALIDATION_ERROR")
    assert [(f["path"], f["code"]) for f in error["details"]["fields"]] == [(field, code)]


@pytest.mark.parametrize(
    "path", ["assets/1", "reservations/%00", "organizations/x", "organizations/x/assets"]
)
async def test_ids_in_the_path_are_uuids(app: httpx.AsyncClient, path: str) -> None:
    error = assert_error(await app.get(f"/api/v1/{path}"), "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["code"] == "uuid"


@pytest.mark.parametrize("tag", ["3", '"3', '"1", "2"', "W/3", ""])
async def test_if_match_is_one_entity_tag(app: httpx.AsyncClient, tag: str) -> None:
    response = await app.patch(f"/api/v1/reservations/{USER}", json={"title": "x"}, headers={"If-Match": tag})
    error = assert_error(response, "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["path"] == "If-Match"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_an_idempotency_key_is_short_and_plain(app: httpx.AsyncClient, key: str) -> None:
    response = await app.post("/api/v1/reservations", json=BOOKING, headers={"Idempotency-Key": key})
    error = assert_error(response, "VALIDATION_ERROR")
    assert error["details"]["fields"][0]["path"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PATCH", f"reservations/{USER}", "If-Match"),
        ("POST", f"reservations/{USER}/cancel", "If-Match"),
        ("POST", "reservations", "Idempotency-Key"),
        ("GET", f"organizations/{USER}/calendar/stream", "Last-Event-ID"),
    ],
)
async def test_a_header_that_decides_something_is_sent_once(
    app: httpx.AsyncClient, method: str, path: str, name: str
) -> None:
    bodies = {f"reservations/{USER}": {"title": "x"}, "reservations": BOOKING}
    response = await app.request(
        method, f"/api/v1/{path}", json=bodies.get(path), headers=[(name, '"1"'), (name, '"2"')]
    )
    error = assert_error(response, "VALIDATION_ERROR")
    assert [(f["path"], f["code"]) for f in error["details"]["fields"]] == [(name, "repeated")]
