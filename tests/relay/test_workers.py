"""Several processes serve from one socket: what becomes of streams when one of them, or the parent, ends."""

import asyncio
import contextlib
import os
import signal
from functools import partial

import psutil
import pytest

from bff.server import listen
from tests.actors import Organization
from tests.harness import RunningBff, RunningStack, free_port, running_bff, tail, wait_until
from tests.relay.calendar import titles
from tests.relay.client import Watching
from tests.relay.fakes import until
from tests.relay.workers import (
    book_at_any,
    client_of,
    connections_of,
    ended,
    listens,
    plain_uvicorn,
    stream_at,
    streams_at,
    wait_for_workers,
    workers,
)


async def closed(stream: Watching) -> None:
    """Waits until the connection has ended."""
    await until(lambda: stream.ended)


async def test_a_booking_made_at_one_worker_appears_on_the_streams_of_all(
    several: RunningBff, office: Organization
) -> None:
    async with streams_at(several, wait_for_workers(several), office) as streams:
        await book_at_any(several, office, "Seen by all")
        for stream in streams:
            await stream.get("reservation_created")
            assert titles(stream) == [("reservation_created", "Seen by all")]


async def test_a_killed_worker_is_replaced_and_its_streams_resume_at_another(
    several: RunningBff, office: Organization
) -> None:
    victim, survivor = wait_for_workers(several)
    async with stream_at(several, survivor, office) as kept:
        async with stream_at(several, victim, office) as cut:
            await book_at_any(several, office, "before")
            await cut.get("reservation_created")
            os.kill(victim, signal.SIGKILL)
            await closed(cut)
        await book_at_any(several, office, "between")
        async with stream_at(several, survivor, office, cut.cursor) as resumed:
            assert (await resumed.get("ready")).data["resumed"]
            await resumed.until(lambda: len(resumed.changes) == 1)
            assert titles(resumed) == [("reservation_created", "between")]
        replaced = await asyncio.to_thread(wait_for_workers, several, 2, gone=frozenset({victim}))
        assert survivor in replaced
        (newcomer,) = set(replaced) - {survivor}
        async with stream_at(several, newcomer, office, cut.cursor) as resumed:
            assert (await resumed.get("ready")).data["resumed"]
            await resumed.until(lambda: len(resumed.changes) == 1)
        await kept.until(lambda: len(kept.changes) == 2)
        assert not kept.ended


async def test_sigterm_to_the_parent_says_goodbye_on_every_workers_streams_and_ends_with_zero(
    several: RunningBff, office: Organization
) -> None:
    pids = wait_for_workers(several)
    async with streams_at(several, pids, office) as streams:
        several.process.terminate()
        for stream in streams:
            bye = await stream.get("bye", 8)
            assert bye.data == {"reason": "draining"}
            assert bye.retry is not None
            await closed(stream)
    # What whoever supervises us grants before it kills.
    assert await asyncio.to_thread(several.process.wait, 10) == 0
    assert all(ended(pid) for pid in pids)


async def test_workers_notice_that_their_parent_was_killed_say_goodbye_and_leave_the_port(
    several: RunningBff, office: Organization
) -> None:
    pids = wait_for_workers(several)
    async with streams_at(several, pids, office) as streams:
        several.process.kill()
        several.process.wait()
        for stream in streams:
            assert (await stream.get("bye", 8)).data == {"reason": "draining"}
    await asyncio.to_thread(wait_until, lambda: all(ended(pid) for pid in pids), what="the workers' end")
    listen("127.0.0.1", int(several.url.rpartition(":")[2])).close()


async def test_sighup_renews_the_workers_one_after_the_other_while_requests_are_answered(
    several: RunningBff, office: Organization
) -> None:
    pids = wait_for_workers(several)
    answers: list[int] = []

    async def ask() -> None:
        while True:
            async with client_of(several, office.viewer) as client:
                answers.append((await client.get("/api/live")).status_code)

    async with stream_at(several, pids[0], office) as stream:
        asking = asyncio.create_task(ask())
        several.process.send_signal(signal.SIGHUP)
        assert (await stream.get("bye", 40)).data == {"reason": "draining"}
        renewed = await asyncio.to_thread(
            wait_until, lambda: len(workers(several)) == 2 and not workers(several) & set(pids), seconds=60
        )
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    assert renewed
    assert set(answers) == {200}
    assert several.process.poll() is None


def test_a_worker_that_does_not_end_is_killed_before_whoever_supervises_us_would_kill(
    several: RunningBff,
) -> None:
    stuck, other = wait_for_workers(several)
    psutil.Process(stuck).suspend()
    several.process.terminate()
    assert several.process.wait(30) == 1
    assert ended(stuck)
    assert ended(other)


async def test_a_request_on_a_connection_that_was_accepted_just_before_the_end_is_answered(
    stack: RunningStack,
) -> None:
    with running_bff(stack.env, stack.directory / "bff-last.log") as last:
        port = int(last.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # Accepted for certain, and without a word so far.
        accepted = partial(connections_of, last, last.process.pid)
        await asyncio.to_thread(wait_until, accepted, what="accepted")
        last.process.terminate()
        await asyncio.to_thread(wait_until, lambda: not listens(last), what="the listener closed")
        writer.write(b"GET /api/live HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in head
        writer.close()
        assert await asyncio.to_thread(last.process.wait, 10) == 0


def test_a_parent_whose_workers_cannot_start_says_why_and_ends_with_one(stack: RunningStack) -> None:
    not_a_folder = stack.directory / "not-a-folder"
    not_a_folder.write_text("")
    log = stack.directory / "bff-no-start.log"
    settings = {"BFF_WORKERS": "2", "PROMETHEUS_MULTIPROC_DIR": str(not_a_folder)}
    with (
        pytest.raises(RuntimeError, match="bff ended with 1"),
        running_bff(stack.env, log, BFF_PORT=str(free_port()), **settings),
    ):
        pass
    assert str(not_a_folder) in tail(log)


async def test_plain_uvicorn_serves_streams_from_several_workers_and_replaces_a_killed_one(
    stack: RunningStack, office: Organization
) -> None:
    with plain_uvicorn(stack) as plain:
        victim, survivor = wait_for_workers(plain)
        async with (
            stream_at(plain, victim, office) as one,
            stream_at(plain, survivor, office) as other,
        ):
            await book_at_any(plain, office, "Plain")
            for stream in (one, other):
                await stream.get("reservation_created")
            os.kill(victim, signal.SIGKILL)
            await closed(one)
            replaced = await asyncio.to_thread(wait_for_workers, plain, 2, gone=frozenset({victim}))
            assert survivor in replaced
            plain.process.terminate()
            assert await asyncio.to_thread(plain.process.wait, 10) == 0
            await closed(other)
            # It has no farewell: uvicorn waits for connections to close, then cuts them.
            assert all(frame.event != "bye" for frame in other.frames)
