"""Rate limits over HTTP: two real BFFs that share a real Redis."""

import asyncio
import itertools
import re
import time
import uuid
from collections.abc import Iterator, Sequence

import httpx
import pytest

from tests.actors import Organization, TokenSigner
from tests.api.shape import assert_error, assert_problem, data
from tests.harness import RunningBff
from tests.limits.conftest import API, API_ADDRESS, AUTH, BOOKING, EXPIRED, ORIGIN, TICKETS, Pair
from tests.metering import scrape

# Counted, and answered without the database.
NOWHERE = "/api/v1/nowhere"
AUTH_PATH = "/api/v1/auth/nowhere"
LIMIT = re.compile(r'"([a-z-]+)";r=(\d+);t=(\d+)')
POLICY = re.compile(r'"([a-z-]+)";q=(\d+);w=(\d+)')


@pytest.fixture(scope="module")
def addresses() -> Iterator[str]:
    """Addresses that nobody has used yet (RFC 5737)."""
    return (f"198.51.100.{number}" for number in range(1, 255))


@pytest.fixture
def bearer(signer: TokenSigner) -> dict[str, str]:
    """The header of somebody who has asked nothing yet; nothing here looks for them in the database."""
    return someone(signer)


def someone(signer: TokenSigner, lifetime: int = 3600) -> dict[str, str]:
    user_id = str(uuid.uuid4())
    claims = {"sub": user_id, "session_id": str(uuid.uuid4())}
    return {"Authorization": f"Bearer {signer.sign(Nobody(user_id), lifetime=lifetime, **claims)}"}  # type: ignore[arg-type]


class Nobody:
    """As much of an actor as a token says."""

    def __init__(self, user_id: str) -> None:
        self.id = user_id
        self.email = "nobody@example.test"
        self.session_id = ""


def remaining(response: httpx.Response) -> dict[str, int]:
    """What `RateLimit` says is left, by policy."""
    return {name: int(left) for name, left, _ in LIMIT.findall(response.headers["ratelimit"])}


async def ask(
    http: httpx.AsyncClient, bff: RunningBff, headers: dict[str, str], times: int, path: str = NOWHERE
) -> list[int]:
    """The statuses of so many requests at once."""
    responses = await asyncio.gather(*(http.get(bff.url + path, headers=headers) for _ in range(times)))
    return [response.status_code for response in responses]


def refusals(statuses: Sequence[int]) -> int:
    assert set(statuses) <= {404, 429}
    return statuses.count(429)


