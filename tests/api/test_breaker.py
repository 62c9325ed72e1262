"""While a part of Supabase is away, callers are told so at once; when it is back, they are served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from bff.exchange import SHARES, Bounds
from tests.api.shape import assert_error, data
from tests.api.test_upstream import BOOKING, READ, STORED, postgrest_error
from tests.api.upstream import (
    USER,
    Behaviour,
    Pool,
    Upstream,
    answer,
    app_before,
    failing_supabase,
    hang,
    raw,
)
from tests.metering import Metered, parse
from tests.relay.fakes import until

BOOK = "/api/v1/reservations"
REFRESH = "/api/v1/auth/refresh"
UPLOAD = f"/api/v1/assets/{USER}/photos/upload-url"
FAILURES = 3
AWAY = answer(503, b"<html>no healthy upstream")
# In the head of a call whose query is slow.
SLOW = "a-slow-one"
PLANNED = {"bucket": "asset-photos", "path": f"{USER}/{USER}/{USER}.png", "content_type": "image/png"}


@pytest_asyncio.fixture(scope="module")
async def shared_upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    shared_upstream.reset()
    return shared_upstream


@pytest_asyncio.fixture(scope="module")
async def shared_app(shared_upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    settings = {"upstream_timeout": 0.2, "breaker_failures": FAILURES, "breaker_seconds": 0.05}
    async with app_before(shared_upstream.url, **settings) as client:
        yield client


@pytest_asyncio.fixture
async def app(shared_app: httpx.AsyncClient, upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    """One for all; each test leaves it with its circuits closed and no failure counted."""
    yield shared_app
    upstream.reset()
    mend(upstream)
    for part in ("rest", "auth", "storage"):
        await wait_for_circuit(shared_app, is_open=False, part=part)
    assert data(await shared_app.get(READ))["id"] == USER


def someone(upstream: Upstream) -> dict[str, str]:
    """Headers of a user whom nobody has seen."""
    return {"Authorization": f"Bearer {upstream.token(sub=str(uuid4()))}"}


@pytest.fixture
def hasty_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that hang are late sooner."""
    monkeypatch.setattr("bff.breaker.PROBE_SECONDS", 0.05)


async def metrics(app: httpx.AsyncClient) -> Metered:
    return parse((await app.get("/api/metrics")).text)


async def wait_for_circuit(app: httpx.AsyncClient, *, is_open: bool, part: str = "rest") -> None:
    for _ in range(2_000):
        if (await metrics(app)).get("upstream_circuit_open", part=part) == is_open:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{part}'s circuit is not {'open' if is_open else 'closed'}")


async def break_down(app: httpx.AsyncClient, upstream: Upstream, how: Behaviour = AWAY) -> None:
    """Opens the circuit to REST, which stays open until `mend`."""
    upstream.behaviours, upstream.probe = [how], how
    for _ in range(FAILURES):
        assert (await app.post(BOOK, json=BOOKING)).status_code in (503, 504)
    await wait_for_circuit(app, is_open=True)


async def have_probed(app: httpx.AsyncClient, upstream: Upstream, times: int, code: str) -> None:
    """Asks as one user, in vain with this code, until so many probes have begun."""
    for _ in range(500):
        if upstream.probes >= times:
            return
        assert_error(await app.post(BOOK, json=BOOKING), code)
    pytest.fail(f"{upstream.probes} probes")


def mend(upstream: Upstream) -> None:
    upstream.behaviours, upstream.probe = [answer(200, STORED)], answer(401, postgrest_error("42501"))


@pytest.mark.parametrize(
    "how",
    [
        AWAY,
        answer(502, b""),
        answer(503, {"code": "503", "message": "rest is not answering"}),
        answer(503, postgrest_error("PGRST001")),
        answer(500, postgrest_error("57P01")),
        raw(b"", close=True),
        answer(503, b"[" * 200_000),
    ],
    ids=[
        *("gateway", "bad gateway", "status as code", "no database", "database ends"),
        *("connection closed", "unreadable"),
    ],
)
async def test_once_a_part_is_seen_to_be_away_nothing_is_sent_until_a_probe_is_answered(
    app: httpx.AsyncClient, upstream: Upstream, how: Behaviour
) -> None:
    await break_down(app, upstream, how)
    sent = len(upstream.requests)
    answers = [await app.get(READ) for _ in range(20)]
    answers += [await app.post(BOOK, json=BOOKING) for _ in range(20)]
    for each in answers:
        assert_error(each, "SERVICE_UNAVAILABLE")
    assert len(upstream.requests) == sent
    # Those who are told at the same time come back at different ones.
    assert {each.headers["retry-after"] for each in answers} == {"1", "2", "3"}
    measured = await metrics(app)
    assert measured.get("upstream_refused_total", part="rest", reason="circuit") >= 40
    mend(upstream)
    await wait_for_circuit(app, is_open=False)
    assert data(await app.get(READ))["id"] == USER


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (hang, "TIMEOUT"),
        (answer(504, b""), "TIMEOUT"),
        (answer(504, postgrest_error("PGRST003")), "SERVICE_UNAVAILABLE"),
    ],
    ids=["hangs", "gateway", "pool"],
)
async def test_a_part_that_hangs_is_found_away_once_two_callers_waited_in_vain(
    app: httpx.AsyncClient,
    upstream: Upstream,
    hasty_probes: None,  # noqa: ARG001 (for its effect)
    how: Behaviour,
    code: str,
) -> None:
    upstream.behaviours, upstream.probe = [how], how
    # The third one begins after two that were late.
    await have_probed(app, upstream, 3, code)
    assert_error(await app.post(BOOK, json=BOOKING, headers=someone(upstream)), code)
    await wait_for_circuit(app, is_open=True)
    mend(upstream)
    await wait_for_circuit(app, is_open=False)
    assert data(await app.get(READ))["id"] == USER


