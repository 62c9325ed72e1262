"""How new connections spread over several processes: one shared listening socket against one each.

`python -m bench.balance`; needs no Supabase. The worker processes answer with their number and hold the
connection, as a stream does.
"""

import asyncio
import multiprocessing
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import Any

import psutil
import uvicorn

from bff.server import BACKLOG

WORKERS = 2
ONE_BY_ONE = 300
AT_ONCE = 1000
# Seconds: between two that come one by one.
GAP = 0.003
# What one worker is made to spend of its time, as a worker that writes to many streams does.
BUSY = 0.7
SLICE = 0.01
# How long one waits for a worker that hangs, in seconds, before it is called unanswered.
PATIENCE = 1.0


class App:
    """Sends its number and then nothing, until the client leaves."""

    def __init__(self, number: int, busy: bool) -> None:
        self._number = number
        self._busy = busy
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 (ASGI)
        """ASGI."""
        if self._busy and self._task is None:
            self._task = asyncio.create_task(_burn())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self._number).encode(), "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


async def _burn() -> None:
    while True:
        until = time.perf_counter() + SLICE * BUSY
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(SLICE * (1 - BUSY))


def _serve(number: int, busy: bool, listener: socket.socket) -> None:
    config = uvicorn.Config(
        App(number, busy), lifespan="off", log_level="critical", backlog=BACKLOG, timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int, *, share: bool) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if not share:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


@contextmanager
def _workers(*, share: bool, busy: bool) -> Iterator[tuple[int, list[SpawnProcess]]]:
    first = _listen(0, share=share)
    port = first.getsockname()[1]
    listeners = [first] + [first if share else _listen(port, share=False) for _ in range(WORKERS - 1)]
    spawn = multiprocessing.get_context("spawn")
    processes: list[SpawnProcess] = []
    for number, listener in enumerate(listeners):
        processes.append(spawn.Process(target=_serve, args=(number, busy and number == 0, listener)))
        processes[-1].start()
    for listener in set(listeners):
        listener.close()
    time.sleep(2.5)  # a process that is not up yet would count as unfair
    try:
        yield port, processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(10)


async def _connect(port: int, held: list[asyncio.StreamWriter]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    held.append(writer)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readline()
    return int((await reader.readline()).strip())


async def _one_by_one(port: int) -> Counter[int]:
    held: list[asyncio.StreamWriter] = []
    taken: Counter[int] = Counter()
    for _ in range(ONE_BY_ONE):
        taken[await _connect(port, held)] += 1
        await asyncio.sleep(GAP)
    for writer in held:
        writer.close()
    return taken


async def _at_once(port: int) -> Counter[int]:
    held: list[asyncio.StreamWriter] = []
    taken = Counter(await asyncio.gather(*(_connect(port, held) for _ in range(AT_ONCE))))
    for writer in held:
        writer.close()
    return taken


async def _unanswered(port: int) -> int:
    """How many of those who come while a worker hangs get no answer."""
    held: list[asyncio.StreamWriter] = []
    asked = (asyncio.wait_for(_connect(port, held), PATIENCE) for _ in range(ONE_BY_ONE))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for writer in held:
        writer.close()
    return sum(isinstance(answer, BaseException) for answer in answers)


def main() -> int:
    """Print each case's counts, by worker."""
    for share in (True, False):
        name = "one shared socket" if share else "a socket each (SO_REUSEPORT)"
        for busy in (False, True):
            with _workers(share=share, busy=busy) as (port, _):
                for case, run in (("one by one", _one_by_one), ("at once", _at_once)):
                    taken = asyncio.run(run(port))
                    counts = " : ".join(str(taken[number]) for number in range(WORKERS))
                    busyness = "worker 0 busy" if busy else "all idle"
                    print(f"{name:30} {busyness:14} {case:11} {counts}")
        with _workers(share=share, busy=False) as (port, processes):
            hung = psutil.Process(processes[0].pid)
            hung.suspend()
            try:
                count = asyncio.run(_unanswered(port))
            finally:
                hung.resume()
            print(f"{name:30} {'worker 0 hangs':14} {'unanswered':11} {count} of {ONE_BY_ONE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
