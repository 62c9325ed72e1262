"""Real processes before a database that counts: killed or ended, they lose nothing, write nothing twice."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from bff.audit.spool import SUFFIX
from tests.api.test_upstream import BOOKING, STORED
from tests.api.upstream import SECRET, AuditLog, Upstream, answer, failing_supabase, hang, token
from tests.harness import RunningBff, running_bff
from tests.metering import Metered, scrape
from tests.relay.fakes import until
from tests.relay.workers import ended, wait_for_workers, workers

Env = Mapping[str, str]


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        running.audit_log = AuditLog()
        running.behaviours = [answer(200, STORED)]
        yield running


@pytest.fixture
def log(upstream: Upstream) -> AuditLog:
    assert upstream.audit_log is not None
    return upstream.audit_log


@pytest.fixture
def env(upstream: Upstream, tmp_path: Path) -> Env:
    return {
        "SUPABASE_URL": upstream.url,
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
        "SUPABASE_SECRET_KEY": "sb_secret_x",
        "SUPABASE_JWT_SECRET": SECRET,
        "AUDIT_SPOOL_DIR": str(tmp_path / "spool"),
        "RETRY_BASE": "0.05",
        "RETRY_CAP": "0.1",
    }


def client_of(bff: RunningBff, upstream: Upstream) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=bff.url, headers={"Authorization": f"Bearer {token(upstream.url)}"}, timeout=20
    )


async def book(client: httpx.AsyncClient) -> str:
    """A booking; the id of its request, which its answer acknowledges."""
    response = await client.post("/api/v1/reservations", json=BOOKING)
    assert response.status_code == 201, response.text
    return str(response.headers["x-request-id"])


async def book_until_it_dies(client: httpx.AsyncClient, acknowledged: list[str]) -> None:
    with contextlib.suppress(httpx.TransportError):
        while True:
            acknowledged.append(await book(client))


def kill(bff: RunningBff) -> None:
    bff.process.kill()
    bff.process.wait()


async def metered(bff: RunningBff, outcome: str, count: float) -> Metered:
    """What a BFF says of itself, once it says of that many records that this became of them."""
    deadline = time.monotonic() + 20
    while True:
        # In a thread: the database runs in this loop.
        found = await asyncio.to_thread(scrape, bff.url)
        if found.get("audit_records_total", outcome=outcome) >= count:
            return found
        assert time.monotonic() < deadline, found


def refuses_connections(bff: RunningBff) -> bool:
    host, port = bff.url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return True
    return False


def files_of(pid: int) -> set[str]:
    """The spools that a process has open."""
    return {each.path for each in psutil.Process(pid).open_files() if each.path.endswith(SUFFIX)}


async def test_killed_between_write_and_acknowledgement_it_writes_each_record_once(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    log.then = hang
    with running_bff(env, tmp_path / "bff.log") as bff:
        async with client_of(bff, upstream) as client:
            acknowledged = await asyncio.gather(*(book(client) for _ in range(7)))
            await until(lambda: log.records)
            kill(bff)
    written = set(log.requests())
    log.then = None
    with running_bff(env, tmp_path / "bff.log") as bff:
        await until(lambda: set(log.requests()) >= set(acknowledged))
        said = await metered(bff, "known", len(written))
        assert [said.get("audit_records_total", outcome=each) for each in ("refused", "lost")] == [0, 0]
        assert said.get("audit_up") == 1
    assert sorted(log.requests()) == sorted(acknowledged)
    assert log.received >= len(log.records) + len(written), "the same records came again"


async def test_killed_again_and_again_while_the_database_is_away_it_loses_nothing_it_answered(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    log.is_away = True
    acknowledged: list[str] = []
    for enough in (40, 80):
        with running_bff(env, tmp_path / "bff.log") as bff:
            async with client_of(bff, upstream) as client:
                people = [asyncio.create_task(book_until_it_dies(client, acknowledged)) for _ in range(6)]
                await until(lambda: len(acknowledged) > enough)  # noqa: B023 - within the turn
                kill(bff)
                await asyncio.gather(*people)
    assert log.records == {}
    log.is_away = False
    with running_bff(env, tmp_path / "bff.log") as bff:
        await until(lambda: set(acknowledged) <= set(log.requests()))
    requests = log.requests()
    assert len(requests) == len(set(requests))
    # Of those whose client saw no answer there may be a record, one for each of the six and each kill.
    assert len(requests) - len(acknowledged) <= 12
    assert list((tmp_path / "spool").iterdir()) == []


async def test_killed_after_its_spool_was_removed_it_loses_nothing_it_answered_afterwards_or_before(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    log.is_away = True
    with running_bff(env, tmp_path / "bff.log") as bff:
        async with client_of(bff, upstream) as client:
            acknowledged = [await book(client) for _ in range(7)]
            shutil.rmtree(tmp_path / "spool")
            acknowledged += [await book(client) for _ in range(7)]
            said = await metered(bff, "damaged", 1)
            assert said.get("audit_records_total", outcome="lost") == 0
            kill(bff)
    assert log.records == {}
    log.is_away = False
    with running_bff(env, tmp_path / "bff.log"):
        await until(lambda: set(acknowledged) <= set(log.requests()))
    assert sorted(log.requests()) == sorted(acknowledged)


async def test_a_worker_that_is_killed_leaves_its_records_to_its_successor(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    log.is_away = True
    with running_bff(env, tmp_path / "bff.log", BFF_WORKERS="2") as bff:
        pids = await asyncio.to_thread(wait_for_workers, bff)
        acknowledged: list[str] = []
        for _ in range(20):
            # A connection each, so that both get some.
            async with client_of(bff, upstream) as client:
                acknowledged.append(await book(client))
        assert len(set.union(*map(files_of, pids))) == 2, "each has a file of its own"
        victim = pids[0]
        os.kill(victim, signal.SIGKILL)
        await until(lambda: ended(victim) and len(workers(bff)) == 2)
        log.is_away = False
        await until(lambda: set(acknowledged) <= set(log.requests()), seconds=60)
        assert sorted(log.requests()) == sorted(acknowledged)


async def test_a_client_that_leaves_before_its_body_is_complete_is_recorded(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    with running_bff(env, tmp_path / "bff.log") as bff:
        host, port = bff.url.removeprefix("http://").split(":")
        head = (
            "POST /api/v1/reservations HTTP/1.1\r\nHost: bff\r\nX-Request-ID: left-early\r\n"
            f"Authorization: Bearer {token(upstream.url)}\r\n"
            "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode())
        await until(lambda: "left-early" in log.requests())
    [record] = log.records.values()
    assert record["response_status"] == 499
    assert record["action"] == "create_reservation"
    assert record["request_body"] is None


async def test_what_is_under_way_at_the_end_is_recorded_before_the_process_goes(
    upstream: Upstream, log: AuditLog, env: Env, tmp_path: Path
) -> None:
    waiting, released = asyncio.Event(), asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        waiting.set()
        await released.wait()
        await answer(200, STORED)(writer)

    upstream.behaviours = [wait]
    with running_bff(env, tmp_path / "bff.log") as bff:
        async with client_of(bff, upstream) as client:
            booking = asyncio.create_task(book(client))
            await waiting.wait()
            bff.process.terminate()
            await until(lambda: refuses_connections(bff))
            released.set()
            request = await booking
        assert await asyncio.to_thread(bff.process.wait, 20) == 0
    assert log.requests() == [request]
    assert list((tmp_path / "spool").iterdir()) == []