async def test_a_fault_in_nobodys_words_has_the_part_probed(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [answer(500, b"Internal Server Error")]
    assert_error(await app.post(BOOK, json=BOOKING), "BAD_GATEWAY")
    await until(lambda: upstream.probes == 1)
    upstream.probe = answer(503, postgrest_error("PGRST001"))
    assert_error(await app.post(BOOK, json=BOOKING), "BAD_GATEWAY")
    await wait_for_circuit(app, is_open=True)


async def test_a_hundred_callers_of_a_part_that_just_came_back_are_not_its_first_probe(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    await break_down(app, upstream)
    upstream.probe = hang
    before, sent = upstream.probes, len(upstream.requests)
    await until(lambda: upstream.probes > before)
    answers = await asyncio.gather(*(app.get(READ) for _ in range(100)))
    assert {each.status_code for each in answers} == {503}
    assert (upstream.probes - before, len(upstream.requests) - sent) == (1, 0)


@pytest.mark.parametrize(
    "theirs",
    [
        answer(500, postgrest_error("57014")),
        answer(500, postgrest_error("55P03")),
        answer(500, postgrest_error("40001")),
        answer(500, postgrest_error("53100")),
        answer(405, postgrest_error("25006")),
        answer(409, postgrest_error("CONFLICT")),
        answer(503, postgrest_error("SERVICE_UNAVAILABLE")),
        answer(404, postgrest_error("42883")),
        answer(500, postgrest_error("P0001")),
        answer(429, b""),
    ],
    ids=[
        "statement",
        "lock",
        "serialization",
        "full disk",
        "read only",
        "conflict",
        "business",
        "function",
        "raised",
        "limit",
    ],
)
async def test_what_one_callers_statement_met_closes_nothing_to_others(
    app: httpx.AsyncClient, upstream: Upstream, theirs: Behaviour
) -> None:
    upstream.behaviours = [theirs]
    for _ in range(3 * FAILURES):
        await app.post(BOOK, json=BOOKING)
    upstream.behaviours = [answer(200, STORED)]
    assert data(await app.get(READ))["id"] == USER
    assert not upstream.probes


async def test_queries_that_take_too_long_close_nothing_to_others(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [hang]
    waiting = (app.post(BOOK, json=BOOKING, headers=someone(upstream)) for _ in range(2 * FAILURES))
    answers = await asyncio.gather(*waiting)
    assert {each.status_code for each in answers} == {504}
    await until(lambda: upstream.probes)
    upstream.behaviours = [answer(200, STORED)]
    assert data(await app.get(READ))["id"] == USER


async def test_a_dead_storage_closes_no_bookings(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours, upstream.storage = [answer(200, PLANNED)], AWAY
    for _ in range(FAILURES):
        body = {"content_type": "image/png", "size": 100}
        assert_error(await app.post(UPLOAD, json=body), "SERVICE_UNAVAILABLE")
    await wait_for_circuit(app, is_open=True, part="storage")
    upstream.behaviours = [answer(200, STORED)]
    assert data(await app.get(READ))["id"] == USER
    upstream.storage = answer(404, {"statusCode": "404"})
    await wait_for_circuit(app, is_open=False, part="storage")


async def test_a_dead_auth_is_not_asked_again_closes_no_bookings_and_is_found_back(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours, upstream.auth_health = [AWAY], AWAY
    for _ in range(FAILURES):
        assert_error(await app.post(REFRESH, json={"refresh_token": "x"}), "SERVICE_UNAVAILABLE")
    await wait_for_circuit(app, is_open=True, part="auth")
    assert_error(await app.post(REFRESH, json={"refresh_token": "x"}), "SERVICE_UNAVAILABLE")
    assert len(upstream.requests) == FAILURES
    upstream.behaviours = [answer(200, STORED)]
    assert data(await app.get(READ))["id"] == USER
    upstream.auth_health = answer(200, {})
    await wait_for_circuit(app, is_open=False, part="auth")
    upstream.behaviours = [answer(400, {"code": 400, "error_code": "refresh_token_not_found", "msg": ""})]
    assert_error(await app.post(REFRESH, json={"refresh_token": "x"}), "UNAUTHORIZED")


async def test_health_is_not_blinded_by_an_open_circuit(app: httpx.AsyncClient, upstream: Upstream) -> None:
    await break_down(app, upstream)
    # The fake serves the service's own key whatever it does to users.
    assert (await app.get("/api/health")).json()["checks"]["database"]["status"] == "pass"


async def test_an_outage_is_not_multiplied_by_retries(upstream: Upstream) -> None:
    upstream.behaviours = [AWAY]
    async with app_before(upstream.url, breaker_failures=10_000, retry_base=0.0, retry_ratio=0.1) as app:
        for _ in range(200):
            assert_error(await app.get(READ), "SERVICE_UNAVAILABLE")
        measured = await metrics(app)
    assert len(upstream.requests) <= 200 * 1.1 + 10
    assert measured.get("upstream_retries_total", part="rest") == len(upstream.requests) - 200
    assert measured.get("upstream_retries_refused_total", part="rest") > 100


async def test_a_flood_of_requests_while_nothing_is_answered_waits_in_bounds(upstream: Upstream) -> None:
    upstream.behaviours = [hang]
    settings = {
        "upstream_connections": 10,
        "upstream_queue": 20,
        "upstream_queue_seconds": 0.1,
        "upstream_timeout": 0.5,
        "max_requests": 50,
    }
    async with app_before(upstream.url, **settings) as app:
        answers = await asyncio.gather(*(app.post(BOOK, json=BOOKING) for _ in range(500)))
        measured = await metrics(app)
    assert all(each.headers["retry-after"] for each in answers)
    assert {each.status_code for each in answers} == {503, 504}
    # One caller has a quarter of the places, and no more is ever sent.
    assert len(upstream.requests) <= 10
    assert measured.get("upstream_refused_total", part="rest", reason="queue") > 0


@asynccontextmanager
async def slow_calls(
    app: httpx.AsyncClient, upstream: Upstream, pool: Pool, count: int, *, tokens: int = 1
) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """While the block lasts, a user with some tokens has asked for what the pool takes for slow."""
    mine = [upstream.token(session_id=f"slow-{n}") for n in range(tokens)]
    upstream.pool = pool
    calls = [
        asyncio.create_task(
            app.post(BOOK, json=BOOKING, headers={"Authorization": f"Bearer {each}", "X-Request-ID": SLOW})
        )
        for each in mine
        for _ in range(count)
    ]
    try:
        yield calls
    finally:
        pool.end()
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_user_whose_calls_hang_delays_no_other_however_many_tokens_they_have(
    upstream: Upstream,
) -> None:
    """As many places as shipped, before a PostgREST as shipped: its pool has ten connections."""
    upstream.behaviours = [answer(200, STORED)]
    pool = Pool(10, lambda head: SLOW in head)
    async with (
        app_before(
            upstream.url, upstream_timeout=30.0, request_timeout=60.0, upstream_queue_seconds=30.0
        ) as app,
        slow_calls(app, upstream, pool, 10, tokens=6),
    ):
        await until(lambda: pool.slow)
        answers = await asyncio.gather(*(app.get(READ, headers=someone(upstream)) for _ in range(20)))
        assert {each.status_code for each in answers} == {200}
        assert pool.slow == Bounds().connections // SHARES
        assert not upstream.probes


async def test_one_users_slow_queries_in_a_pool_that_is_too_small_open_no_circuit(
    upstream: Upstream,
    hasty_probes: None,  # noqa: ARG001 (for its effect)
) -> None:
    """The settings allow more than the pool has: whoever comes waits, and the probe does too."""
    upstream.behaviours = [answer(200, STORED)]
    pool = Pool(10, lambda head: SLOW in head)
    settings = {"upstream_connections": 100, "upstream_timeout": 0.2}
    async with app_before(upstream.url, **settings) as app, slow_calls(app, upstream, pool, 25) as calls:
        answers = await asyncio.gather(*calls)
        assert {each.status_code for each in answers} == {504}
        assert pool.slow == 10
        # The second one begins after one that was late.
        await have_probed(app, upstream, 2, "TIMEOUT")
        pool.end()
        assert data(await app.get(READ, headers=someone(upstream)))["id"] == USER
        assert (await metrics(app)).get("upstream_refused_total", part="rest", reason="circuit") == 0
