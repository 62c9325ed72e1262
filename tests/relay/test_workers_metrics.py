"""Metrics of several processes: whichever is asked answers for all, and for those that are gone."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import httpx
import pytest

from bff import __version__
from tests.actors import Organization
from tests.harness import RunningBff, RunningStack, running_bff, wait_until
from tests.metering import Metered, scrape
from tests.relay.calendar import book
from tests.relay.workers import client_of, only, plain_uvicorn, stream_at, wait_for_workers

REQUESTS = 7


def ours(stack: RunningStack, folder: Path) -> AbstractContextManager[RunningBff]:  # noqa: ARG001 (as plain)
    return running_bff(stack.env, stack.directory / "bff-workers-metrics.log", BFF_WORKERS="2")


def plain(stack: RunningStack, folder: Path) -> AbstractContextManager[RunningBff]:
    return plain_uvicorn(stack, PROMETHEUS_MULTIPROC_DIR=str(folder))


@pytest.fixture(params=[ours, plain], ids=["python -m bff", "uvicorn --workers"])
def several(request: pytest.FixtureRequest, stack: RunningStack, tmp_path: Path) -> Iterator[RunningBff]:
    """Two workers, of either kind."""
    with request.param(stack, tmp_path / "metrics") as running:
        yield running


def scrape_at(bff: RunningBff, pid: int) -> Metered:
    """What that worker answers, for all."""
    with only(bff, pid):
        return scrape(bff.url)


def seen(metered: Metered) -> float:
    return metered.get("http_requests_total", method="GET", path="/api/v1/me", status=200)


def both_published(bff: RunningBff, pid: int) -> bool:
    """Whether that worker knows of an event on a stream at each; counts of the relay are a second old."""
    metered = scrape_at(bff, pid)
    return (metered.get("relay_events_published_total"), metered.get("relay_streams")) == (2, 2)


async def test_sums_are_right_at_either_and_outlive_a_worker_whose_gauges_fall(
    several: RunningBff, office: Organization
) -> None:
    pids = wait_for_workers(several)
    victim, survivor = pids
    for number in range(REQUESTS):
        async with client_of(several, office.viewer) as client:
            with only(several, pids[number % 2]):
                assert (await client.get("/api/v1/me")).status_code == 200
    for pid in pids:
        metered = scrape_at(several, pid)
        assert seen(metered) == REQUESTS
        path = {"method": "GET", "path": "/api/v1/me"}
        assert metered.get("http_request_duration_seconds_count", **path) == REQUESTS
        assert metered.get("bff_processes") == 2
        assert metered.get("bff_build_info", version=__version__) == 1

    async with stream_at(several, victim, office) as cut, stream_at(several, survivor, office) as kept:
        async with client_of(several, office.member) as client:
            await book(client, office.assets["planes"])
        for stream in (cut, kept):
            await stream.get("reservation_created")
        for pid in pids:
            await asyncio.to_thread(wait_until, partial(both_published, several, pid), what="both counts")
        os.kill(victim, signal.SIGKILL)
        await cut.until(lambda: cut.ended)
        after = await asyncio.to_thread(
            wait_until,
            lambda: (now := scrape_at(several, survivor)).get("relay_streams") == 1 and now,
            what="the dead worker's gauges gone",
        )
        assert seen(after) == REQUESTS
        assert after.get("relay_events_published_total") == 2
        assert after.get("relay_lag_seconds_count") == 2
        assert not kept.ended
    await asyncio.to_thread(wait_for_workers, several, 2, gone=frozenset({victim}))
    assert scrape(several.url).get("bff_processes") == 2
    assert seen(scrape(several.url)) == REQUESTS


def folded(folder: Path, pid: int) -> bool:
    return not list(folder.glob(f"*_{pid}.db"))


def test_however_often_a_worker_dies_the_sums_stay_and_the_files_do_not_become_more(
    stack: RunningStack, office: Organization, tmp_path: Path
) -> None:
    log = stack.directory / "bff-workers-deaths.log"
    with (
        running_bff(stack.env, log, BFF_WORKERS="2", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as several,
        httpx.Client(headers={"Authorization": f"Bearer {office.viewer.token}"}, timeout=20) as client,
    ):
        pids = wait_for_workers(several)
        counted = None
        for deaths in range(1, 4):
            victim = pids[0]
            with only(several, victim):
                url, closing = f"{several.url}/api/v1/me", {"Connection": "close"}
                assert client.get(url, headers=closing).status_code == 200
            os.kill(victim, signal.SIGKILL)
            pids = wait_for_workers(several, 2, gone=frozenset({victim}))
            assert seen(scrape_at(several, pids[0])) == deaths
            wait_until(partial(folded, tmp_path, victim), what="the dead worker's files folded")
            kinds = sorted(path.name.rpartition("_")[0] for path in tmp_path.glob("*.db"))
            counted = counted or kinds
            assert kinds == counted


def test_the_folder_that_the_parent_made_goes_with_it(stack: RunningStack, tmp_path: Path) -> None:
    log = stack.directory / "bff-workers-folder.log"
    with running_bff(stack.env, log, BFF_WORKERS="2", TMPDIR=str(tmp_path)) as several:
        wait_for_workers(several)
        (folder,) = tmp_path.glob("reservepty-metrics-*")
        assert list(folder.glob("counter_*.db"))
    assert list(tmp_path.glob("reservepty-metrics-*")) == []
