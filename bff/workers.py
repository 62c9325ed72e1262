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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog

from bff.metrics import VARIABLE as METRICS_VARIABLE
from bff.metrics import fold as fold_metrics

log = structlog.get_logger(__name__)

# Seconds from the word to end until a worker is killed. It needs 8.5 at most (bff.server.GRACE and what
# follows), and whoever supervises us kills after ten.
STOP_SECONDS = 9.0
# A worker that ended sooner than this after its start would end so again: the next one waits a little.
PROVEN_SECONDS = 5.0
# Seconds; the longest such wait.
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
        self.outdated = False
        """Another is to take its place."""
        self.retired = False
        """It was told to end, and counts no more."""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def heard(self) -> None:
        """The lifeline brought something, or its end."""
        with contextlib.suppress(ConnectionError):
            self.serves = bool(self.lifeline.recv(1))
        self.known.set()


class Workers:
    """Keeps `count` serving processes alive.

    One loop starts and retires, a step at a time, by what there is now; whatever happens to a worker, and
    every signal, only has it look again. So none can be counted twice or be waited for in vain.

    Args:
        count: how many.
        listener: what they accept from; stays open until the end.
        environment: theirs.
    """

    def __init__(self, count: int, listener: socket.socket, environment: Mapping[str, str]) -> None:
        self._count = count
        self._listener = listener
        self._environment = environment
        self._metrics = Path(environment[METRICS_VARIABLE])
        self._workers: list[Worker] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._stopping = False
        self._proven = False
        self._failures = 0
        self._not_before = 0.0
        self._failed = False
        self._has_terminal = has_terminal()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; SIGHUP replaces the workers one after the other.

        Returns:
            The exit code: 0, or 1 if none could be started or one had to be killed at the end.
        """
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        while not self._stopping:
            self._changed.clear()
            await self._reconcile()
            await self._changed.wait()
        self._listener.close()
        for worker in self._staying():
            self._retire(worker)
        while self._watches:
            await asyncio.wait(self._watches)
        return int(self._failed)

    def _stop(self) -> None:
        self._stopping = True
        self._changed.set()

    def _hung_up(self) -> None:
        """SIGHUP: an operator wants new workers, or our terminal was closed, which ends us as Ctrl-C does."""
        if self._has_terminal and not has_terminal():
            self._stop()
            return
        # One that comes during a renewal finds new workers outdated again: the code may have changed since.
        for worker in self._workers:
            worker.outdated = True
        self._changed.set()

    def _staying(self) -> list[Worker]:
        return [each for each in self._workers if not each.retired]

    async def _reconcile(self) -> None:
        """One step towards `count` workers of which none is outdated; what it does calls for the next."""
        staying = self._staying()
        outdated = [each for each in staying if each.outdated]
        if len(staying) < self._count:
            await self._start_when_due()
        elif len(staying) > self._count:
            # Those that do not serve go first; one that does only when enough others do.
            serving = sum(each.serves for each in staying)
            for worker in sorted(outdated or staying, key=lambda each: each.serves):
                if serving - worker.serves >= self._count:
                    self._retire(worker)
                    break
        elif outdated and len(self._workers) == self._count:
            # One by one: none is still on its way out.
            await self._start_successor()

    async def _start_when_due(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            loop.call_at(self._not_before, self._changed.set)
            return
        try:
            await self._start()
        except OSError as error:
            # No memory or no process left for it just now.
            log.warning("worker_not_started", error=str(error))
            self._note_failure()

    async def _start_successor(self) -> None:
        try:
            worker = await self._start()
        except OSError as error:
            self._give_up_renewal(error=str(error))
        else:
            asyncio.get_running_loop().call_later(START_SECONDS, self._judge, worker)

    def _judge(self, worker: Worker) -> None:
        """A successor has had its time to serve."""
        if not worker.known.is_set() and not worker.retired:
            self._give_up_renewal(pid=worker.process.pid)
            self._retire(worker)

    def _give_up_renewal(self, **details: object) -> None:
        log.error("renewal_failed", **details)
        for worker in self._workers:
            worker.outdated = False
        self._changed.set()

    def _note_failure(self) -> None:
        if not self._proven:
            # The first ones cannot start: neither will others.
            self._failed = True
            self._stop()
            return
        self._failures += 1
        pause = min(MAX_PAUSE_SECONDS, 0.25 * 2.0 ** min(self._failures, 10))
        self._not_before = asyncio.get_running_loop().time() + pause
        self._changed.set()

    async def _start(self) -> Worker:
        """Starts a worker.

        Raises:
            OSError: there is no memory, file or process left for it.
        """
        loop = asyncio.get_running_loop()
        lifeline, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as undo:
            undo.callback(lifeline.close)
            passed = (self._listener.fileno(), theirs.fileno())
            with sighup_blocked():
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "bff", *map(str, passed)),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=dict(self._environment),
                    pass_fds=passed,
                )
            undo.pop_all()
        worker = Worker(process, lifeline, loop.time())
        self._workers.append(worker)
        watch = loop.create_task(self._watch(worker))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        self._changed.set()
        return worker

    def _retire(self, worker: Worker) -> None:
        """Have it say its farewells and end, if it must by being killed."""
        worker.retired = True
        worker.signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(STOP_SECONDS, self._kill, worker)
        self._changed.set()

    def _kill(self, worker: Worker) -> None:
        if worker.process.returncode is None:
            worker.signal(signal.SIGKILL)
            self._failed = self._failed or self._stopping
            log.error("worker_killed", pid=worker.process.pid)

    async def _watch(self, worker: Worker) -> None:
        """Follow a worker until its end."""
        loop = asyncio.get_running_loop()
        loop.add_reader(worker.lifeline, worker.heard)
        waiting = loop.create_task(worker.process.wait())
        await worker.known.wait()
        loop.remove_reader(worker.lifeline)
        self._proven = self._proven or worker.serves
        self._changed.set()
        status = await waiting
        worker.lifeline.close()
        self._workers.remove(worker)
        self._changed.set()
        if not worker.retired and not self._stopping:
            self._mourn(worker, status)
        # Last, as it may have to wait for a scrape.
        await asyncio.to_thread(fold_metrics, self._metrics, worker.process.pid)

    def _mourn(self, worker: Worker, status: int) -> None:
        """Nobody had asked for its end."""
        log.warning("worker_died", pid=worker.process.pid, status=status, served=worker.serves)
        if not worker.serves and len(self._staying()) >= self._count:
            self._give_up_renewal(pid=worker.process.pid)
        if worker.serves and asyncio.get_running_loop().time() - worker.started > PROVEN_SECONDS:
            self._failures = 0
        else:
            self._note_failure()


@contextmanager
def sighup_blocked() -> Iterator[None]:
    """What is started within never sees SIGHUP; we get it afterwards.

    A closed terminal and `kill -HUP` of the group reach the workers too, and would end them without farewell
    from their first moment on. A blocked signal stays blocked in the program that is started.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def has_terminal() -> bool:
    """Whether a terminal controls this process now; one that was closed does not any more."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


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
