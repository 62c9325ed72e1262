"""SIGHUP: workers that are renewed while others die, hang or do not start; and a terminal that was closed."""

import asyncio
import os
import signal
from collections.abc import Collection
from pathlib import Path

import psutil
import pytest

from tests.actors import Organization
from tests.harness import RunningBff, RunningStack, free_port, running_bff, running_module, wait_until
from tests.relay.client import watch
from tests.relay.workers import (
    START_SECONDS,
    book_at_any,
    client_of,
    ended,
    serves,
    streams_at,
    wait_for_workers,
    workers,
)


def renew(bff: RunningBff) -> None:
    bff.process.send_signal(signal.SIGHUP)


def wait_for_successor(bff: RunningBff, old: Collection[int]) -> int:
    """Waits until the first new worker has been started; its id."""
    found: set[int] = wait_until(lambda: workers(bff) - set(old), seconds=START_SECONDS, what="a successor")
    return found.pop()


def wait_until_renewed(bff: RunningBff, old: Collection[int]) -> None:
    """Waits until there are two workers and none of the old; unlike `wait_for_workers` it wakes nobody."""

    def renewed() -> bool:
        return len(workers(bff)) == 2 and all(ended(pid) for pid in old)

    wait_until(renewed, seconds=START_SECONDS, what="the renewal's end")


def logged(log: Path, event: str) -> int:
    return log.read_text().count(f'"event": "{event}"')


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_dies_during_a_renewal_does_not_change_their_number(
    several: RunningBff, victim: int
) -> None:
    old = wait_for_workers(several)
    renew(several)
    wait_for_successor(several, old)
    os.kill(old[victim], signal.SIGKILL)
    wait_for_workers(several, 2, gone=frozenset(old))


def test_a_worker_that_hangs_holds_up_a_renewal_only_until_it_is_killed_and_the_next_one_works(
    several: RunningBff,
) -> None:
    old = wait_for_workers(several)
    before = logged(several.log, "worker_killed")
    psutil.Process(old[0]).suspend()
    renew(several)
    wait_until_renewed(several, old)
    assert logged(several.log, "worker_killed") == before + 1
    old = wait_for_workers(several)
    renew(several)
    wait_for_workers(several, 2, gone=frozenset(old))
    several.process.terminate()
    assert several.process.wait(30) == 0, "who was killed in a renewal long ago is no failure at the end"


def test_a_sighup_that_comes_during_a_renewal_is_remembered(several: RunningBff) -> None:
    old = wait_for_workers(several)
    renew(several)
    successor = wait_for_successor(several, old)
    renew(several)
    wait_for_workers(several, 2, gone=frozenset({*old, successor}))


def test_when_the_new_workers_cannot_start_the_old_ones_stay_and_a_later_renewal_works(
    stack: RunningStack, tmp_path: Path
) -> None:
    folder, log = tmp_path / "metrics", stack.directory / "bff-renewal.log"
    settings = {"BFF_WORKERS": "2", "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with running_bff(stack.env, log, **settings) as bff:
        old = wait_for_workers(bff)
        folder.rename(tmp_path / "aside")
        folder.write_text("not a folder")
        renew(bff)
        wait_until(lambda: logged(log, "renewal_failed"), seconds=START_SECONDS, what="the renewal given up")
        assert wait_for_workers(bff) == old
        folder.unlink()
        (tmp_path / "aside").rename(folder)
        renew(bff)
        wait_for_workers(bff, 2, gone=frozenset(old))
        assert logged(log, "renewal_failed") == 1


async def test_a_sighup_that_reaches_the_workers_too_ends_none_of_them(
    several: RunningBff, office: Organization
) -> None:
    pids = wait_for_workers(several)
    async with streams_at(several, pids, office) as streams:
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        await book_at_any(several, office, "after")
        for stream in streams:
            await stream.get("reservation_created")
    assert await asyncio.to_thread(wait_for_workers, several) == pids
    # From a worker's first moment on.
    before = logged(several.log, "renewal_failed")
    renew(several)
    successor = await asyncio.to_thread(wait_for_successor, several, pids)
    os.kill(successor, signal.SIGHUP)
    assert successor in await asyncio.to_thread(wait_for_workers, several, 2, gone=frozenset(pids))
    assert logged(several.log, "renewal_failed") == before


async def test_sighup_to_a_single_process_ends_it_with_farewells(
    stack: RunningStack, office: Organization
) -> None:
    with running_bff(stack.env, stack.directory / "bff-hung-up.log") as single:
        async with client_of(single, office.viewer) as client, watch(client, office.id) as stream:
            renew(single)
            assert (await stream.get("bye", 8)).data == {"reason": "draining"}
        assert await asyncio.to_thread(single.process.wait, 10) == 0


def test_a_parent_whose_terminal_is_closed_ends_and_one_that_keeps_it_renews(stack: RunningStack) -> None:
    ours, theirs = os.openpty()
    port = str(free_port())
    url, log = f"http://127.0.0.1:{port}", stack.directory / "bff-terminal.log"
    env = {**stack.env, "BFF_PORT": port, "BFF_WORKERS": "2", "TERMINAL": os.ttyname(theirs)}
    with running_module("tests.relay.terminal", f"{url}/api/live", env, log, ["bff"]) as process:
        bff = RunningBff(url, process, log)
        old = wait_for_workers(bff)
        renew(bff)
        pids = wait_for_workers(bff, 2, gone=frozenset(old))
        assert all(serves(bff, pid) for pid in pids)
        os.close(theirs)
        os.close(ours)
        assert process.wait(10) == 0
        assert all(ended(pid) for pid in pids)
