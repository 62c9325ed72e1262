"""Supabase Auth refuses, fails, is late or talks nonsense; whoever signs in gets one error shape."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio

from bff.exchange import OTHER_PLACES, SHARES, Exchange
from bff.identity import REFUSAL_SECONDS, AuthServer, Caller, Operation, to_auth_error
from bff.pool import Answer
from tests.api.auth import AUTH
from tests.api.shape import assert_error, data
from tests.api.upstream import SECRET, USER, Upstream, answer, app_before, failing_supabase, hang, raw
from tests.harness import free_port
from tests.relay.fakes import until

FACTOR = str(uuid.uuid4())
CHALLENGE = {"id": FACTOR, "type": "totp", "expires_at": 1_795_875_000}
Call = tuple[str, dict[str, Any]]
SIGN_IN: Call = ("/sign-in", {"email": "ana@example.test", "password": "correct horse"})
REFRESH: Call = ("/refresh", {"refresh_token": "x"})
SIGN_OUT: Call = ("/sign-out", {})
ENROLL: Call = ("/mfa/factors", {"friendly_name": "Phone"})
VERIFY: Call = (f"/mfa/factors/{FACTOR}/verify", {"challenge_id": FACTOR, "code": "123456"})
ALL: tuple[Call, ...] = (SIGN_IN, REFRESH, SIGN_OUT, ENROLL, (f"/mfa/factors/{FACTOR}/challenge", {}), VERIFY)


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with failing_supabase() as running:
        yield running


@pytest_asyncio.fixture
async def app(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    # Six failures in one test are not to close the way to Auth: that has tests of its own.
    bounds = {"upstream_timeout": 0.3, "request_timeout": 2.0, "breaker_failures": 100}
    async with app_before(upstream.url, **bounds) as client:
        yield client


def refusal(name: str, *, newer: bool = False) -> dict[str, Any]:
    """Auth's error body, of the older version of its API or of the newer one."""
    if newer:
        return {"code": name, "message": "Words that change"}
    return {"code": 400, "error_code": name, "msg": "Words that change"}


def tokens(**changes: Any) -> dict[str, Any]:
    session = {
        "access_token": jwt.encode({"aal": "aal1"}, SECRET, "HS256"),
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": 1_795_875_000,
        "refresh_token": "next",
        "user": {"id": USER, "email": "ana@example.test"},
    }
    return {**session, **changes}


async def post(app: httpx.AsyncClient, call: Call, **headers: str) -> httpx.Response:
    return await app.post(f"{AUTH}{call[0]}", json=call[1], headers=headers)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (answer(500, refusal("unexpected_failure")), "SERVICE_UNAVAILABLE"),
        (answer(504, refusal("request_timeout")), "TIMEOUT"),
        (raw(b"", close=True), "SERVICE_UNAVAILABLE"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n", close=True), "BAD_GATEWAY"),
        (answer(403, b"<html>"), "BAD_GATEWAY"),
        (answer(401, {"message": "Invalid API key"}), "BAD_GATEWAY"),
        (answer(400, b"[" * 200_000), "BAD_GATEWAY"),
    ],
    ids=["500", "504", "hung up", "not HTTP", "html", "wrong key", "nested too deeply"],
)
async def test_whatever_happens_to_auth_is_told_and_nothing_is_tried_twice(
    app: httpx.AsyncClient, upstream: Upstream, behaviour: Any, code: str
) -> None:
    upstream.behaviours = [behaviour]
    for call in ALL:
        assert_error(await post(app, call), code)
    assert len(upstream.requests) == len(ALL)


