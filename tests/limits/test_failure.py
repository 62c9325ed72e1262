"""A BFF whose Redis is stopped, killed and back: nobody waits for it, and signing in is held to half."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import httpx
import pytest

from bff.limits import service
from tests.actors import Organization, TokenSigner
from tests.api.upstream import app_before, failing_supabase
from tests.harness import RunningBff, RunningStack, running_bff, stopped, wait_until
from tests.limits.conftest import API, AUTH, SMALL_LIMITS
from tests.limits.redis import RunningRedis, running_redis
from tests.limits.test_api import AUTH_PATH, ask, refusals, someone
from tests.metering import parse, scrape
from tests.relay.client import watch


@dataclass(frozen=True)
class Frail:
    """A BFF and its Redis."""

    bff: RunningBff
    redis: RunningRedis

    def is_shared(self) -> bool:
        return scrape(self.bff.url).get("rate_limit_shared") == 1

    def logged(self, event: str) -> int:
        lines = self.bff.log.read_text().splitlines()
        return sum(json.loads(line)["event"] == event for line in lines)


@pytest.fixture(scope="module")
def frail(stack: RunningStack) -> Iterator[Frail]:
    with running_redis() as server:
        env = {**stack.env, **SMALL_LIMITS, "REDIS_URL": server.url, "REDIS_TIMEOUT": "0.5"}
        log = stack.directory / "bff-limits-frail.log"
        with running_bff(env, log, TRUSTED_PROXIES="127.0.0.1") as bff:
            yield Frail(bff, server)


async def check_local(frail: Frail, http: httpx.AsyncClient, signer: TokenSigner, address: str) -> None:
    """Requests go on, by counts of the process: the api up to all of its amount, signing in up to half."""
    before = scrape(frail.bff.url).get("rate_limit_redis_losses_total")
    assert refusals(await ask(http, frail.bff, someone(signer), API + 5)) == 5
    here = {"X-Forwarded-For": address}
    assert refusals(await ask(http, frail.bff, here, AUTH, AUTH_PATH)) == AUTH // 2
    assert not frail.is_shared()
    assert scrape(frail.bff.url).get("rate_limit_redis_losses_total") == before + 1


async def check_shared(frail: Frail, http: httpx.AsyncClient, address: str) -> None:
    wait_until(frail.is_shared, what="shared counts again")
    assert refusals(await ask(http, frail.bff, {"X-Forwarded-For": address}, AUTH + 1, AUTH_PATH)) == 1
    local = {"policy": "auth-address", "outcome": "allowed", "counted": "shared"}
    assert scrape(frail.bff.url).get("rate_limit_requests_total", **local) >= AUTH


async def test_a_redis_that_stands_still_and_one_that_is_killed_are_each_given_up_once_until_they_are_back(
    frail: Frail, http: httpx.AsyncClient, signer: TokenSigner, office: Organization
) -> None:
    await check_shared(frail, http, "203.0.113.1")
    with stopped(frail.redis.process.pid):
        await check_local(frail, http, signer, "203.0.113.2")
        viewer = {"Authorization": f"Bearer {office.viewer.token}"}
        async with (
            httpx.AsyncClient(base_url=frail.bff.url, headers=viewer) as client,
            watch(client, office.id),
        ):
            pass
    await check_shared(frail, http, "203.0.113.3")
    frail.redis.kill()
    await check_local(frail, http, signer, "203.0.113.4")
    frail.redis.start()
    await check_shared(frail, http, "203.0.113.5")
    assert (frail.logged("redis_lost"), frail.logged("redis_found")) == (2, 3)


async def statuses(app: httpx.AsyncClient) -> list[int]:
    return [(await app.post(AUTH_PATH)).status_code for _ in range(AUTH + 1)]


async def test_a_bff_starts_without_the_redis_that_it_should_have_and_holds_signing_in_to_half() -> None:
    async with (
        failing_supabase() as upstream,
        app_before(upstream.url, redis_url="redis://127.0.0.1:1", rate_limit_auth_address=AUTH) as app,
    ):
        assert refusals(await statuses(app)) == AUTH + 1 - AUTH // 2
        assert parse((await app.get("/api/metrics")).text).get("rate_limit_shared") == 0


async def test_a_bff_without_any_redis_counts_by_itself_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    # Whether structlog hands on a warning depends on what other tests have configured.
    monkeypatch.setattr(service, "log", SimpleNamespace(warning=lambda event, **_: said.append(event)))
    async with (
        failing_supabase() as upstream,
        app_before(upstream.url, rate_limit_auth_address=AUTH) as app,
    ):
        assert refusals(await statuses(app)) == 1
        assert parse((await app.get("/api/metrics")).text).get("rate_limit_shared") == 0
    assert said == ["limits_local"]
