"""The end of a process while Supabase answers nothing: in time, and every request is told."""

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from tests.actors import Organization
from tests.api.shape import assert_error
from tests.harness import RunningBff, RunningStack, running_bff, stopped, wait_until
from tests.relay.fakes import until
from tests.relay.workers import client_of, connections_of, listens, only, wait_for_workers

pytestmark = pytest.mark.usefixtures("knobs_at_rest")
# Seconds; whoever supervises us kills after so long.
SUPERVISOR_SECONDS = 10
# Longer than the end may take: what ends sooner was cancelled.
PATIENT = {"UPSTREAM_TIMEOUT": "60", "REQUEST_TIMEOUT": "120"}


@contextlib.contextmanager
def stalled(stack: RunningStack) -> Iterator[None]:
    """REST and Realtime take connections and answer nothing."""
    pids = stack.pids()
    with stopped(pids["lite"]), stopped(pids["realtime"]):
        yield


async def ask(bff: RunningBff, office: Organization) -> httpx.Response:
    async with client_of(bff, office.viewer) as client:
        return await client.get("/api/v1/me")


@pytest.mark.parametrize("count", [1, 2])
async def test_requests_that_wait_at_the_end_are_told_503_and_the_process_ends_in_time(
    stack: RunningStack, office: Organization, count: int
) -> None:
    log = stack.directory / f"bff-end-{count}.log"
    with running_bff(stack.env, log, BFF_WORKERS=str(count), TMPDIR=str(stack.directory), **PATIENT) as bff:
        pids = wait_for_workers(bff) if count > 1 else [bff.process.pid]
        # Once, so that nothing but the request itself is left to ask for.
        assert (await ask(bff, office)).status_code == 200
        with stalled(stack):
            asked = []
            for pid in pids:
                with only(bff, pid):
                    asked.append(asyncio.create_task(ask(bff, office)))
                    await until(partial(connections_of, bff, pid))
            bff.process.terminate()
            for answer in await asyncio.gather(*asked):
                assert_error(answer, "SERVICE_UNAVAILABLE")
                assert answer.headers["retry-after"] == "1"
            assert await asyncio.to_thread(bff.process.wait, SUPERVISOR_SECONDS) == 0
    text = log.read_text()
    assert "Traceback" not in text
    assert "worker_killed" not in text


async def test_a_request_under_way_at_the_end_is_finished_and_a_new_connection_refused(
    stack: RunningStack, office: Organization
) -> None:
    log = stack.directory / "bff-end-finished.log"
    with running_bff(stack.env, log, **PATIENT) as bff:
        pid = bff.process.pid
        assert (await ask(bff, office)).status_code == 200
        with stalled(stack):
            asked = asyncio.create_task(ask(bff, office))
            await until(partial(connections_of, bff, pid))
            bff.process.terminate()
            await asyncio.to_thread(wait_until, lambda: not listens(bff), what="the listener closed")
            with pytest.raises(httpx.ConnectError):
                await ask(bff, office)
        answer = await asked
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert await asyncio.to_thread(bff.process.wait, SUPERVISOR_SECONDS) == 0
