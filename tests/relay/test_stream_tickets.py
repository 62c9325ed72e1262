"""Tickets end to end: any process honours them, the database makes them good once."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import httpx
import jwt
import pytest

from bff.relay.tickets import TICKET_SECONDS, Identity, Tickets
from tests.actors import Actor, Connection, Organization, TokenSigner, make_organization
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, free_port, running_bff
from tests.relay.calendar import assert_error, book
from tests.relay.client import watch
from tests.relay.workers import client_of

ROUNDS = 8
Pair = tuple[RunningBff, RunningBff]


@pytest.fixture(scope="module")
def two(stack: RunningStack) -> Iterator[Pair]:
    """Two processes that know nothing of each other, as on two hosts."""
    with (
        running_bff(stack.env, stack.directory / "bff-tickets-1.log") as one,
        running_bff(stack.env, stack.directory / "bff-tickets-2.log") as other,
    ):
        yield one, other


async def take(client: httpx.AsyncClient, organization: str) -> str:
    response = await client.post("/api/v1/stream-tickets", json={"organization_id": organization})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return str(response.json()["data"]["ticket"])


def stream_url(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.id}/calendar/stream"


def nobody_at(bff: RunningBff) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=bff.url, timeout=20)


async def test_a_ticket_of_one_process_opens_a_stream_at_another_and_then_none_anywhere(
    two: Pair, office: Organization
) -> None:
    issuer, other = two
    async with client_of(issuer, office.viewer) as viewer, client_of(issuer, office.member) as member:
        ticket = await take(viewer, office.id)
        async with nobody_at(other) as client, watch(client, office.id, params={"ticket": ticket}) as stream:
            await book(member, office.assets["planes"])
            await stream.get("reservation_created")
    for bff in (issuer, other):
        async with nobody_at(bff) as client:
            again = await client.get(stream_url(office), params={"ticket": ticket})
            assert_error(again, 401, "UNAUTHORIZED")


async def test_of_two_that_use_a_ticket_at_once_at_two_processes_exactly_one_gets_the_stream(
    two: Pair, office: Organization
) -> None:
    async with contextlib.AsyncExitStack() as held:
        viewer = await held.enter_async_context(client_of(two[0], office.viewer))
        clients = [await held.enter_async_context(nobody_at(bff)) for bff in two]
        for client in clients:
            # Connected before the race: it is to be between databases' calls, not between handshakes.
            await client.get("/api/live")

        async def use(client: httpx.AsyncClient, ticket: str, barrier: asyncio.Barrier) -> int:
            await barrier.wait()
            async with client.stream("GET", stream_url(office), params={"ticket": ticket}) as response:
                return response.status_code

        for _ in range(ROUNDS):
            ticket, barrier = await take(viewer, office.id), asyncio.Barrier(2)
            statuses = await asyncio.gather(*(use(client, ticket, barrier) for client in clients))
            assert sorted(statuses) == [200, 401]


async def test_a_ticket_outlives_the_process_that_issued_it(
    stack: RunningStack, office: Organization
) -> None:
    log, port = stack.directory / "bff-tickets-3.log", str(free_port())
    with running_bff(stack.env, log, BFF_PORT=port) as first:
        async with client_of(first, office.viewer) as viewer:
            ticket = await take(viewer, office.id)
    with running_bff(stack.env, log, BFF_PORT=port) as second:
        async with nobody_at(second) as client, watch(client, office.id, params={"ticket": ticket}) as stream:
            assert stream.frames[0].event == "ready"


async def test_a_ticket_is_good_for_its_organisation_only_and_only_for_whom_it_was_asked(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner
) -> None:
    other = make_organization(live_db, signer=signer)
    ticket = await take(client(office.viewer), office.id)
    elsewhere = await client(None).get(stream_url(other), params={"ticket": ticket})
    assert_error(elsewhere, 401, "UNAUTHORIZED")
    refused = await client(other.owner).post("/api/v1/stream-tickets", json={"organization_id": office.id})
    assert_error(refused, 404, "NOT_FOUND")
    # The attempt elsewhere has not spent it.
    async with watch(client(None), office.id, params={"ticket": ticket}):
        pass


async def test_a_member_who_was_removed_after_taking_a_ticket_is_refused(
    client: Client, office: Organization, live_db: Connection
) -> None:
    ticket = await take(client(office.viewer), office.id)
    live_db.execute("delete from public.organization_members where user_id = %s", [office.viewer.id])
    assert_error(await client(None).get(stream_url(office), params={"ticket": ticket}), 404, "NOT_FOUND")


async def test_a_session_that_ended_after_taking_a_ticket_is_refused(
    client: Client, office: Organization, live_db: Connection
) -> None:
    ticket = await take(client(office.viewer), office.id)
    live_db.execute("delete from auth.sessions where id = %s", [office.viewer.session_id])
    assert_error(await client(None).get(stream_url(office), params={"ticket": ticket}), 401, "UNAUTHORIZED")


def forged(stack: RunningStack, office: Organization, actor: Actor) -> dict[str, str]:
    """What somebody might try in a ticket's place."""
    who = Identity(actor.id, actor.session_id, "aal1", int(time.time()) + 600)
    late = time.time() - TICKET_SECONDS - 2
    good = Tickets(stack.secret_key).issue(who, office.id)
    head, claims, signature = good.split(".")
    return {
        "expired": Tickets(stack.secret_key, lambda: late).issue(who, office.id),
        "of another secret": Tickets("sb_secret_of_another_project").issue(who, office.id),
        "tampered": f"{head}.{claims[:-2]}.{signature}",
        "unsigned": jwt.encode(jwt.decode(good, options={"verify_signature": False}), "", "none"),
        "a user's token": actor.token,
        "invented": "invented",
    }


async def test_what_is_no_good_ticket_opens_nothing(
    stack: RunningStack, client: Client, office: Organization
) -> None:
    for kind, value in forged(stack, office, office.viewer).items():
        response = await client(None).get(stream_url(office), params={"ticket": value})
        assert response.status_code == 401, kind
        assert_error(response, 401, "UNAUTHORIZED")


async def test_a_ticket_is_no_bearer_token(client: Client, office: Organization) -> None:
    ticket = await take(client(office.viewer), office.id)
    headers = {"Authorization": f"Bearer {ticket}"}
    for path in ("/api/v1/me", stream_url(office)):
        assert_error(await client(None).get(path, headers=headers), 401, "UNAUTHORIZED")
