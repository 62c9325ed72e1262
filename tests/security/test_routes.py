"""Each route as each role: what docs/access.md says of the database holds on every way through the BFF."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from psycopg import sql

from bff.app import ENDPOINTS
from bff.http import Endpoint
from tests.actors import Connection, TokenSigner, connect
from tests.conftest import Client
from tests.db.test_access import FUNCTIONS, ROLES, ROWS
from tests.harness import RunningStack
from tests.scene import Scene, lay_scene
from tests.security.answers import INSIDES, assert_hardened
from tests.security.routes import ACCOUNTS, CALLS, Call, fill

OPERATIONS: Final = {f"{each.method} {each.path}": each for each in ENDPOINTS}
OUTSIDERS: Final = ("removed", "stranger", "anonymous")


@pytest.fixture
def scene(live_db: Connection, stack: RunningStack, signer: TokenSigner) -> Scene:
    """One that a test may change."""
    return lay_scene(live_db, stack.database_url, signer)


@pytest.fixture(scope="module")
def pair(stack: RunningStack, signer: TokenSigner) -> tuple[Scene, Scene]:
    """Two organisations that stay as they are: one's own, and another one."""
    with connect(stack.database_url) as db:
        return lay_scene(db, stack.database_url, signer), lay_scene(db, stack.database_url, signer)


def ids_of(scene: Scene) -> dict[str, str]:
    """What the names in calls stand for."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=100)
    days = {"in_a_week": f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT00:00:00Z}"}
    days |= {f"day{number}": f"{soon + timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}" for number in range(1, 29)}
    photo_path = f"{scene.organization.id}/{scene.ids['asset']}/photo.png"
    return {**scene.ids, **days, "org": scene.organization.id, "photo_path": photo_path}


def expected(call: Call, role: str) -> int:
    """The status that docs/access.md says."""
    endpoint = OPERATIONS[call.operation]
    done = call.done or endpoint.status
    if role == "anonymous":
        return 401
    if not call.letter:
        cell = FUNCTIONS[call.access][role]
        return done if cell == "yes" else int(cell)
    cell = ROWS[call.access][role]
    if call.letter in cell:
        return done
    return 403 if "r" in cell else 404


async def ask(client: httpx.AsyncClient, call: Call, ids: Mapping[str, str]) -> httpx.Response:
    method, path = call.operation.split(" ")
    names = {"org": "org", **call.path}
    path = path.format_map({parameter: ids[name] for parameter, name in names.items()})
    request = client.build_request(method, path, params=fill(call.query, ids), json=fill(call.body, ids))
    # A stream has no end: what it begins with will do.
    response = await client.send(request, stream=True)
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        await response.aread()
    await response.aclose()
    return response


def test_each_route_is_called() -> None:
    called = {call.operation for call in CALLS}
    others = {
        name
        for name, endpoint in OPERATIONS.items()
        if endpoint.path.startswith(ACCOUNTS) or not endpoint.path.startswith("/api/v1/")
    }
    assert called | others == OPERATIONS.keys()
    assert not called & others


TABLES = """
    select n.nspname as schema, c.relname as name,
        exists (select from pg_attribute a
            where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped) as is_of_one
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'app') and c.relkind in ('r', 'p')
    order by 1, 2
