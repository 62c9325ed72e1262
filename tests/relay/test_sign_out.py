"""Streams end with their session, wherever it was signed out and whichever process holds them."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import httpx
import pytest

from bff.relay import RelayConfig
from bff.relay.log import EventLog, Grant, GrantRequest, service_client
from bff.relay.relay import Relay
from bff.relay.tickets import Identity
from tests.actors import Connection, Organization
from tests.api.auth import AUTH, Account, new_account
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack
from tests.relay.client import Watching, watch
from tests.relay.conftest import turn
from tests.relay.fakes import EMPTY, until
from tests.relay.workers import streams_at, wait_for_workers
from tests.stack.api import api

Scope = Literal["local", "others", "global"]
REVOKED = {"reason": "access_revoked"}


class GrantingLog(EventLog):
    """Grants whatever is asked, once it may."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__(client)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[Sequence[GrantRequest]] = []

    async def grants(self, requests: Sequence[GrantRequest]) -> list[Grant]:
        self.asked.append(requests)
        await self.may_answer.wait()
        return [Grant(granted=True, cursor=EMPTY, mark="aaaa0001")] * len(requests)


def identity(user: str, session: str | None) -> Identity:
    return Identity(user, session, "aal1", 2_000_000_000)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("local", ["ana there", "ana without", "ben"]),
        ("others", ["ana here", "ben"]),
        ("global", ["ben"]),
    ],
)
async def test_signing_out_here_ends_the_streams_of_its_scope_and_no_others(
    scope: Scope, left: list[str]
) -> None:
    async with service_client("http://127.0.0.1:9", "sb_secret_x") as client:
        relay = Relay(RelayConfig("http://127.0.0.1:9", "sb_secret_x"), GrantingLog(client), lambda _: None)
        people = {
            "ana here": identity("ana", "here"),
            "ana there": identity("ana", "there"),
            "ana without": identity("ana", None),
            "ben": identity("ben", "here"),
        }
        streams = {name: await relay.open(each, "org-1") for name, each in people.items()}
        relay.sign_out("ana", "here", scope)
        assert [name for name, stream in streams.items() if not stream.ended] == left


async def test_a_stream_that_is_being_opened_meanwhile_is_asked_about_once_more() -> None:
    async with service_client("http://127.0.0.1:9", "sb_secret_x") as client:
        log = GrantingLog(client)
        relay = Relay(RelayConfig("http://127.0.0.1:9", "sb_secret_x"), log, lambda _: None)
        log.may_answer.clear()
        opening = asyncio.create_task(relay.open(identity("ana", "here"), "org-1"))
        await until(lambda: log.asked)
        relay.sign_out("ana", "here", "local")
        log.may_answer.set()
        await opening
        assert len(log.asked) == 2


async def member(stack: RunningStack, client: Client, db: Connection, office: Organization) -> Account:
    ana = await new_account(stack, client(None))
    db.execute(
        "insert into public.organization_members (organization_id, user_id) values (%s, %s)",
        [office.id, ana.id],
    )
    return ana


async def assert_revoked(stream: Watching) -> None:
    # Well before the next look at all grants, which is a minute away.
    assert (await stream.get("bye")).data == REVOKED
    await stream.until(lambda: stream.ended)


@pytest.mark.usefixtures("knobs_at_rest", "realtime_up")
async def test_streams_end_with_their_sessions_here_and_at_supabase_itself(
    client: Client, stack: RunningStack, live_db: Connection, office: Organization
) -> None:
    ana = await member(stack, client, live_db, office)
    there, anyone = await ana.again(), client(None)
    async with (
        watch(anyone, office.id, headers=ana.headers) as here_stream,
        watch(anyone, office.id, headers=there.headers) as there_stream,
        watch(client(office.viewer), office.id) as others_stream,
    ):
        assert (await ana.post("/sign-out")).status_code == 204
        await assert_revoked(here_stream)
        refused = await anyone.get(f"/api/v1/organizations/{office.id}/calendar/stream", headers=ana.headers)
        assert refused.status_code == 401
        assert not there_stream.ended
        with api(stack, token=there.session["access_token"]) as direct:
            assert direct.post("/auth/v1/logout").status_code == 204
        await assert_revoked(there_stream)
        assert not others_stream.ended


@pytest.mark.usefixtures("knobs_at_rest", "realtime_up")
async def test_without_realtime_a_sign_out_here_still_ends_the_streams_here(
    client: Client, stack: RunningStack, live_db: Connection, office: Organization
) -> None:
    ana = await member(stack, client, live_db, office)
    turn(stack, drop=True)
    async with watch(client(None), office.id, headers=ana.headers) as stream:
        assert (await ana.post("/sign-out", {"scope": "global"})).status_code == 204
        await assert_revoked(stream)


@pytest.mark.usefixtures("knobs_at_rest")
async def test_the_streams_of_every_worker_end(several: RunningBff, office: Organization) -> None:
    async with streams_at(several, wait_for_workers(several), office) as streams:
        async with httpx.AsyncClient(base_url=several.url, timeout=20) as anywhere:
            headers = {"Authorization": f"Bearer {office.viewer.token}"}
            answer = await anywhere.post(f"{AUTH}/sign-out", headers=headers)
            assert answer.status_code == 204
        for stream in streams:
            await assert_revoked(stream)


@pytest.mark.usefixtures("knobs_at_rest", "realtime_up")
async def test_where_it_is_demanded_a_stream_ends_when_its_session_loses_the_second_factor(
    client: Client, stack: RunningStack, live_db: Connection, office: Organization
) -> None:
    ana = await member(stack, client, live_db, office)
    enrolled = await ana.enroll()
    await ana.confirm(enrolled)
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    async with watch(client(None), office.id, headers=ana.headers) as stream:
        assert (await ana.remove(enrolled["id"])).status_code == 204
        await assert_revoked(stream)
