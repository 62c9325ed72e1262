"""The audit log over HTTP: read in pages, verified, taken away as CSV."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from bff.export.csv import to_csv
from bff.routes.audit import COLUMNS as EXPORTED
from tests.actors import Connection, Organization, TokenSigner, make_organization
from tests.api.shape import assert_error, data
from tests.api.upstream import Upstream, answer, app_before, failing_supabase, raw
from tests.conftest import Client
from tests.db.auditing import COLUMNS, entries, first_fault, hand_over, record
from tests.harness import RunningStack, wait_until


def path(organization_id: str, rest: str = "audit-logs") -> str:
    return f"/api/v1/organizations/{organization_id}/{rest}"


def read(text: str) -> list[dict[str, str | None]]:
    """The rows of an export, as docs/audit.md says to read them."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return [
        dict(zip(header, [cell.removeprefix("'") if cell else None for cell in row], strict=True))
        for row in rows
    ]


def sealed(live_db: Connection, organization_id: str) -> bool:
    """Whether the stack's schedule has sealed all of it."""
    waiting = live_db.execute("select from app.audit_unsealed where chain_id = %s", [organization_id])
    return waiting.rowcount == 0


@pytest.mark.parametrize("change", ["by a function", "in a table"])
async def test_a_request_and_the_rows_it_changed_have_one_id(
    client: Client, office: Organization, change: str
) -> None:
    admin = client(office.admin)
    sent = {"X-Request-ID": f"joined-{uuid4().hex}"}
    changes: dict[str, Any]
    if change == "in a table":
        target, changes = f"/api/v1/assets/{office.assets['planes']}", {"capacity": 9}
        operation = "update_asset"
    else:
        target, changes = f"/api/v1/organizations/{office.id}", {"ruc": "1-2-3"}
        operation = "update_organization"
    data(await admin.patch(target, json=changes, headers=sent))
    items: list[dict[str, Any]] = []
    # The request's own record comes a moment after the rows', which are written with them.
    async with asyncio.timeout(20):
        while len(items) < 2:
            found = await admin.get(path(office.id), params={"request_id": sent["X-Request-ID"]})
            items = data(found)["items"]
    row, request = sorted(items, key=lambda item: len(item["action"]))
    assert (row["action"], request["action"]) == ("update", operation)
    assert row["user_id"] == request["user_id"] == office.admin.id
    assert row["metadata"]["old"].keys() == row["metadata"]["new"].keys()


async def test_the_log_is_read_page_after_page(client: Client, office: Organization) -> None:
    owner = client(office.owner)
    everything = data(await owner.get(path(office.id), params={"pageSize": 100}))
    assert everything["next_cursor"] is None
    assert len(everything["items"]) > 10
    target: str | None = f"{path(office.id)}?pageSize=4&resource_type=organization_members"
    found: list[str] = []
    while target:
        answered = await owner.get(target)
        found += [item["id"] for item in data(answered)["items"]]
        target = answered.links["next"]["url"] if answered.links else None
    members = [item for item in everything["items"] if item["resource_type"] == "organization_members"]
    assert found == [item["id"] for item in members]
    assert len(found) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=x", "cursor"),
        ("cursor=" + "f" * 48, "cursor"),
        ("pageSize=101", "pageSize"),
        ("user_id=anna", "user_id"),
        ("action=" + "x" * 101, "action"),
        ("action=%00", "action"),
        ("request_id=a%20b", "request_id"),
        ("from=2026-01-01", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("role=owner", "role"),
    ],
)
async def test_filters_that_are_no_good_are_named(
    client: Client, office: Organization, query: str, field: str
) -> None:
    answered = await client(office.owner).get(f"{path(office.id)}?{query}")
    error = assert_error(answered, "VALIDATION_ERROR")
    assert [fault["path"] for fault in error["details"]["fields"]] == [field]


ROUTES = ("audit-logs", "audit-logs/verify", "exports/audit.csv")


@pytest.mark.parametrize("route", ROUTES)
async def test_the_log_is_for_admins_and_owners_alone(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner, route: str
) -> None:
    for role in ("admin", "owner"):
        assert (await client(office.actor(role)).get(path(office.id, route))).status_code == 200
    for role in ("manager", "member", "viewer"):
        assert_error(await client(office.actor(role)).get(path(office.id, route)), "FORBIDDEN")
    stranger = make_organization(live_db, signer=signer).owner
    assert_error(await client(stranger).get(path(office.id, route)), "NOT_FOUND")
    assert_error(await client(None).get(path(office.id, route)), "UNAUTHORIZED")
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    assert_error(await client(office.owner).get(path(office.id, route)), "MFA_REQUIRED")


async def test_what_was_done_in_the_dashboard_is_sealed_by_the_schedule_and_verified(
    client: Client, office: Organization, live_db: Connection
) -> None:
    live_db.execute("update public.tiers set name = 'By hand' where id = %s", [office.tier])
    wait_until(lambda: sealed(live_db, office.id), what="the schedule sealed it")
    owner = client(office.owner)
    items = data(await owner.get(path(office.id), params={"resource_id": office.tier}))["items"]
    assert (items[0]["user_id"], items[0]["metadata"]["new"]) == (None, {"name": "By hand"})
    assert items[0]["chain"]["position"] > 0
    found = data(await owner.get(path(office.id, "audit-logs/verify")))
    assert (found["intact"], found["problem"]) == (True, None)
    head = found["head"]
    known = {"known_position": head["position"], "known_hash": head["hash"]}
    assert data(await owner.get(path(office.id, "audit-logs/verify"), params=known))["intact"]
    other = {**known, "known_hash": "0" * 64}
    problem = data(await owner.get(path(office.id, "audit-logs/verify"), params=other))["problem"]
    assert problem == {"kind": "rewritten", "position": head["position"], "entry_id": None}
    half = await owner.get(path(office.id, "audit-logs/verify"), params={"known_position": 1})
    assert_error(half, "VALIDATION_ERROR")


