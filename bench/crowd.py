"""Thousands of cheap readers of event streams in a process of their own, on a core of their own.

Each is a bare socket: a client that parsed HTTP and JSON would measure itself. It counts the frames that
change the calendar, notes when they came, and can check that their positions are without gap and repetition.
"""

import heapq
import re
import select
import socket
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import psutil

from bff.descriptors import raise_file_limit

READY = b"event: ready"
CHANGE = b"event: reserv"
POSITION = re.compile(rb"id: (\d+)-[0-9a-z-]+\nevent: (\w+)")
RETRY_AFTER = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
# Clients that find nobody listening ask again after this; a restart is measured from the first that is taken.
KNOCK_SECONDS = 0.02
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Openings:
    """How long it took, in seconds since the first connection was taken, and how it went."""

    seconds: float
    refused: int


class _Reader:
    """One stream, and what it has seen."""

    __slots__ = ("frames", "is_open", "is_ready", "misplaced", "request", "seq", "socket", "tail")

    def __init__(self, request: bytes, seq: int) -> None:
        self.request = request
        self.socket: socket.socket
        self.tail = b""
        self.frames = 0
        self.is_open = True
        self.is_ready = False
        self.seq = seq
        self.misplaced = 0

    def count(self, data: bytes) -> int:
        """How many changes ended their first line in these bytes."""
        data = self.tail + data
        self.tail = data[1 - len(CHANGE) :]
        if not self.is_ready:
            self.is_ready = READY in data
        found = data.count(CHANGE)
        self.frames += found
        return found

    def check(self, data: bytes) -> int:
        """The same, and each change must be the one that follows the last."""
        data = self.tail + data
        end = data.rfind(b"\n\n") + 1
        self.tail = data[end:]
        found = 0
        for match in POSITION.finditer(data, 0, end):
            if match[2] == b"ready":
                self.is_ready = True
            elif match[2].startswith(b"reserv"):
                found += 1
                self.misplaced += int(match[1]) != self.seq + 1
                self.seq = int(match[1])
        self.frames += found
        return found


