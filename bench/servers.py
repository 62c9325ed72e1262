"""The processes that are measured: a BFF, and a stub in Supabase's place that answers at once."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import psutil

START_SECONDS = 30.0


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def bff_process(env: Mapping[str, str], *, core: int | None = None) -> Iterator[str]:
    """`python -m bff` on a free port, pinned to a core if one is named; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bff"],
        env={**os.environ, **env, "BFF_PORT": str(port), "LOG_LEVEL": "WARNING"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        if core is not None:
            psutil.Process(process.pid).cpu_affinity([core])
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


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
    """An HTTP/1.1 server that answers every request with the same JSON, as fast as Python can.

    It reads requests whole (head, then Content-Length bytes); it knows no chunked bodies.
    """

    def __init__(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body
        self._pending = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            total = end + 4 + self._content_length(self._pending[:end])
            if len(self._pending) < total:
                return
            self._pending = self._pending[total:]
            assert self._transport is not None
            self._transport.write(self._answer)

    @staticmethod
    def _content_length(head: bytes) -> int:
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        return 0