async def test_an_auditor_recomputes_the_chain_from_the_csv_alone(
    client: Client, office: Organization, live_db: Connection, stack: RunningStack
) -> None:
    evil = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "'=1", "＝1", "", ';"=1', 'Ñandú 🛩, "x"\r\n']  # noqa: RUF001
    hand_over(
        stack.database_url,
        *(record(office, office.member, user_agent=text, error_message=text) for text in evil),
        *(record(office, office.member) for _ in range(1200)),
    )
    answered = await client(office.admin).get(path(office.id, "exports/audit.csv"))
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    assert answered.headers["content-disposition"] == f'attachment; filename="audit-{office.id}.csv"'
    assert answered.headers["cache-control"] == "no-store"
    cells = [cell for row in csv.reader(io.StringIO(answered.text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]  # noqa: RUF001
    rows = read(answered.text)
    assert len(rows) > 1200
    assert first_fault(office.id, rows) is None
    assert rows[-1]["action"] == "export"
    assert {row["user_agent"] for row in rows if row["user_agent"]} == set(evil) - {""}
    exported = entries(live_db, office.id, action="export")
    assert [str(entry["user_id"]) for entry in exported] == [office.admin.id]
    rows[700]["duration_ms"] = "0.000"
    assert first_fault(office.id, rows) == "701: changed"


async def test_an_export_has_the_lists_filters(client: Client, office: Organization) -> None:
    owner = client(office.owner)
    answered = await owner.get(path(office.id, "exports/audit.csv"), params={"resource_type": "assets"})
    rows = read(answered.text)
    assert len(rows) == 4
    assert {row["resource_type"] for row in rows} == {"assets"}
    nothing = await owner.get(path(office.id, "exports/audit.csv"), params={"action": "nobody's"})
    assert read(nothing.text) == []


def test_the_exported_columns_are_those_of_the_documentation() -> None:
    assert EXPORTED == COLUMNS


@pytest.mark.parametrize(
    "cell", ["", "=x", "'", "''=", "a", "a=b", "-", "\r\n", "\N{FULLWIDTH PLUS SIGN}1", None]
)
def test_a_cell_is_read_back_as_it_was(cell: str | None) -> None:
    text = to_csv([("cell",), (cell,)]).decode()
    assert [row["cell"] for row in read(text)] == [cell]


ROW = [["1", *["x"] * (len(COLUMNS) - 1)]]
EXPORT = f"/api/v1/organizations/{uuid4()}/exports/audit.csv"


def part(following: int | None) -> dict[str, Any]:
    return {"export_id": str(uuid4()), "rows": ROW, "next": following}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as supabase:
        yield supabase


async def test_an_export_that_cannot_begin_is_refused_in_words(upstream: Upstream) -> None:
    upstream.behaviours = [answer(500, {"code": "XX000", "message": "broken"})]
    async with app_before(upstream.url) as client:
        assert_error(await client.get(EXPORT), "INTERNAL_ERROR")


@pytest.mark.parametrize("kind", ["an error", "nonsense", "a cut"])
async def test_an_export_that_fails_on_its_way_is_cut_and_never_a_silent_half(
    upstream: Upstream, kind: str
) -> None:
    failure = {
        "an error": answer(500, {"code": "XX000", "message": "broken"}),
        "nonsense": answer(200, {"rows": "x"}),
        "a cut": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", close=True),
    }[kind]
    upstream.behaviours = [answer(200, part(1)), answer(200, part(2)), failure]
    async with app_before(upstream.url) as client:
        # What uvicorn cuts the connection for.
        with pytest.raises(RuntimeError, match="response already started"):
            await client.get(EXPORT)


async def test_a_failure_that_passes_is_no_end(upstream: Upstream) -> None:
    busy = answer(503, {"code": "PGRST000", "message": "away"})
    upstream.behaviours = [answer(200, part(1)), busy, busy, answer(200, part(None))]
    async with app_before(upstream.url) as client:
        answered = await client.get(EXPORT)
    assert len(read(answered.text)) == 2
    assert len(upstream.requests) == 4


async def test_asking_for_the_head_alone_reads_one_part(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, part(1))]
    async with app_before(upstream.url) as client:
        assert (await client.head(EXPORT)).status_code == 200
    assert len(upstream.requests) == 1


async def test_each_call_to_the_database_carries_the_requests_id(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, part(1)), answer(200, part(None))]
    async with app_before(upstream.url) as client:
        await client.get(EXPORT, headers={"X-Request-ID": "carried-1"})
    assert [head.lower().count("x-request-id: carried-1") for head in upstream.heads] == [1, 1]


async def test_over_the_wire_a_cut_export_is_an_incomplete_answer(
    client: Client, office: Organization, live_db: Connection, stack: RunningStack
) -> None:
    large = [record(office, office.member, request_body="x" * 60_000) for _ in range(300)]
    hand_over(stack.database_url, *large)
    async with client(office.admin).stream("GET", path(office.id, "exports/audit.csv")) as answered:
        assert answered.status_code == 200
        live_db.execute(
            "update public.organization_members set role = 'viewer' where user_id = %s", [office.admin.id]
        )
        with pytest.raises(httpx.RemoteProtocolError):
            await answered.aread()
