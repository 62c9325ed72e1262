"""A child process of the stack: started, watched, started again when it dies, stopped."""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.errors import StackError

READINESS_POLL = 0.02  # seconds
FIRST_BACKOFF = 0.1  # seconds, doubled at each death that follows a short life
MAX_BACKOFF = 2.0  # seconds
LONG_LIFE = 5.0  # seconds; the death of a child that lived as long is no sign of a fault that stays
LOG_LIMIT = 10_000_000  # bytes; a longer log is put aside
LOG_TAIL = 2000  # characters of a child's log that an error shows

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ChildError(StackError):
    """A child does not get ready; the message has the end of its log."""


def die_with_parent(death_signal: int) -> Callable[[], None]:
    """What a child runs first: it asks the kernel for a signal when the supervisor dies, even by kill -9.

    Only Linux can do that; elsewhere the next start ends what is left over.
    """
    supervisor = os.getpid()

    def ask() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != supervisor:  # it died before the kernel was asked
                os._exit(1)

    return ask


@dataclass(frozen=True)
class Spec:
    """How to run a child.

    Attributes:
        is_ready: whether it serves; called again and again until it says so.
        stop_signal: what ends it cleanly, also when the supervisor dies.
        uid, gid: whom it runs as; None is the supervisor's own user.
    """

    name: str
    command: list[str]
    is_ready: Callable[[], Awaitable[bool]]
    environment: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    uid: int | None = None
    gid: int | None = None


class Child:
    """One child process, kept running until `stop`."""

    def __init__(
        self,
        spec: Spec,
        log: Path,
        on_change: Callable[["Child"], None],
        *,
        start_timeout: float,
        stop_timeout: float,
        needs: "Child | None" = None,
    ) -> None:
        """Take what to run, its log, whom to tell of changes, seconds, and a child that must serve before it.

        Started while what it needs does not serve, a child may hang instead of ending: lite does so.
        """
        self.spec = spec
        self.log = log
        self.restarts = 0
        self._serves = asyncio.Event()
        self._needs = needs
        self._needed = 0  # which life of the other it was started for
        self._on_change = on_change
        self._start_timeout = start_timeout  # seconds
        self._stop_timeout = stop_timeout  # seconds
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self._serves.is_set()

    async def serving(self) -> None:
        """Return when it serves."""
        await self._serves.wait()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Run it, and return when it serves.

        Raises:
            ChildError: it ended, or did not serve in time.
        """
        self.trim_log()
        await self._spawn()
        await self._until_ready()
        self._watcher = asyncio.create_task(self._keep_running(), name=f"keep {self.spec.name} running")

    async def stop(self) -> None:
        """End it: by its signal, and by kill when that takes too long. Returns when no process is left."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self.spec.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self._stop_timeout)
        except TimeoutError:
            kill_tree(process.pid)
            await process.wait()

    async def _spawn(self) -> None:
        spec = self.spec
        if self._needs is not None:
            await self._needs.serving()
            self._needed = self._needs.restarts
        # Readable by us only: lite writes its keys there.
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **spec.environment},
                cwd=spec.cwd,
                # Ctrl-C at a terminal goes to the whole group; the order of the end is the supervisor's.
                start_new_session=True,
                preexec_fn=die_with_parent(spec.stop_signal),
                user=spec.uid,
                group=spec.gid,
                extra_groups=None if spec.uid is None else [],
            )
        self._on_change(self)

    async def _until_ready(self) -> None:
        assert self._process is not None  # noqa: S101 - for the type checker
        deadline = time.monotonic() + self._start_timeout
        while not await self.spec.is_ready():
            if self._process.returncode is not None:
                raise ChildError(
                    f"{self.spec.name} ended with {self._process.returncode}:\n{self.log_tail()}"
                )
            if self._lost_what_it_needs():
                raise ChildError(f"what {self.spec.name} needs has ended while it was starting")
            if time.monotonic() > deadline:
                raise ChildError(
                    f"{self.spec.name} is not ready after {self._start_timeout:g} s:\n{self.log_tail()}"
                )
            await asyncio.sleep(READINESS_POLL)
        self._serves.set()
        self._on_change(self)

    def _lost_what_it_needs(self) -> bool:
        return self._needs is not None and self._needs.restarts != self._needed

    async def _keep_running(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            assert self._process is not None  # noqa: S101 - for the type checker
            born = time.monotonic()
            code = await self._process.wait()
            self._serves.clear()
            self.restarts += 1
            print(f"stack: {self.spec.name} ended with {code}, starting it again", flush=True)
            self._on_change(self)
            if time.monotonic() - born > LONG_LIFE or self._lost_what_it_needs():
                backoff = FIRST_BACKOFF
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF)
            await self._spawn()
            try:
                await self._until_ready()
            except ChildError as error:
                print(f"stack: {error}", flush=True)
                if self.pid is not None:
                    kill_tree(self.pid)

    def trim_log(self) -> None:
        """Put a log that has grown too long aside; only one such is kept."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            # Copied, not renamed: the child goes on writing to the file that it has open, at its end.
            shutil.copy(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    def log_tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else ""


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants, at once."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def end_left_over(pid: int, created: float, stop_signal: signal.Signals, timeout: float) -> bool:
    """End a process of an earlier run, if it still is that process: a pid alone may by now be a stranger's.

    Args:
        pid: the process id that was recorded.
        created: when that process began, seconds since 1970 as psutil tells it.
        stop_signal: what ends it cleanly.
        timeout: seconds until it is killed.

    Returns:
        Whether there was something to end.
    """
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return False
        process.send_signal(stop_signal)
        process.wait(timeout)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        kill_tree(pid)
        with suppress(psutil.TimeoutExpired):
            process.wait(timeout)
    return True
