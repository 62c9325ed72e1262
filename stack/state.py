"""What a stack folder tells of its run: `state.json` for tools, `env` for clients, and the lock."""

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psutil
from pydantic import TypeAdapter

from stack.errors import StackError
from stack.keys import write_private

# Seconds. `status` holds the lock for a moment to see whether anybody does, and that is no reason to refuse.
GLANCE = 0.5


class AlreadyRunningError(StackError):
    """Another supervisor runs on this folder."""


@dataclass
class State:
    """The content of state.json.

    Attributes:
        status: "ready" while every child serves, "degraded" while one of them is being started again.
        supervisor: its process id.
        pids: the process id of each child that runs.
        created: when each of them began, seconds since 1970: a pid alone may be used again.
        ready: the children that serve.
        ports: the port of each child.
        restarts: how often each child was started again.
    """

    status: Literal["starting", "ready", "degraded", "stopping"] = "starting"
    supervisor: int = field(default_factory=os.getpid)
    pids: dict[str, int] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    ready: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    def record(self, name: str, pid: int | None, *, ready: bool, restarts: int) -> None:
        """Note how a child stands."""
        self.pids.pop(name, None)
        self.created.pop(name, None)
        self.ready = [other for other in self.ready if other != name]
        self.restarts[name] = restarts
        with suppress(psutil.NoSuchProcess):
            if pid is not None:
                self.created[name] = psutil.Process(pid).create_time()
                self.pids[name] = pid
                if ready:
                    self.ready.append(name)
        if self.status in ("ready", "degraded"):
            self.settle()

    def settle(self) -> None:
        """Say whether every child serves."""
        self.status = "ready" if set(self.ready) == set(self.ports) else "degraded"

    def write(self, directory: Path) -> None:
        """Write state.json at once, so that a reader never sees half of it."""
        write_private(directory / "state.json", json.dumps(asdict(self), indent=2) + "\n")


def read_state(directory: Path) -> State | None:
    """The state of the last run; None where there is none, or where the file is not to be read."""
    try:
        return TypeAdapter(State).validate_json((directory / "state.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_env(directory: Path, values: dict[str, str]) -> None:
    """Write `env`, the addresses and keys for shells and tools; its appearance means ready."""
    write_private(directory / "env", "".join(f"{name}={value}\n" for name, value in values.items()))


def read_env(directory: Path) -> dict[str, str]:
    """What `env` says; empty while the stack is not ready."""
    try:
        lines = (directory / "env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines)


class Lock:
    """Held by the one supervisor of a folder; the kernel lets go of it when that dies, however it dies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + GLANCE
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() < deadline:
                    time.sleep(GLANCE / 10)
                    continue
                os.close(self._descriptor)
                pid = holder(self._directory)
                raise AlreadyRunningError(
                    f"a stack is already running on {self._directory.resolve()} (pid {pid}): stop it"
                    f" with `python -m stack stop --dir {self._directory}`, or choose another folder with"
                    " STACK_DIR"
                ) from error
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def holder(directory: Path) -> int | None:
    """The process id of the supervisor that holds this folder, from its first moment on; None without one."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 20, 0) or 0)
    else:
        return None
    finally:
        os.close(descriptor)


def is_running(directory: Path) -> bool:
    """Whether a supervisor holds this folder."""
    return holder(directory) is not None


def load_ports(directory: Path) -> dict[str, int]:
    """The ports of the last run, also of one that ended cleanly; empty where that is not known."""
    try:
        return TypeAdapter(dict[str, int]).validate_json((directory / "ports.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def save_ports(directory: Path, ports: dict[str, int]) -> None:
    """Keep the ports for the next run: what clients were told stays true where it can."""
    (directory / "ports.json").write_text(json.dumps(ports) + "\n")