async def test_an_auth_that_does_not_answer_is_not_waited_for(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [hang]
    assert_error(await post(app, REFRESH), "TIMEOUT")
    assert len(upstream.requests) == 1


async def test_a_users_calls_that_hang_leave_places_for_others_whichever_token_they_come_with(
    upstream: Upstream,
) -> None:
    upstream.behaviours = [hang]
    mine = [{"Authorization": f"Bearer {upstream.token(session_id=f's{n}')}"} for n in range(OTHER_PLACES)]
    other = {"Authorization": f"Bearer {upstream.token(sub=FACTOR)}"}
    async with app_before(upstream.url, upstream_timeout=30.0) as app:
        calls = [asyncio.create_task(app.get(f"{AUTH}/mfa/factors", headers=each)) for each in mine]
        await until(lambda: upstream.requests)
        upstream.behaviours = [answer(200, {"id": FACTOR, "factors": []})]
        assert data(await app.get(f"{AUTH}/mfa/factors", headers=other)) == {"factors": []}
        # The other's own is one of them.
        assert len(upstream.requests) == OTHER_PLACES // SHARES + 1
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_an_auth_that_is_away_is_503() -> None:
    async with app_before(f"http://127.0.0.1:{free_port()}") as app:
        assert_error(await post(app, SIGN_IN), "SERVICE_UNAVAILABLE")


async def test_an_answer_that_is_no_session_is_502(app: httpx.AsyncClient, upstream: Upstream) -> None:
    for garbage in (
        b"<html>",
        {},
        tokens(access_token="no token"),
        tokens(user=None),
        tokens(expires_at="soon"),
        tokens(user={"id": USER, "factors": [{"id": FACTOR}]}),
    ):
        upstream.behaviours = [answer(200, garbage)]
        assert_error(await post(app, SIGN_IN), "BAD_GATEWAY")


async def test_auths_own_limit_is_passed_on_with_its_time(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [answer(429, refusal("over_request_rate_limit"), Retry_After="7")]
    for call in ALL:
        response = await post(app, call)
        assert assert_error(response, "RATE_LIMIT_EXCEEDED")["retryAfter"] == 7
        assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("sent", "told"), [("7", 7), (None, 10), ("-1", 10), ("Sat, 28 Nov", 10), ("0", 1), ("9" * 9, 10)]
)
def test_a_limit_without_a_sensible_time_gets_one(sent: str | None, told: int) -> None:
    limited = Answer(429, {} if sent is None else {"Retry-After": sent}, b"<html>")
    assert to_auth_error("refresh", limited).retry_after == told


@pytest.mark.parametrize("newer", [False, True], ids=["older API", "newer API"])
@pytest.mark.parametrize(
    ("operation", "status", "name", "code", "reason"),
    [
        ("sign_in", 400, "invalid_credentials", "UNAUTHORIZED", "credentials"),
        ("sign_in", 400, "email_not_confirmed", "UNAUTHORIZED", "credentials"),
        ("sign_in", 400, "user_banned", "UNAUTHORIZED", "credentials"),
        ("sign_in", 422, "email_provider_disabled", "UNAUTHORIZED", "credentials"),
        ("refresh", 400, "refresh_token_not_found", "UNAUTHORIZED", "refresh_token"),
        ("refresh", 400, "session_expired", "UNAUTHORIZED", "refresh_token"),
        ("refresh", 409, "conflict", "SERVICE_UNAVAILABLE", None),
        ("sign_out", 403, "bad_jwt", "UNAUTHORIZED", None),
        ("factors", 403, "session_not_found", "UNAUTHORIZED", None),
        ("enroll", 403, "insufficient_aal", "MFA_REQUIRED", None),
        ("enroll", 422, "mfa_factor_name_conflict", "CONFLICT", "factor_name"),
        ("enroll", 422, "too_many_enrolled_mfa_factors", "INVALID_STATE", "factor_limit"),
        ("enroll", 422, "mfa_totp_enroll_not_enabled", "FORBIDDEN", "mfa_disabled"),
        ("enroll", 400, "something_new", "FORBIDDEN", None),
        ("unenroll", 422, "insufficient_aal", "MFA_REQUIRED", None),
        ("challenge", 404, "mfa_factor_not_found", "NOT_FOUND", None),
        ("verify", 404, "mfa_factor_not_found", "NOT_FOUND", None),
        ("verify", 422, "mfa_factor_not_found", "MFA_VERIFICATION_FAILED", "challenge"),
        ("verify", 422, "mfa_challenge_expired", "MFA_VERIFICATION_FAILED", "challenge"),
        ("verify", 422, "mfa_ip_address_mismatch", "MFA_VERIFICATION_FAILED", "challenge"),
        ("verify", 422, "mfa_verification_failed", "MFA_VERIFICATION_FAILED", "code"),
        ("verify", 403, "mfa_verification_rejected", "FORBIDDEN", None),
    ],
)
def test_refusals_are_told_by_their_names_and_in_our_words(
    operation: Operation, status: int, name: str, code: str, reason: str | None, newer: bool
) -> None:
    refused = Answer(status, {}, json.dumps(refusal(name, newer=newer)).encode())
    error = to_auth_error(operation, refused)
    assert (error.code, (error.details or {}).get("reason")) == (code, reason)
    assert "Words" not in error.message


async def test_a_session_that_is_over_is_signed_out(app: httpx.AsyncClient, upstream: Upstream) -> None:
    upstream.behaviours = [answer(403, refusal("session_not_found"))]
    assert (await post(app, SIGN_OUT)).status_code == 204


async def test_auth_is_told_whose_request_it_is(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, CHALLENGE)]
    settings = {"trusted_proxies": ("127.0.0.1",), "supabase_forwarding_key": "sb_secret_of_the_relay"}
    forwarded = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "Calendar/1.0"}
    path = f"/mfa/factors/{FACTOR}/challenge"
    async with app_before(upstream.url, trusted_proxies=("127.0.0.1",)) as app:
        assert data(await post(app, (path, {}), **forwarded), 201) == {
            "id": FACTOR,
            "expires_at": "2026-11-28T14:10:00Z",
        }
    async with app_before(upstream.url, **settings) as app:
        data(await post(app, (path, {}), **forwarded), 201)
        data(await post(app, (path, {}), **{"X-Forwarded-For": "no address"}), 201)
    plain, believed, unknown = (head.lower().split("\r\n") for head in upstream.heads)
    assert "apikey: sb_publishable_x" in plain
    assert "x-forwarded-for: 203.0.113.7" in plain
    assert "user-agent: calendar/1.0" in plain
    assert not [line for line in plain if line.startswith("sb-forwarded-for")]
    assert "apikey: sb_secret_of_the_relay" in believed
    assert "sb-forwarded-for: 203.0.113.7" in believed
    assert [line for line in unknown if "forwarded" in line] == []
    for head in (plain, believed, unknown):
        assert len([line for line in head if line.startswith("authorization: bearer ey")]) == 1