class _Crowd:
    """The child's side: sockets, one epoll, and commands from the parent."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._readers: dict[int, _Reader] = {}
        self._order: list[_Reader] = []
        self._stalled: list[socket.socket] = []
        self._returning: list[tuple[float, int, _Reader]] = []
        self._port = 0
        self._frames = 0
        self._refused = 0
        self._checking = False
        self._arrivals: list[array[float]] | None = None
        self._until: Callable[[], Any] | None = None
        self._started = 0.0
        self._last = 0.0
        self.running = True

    def run(self) -> None:
        while self.running:
            while self._returning and self._returning[0][0] <= time.monotonic():
                self._connect(heapq.heappop(self._returning)[2])
            for fd, _ in self._epoll.poll(0.1 if self._returning else 1.0):
                if fd == self._pipe.fileno():
                    command, arguments = self._pipe.recv()
                    getattr(self, command)(*arguments)
                else:
                    self._read(self._readers[fd])
            if self._until is not None and (answer := self._until()) is not None:
                self._until = None
                self._pipe.send(answer)

    def _read(self, reader: _Reader) -> None:
        try:
            data = reader.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            reader.is_open = False
            self._leave(reader)
            return
        self._last = now = time.monotonic()
        if not reader.is_ready and data.startswith(b"HTTP/1.1 503"):
            self._come_back(reader, data)
            return
        before = reader.frames
        found = reader.check(data) if self._checking else reader.count(data)
        self._frames += found
        if self._arrivals is not None:
            for number in range(before, before + found):
                while number >= len(self._arrivals):
                    self._arrivals.append(array("d"))
                self._arrivals[number].append(now)

    # Commands

    def open(self, port: int, requests: Sequence[bytes], seqs: Sequence[int] | None) -> None:
        """Connects all at once as soon as anybody listens; with `seqs` each checks what comes after it."""
        self._checking = seqs is not None
        self._order.clear()
        self._refused = 0
        deadline = time.monotonic() + WAIT_SECONDS
        while not _listens(port) and time.monotonic() < deadline:
            time.sleep(KNOCK_SECONDS)
        self._started = time.monotonic()
        self._port = port
        for number, request in enumerate(requests):
            reader = _Reader(request, -1 if seqs is None else seqs[number])
            self._order.append(reader)
            self._connect(reader)
        self._pipe.send(True)

    def _connect(self, reader: _Reader) -> None:
        reader.socket = socket.socket()
        reader.socket.connect(("127.0.0.1", self._port))
        reader.socket.sendall(reader.request)
        reader.socket.setblocking(False)
        self._readers[reader.socket.fileno()] = reader
        self._epoll.register(reader.socket, select.EPOLLIN)

    def _come_back(self, reader: _Reader, answer: bytes) -> None:
        """Refused: again when the server says so, as a client does."""
        self._refused += 1
        self._leave(reader)
        seconds = RETRY_AFTER.search(answer)
        if seconds is None:
            raise RuntimeError(answer.decode())
        heapq.heappush(self._returning, (time.monotonic() + int(seconds[1]), id(reader), reader))

    def _leave(self, reader: _Reader) -> None:
        self._epoll.unregister(reader.socket)
        del self._readers[reader.socket.fileno()]
        reader.socket.close()

    def opened(self) -> None:
        """Waits until each stream is ready, those too that were refused and came back."""

        def answer() -> Openings | None:
            if not all(reader.is_ready for reader in self._order):
                return None
            return Openings(self._last - self._started, self._refused)

        self._until = answer

    def mark(self, arrivals: bool) -> None:
        """Begins to count anew; with `arrivals` it notes when each frame comes."""
        self._frames = 0
        for reader in self._order:
            reader.frames = 0
        self._arrivals = [] if arrivals else None
        self._pipe.send(True)

    def counted(self, frames: int) -> None:
        """Waits for so many changes since the mark; answers when the last one came."""
        self._until = lambda: self._last if self._frames >= frames else None

    def pause(self, seconds: float) -> None:
        """Reads nothing for so long, and then goes on."""
        time.sleep(seconds)
        self._pipe.send(True)

    def settled(self, frames: int) -> None:
        """Waits until each has so many changes since the mark, or was cut off; answers how many were."""

        def answer() -> int | None:
            if any(reader.is_open and reader.frames < frames for reader in self._order):
                return None
            return sum(reader.frames < frames for reader in self._order)

        self._until = answer

    def caught_up(self, seq: int) -> None:
        """Waits until each stream stands at `seq`; answers the time since the first connection was taken."""

        def answer() -> tuple[float, int, int] | None:
            if any(reader.seq < seq for reader in self._order):
                return None
            misplaced = sum(reader.misplaced for reader in self._order)
            return self._last - self._started, misplaced, self._refused

        self._until = answer

    def arrived(self) -> None:
        """The moments at which each frame came, by its number since the mark."""
        self._pipe.send([each.tolist() for each in self._arrivals or []])

    def stall(self, port: int, requests: Sequence[bytes]) -> None:
        """Opens further streams, read until they are ready and then no more; closes those before."""
        for connection in self._stalled:
            connection.close()
        self._stalled = [socket.socket() for _ in requests]
        for connection, request in zip(self._stalled, requests, strict=True):
            # What a reader leaves to the kernel is no measure of the server.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(request)
            seen = b""
            while READY not in seen:
                seen += connection.recv(4096)
        self._pipe.send(True)

    def close(self) -> None:
        """Leaves all streams at once."""
        for reader in self._order:
            if reader.is_open:
                reader.socket.close()
        self._readers.clear()
        self._pipe.send(True)

    def end(self) -> None:
        """The last command."""
        self.running = False


def _listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def _main(pipe: Connection, core: int) -> None:
    psutil.Process().cpu_affinity([core])
    raise_file_limit()
    _Crowd(pipe).run()


class Crowd:
    """The parent's side; each method sends one command and waits for its answer.

    Raises:
        TimeoutError: it does not come.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def _ask(self, command: str, *arguments: Any) -> Any:
        self.begin(command, *arguments)
        return self.answer()

    def begin(self, command: str, *arguments: Any) -> None:
        """Sends a command without waiting for its answer, which `answer` then does."""
        self._pipe.send((command, arguments))

    def answer(self) -> Any:
        """The answer to the command before."""
        if not self._pipe.poll(WAIT_SECONDS):
            raise TimeoutError("the crowd has not seen what it waits for")
        return self._pipe.recv()

    def connect(self, port: int, requests: Sequence[bytes], seqs: Sequence[int] | None = None) -> None:
        """Connects all at once; see `_Crowd.open`."""
        self._ask("open", port, requests, seqs)

    def opened(self) -> Openings:
        """Waits until each stream is ready, those too that were refused and came back."""
        answer: Openings = self._ask("opened")
        return answer

    def mark(self, *, arrivals: bool = False) -> None:
        """Begins to count anew."""
        self._ask("mark", arrivals)

    def counted(self, frames: int) -> float:
        """Waits for so many changes since the mark; the moment of the last one (monotonic seconds)."""
        return float(self._ask("counted", frames))

    def settled(self, frames: int) -> int:
        """Waits until each has so many changes since the mark or was cut off; how many were cut off."""
        return int(self._ask("settled", frames))

    def caught_up(self, seq: int) -> tuple[float, int, int]:
        """Waits until each stream stands at `seq`.

        Returns:
            Seconds since the opening, frames that were not the next one, openings that were refused.
        """
        seconds, misplaced, refused = self._ask("caught_up", seq)
        return float(seconds), int(misplaced), int(refused)

    def arrived(self) -> list[list[float]]:
        """The moments (monotonic seconds) at which each frame came, by its number since the mark."""
        answer: list[list[float]] = self._ask("arrived")
        return answer

    def stall(self, port: int, requests: Sequence[bytes]) -> None:
        """Opens further streams that are not read; see `_Crowd.stall`."""
        self._ask("stall", port, requests)

    def close(self) -> None:
        """Leaves all streams at once."""
        self._ask("close")


@contextmanager
def crowd(core: int) -> Iterator[Crowd]:
    """A crowd on that core; its process ends with the context."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_main, args=(theirs, core), daemon=True)
    process.start()
    try:
        yield Crowd(ours)
    finally:
        ours.send(("end", ()))
        process.join(10)
        process.kill()
