"""What is measured, as one process says it; several are in tests/relay/test_workers_metrics.py."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bff import __version__
from bff.app import ENDPOINTS
from bff.errors import STATUS
from bff.metrics import ACTIVE_SECONDS, OPERATIONS, ActiveUsers, forget_dead, outcome
from tests.actors import Organization
from tests.api.shape import assert_error, data
from tests.conftest import Client
from tests.harness import RunningStack, running_bff, wait_until
from tests.metering import scrape
from tests.relay.calendar import book, slot
from tests.relay.client import watch


def path_counts(url: str, path: str) -> dict[tuple[str, str], float]:
    """Requests of a path by method and status."""
    found = {}
    for (name, labels), value in scrape(url).samples.items():
        each = dict(labels)
        if name == "http_requests_total" and each["path"] == path:
            found[each["method"], each["status"]] = value
    return found


async def test_requests_are_counted_by_method_template_and_status(
    bff_url: str, client: Client, office: Organization
) -> None:
    path = "/api/v1/assets/{id}"
    before = path_counts(bff_url, path)
    member = client(office.member)
    asset = office.assets["planes"]
    for _ in range(3):
        assert (await member.get(f"/api/v1/assets/{asset}")).status_code == 200
    assert (await member.get("/api/v1/assets/nonsense")).status_code == 400
    assert (await client(None).delete(f"/api/v1/assets/{asset}")).status_code == 401
    assert (await member.post(f"/api/v1/assets/{asset}")).status_code == 405
    after = path_counts(bff_url, path)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key)}
    assert grown == {("GET", "200"): 3, ("GET", "400"): 1, ("DELETE", "401"): 1, ("POST", "405"): 1}


async def test_what_is_answered_before_the_router_has_its_template_too(
    bff_url: str, client: Client, office: Organization
) -> None:
    path = "/api/v1/organizations/{org}/stats"
    before = path_counts(bff_url, path).get(("GET", "401"), 0)
    await client(None).get(
        f"/api/v1/organizations/{office.id}/stats", headers={"Authorization": "Bearer x.y.z"}
    )
    assert path_counts(bff_url, path)["GET", "401"] == before + 1


async def test_paths_and_methods_that_a_client_invents_make_no_series_of_their_own(
    bff_url: str, client: Client
) -> None:
    anyone = client(None)
    # uvicorn's parser lets only those methods through that somebody has standardised; these are among them.
    for number, method in enumerate(("PROPFIND", "LOCK", "MKCOL", "PURGE", "REPORT")):
        assert (await anyone.get(f"/api/v1/guess-{number}")).status_code == 404
        assert (await anyone.request(method, "/api/live")).status_code == 405
    metered = scrape(bff_url)
    templates = {endpoint.path for endpoint in ENDPOINTS}
    assert metered.labels("http_requests_total", "path") <= templates | {"unknown"}
    assert metered.labels("http_requests_total", "method") <= {
        *("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT", "other"),
    }
    assert metered.get("http_requests_total", method="GET", path="unknown", status=404) >= 5
    assert metered.get("http_requests_total", method="other", path="/api/live", status=405) >= 5


async def test_a_stream_is_measured_when_it_begins_and_not_by_how_long_it_stays(
    bff_url: str, client: Client, office: Organization
) -> None:
    path = "/api/v1/organizations/{org}/calendar/stream"

    def begun() -> float:
        return scrape(bff_url).get("http_request_duration_seconds_count", method="GET", path=path)

    before = begun()
    async with watch(client(office.viewer), office.id):
        assert begun() == before + 1
    wait_until(lambda: scrape(bff_url).get("relay_streams") == 0, what="no stream open")
    assert begun() == before + 1


async def test_durations_have_the_agreed_buckets(bff_url: str, client: Client) -> None:
    await client(None).get("/api/live")
    bounds = {
        float(dict(labels)["le"])
        for name, labels in scrape(bff_url).samples
        if name == "http_request_duration_seconds_bucket"
    }
    assert {0.1, 0.5, 1.0, 2.0, 5.0} < bounds
    assert min(bounds) < 0.1


async def test_booking_operations_are_counted_by_what_became_of_them(
    bff_url: str, client: Client, office: Organization
) -> None:
    def count(operation: str, status: str) -> float:
        return scrape(bff_url).get("booking_operations_total", operation=operation, status=status)

    keys = [("create", "success"), ("create", "conflict"), ("create", "invalid"), ("cancel", "success")]
    before = [count(*key) for key in keys]
    member = client(office.member)
    time = slot()
    body = {"asset_id": office.assets["planes"], "title": "Trip", **time}
    booked = data(await member.post("/api/v1/reservations", json=body), 201)
    assert_error(await member.post("/api/v1/reservations", json=body), "CONFLICT")
    assert_error(await member.post("/api/v1/reservations", json={}), "VALIDATION_ERROR")
    assert (await member.post(f"/api/v1/reservations/{booked['id']}/cancel", json={})).status_code == 200
    assert [count(*key) for key in keys] == [value + 1 for value in before]


async def test_the_version_that_serves_is_told(bff_url: str) -> None:
    metered = scrape(bff_url)
    assert metered.get("bff_build_info", version=__version__) == 1
    assert metered.labels("bff_build_info", "version") == {__version__}


def test_operations_are_routes_and_every_status_has_an_outcome() -> None:
    assert set(OPERATIONS) <= {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    outcomes = {outcome(status) for status in (200, 201, *STATUS.values())}
    assert outcomes == {"success", "conflict", "refused", "invalid", "failed"}


async def test_the_relay_is_measured(bff_url: str, client: Client, office: Organization) -> None:
    before = scrape(bff_url)
    async with watch(client(office.viewer), office.id) as stream:
        during = scrape(bff_url)
        assert during.get("relay_streams") >= 1
        assert during.get("relay_organizations") >= 1
        assert during.get("active_users") >= 1
        await book(client(office.member), office.assets["planes"])
        await stream.get("reservation_created")
        after = scrape(bff_url)
    assert after.get("relay_events_published_total") == before.get("relay_events_published_total") + 1
    assert after.get("relay_lag_seconds_count") == before.get("relay_lag_seconds_count") + 1
    took = after.get("relay_lag_seconds_sum") - before.get("relay_lag_seconds_sum")
    # Of the same clock: no less than nothing, and no more than the log's poll takes.
    assert 0 < took < 20
    assert after.get("relay_grants_asked_total") > before.get("relay_grants_asked_total")
    assert after.get("relay_log_up") == 1
    assert after.get("relay_realtime_lives_total") >= 1
    assert after.get("bff_processes") == 1


async def test_refused_streams_and_resets_are_counted_by_reason(
    bff_url: str, client: Client, office: Organization
) -> None:
    before = scrape(bff_url)
    path = "/api/v1/organizations/{}/calendar/stream"
    nobody = await client(office.viewer).get(path.format("00000000-0000-4000-8000-000000000000"))
    assert_error(nobody, "NOT_FOUND")
    cursor = {"Last-Event-ID": "999999-00000000"}
    async with watch(client(office.viewer), office.id, headers=cursor) as stream:
        await stream.get("reset")
    after = scrape(bff_url)
    for name, reason in (("relay_refusals_total", "not_found"), ("relay_resets_total", "cursor_unknown")):
        assert after.get(name, reason=reason) == before.get(name, reason=reason) + 1


async def test_no_label_holds_a_person_an_id_or_a_token(client: Client, office: Organization) -> None:
    await client(office.member).get("/api/v1/me")
    text = (await client(None).get("/api/metrics")).text
    for secret in (office.id, office.member.id, office.member.email, office.member.token):
        assert secret not in text


def test_with_a_token_only_its_bearer_reads(stack: RunningStack) -> None:
    token = "a-token-for-prometheus"
    with running_bff(stack.env, stack.directory / "bff-metrics.log", METRICS_TOKEN=token) as guarded:
        assert scrape(guarded.url, token).get("bff_processes") == 1
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
            response = httpx.get(f"{guarded.url}/api/metrics", headers=headers, timeout=20)
            assert_error(response, "UNAUTHORIZED")
            assert "bff_processes" not in response.text


def test_a_user_is_active_while_a_stream_is_open_and_for_a_while_after_a_request() -> None:
    now = 0.0
    users = ActiveUsers(lambda: now)
    users.seen("anna")
    users.seen("ben")
    assert users.count(["anna", "cleo"]) == 3
    now = ACTIVE_SECONDS - 1
    users.seen("anna")
    now = ACTIVE_SECONDS
    assert users.count([]) == 1
    assert users.count(["ben"]) == 2
    now = 2 * ACTIVE_SECONDS
    assert users.count([]) == 0


def test_gauges_of_processes_that_are_gone_are_dropped_and_their_counters_stay(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        for kind in ("gauge_livesum", "gauge_livemin", "counter", "histogram"):
            (tmp_path / f"{kind}_{pid}.db").touch()
    forget_dead(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    kinds = ("gauge_livesum", "gauge_livemin", "counter", "histogram")
    assert left == {f"{kind}_{os.getpid()}.db" for kind in kinds} | {
        f"{kind}_{gone.pid}.db" for kind in ("counter", "histogram")
    }


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_folder_setting_counts_as_none(value: str | None, tmp_path: Path, root: Path) -> None:
    script = "import asyncio, bff.metrics as m; print(len(asyncio.run(m.Metrics().render())))"
    env = {**os.environ, "PYTHONPATH": str(root)}
    env.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if value is not None:
        env["PROMETHEUS_MULTIPROC_DIR"] = value
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, check=True
    )
    assert int(done.stdout) > 0
    assert list(tmp_path.glob("*.db")) == []
