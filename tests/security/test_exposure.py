"""What comes of reading: nothing private of others, nothing fetched, and no question that is a query."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from bff import openapi
from bff.app import ENDPOINTS
from tests.actors import Connection, TokenSigner, as_user, connect, make_asset
from tests.api.shape import data
from tests.conftest import Client
from tests.harness import RunningStack
from tests.scene import HIDDEN, Scene, lay_scene
from tests.security.answers import INSIDES
from tests.security.routes import CALLS
from tests.security.test_routes import ask, ids_of
from tests.test_imports import imports, modules

READS: Final = [call for call in CALLS if call.operation.startswith("GET ")]
# Written where members may not read; each is found by whoever may.
NOTES, GUEST, GUESTS_ADDRESS, LEG = (
    "notes-for-few",
    "Guest-for-few",
    "guest-for-few@example.test",
    "leg-for-few",
)
PHONE: Final = "+50761239999"


@pytest.fixture(scope="module")
def scene(stack: RunningStack, signer: TokenSigner) -> Iterator[Scene]:
    with connect(stack.database_url) as db:
        scene = lay_scene(db, stack.database_url, signer)
        # The viewer's own is theirs to read.
        db.execute(
            "update public.profiles set phone = %s where id in "
            "(select user_id from public.organization_members where organization_id = %s) and id <> %s",
            [PHONE, scene.organization.id, scene.organization.viewer.id],
        )
        of_one = "reservation_id in (select id from public.reservations where organization_id = %s)"
        db.execute(
            f"update public.reservation_details set notes = %s, metadata = %s where {of_one}".encode(),
            [NOTES, json.dumps({"legs": [LEG]}), scene.organization.id],
        )
        db.execute(
            f"update public.reservation_guests set name = %s, email = %s where {of_one}".encode(),
            [GUEST, GUESTS_ADDRESS, scene.organization.id],
        )
        yield scene


async def everything(client: Client, scene: Scene, role: str) -> dict[str, str]:
    """All that a role reads, by route; the audit log, which tells admins of everything, is not for less."""
    caller, ids, read = client(scene.actor(role)), ids_of(scene), {}
    for call in READS:
        if not call.operation.endswith("/stream"):
            response = await ask(caller, call, ids)
            read[f"{call.operation} {call.access}"] = response.text
    return read


async def test_a_viewer_reads_no_private_matter_anywhere(client: Client, scene: Scene) -> None:
    organization = scene.organization
    people = (organization.owner, organization.admin, organization.manager, organization.member)
    private = (NOTES, GUEST, GUESTS_ADDRESS, LEG, PHONE, "new@example.test", *(each.email for each in people))
    hidden = (scene.ids["hidden"], scene.ids["hidden_booking"], scene.ids["hidden_series"])
    seen = await everything(client, scene, "viewer")
    found = [(where, word) for where, text in seen.items() for word in (*private, *hidden) if word in text]
    assert not found
    # The same walk does find them where they may be read.
    managers = " ".join((await everything(client, scene, "manager")).values())
    owners = " ".join((await everything(client, scene, "owner")).values())
    assert not [word for word in (NOTES, GUEST, LEG, PHONE, scene.ids["hidden"]) if word not in managers]
    assert "new@example.test" in owners
    assert HIDDEN in managers


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[str]]]:
    """A server inside the network, which nobody ought to call; its address, and who called."""
    callers: list[str] = []

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(str(writer.get_extra_info("peername")))
        writer.close()

    server = await asyncio.start_server(called, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/latest/meta-data", callers


async def test_no_url_that_is_given_is_ever_fetched(
    client: Client, scene: Scene, live_db: Connection
) -> None:
    async with listening() as (url, callers):
        _, _, host = url.partition("//")
        owner = client(scene.organization.owner)
        organization = f"/api/v1/organizations/{scene.organization.id}"
        given = (
            await owner.patch("/api/v1/me", json={"avatar_url": url}),
            await owner.patch(organization, json={"logo_url": url}),
            await owner.patch(f"/api/v1/assets/{scene.ids['asset']}", json={"primary_photo_url": url}),
        )
        for response in given:
            assert url in json.dumps(data(response))
        live_db.execute(
            "update public.asset_photos set url = %s where organization_id = %s", [url, scene.organization.id]
        )
        owner.headers.update({"Host": host.partition("/")[0], "Referer": url, "X-Forwarded-Host": host})
        for call in READS:
            await ask(owner, call, ids_of(scene))
        assert not callers
        # Whoever calls is noticed.
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.split("/")[0].split(":")[1]))
        await reader.read()
        writer.close()
        assert len(callers) == 1


# What can call out, and who has it: each to an address of the settings.
CALLERS: Final = {
    "aiohttp": {"bff.pool"},
    "httpx": {
        "bff.app",
        "bff.audit.writer",
        "bff.auth",
        "bff.bounded",
        "bff.health",
        "bff.relay.log",
        "bff.repository",
    },
    "realtime": {"bff.relay.feed"},
    "limits.aio.storage": {"bff.limits.windows"},
    "redis": {"bff.limits.redis", "bff.limits.windows", "bff.settings"},
    "sentry_sdk": {"bff.reporting"},
    "urllib.request": set(),
    "http.client": set(),
    "requests": set(),
}


def test_only_who_calls_the_project_can_call_anybody(root: Path) -> None:
    found: dict[str, set[str]] = {name: set() for name in CALLERS}
    for module, path in modules(root, "bff"):
        for imported in imports(root, path):
            for name in CALLERS:
                if imported == name or imported.startswith(f"{name}."):
                    found[name].add(module)
    assert found == CALLERS


PAYLOADS: Final = (
    "x'; select pg_sleep(9) --",
    'x"),or(organization_id.neq.0,id.not.is.null',
    "a:* & !b <-> (c \\",
)


def questions() -> Iterator[tuple[str, str]]:
    """Each query parameter of each route, and some that PostgREST would heed."""
    document = openapi.render(ENDPOINTS)
    for call in READS:
        operation = document["paths"][call.operation.split(" ")[1]]["get"]
        names = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        for name in sorted(names):
            yield call.operation, name.replace("{key}", "k")
        if names:
            yield from ((call.operation, name) for name in ("select", "or", "order", "limit"))
            break_out = ("details.a,b", "details.a'b", "details.a->>b", 'details."')
            yield from ((call.operation, name) for name in break_out if "details.{key}" in names)


async def test_a_question_is_never_a_query(client: Client, scene: Scene) -> None:
    calls = {call.operation: call for call in READS}
    caller, ids = client(scene.organization.owner), ids_of(scene)
    asked = 0
    for operation, name in dict.fromkeys(questions()):
        call = calls[operation]
        for payload in PAYLOADS:
            asked += 1
            twisted = type(call)(
                operation, call.access, call.letter, call.path, {**(call.query or {}), name: payload}
            )
            response = await ask(caller, twisted, ids)
            assert response.status_code in (200, 400), (operation, name, payload)
            if response.status_code != 200 or not operation.endswith("/stream"):
                assert not [word for word in INSIDES if word in response.text]
    assert asked > 150


@pytest.mark.parametrize("sign", ["%", "_", "\\", "*", "'"])
async def test_signs_of_a_pattern_stand_for_themselves(
    client: Client, scene: Scene, live_db: Connection, sign: str
) -> None:
    organization = scene.organization
    asset = make_asset(live_db, organization.id, "residences", f"House {ord(sign)}")
    with as_user(scene.conninfo, organization.member) as member:
        member.execute(
            "select public.create_reservation(%s, %s, now() + '200 d', now() + '201 d')",
            [asset, f"a{sign}b"],
        )
    path = f"/api/v1/organizations/{organization.id}/reservations"
    found: list[Any] = data(await client(organization.member).get(path, params={"q": f"a{sign}b"}))
    assert [each["title"] for each in found] == [f"a{sign}b"]
    assert data(await client(organization.member).get(path, params={"q": f"T{sign}p"})) == []
