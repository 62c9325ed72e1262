"""While a part of Supabase is away, callers are told so at once; when it is back, they are served."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from bff.breaker import Breaker, CircuitOpenError
from tests.api.shape import assert_error, data
from tests.api.test_upstream import BOOKING, READ, STORED, postgrest_error
from tests.api.upstream import USER, Behaviour, Upstream, answer, app_before, failing_supabase, hang, raw
from tests.metering import Metered, parse
from tests.relay.fakes import until

BOOK = "/api/v1/reservations"
REFRESH = "/api/v1/auth/refresh"
UPLOAD = f"/api/v1/assets/{USER}/photos/upload-url"
FAILURES = 3
AWAY = answer(503, b"<html>no healthy upstream")
PLANNED = {"bucket": "asset-photos", "path": f"{USER}/{USER}/{USER}.png", "content_type": "image/png"}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest_asyncio.fixture
async def app(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    settings = {"upstream_timeout": 0.2, "breaker_failures": FAILURES, "breaker_seconds": 0.05}
    async with app_before(upstream.url, **settings) as client:
        yield client


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


def mend(upstream: Upstream) -> None:
    upstream.behaviours, upstream.probe = [answer(200, STORED)], answer(401, postgrest_error("42501"))


@pytest.mark.parametrize(
    "how",
    [
        AWAY,
        answer(502, b""),
        answer(503, postgrest_error("PGRST001")),
        answer(500, postgrest_error("57P01")),
        raw(b"", close=True),
    ],
    ids=["gateway", "bad gateway", "no database", "database ends", "connection closed"],
)
async def test_once_a_part_is_seen_to_be_away_nothing_is_sent_until_a_probe_is_answered(
    app: httpx.AsyncClient, upstream: Upstream, how: Behaviour
) -> None:
    await break_down(app, upstream, how)
    sent = len(upstream.requests)
    for _ in range(20):
        assert_error(await app.get(READ), "SERVICE_UNAVAILABLE")
        assert_error(await app.post(BOOK, json=BOOKING), "SERVICE_UNAVAILABLE")
    assert len(upstream.requests) == sent
    measured = await metrics(app)
    assert measured.get("upstream_refused_total", part="rest", reason="circuit") >= 40
    mend(upstream)
    await wait_for_circuit(app, is_open=False)
    assert data(await app.get(READ))["id"] == USER


async def test_a_part_that_hangs_is_found_away_by_the_first_call_that_waited_in_vain(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours, upstream.probe = [hang], hang
    assert_error(await app.post(BOOK, json=BOOKING), "TIMEOUT")
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
    answers = await asyncio.gather(*(app.post(BOOK, json=BOOKING) for _ in range(3 * FAILURES)))
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


async def test_a_caller_whose_calls_hang_does_not_delay_another(upstream: Upstream) -> None:
    async with app_before(upstream.url, upstream_connections=4, upstream_timeout=30.0) as app:
        upstream.behaviours = [hang]
        hanging = [asyncio.create_task(app.post(BOOK, json=BOOKING)) for _ in range(10)]
        await until(lambda: upstream.requests)
        upstream.behaviours = [answer(200, STORED)]
        other = {"Authorization": f"Bearer {upstream.token(session_id='another')}"}
        assert data(await app.get(READ, headers=other))["id"] == USER
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


# The breaker alone


class Part:
    """A part of Supabase whose probes are answered as told."""

    def __init__(self, failures: int = 2) -> None:
        self.is_there = False
        self.changes: list[bool] = []
        self.breaker = Breaker(self._probe, failures, 0.001, self.changes.append)

    async def _probe(self) -> bool:
        return self.is_there

    async def break_down(self) -> None:
        while not self.breaker.is_open:
            self.breaker.failed(self.breaker.admit())


async def test_an_answer_between_failures_keeps_it_closed() -> None:
    part = Part()
    for _ in range(10):
        part.breaker.failed(part.breaker.admit())
        part.breaker.answered()
    assert part.changes == []


async def test_calls_of_before_an_outage_that_break_after_it_do_not_open_it_again() -> None:
    part = Part()
    admitted = part.breaker.admit()
    await part.break_down()
    with pytest.raises(CircuitOpenError):
        part.breaker.admit()
    part.is_there = True
    await until(lambda: not part.breaker.is_open)
    for _ in range(10):
        part.breaker.failed(admitted)
        part.breaker.timed_out(admitted)
    assert part.changes == [True, False]
    await part.breaker.aclose()


async def test_a_call_that_waited_in_vain_while_others_were_answered_raises_no_suspicion() -> None:
    part = Part()
    slow = part.breaker.admit()
    part.breaker.answered()
    part.breaker.timed_out(slow)
    await asyncio.sleep(0)
    assert part.changes == []
    part.breaker.timed_out(part.breaker.admit())
    await until(lambda: part.changes == [True])
    await part.breaker.aclose()
