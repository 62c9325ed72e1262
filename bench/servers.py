"""The processes that are measured: a BFF, and a stub in Supabase's place that answers at once."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

START_SECONDS = 30.0
# What is measured is how fast the BFF is, not how soon it refuses: the same work, and nobody is told to wait.
GENEROUS_LIMITS = {
    f"RATE_LIMIT_{name}": "1000000000"
    for name in ("API", "API_ADDRESS", "BOOKING", "STREAM_OPENS", "STREAM_TICKETS")
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """A process that answers HTTP on a port of loopback."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has taken, its own and the kernel's for it."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def resident(self) -> int:
        """Bytes of resident memory."""
        return int(self.process.memory_info().rss)


@contextmanager
def python_process(
    arguments: Sequence[str],
    env: Mapping[str, str],
    port: int,
    *,
    core: int | None = None,
    wait: bool = True,
    log: Path | None = None,
) -> Iterator[Served]:
    """A Python process that serves on `port`, pinned to a core if one is named; yielded when it answers.

    What it prints goes to the file `log`, or nowhere.
    """
    with Path(log or os.devnull).open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=sink,
        )
    served = Served(port, psutil.Process(process.pid))
    try:
        if core is not None:
            served.process.cpu_affinity([core])
        if wait:
            _wait(served.url, process)
        yield served
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def bff_process(
    env: Mapping[str, str],
    *,
    core: int | None = None,
    port: int | None = None,
    wait: bool = True,
    log: Path | None = None,
    module: str = "bff",
) -> Iterator[Served]:
    """`python -m bff`, or another module that serves in its place, on a free port or a given one.

    Pinned to a core if one is named; what it prints goes to the file `log`, or nowhere.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="reservepty-audit-") as spool:
        defaults = {"LOG_LEVEL": "WARNING", "AUDIT_SPOOL_DIR": spool, **GENEROUS_LIMITS}
        env = {**defaults, **env, "BFF_PORT": str(port)}
        with python_process(["-m", module], env, port, core=core, wait=wait, log=log) as served:
            yield served


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the BFF ended with {process.returncode}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/api/live", timeout=1).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise TimeoutError("the BFF did not answer")


class Stub(asyncio.Protocol):
    """An HTTP/1.1 server that answers every request with JSON, as fast as Python can.

    It reads requests whole (head, then Content-Length bytes); it knows no chunked bodies.

    Args:
        answer: makes the answer's body of a request's path and body.
    """

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        self._answer = answer
        self._pending = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head, begin = self._pending[:end], end + 4
            total = begin + self._content_length(head)
            if len(self._pending) < total:
                return
            body, self._pending = self._pending[begin:total], self._pending[total:]
            answer = self._answer(head.split(b" ", 2)[1].decode(), body)
            assert self._transport is not None
            self._transport.write(HEAD % len(answer) + answer)

    @staticmethod
    def _content_length(head: bytes) -> int:
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0
