"""Health: told in the words of the specification, asked once for all, and never waiting for what hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import pytest

from bff.health import CACHED_FOR, TIMEOUT, HealthMonitor
from tests.api.upstream import app_before


class Silent:
    """A server that takes connections and never answers; `waiting` is how many wait."""

    def __init__(self) -> None:
        self.url = ""
        self.waiting = 0
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.waiting += 1
        self.asked.set()
        while await reader.read(65_536):
            pass
        writer.close()


@asynccontextmanager
async def silence() -> AsyncIterator[Silent]:
    silent = Silent()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    silent.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield silent
    finally:
        server.close()


class Cache:
    """A limiter that says what it is told to."""

    def __init__(
        self, status: Literal["pass", "fail"] = "pass", message: str = "", *, hangs: bool = False
    ) -> None:
        self.said = (status, 1.234, message)
        self.hangs = hangs

    async def check(self) -> tuple[Literal["pass", "fail"], float, str]:
        if self.hangs:
            await asyncio.Event().wait()
        return self.said


@asynccontextmanager
async def monitor(
    limiter: Cache | None = None, realtime: str = "up", status: int = 200
) -> AsyncIterator[HealthMonitor]:
    """A monitor of a project whose database and Auth answer with this status."""

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        watched = HealthMonitor(
            client, "http://project", "sb_secret_x", lambda: {"status": realtime}, limiter
        )
        yield watched
        await watched.aclose()


async def test_what_hangs_fails_and_nothing_that_is_told_is_older_than_a_second() -> None:
    assert CACHED_FOR + TIMEOUT < 1
    async with silence() as silent, app_before(silent.url) as app:
        response = await app.get("/api/health")
    assert response.status_code == 503
    body = response.json()
    assert set(body) == {"status", "timestamp", "version", "checks"}
    assert body["status"] == "unhealthy"
    for name in ("database", "auth"):
        check = body["checks"][name]
        assert (check["status"], check["message"]) == ("fail", "No answer in time.")
        assert check["latency"] >= TIMEOUT * 1000
    assert "sb_secret" not in response.text


async def test_many_who_ask_at_once_are_one_question_and_one_who_leaves_ends_it_for_nobody() -> None:
    async with silence() as silent, httpx.AsyncClient() as client:
        watched = HealthMonitor(client, silent.url, "sb_secret_x", lambda: {"status": "up"})
        first, *others = [asyncio.create_task(watched.check()) for _ in range(50)]
        async with asyncio.timeout(20):
            await silent.asked.wait()
        first.cancel()
        told = await asyncio.gather(*others)
        assert first.cancelled()
        # Database and Auth, once each.
        assert silent.waiting == 2
        assert all(each is told[0] for each in told)


async def test_an_answer_is_kept_for_a_while_and_then_asked_for_anew() -> None:
    async with monitor() as watched:
        first = await watched.check()
        assert await watched.check() is first
        watched._asked_at -= CACHED_FOR
        assert await watched.check() is not first


@pytest.mark.parametrize(
    ("limiter", "check", "status"),
    [
        (None, ("pass", "There is none; each process limits for itself."), "healthy"),
        (Cache(), ("pass", ""), "healthy"),
        (Cache("fail", "It cannot be reached."), ("fail", "It cannot be reached."), "degraded"),
        (Cache(hangs=True), ("fail", "No answer in time."), "degraded"),
    ],
    ids=["none", "there", "away", "hangs"],
)
async def test_the_limiters_cache_degrades_and_no_more(
    limiter: Cache | None, check: tuple[str, str], status: str
) -> None:
    async with monitor(limiter) as watched:
        health = await watched.check()
    assert (health.checks.cache.status, health.checks.cache.message) == check
    assert health.status == status


@pytest.mark.parametrize(
    ("realtime", "passes", "status"),
    [
        ("up", "pass", "healthy"),
        ("off", "pass", "healthy"),
        ("down", "fail", "degraded"),
        ("deaf", "fail", "degraded"),
        ("starting", "fail", "degraded"),
    ],
)
async def test_without_realtime_it_is_degraded_unless_nobody_wants_it(
    realtime: str, passes: str, status: str
) -> None:
    async with monitor(realtime=realtime) as watched:
        health = await watched.check()
    assert (health.checks.realtime.status, health.status) == (passes, status)
    assert bool(health.checks.realtime.message) == (realtime != "up")


async def test_without_database_or_auth_nothing_else_matters() -> None:
    async with monitor(Cache("fail", "away"), "down", 500) as watched:
        health = await watched.check()
    assert health.status == "unhealthy"
    assert health.checks.database.message == "It answers 500."