async def test_two_processes_let_exactly_so_many_requests_of_one_user_pass_together(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    halves = await asyncio.gather(*(ask(http, bff, bearer, API) for bff in (pair.trusting, pair.other)))
    assert refusals([*halves[0], *halves[1]]) == API


async def test_another_user_and_another_address_are_not_held_to_it(
    pair: Pair, http: httpx.AsyncClient, signer: TokenSigner
) -> None:
    one, other = someone(signer), someone(signer)
    assert refusals(await ask(http, pair.other, one, API + 1)) == 1
    assert refusals(await ask(http, pair.other, other, 1)) == 0


async def test_every_counted_answer_says_how_its_caller_stands(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    before = time.time()
    response = await http.get(pair.other.url + NOWHERE, headers=bearer)
    assert response.headers["x-ratelimit-limit"] == str(API)
    assert response.headers["x-ratelimit-remaining"] == str(API - 1)
    assert before < int(response.headers["x-ratelimit-reset"]) / 1000 <= time.time() + 60.001
    assert remaining(response) == {"api": API - 1}
    assert POLICY.fullmatch(response.headers["ratelimit-policy"]).groups() == ("api", str(API), "60")  # type: ignore[union-attr]
    for path in ("/api/live", "/api/openapi.json", "/nowhere"):
        assert "ratelimit" not in (await http.get(pair.other.url + path, headers=bearer)).headers


async def test_a_refusal_is_an_error_like_any_other_and_says_when_to_come_back(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    await ask(http, pair.other, bearer, API)
    url = pair.other.url + NOWHERE
    response = await http.get(url, headers={**bearer, "Origin": ORIGIN})
    error = assert_error(response, "RATE_LIMIT_EXCEEDED")
    assert error["details"] == {"policies": ["api"]}
    wait = int(response.headers["retry-after"])
    assert error["retryAfter"] == wait
    [(name, left, seconds)] = LIMIT.findall(response.headers["ratelimit"])
    assert (name, left, int(seconds)) == ("api", "0", wait)
    assert 1 <= wait <= 60
    assert response.headers["access-control-allow-origin"] == ORIGIN
    exposed = response.headers["access-control-expose-headers"].lower().split(", ")
    assert {"retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-remaining"} <= set(exposed)
    problem = await http.get(url, headers={**bearer, "Accept": "application/problem+json"})
    assert assert_problem(problem, "RATE_LIMIT_EXCEEDED").retryAfter == int(problem.headers["retry-after"])
    spanish = await http.get(url, headers={**bearer, "Accept-Language": "es"})
    assert "demasiadas" in spanish.json()["error"]["message"]


async def test_no_spelling_and_no_method_gets_more_than_the_amount(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    asked = [
        *(("GET", path) for path in ("nowhere", "nowhere/", "%6eowhere", "nowhere?a", "/nowhere", "NOWHERE")),
        *((method, "nowhere") for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND")),
        *(("POST", path) for path in ("reservations/preview", "re%73ervations/preview")),
    ]
    spellings = itertools.islice(itertools.cycle(asked), API + 10)
    statuses = [
        (await http.request(method, f"{pair.other.url}/api/v1/{path}", headers=bearer)).status_code
        for method, path in spellings
    ]
    assert statuses[:API].count(429) == 0
    assert statuses[API:] == [429] * 10


async def test_a_booking_counts_for_both_amounts_and_a_refused_one_for_none(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    # Not valid, and so answered without the database; in two spellings of one path.
    urls = [f"{pair.other.url}/api/v1/{path}" for path in ("reservations", "%72eservations")]
    for number in range(BOOKING):
        response = await http.post(urls[number % 2], headers=bearer, json={})
        assert_error(response, "VALIDATION_ERROR")
    assert remaining(response) == {"api": API - BOOKING, "booking": 0}
    assert response.headers["x-ratelimit-limit"] == str(BOOKING)
    for _ in range(5):
        refused = await http.post(urls[0], headers=bearer, json={})
        assert assert_error(refused, "RATE_LIMIT_EXCEEDED")["details"] == {"policies": ["booking"]}
    reading = await http.get(pair.other.url + NOWHERE, headers=bearer)
    assert remaining(reading) == {"api": API - BOOKING - 1}
    preview = await http.post(f"{pair.other.url}/api/v1/reservations/preview", headers=bearer, json={})
    assert_error(preview, "VALIDATION_ERROR")


async def test_without_a_token_requests_count_by_the_address_that_a_trusted_proxy_names(
    pair: Pair, http: httpx.AsyncClient, addresses: Iterator[str]
) -> None:
    one, other = ({"X-Forwarded-For": next(addresses)} for _ in range(2))
    assert refusals(await ask(http, pair.trusting, one, API_ADDRESS + 5)) == 5
    assert refusals(await ask(http, pair.trusting, other, 1)) == 0
    # What the client sent before what the proxy added has no say.
    spoofed = {"X-Forwarded-For": f"203.0.113.9, {one['X-Forwarded-For']}"}
    assert refusals(await ask(http, pair.trusting, spoofed, 1)) == 1


async def test_an_address_that_the_client_names_itself_has_no_effect(
    pair: Pair, http: httpx.AsyncClient, addresses: Iterator[str]
) -> None:
    statuses = [
        (await ask(http, pair.other, {"X-Forwarded-For": next(addresses), "Forwarded": "for=192.0.2.7"}, 1))[
            0
        ]
        for _ in range(API_ADDRESS + 1)
    ]
    assert refusals(statuses) == 1


async def test_of_ipv6_all_addresses_of_one_network_count_together(
    pair: Pair, http: httpx.AsyncClient
) -> None:
    statuses = [
        (await ask(http, pair.trusting, {"X-Forwarded-For": f"2001:db8:7:7:{number:x}::1"}, 1))[0]
        for number in range(API_ADDRESS + 1)
    ]
    assert refusals(statuses) == 1
    assert refusals(await ask(http, pair.trusting, {"X-Forwarded-For": "2001:db8:7:8::1"}, 1)) == 0


async def test_guessing_tokens_counts_by_address_and_does_not_hold_up_who_has_a_good_one(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str], addresses: Iterator[str]
) -> None:
    here = {"X-Forwarded-For": next(addresses)}
    for _ in range(API_ADDRESS):
        response = await http.get(
            pair.trusting.url + NOWHERE, headers={**here, "Authorization": f"Bearer {uuid.uuid4()}"}
        )
        assert_error(response, "UNAUTHORIZED")
    guess = {**here, "Authorization": f"Bearer {uuid.uuid4()}"}
    refused = await http.get(pair.trusting.url + NOWHERE, headers=guess)
    assert assert_error(refused, "RATE_LIMIT_EXCEEDED")["details"] == {"policies": ["api-address"]}
    assert refusals(await ask(http, pair.trusting, {**here, **bearer}, 1)) == 0


async def test_who_is_to_renew_a_token_is_told_so_and_not_to_wait(
    pair: Pair, http: httpx.AsyncClient, signer: TokenSigner, addresses: Iterator[str]
) -> None:
    here = {"X-Forwarded-For": next(addresses)}
    await ask(http, pair.trusting, here, API_ADDRESS)
    url, expired = pair.trusting.url + NOWHERE, {**here, **someone(signer, lifetime=-60)}
    for _ in range(EXPIRED):
        assert_error(await http.get(url, headers=expired), "UNAUTHORIZED")
    # But not without an end: anybody may have an old token.
    refused = await http.get(url, headers={**here, **someone(signer, lifetime=-60)})
    assert assert_error(refused, "RATE_LIMIT_EXCEEDED")["details"] == {"policies": ["expired-address"]}
    assert refusals(await ask(http, pair.trusting, {**here, **someone(signer)}, 1)) == 0


async def test_streams_that_nobody_asks_for_count_by_address_however_they_are_asked_for(
    pair: Pair, http: httpx.AsyncClient, addresses: Iterator[str]
) -> None:
    here = {"X-Forwarded-For": next(addresses)}
    url = f"{pair.trusting.url}/api/v1/organizations/{uuid.uuid4()}/calendar/stream"
    queries = ("", "?ticket=x.y.z", "?%74icket=x.y.z", "?section=planes")
    asked = itertools.islice(itertools.cycle(queries), API_ADDRESS + 4)
    statuses = [(await http.get(url + query, headers=here)).status_code for query in asked]
    assert statuses == [401] * API_ADDRESS + [429] * 4


async def test_signing_in_counts_by_address_whoever_it_is_about(
    pair: Pair, http: httpx.AsyncClient, signer: TokenSigner, addresses: Iterator[str]
) -> None:
    here = {"X-Forwarded-For": next(addresses)}
    statuses = [
        (await http.post(pair.trusting.url + AUTH_PATH, headers={**here, **who})).status_code
        for who in (*({} for _ in range(AUTH - 2)), someone(signer), someone(signer), {})
    ]
    assert statuses == [404] * AUTH + [429]


async def test_what_is_about_one_account_counts_wherever_it_comes_from(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str], addresses: Iterator[str]
) -> None:
    responses = [
        await http.post(pair.trusting.url + AUTH_PATH, headers={**bearer, "X-Forwarded-For": next(addresses)})
        for _ in range(AUTH + 1)
    ]
    assert [response.status_code for response in responses] == [404] * AUTH + [429]
    assert responses[-1].json()["error"]["details"] == {"policies": ["auth-account"]}
    assert remaining(responses[0]) == {"auth-address": AUTH - 1, "auth-account": AUTH - 1}


async def test_tickets_are_counted_before_the_database_is_asked_for_them(
    pair: Pair, http: httpx.AsyncClient, office: Organization
) -> None:
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    body = {"organization_id": office.id}
    url = f"{pair.other.url}/api/v1/stream-tickets"
    for _ in range(TICKETS):
        data(await http.post(url, headers=headers, json=body))
    asked = scrape(pair.other.url).get("relay_grants_asked_total")
    refused = await http.post(url, headers=headers, json=body)
    assert assert_error(refused, "RATE_LIMIT_EXCEEDED")["details"] == {"policies": ["stream-tickets"]}
    assert scrape(pair.other.url).get("relay_grants_asked_total") == asked


async def test_requests_are_metered_by_policy_and_outcome(
    pair: Pair, http: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    before = scrape(pair.other.url)
    await ask(http, pair.other, bearer, API + 3)
    after = scrape(pair.other.url)
    for outcome, count in (("allowed", API), ("refused", 3)):
        labels = {"policy": "api", "outcome": outcome, "counted": "shared"}
        name = "rate_limit_requests_total"
        assert after.get(name, **labels) == before.get(name, **labels) + count
    assert after.get("rate_limit_shared") == 1
    assert after.get("rate_limit_redis_losses_total") == 0
    assert after.get("rate_limit_redis_seconds_count") > before.get("rate_limit_redis_seconds_count")


async def test_every_limited_route_declares_the_refusal_and_the_headers(
    pair: Pair, http: httpx.AsyncClient
) -> None:
    document = (await http.get(f"{pair.other.url}/api/openapi.json")).json()
    names = {
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "RateLimit",
        "RateLimit-Policy",
    }
    assert set(document["components"]["headers"]) == names
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert ("429" in responses) == path.startswith("/api/v1/"), (method, path)
            if "429" in responses:
                assert {"Retry-After", *names} <= set(responses["429"]["headers"])
                assert all(names <= set(each["headers"]) for each in responses.values()), (method, path)


@pytest.mark.parametrize(
    ("path", "body", "spelled_otherwise"),
    [
        (
            "/api/v1/auth/sign-in",
            {"email": "guessed@example.test", "password": "a wrong password"},
            {"email": "Guessed@Example.test", "password": "another wrong password"},
        ),
        ("/api/v1/auth/refresh", {"refresh_token": "guessed-token-1"}, {"refresh_token": "guessed-token-1"}),
    ],
)
async def test_an_account_is_guessed_at_no_faster_from_many_addresses(
    pair: Pair,
    http: httpx.AsyncClient,
    addresses: Iterator[str],
    path: str,
    body: dict[str, str],
    spelled_otherwise: dict[str, str],
) -> None:
    async def attempt(attempted: dict[str, str]) -> httpx.Response:
        headers = {"X-Forwarded-For": next(addresses)}
        return await http.post(f"{pair.trusting.url}{path}", headers=headers, json=attempted)

    answers = await asyncio.gather(*(attempt(body) for _ in range(AUTH)))
    # As one account they are tried one after the other: the last of them may not get their turn in time.
    assert {answer.status_code for answer in answers} <= {401, 503}
    refused = await attempt(spelled_otherwise)
    assert assert_error(refused, "RATE_LIMIT_EXCEEDED")["details"] == {"policies": ["auth-account"]}
    assert int(refused.headers["retry-after"]) > 0