"""
# Rows of tables that do not name the organisation; of others, all rows are looked at.
OF_ONE: Final = {
    "organizations": "where id = %(organization)s",
    "profiles": "where id in (select m.user_id from public.organization_members m "
    "where m.organization_id = %(organization)s)",
}
# That somebody asked, and was refused; and what the stack's schedule writes at its own time.
BESIDE_IT = ("audit_", "stats_refreshed")
# Of whoever asks, wherever they belong.
OWN: Final = {
    call.operation for call in CALLS if call.access in ("me", "create_organization", "`profiles`, one's own")
}


def checksum(db: Connection, organization: str) -> dict[str, str]:
    """Of each table, what it holds of the organisation; where it does not say, all that it holds."""
    sums = {}
    for table in db.execute(TABLES).fetchall():
        if table["name"].startswith(BESIDE_IT):
            continue
        where = "where organization_id = %(organization)s" if table["is_of_one"] else ""
        query = sql.SQL("select t::text as row from {} t {} order by 1").format(
            sql.Identifier(table["schema"], table["name"]), sql.SQL(OF_ONE.get(table["name"], where))
        )
        rows = db.execute(query, {"organization": organization}).fetchall()
        sums[f"{table['schema']}.{table['name']}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return sums


@pytest.mark.parametrize("role", ROLES)
async def test_each_route_answers_each_role_as_the_page_says(
    client: Client, scene: Scene, live_db: Connection, role: str
) -> None:
    caller = client(None if role == "anonymous" else scene.actor(role))
    ids, wrong = ids_of(scene), []
    before = checksum(live_db, scene.organization.id)
    for call in CALLS:
        response = await ask(caller, call, ids)
        assert_hardened(response)
        assert not is_telling(response), call.operation
        if response.status_code != expected(call, role):
            wrong.append((call.operation, call.access, response.status_code, expected(call, role)))
        if role in OUTSIDERS and call.operation not in OWN:
            assert response.status_code in (401, 404)
            assert not [name for name, value in ids.items() if value in response.text], call.operation
    assert not wrong
    if role in OUTSIDERS:
        assert checksum(live_db, scene.organization.id) == before, "what is refused must change nothing"


def is_telling(response: httpx.Response) -> bool:
    """Whether it holds a word of the inside; a stream, whose text is not read, is tried elsewhere."""
    return response.is_stream_consumed and any(word in response.text for word in INSIDES)


def inside(endpoint: Endpoint) -> bool:
    return "{org}/" in endpoint.path and endpoint.path.count("{") > 1


@pytest.mark.parametrize(
    "call", [call for call in CALLS if inside(OPERATIONS[call.operation])], ids=lambda call: call.operation
)
async def test_ones_own_organisation_opens_nobody_elses_things(
    client: Client, pair: tuple[Scene, Scene], call: Call
) -> None:
    scene, others = pair
    own = {**ids_of(others), "org": scene.organization.id}
    response = await ask(client(scene.organization.owner), call, own)
    assert response.status_code == 404


PLANTED: Final[tuple[tuple[str, str, Any], ...]] = (
    ("POST", "invitations", {"email": "x@example.test", "tier_id": "$spare_tier"}),
    ("PATCH", "members/$own_member", {"tier_id": "$spare_tier"}),
    ("POST", "blackouts", {"start_date": "2031-01-01", "end_date": "2031-01-02", "asset_id": "$asset"}),
    ("POST", "blackouts", {"start_date": "2031-01-01", "end_date": "2031-01-02", "tier_id": "$spare_tier"}),
    (
        "POST",
        "rules",
        {
            "name": "x",
            "rule_type": "lead_time",
            "conditions": {"min_hours": 1},
            "applies_to_all_assets": False,
            "asset_ids": ["$asset"],
        },
    ),
    (
        "POST",
        "rules",
        {"name": "x", "rule_type": "lead_time", "conditions": {"min_hours": 1}, "tier_id": "$spare_tier"},
    ),
    (
        "POST",
        "waitlist",
        {"asset_id": "$asset", "title": "x", "start_date": "$day1", "end_date": "$day2"},
    ),
    ("POST", "assets/bulk", {"mode": "atomic", "operations": [{"op": "archive", "id": "$asset"}]}),
    ("DELETE", "members/$own_member?transfer_to=$colleague", None),
)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    PLANTED,
    ids=[f"{method} {path} {number}" for number, (method, path, _) in enumerate(PLANTED)],
)
async def test_others_ids_inside_a_body_are_not_taken(
    client: Client, pair: tuple[Scene, Scene], live_db: Connection, method: str, path: str, body: Any
) -> None:
    scene, others = pair
    ids = {**ids_of(others), "own_member": scene.organization.member.id}
    before = checksum(live_db, others.organization.id), checksum(live_db, scene.organization.id)
    for name, value in ids.items():
        path = path.replace(f"${name}", value)
    response = await client(scene.organization.owner).request(
        method, f"/api/v1/organizations/{scene.organization.id}/{path}", json=fill(body, ids)
    )
    assert response.status_code in (400, 404, 422), response.text
    assert (checksum(live_db, others.organization.id), checksum(live_db, scene.organization.id)) == before
