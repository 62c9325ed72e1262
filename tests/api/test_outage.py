"""Supabase is down: health says so, requests fail fast, streams stay open and say so, and all recovers."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from uuid import uuid4

import httpx
import pytest

from bff.health import CACHED_FOR, TIMEOUT
from tests.actors import Organization, connect, make_organization
from tests.api.shape import assert_error
from tests.conftest import token_signer
from tests.harness import (
    RunningBff,
    RunningStack,
    running_bff,
    running_stack,
    scratch_directory,
    stopped,
    wait_until,
)
from tests.metering import scrape
from tests.relay.calendar import book, slot, titles
from tests.relay.client import Watching, watch

# Restarts of parts on a busy machine.
PATIENCE = 60.0

Fault = Callable[[RunningStack], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def own_stack() -> Iterator[RunningStack]:
    """A stack that these tests may break."""
    with scratch_directory() as directory, running_stack(directory / "stack") as running:
        yield running


@pytest.fixture(scope="module")
def own_bff(own_stack: RunningStack) -> Iterator[RunningBff]:
    settings = {"UPSTREAM_TIMEOUT": "1", "BREAKER_SECONDS": "0.2", "RETRY_BASE": "0.1"}
    with running_bff(own_stack.env, own_stack.directory / "bff-outage.log", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def own_office(own_stack: RunningStack) -> Organization:
    with connect(own_stack.database_url) as db:
        return make_organization(db, signer=token_signer(own_stack))


@contextmanager
def killed(part: str, stack: RunningStack) -> Iterator[None]:
    """While the block lasts, the part is dead: its supervisor stands still."""
    with stopped(stack.process.pid):
        died = stack.kill(part)
        yield
    stack.wait_ready(part, died=died)


@contextmanager
def hanging(part: str, stack: RunningStack) -> Iterator[None]:
    """While the block lasts, the part takes connections and says nothing."""
    # The supervisor would replace a part that does not answer.
    with stopped(stack.process.pid), stopped(stack.pids()[part]):
        yield


def health(bff: RunningBff) -> tuple[int, str]:
    response = httpx.get(f"{bff.url}/api/health", timeout=PATIENCE)
    return response.status_code, response.json()["status"]


def is_open(bff: RunningBff) -> bool:
    return scrape(bff.url).get("upstream_circuit_open", part="rest") == 1


def behind(stream: Watching) -> bool | None:
    """What the last heartbeat said."""
    beats = [frame.data.get("catchingUp", False) for frame in stream.frames if frame.event == "heartbeat"]
    return beats[-1] if beats else None


def test_health_has_a_second_to_say_so() -> None:
    assert CACHED_FOR + TIMEOUT < 1


@pytest.mark.parametrize(
    "fault",
    [partial(killed, "gateway"), partial(hanging, "gateway"), partial(killed, "postgres")],
    ids=["gateway killed", "gateway hangs", "postgres killed"],
)
async def test_an_outage_is_said_at_once_survived_by_streams_and_over_by_itself(
    fault: Fault, own_stack: RunningStack, own_bff: RunningBff, own_office: Organization
) -> None:
    headers = {"Authorization": f"Bearer {own_office.member.token}"}
    another = {"Authorization": f"Bearer {own_office.manager.token}"}
    asset = own_office.assets["planes"]
    async with (
        httpx.AsyncClient(base_url=own_bff.url, headers=headers, timeout=PATIENCE) as member,
        watch(member, own_office.id) as stream,
    ):
        read = f"/api/v1/reservations/{(await book(member, asset, 'before'))['id']}"
        await stream.until(lambda: titles(stream), PATIENCE)
        key = {"Idempotency-Key": str(uuid4())}
        body = {"asset_id": asset, "title": "across", **slot()}
        with fault(own_stack):
            # Once two callers know it, the process says so itself, without asking.
            async with asyncio.timeout(PATIENCE):
                while not await asyncio.to_thread(is_open, own_bff):
                    for answer in await asyncio.gather(member.get(read), member.get(read, headers=another)):
                        assert_one_of(answer, "SERVICE_UNAVAILABLE", "TIMEOUT", "BAD_GATEWAY")
            for _ in range(20):
                assert_error(await member.get(read), "SERVICE_UNAVAILABLE")
            assert_error(
                await member.post("/api/v1/reservations", json=body, headers=key), "SERVICE_UNAVAILABLE"
            )
            assert await asyncio.to_thread(health, own_bff) == (503, "unhealthy")
            assert (await member.get("/api/live")).status_code == 200
            await stream.until(lambda: behind(stream) is True, PATIENCE)
            assert not stream.ended
        await asyncio.to_thread(
            wait_until, lambda: not is_open(own_bff), seconds=PATIENCE, what="the circuit closed"
        )
        await asyncio.to_thread(
            wait_until, lambda: health(own_bff)[0] == 200, seconds=PATIENCE, what="healthy again"
        )
        answer = await member.post("/api/v1/reservations", json=body, headers=key)
        assert answer.status_code == 201, answer.text
        await stream.until(lambda: len(titles(stream)) == 2, PATIENCE)
        assert titles(stream) == [("reservation_created", "before"), ("reservation_created", "across")]
        await stream.until(lambda: behind(stream) is False, PATIENCE)
        assert not stream.ended


def assert_one_of(response: httpx.Response, *codes: str) -> None:
    """One of these errors, with the time to wait."""
    assert_error(response, response.json()["error"]["code"])
    assert response.json()["error"]["code"] in codes, response.text


def test_what_was_committed_while_rest_was_away_reaches_the_open_stream(
    own_stack: RunningStack, own_bff: RunningBff, own_office: Organization
) -> None:
    """As somebody at the dashboard does, whose way does not lead through the gateway."""

    async def run() -> None:
        headers = {"Authorization": f"Bearer {own_office.member.token}"}
        async with (
            httpx.AsyncClient(base_url=own_bff.url, headers=headers, timeout=PATIENCE) as member,
            watch(member, own_office.id) as stream,
        ):
            booked = await book(member, own_office.assets["planes"], "as it was")
            with killed("gateway", own_stack), connect(own_stack.database_url) as db:
                db.execute(
                    "update public.reservations set title = 'as it became' where id = %s", [booked["id"]]
                )
            await stream.until(lambda: len(titles(stream)) == 2, PATIENCE)
            assert titles(stream)[-1] == ("reservation_updated", "as it became")

    asyncio.run(run())
