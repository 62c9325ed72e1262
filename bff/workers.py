"""The parent of several serving processes: it starts them, replaces those that die, and ends them all.

All accept from one listening socket that the parent opened and keeps: while a worker is replaced nothing that
has connected is lost, and the others go on. To each the parent holds a lifeline, a socket that says when the
worker serves, and whose end tells the worker that the parent is gone, however it went. POSIX.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from bff.metrics import VARIABLE as METRICS_VARIABLE

log = structlog.get_logger(__name__)

# Seconds; workers need eight at most, and whoever supervises us kills after ten.
STOP_SECONDS = 9.0
# A worker that ended sooner than this after its start would end so again: the next one waits a little.
PROVEN_SECONDS = 5.0
# Seconds; the longest such wait. Each worker leaves its counters behind as files, which bounds them too.
MAX_PAUSE_SECONDS = 30.0
# Seconds for a new worker to serve, until a renewal is given up and the old ones stay.
START_SECONDS = 30.0


class Worker:
    """One serving process, as its parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: socket.socket, started: float) -> None:
        self.process = process
        self.lifeline = lifeline
        self.started = started
        self.serves = False
        self.known = asyncio.Event()
        """Set once it is known whether it serves: it said so, or it has ended."""
        self.retired = False

    def retire(self) -> None:
        """Have it say its farewells and end; nobody takes its place."""
        self.retired = True
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def heard(self) -> None:
        """The lifeline brought something, or its end."""
        self.serves = bool(self.lifeline.recv(1))
        self.known.set()


class Workers:
    """Keeps `count` serving processes alive.

    Args:
        count: how many.
        listener: what they accept from; stays open until the end.
        environment: theirs.
    """

    def __init__(self, count: int, listener: socket.socket, environment: Mapping[str, str]) -> None:
        self._count = count
        self._listener = listener
        self._environment = environment
        self._workers: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._renewing = False
        self._proven = False
        self._failures = 0
        self._failed = False

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; SIGHUP replaces the workers one after the other.

        Returns:
            The exit code: 0, or 1 if none could be started or one had to be killed.
        """
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._renew()))
        for _ in range(self._count):
            await self._start()
        await self._stopping.wait()
        self._listener.close()
        for worker in self._workers:
            worker.retire()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._all_ended()
        for worker in self._workers:
            log.error("worker_killed", pid=worker.process.pid)
            self._failed = True
            worker.process.kill()
        await self._all_ended()
        return int(self._failed)

    async def _all_ended(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> Worker:
        loop = asyncio.get_running_loop()
        lifeline, theirs = socket.socketpair()
        with theirs:
            passed = (self._listener.fileno(), theirs.fileno())
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bff", *map(str, passed)),
                stdin=asyncio.subprocess.DEVNULL,
                env=dict(self._environment),
                pass_fds=passed,
            )
        worker = Worker(process, lifeline, loop.time())
        self._workers.add(worker)
        self._spawn(self._watch(worker))
        if self._stopping.is_set():
            worker.retire()
        return worker

    async def _watch(self, worker: Worker) -> None:
        """Wait for a worker's end, and put another in its place if nobody asked for it."""
        loop = asyncio.get_running_loop()
        loop.add_reader(worker.lifeline, worker.heard)
        waiting = loop.create_task(worker.process.wait())
        await worker.known.wait()
        loop.remove_reader(worker.lifeline)
        self._proven = self._proven or worker.serves
        status = await waiting
        worker.lifeline.close()
        self._workers.discard(worker)
        if worker.retired or self._stopping.is_set():
            return
        log.warning("worker_died", pid=worker.process.pid, status=status, served=worker.serves)
        if not self._proven:
            # The first ones cannot start: neither will others.
            self._failed = True
            self._stopping.set()
            return
        lived = loop.time() - worker.started
        self._failures = 0 if worker.serves and lived > PROVEN_SECONDS else self._failures + 1
        await self._replace()

    async def _replace(self) -> None:
        while not self._stopping.is_set():
            pause = 0.0 if self._failures == 0 else min(MAX_PAUSE_SECONDS, 0.25 * 2.0**self._failures)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                    return
            try:
                await self._start()
            except OSError as error:
                # No memory or no process left for it just now.
                self._failures += 1
                log.warning("worker_not_started", error=str(error))
            else:
                return

    async def _renew(self) -> None:
        """Replace each worker, the new one coming first; if it does not serve, the old ones stay."""
        if self._renewing or self._stopping.is_set():
            return
        self._renewing = True
        try:
            for old in tuple(self._workers):
                new = await self._start()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(START_SECONDS):
                        await new.known.wait()
                if self._stopping.is_set():
                    return
                if not new.serves:
                    log.error("renewal_failed", pid=new.process.pid)
                    new.retire()
                    return
                old.retire()
                await old.process.wait()
        finally:
            self._renewing = False


@contextmanager
def metrics_directory(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`environment` with a folder for the workers' metrics: the operator's, or one that goes with us."""
    if environment.get(METRICS_VARIABLE):
        yield dict(environment)
        return
    with tempfile.TemporaryDirectory(prefix="reservepty-metrics-", ignore_cleanup_errors=True) as directory:
        yield {**environment, METRICS_VARIABLE: directory}


def supervise(count: int, listener: socket.socket) -> int:
    """Serve with `count` processes until SIGTERM or SIGINT; the exit code."""
    with metrics_directory(os.environ) as environment:
        return asyncio.run(Workers(count, listener, environment).run())