async def test_a_user_agent_that_is_no_plain_text_stays_here(
    app: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.behaviours = [answer(200, tokens())]
    headers = [(b"User-Agent", "Ürlaub/1\x7f".encode("latin-1"))]
    response = await app.post(f"{AUTH}/refresh", json=REFRESH[1], headers=headers)
    assert data(response)["refresh_token"] == "next"
    assert "urlaub" not in upstream.heads[0].lower()
    data(await app.post(f"{AUTH}/refresh", json=REFRESH[1], headers={"User-Agent": "x" * 5000}))
    assert "x" * 256 in upstream.heads[1]
    assert "x" * 257 not in upstream.heads[1]


async def test_without_second_factors_their_routes_say_so_and_sign_in_works(upstream: Upstream) -> None:
    upstream.behaviours = [answer(200, tokens())]
    async with app_before(upstream.url, enable_mfa=False) as app:
        for call in (ENROLL, VERIFY, (f"/mfa/factors/{FACTOR}/challenge", {})):
            assert assert_error(await post(app, call), "FORBIDDEN")["details"] == {"reason": "mfa_disabled"}
        assert_error(await app.get(f"{AUTH}/mfa/factors"), "FORBIDDEN")
        assert_error(await app.delete(f"{AUTH}/mfa/factors/{FACTOR}"), "FORBIDDEN")
        assert upstream.requests == []
        assert data(await post(app, SIGN_IN))["token_type"] == "bearer"


class _Refusing(Exchange):
    """Auth that takes some time to say that the credentials are not right."""

    def __init__(self, seconds: float) -> None:
        self.now = 100.0
        self._takes = seconds

    async def send(self, *arguments: Any, **_: Any) -> Answer:
        self.now += self._takes
        raise arguments[-1](Answer(400, {}, b'{"error_code": "invalid_credentials"}'))


@pytest.mark.parametrize("seconds", [0.003, 0.08, 0.31])
async def test_a_refusal_takes_as_long_for_an_unknown_address_as_for_a_wrong_password(seconds: float) -> None:
    exchange = _Refusing(seconds)

    async def sleep(seconds: float) -> None:
        exchange.now += seconds

    server = AuthServer(
        exchange, "http://x.test", "key", forwarding_key=None, clock=lambda: exchange.now, sleep=sleep
    )
    caller = Caller("unknown", "", deadline=float("inf"), token=None, name="unknown")
    with pytest.raises(Exception, match="not right"):
        await server.sign_in(caller, "ana@example.test", "x")
    assert exchange.now == pytest.approx(100.0 + REFUSAL_SECONDS)
