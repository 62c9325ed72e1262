"""Real processes for the tests: a stack and a BFF, each yielded only when it answers."""

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

ROOT = Path(__file__).parent.parent
# A cold start with initdb on a busy machine of two cores; a healthy one needs a tenth of it.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
# Many tests share one BFF and a few addresses, and hammer it; what is refused has tests of its own.
GENEROUS_LIMITS = dict.fromkeys(
    (
        "RATE_LIMIT_API",
        "RATE_LIMIT_API_ADDRESS",
        "RATE_LIMIT_EXPIRED_ADDRESS",
        "RATE_LIMIT_BOOKING",
        "RATE_LIMIT_AUTH_ADDRESS",
        "RATE_LIMIT_AUTH_ACCOUNT",
        "RATE_LIMIT_STREAM_OPENS",
        "RATE_LIMIT_STREAM_TICKETS",
    ),
    "1000000",
)


def wait_until(condition: Callable[[], Any], *, seconds: float = 20.0, what: str = "condition") -> Any:
    """Polls until `condition` answers something true, and returns that.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_env(path: Path) -> dict[str, str]:
    """The KEY=value lines of a file."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@dataclass
class RunningStack:
    """An embedded Supabase with its own data folder and ports."""

    directory: Path
    process: subprocess.Popen[bytes]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.env["SUPABASE_URL"]

    @property
    def publishable_key(self) -> str:
        return self.env["SUPABASE_PUBLISHABLE_KEY"]

    @property
    def secret_key(self) -> str:
        return self.env["SUPABASE_SECRET_KEY"]

    @property
    def database_url(self) -> str:
        """Role postgres, as a dashboard connects."""
        return self.env["DATABASE_URL"]

    @property
    def admin_database_url(self) -> str:
        return self.env["STACK_ADMIN_DATABASE_URL"]

    @property
    def control_url(self) -> str:
        """Where Realtime's knobs for tests are turned."""
        return self.env["STACK_REALTIME_CONTROL_URL"]

    def state(self) -> dict[str, Any]:
        """The supervisor's state file."""
        state: dict[str, Any] = json.loads((self.directory / "state.json").read_text())
        return state

    def pids(self) -> dict[str, int]:
        """Process ids by part: postgres, lite, realtime, gateway."""
        return dict(self.state()["pids"])

    def kill(self, part: str, how: signal.Signals = signal.SIGKILL) -> int:
        """kill -9, or another signal; the supervisor brings the part back. Answers the id that died."""
        pid = self.pids()[part]
        os.kill(pid, how)
        return pid

    def wait_ready(self, part: str, *, died: int | None = None) -> None:
        """Waits until `part` is served again, by another process than `died`."""
        wait_until(
            lambda: self.pids().get(part) not in (None, died) and self.state()["status"] == "ready",
            seconds=START_SECONDS,
            what=f"{part} ready again",
        )


def end_listening(admin_database_url: str) -> int:
    """Ends the connection by which Realtime hears of commits, like a killed walsender; answers how many.

    On return they are gone: nothing that is committed from now on is heard until Realtime is back.
    """
    with psycopg.connect(admin_database_url, autocommit=True) as admin:
        ended = admin.execute(
            """
            select pg_terminate_backend(pid, 10000) from pg_stat_activity
            where query = 'listen realtime_messages' and datname = current_database()
            """
        ).fetchall()
    return len(ended)


def _ready(directory: Path, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the stack ended with {process.returncode}: {tail(directory / 'start.log')}")
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        state = json.loads((directory / "state.json").read_text())
        # After a kill -9 the state of the run before is still there.
        return bool(state["status"] == "ready" and state["supervisor"] == process.pid)
    return False


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


@contextmanager
def running_stack(directory: Path, **settings: str) -> Iterator[RunningStack]:
    """A stack in `directory`, stopped with SIGTERM at the end; `settings` are its environment variables."""
    directory.mkdir(parents=True, exist_ok=True)
    ports = {"STACK_PORT": "0", "STACK_DB_PORT": "0", "STACK_REST_PORT": "0", "STACK_REALTIME_PORT": "0"}
    # What a test writes need not survive a power cut.
    settings = {"STACK_DURABLE": "false", **settings}
    with (directory / "start.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "start", "--dir", str(directory)],
            cwd=ROOT,
            env={**os.environ, **ports, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _ready(directory, process), seconds=START_SECONDS, what="stack ready")
        yield RunningStack(directory, process, read_env(directory / "env"))
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, and what it ended with; killed with its children if it does not end."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for child in [*children, psutil.Process(process.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.wait()
            raise
    return process.returncode


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """While the block lasts, a process that stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A folder that the database's system user can enter too, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="reservepty-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class RunningBff:
    """A BFF process and where it answers."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_bff(stack_env: Mapping[str, str], log: Path, **settings: str) -> Iterator[RunningBff]:
    """`python -m bff` against a stack, on a free port; `settings` are its environment variables.

    Without settings that say otherwise it refuses nobody for asking too often.
    """
    port = settings.pop("BFF_PORT", "") or str(free_port())
    url = f"http://127.0.0.1:{port}"
    # Whoever comes back at this address takes over what it left; no other test's BFF does.
    spool = {"AUDIT_SPOOL_DIR": str(log.parent / f"audit-{port}")}
    env = {**GENEROUS_LIMITS, **spool, **stack_env, "BFF_PORT": port, **settings}
    with running_module("bff", f"{url}/api/live", env, log) as process:
        yield RunningBff(url, process, log)


class ReturningBff:
    """A BFF that can die, and comes back at the same address. Call `close` at the end.

    Args:
        stack: what it works against.
        log: where its output goes.
        settings: its environment variables.
    """

    def __init__(self, stack: RunningStack, log: Path, **settings: str) -> None:
        self._start = functools.partial(running_bff, stack.env, log, BFF_PORT=str(free_port()), **settings)
        self._started = contextlib.ExitStack()
        self.log = log
        self.running = self._started.enter_context(self._start())

    @property
    def url(self) -> str:
        return self.running.url

    def die(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The process is sent a signal that it ends by, and another one takes its place.

        Raises:
            subprocess.TimeoutExpired: it did not end.
        """
        self.running.process.send_signal(how)
        self.running.process.wait(STOP_SECONDS)
        self.running = self._started.enter_context(self._start())

    def close(self) -> None:
        """Ends it."""
        self._started.close()


@contextmanager
def running_module(
    module: str, ready: str, env: Mapping[str, str], log: Path, arguments: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module`, yielded once a GET of the address `ready` is answered with 200, stopped at the end.

    `env` is added to our own environment; what the process prints goes to `log`.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{module} ended with {process.returncode}: {tail(log)}")
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(ready, timeout=1).status_code == httpx.codes.OK
        return False

    try:
        wait_until(answers, seconds=START_SECONDS, what=f"{module} ready")
        yield process
    finally:
        stop(process)
