"""Where log lines go: a thread writes them, so whoever reads them, or does not, holds up nobody else.

A pipe whose reader stalls takes 64 KB and then blocks its writer. Were that the event loop, every request,
the health check and SIGTERM would wait for whoever collects logs. Here lines wait in a queue with bounds;
beyond it they are dropped and counted, and a line says how many are missing where they are missing.
"""

import contextlib
import io
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

# Characters, which are bytes as our lines are ASCII: some ten thousand lines.
MAX_QUEUED: Final = 4 * 1024 * 1024
# What a pipe takes whole (PIPE_BUF of Linux): as many lines as fit go at once, and those of processes that
# share a pipe do not break into each other.
AT_ONCE: Final = 4096
# Seconds at the end for what still waits. What a reader takes at all is taken in a tenth of it; and whoever
# ends us has nine of ten seconds behind it by then.
DRAIN_SECONDS: Final = 0.25
# Seconds until a pipe that somebody else has made non-blocking is tried again.
FULL_PAUSE: Final = 0.05


class Sink:
    """Writes lines in the order in which they came, on a thread of its own.

    What fails as a whole (a full disk, a closed pipe) loses lines, counts them, and raises nothing.

    Args:
        told: is given the number of lines that were dropped once others are written again; it may log.
        limit: characters that may wait.
    """

    def __init__(self, told: Callable[[int], None], limit: int = MAX_QUEUED) -> None:
        self.dropped = 0
        """Lines, since the start."""
        self._told = told
        self._limit = limit
        self._stream: TextIO | None = None
        self._lines: deque[str] = deque()
        self._queued = 0
        self._writing = 0
        self._untold = 0
        self._is_full = False
        self._is_broken = False
        self._thread: threading.Thread | None = None
        # Reentrant: garbage is collected wherever, and tasks in it that failed are logged.
        lock = threading.RLock()
        self._filled = threading.Condition(lock)
        self._emptied = threading.Condition(lock)

    def redirect(self, stream: TextIO | None) -> None:
        """From now on lines go there, or nowhere; those before go where they were meant to."""
        if stream is not self._stream:
            self.drain()
        self._stream = stream
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def write(self, line: str) -> None:
        """Hands a line over; returns at once, from any thread."""
        with self._filled:
            # Once full, nothing is taken until all is written: one gap, not one after every few lines.
            if self._is_full or self._queued + len(line) > self._limit:
                self._is_full = True
                self._drop(1)
                return
            self._lines.append(line)
            self._queued += len(line)
            self._filled.notify()

    def flush(self) -> None:
        """Nothing: what writes logs calls it after every line."""

    def drain(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Waits until all is written, for so long at most; whether it is."""
        with self._emptied:
            return self._emptied.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._untold += lines

    def _run(self) -> None:
        while True:
            text = self._take()
            is_written = _write(self._stream, text.encode("utf-8", "backslashreplace"))
            with self._filled:
                self._is_broken = not is_written
                if self._is_broken:
                    self._drop(self._writing)
                self._writing = 0

    def _take(self) -> str:
        """The next lines, when there are any; what is missing before them is told first."""
        with self._filled:
            while not self._lines:
                self._is_full = False
                # Not while nothing can be written: this would be the next to be lost, and so on for ever.
                if self._untold and not self._is_broken:
                    lines, self._untold = self._untold, 0
                    with contextlib.suppress(Exception):
                        self._told(lines)
                    continue
                self._emptied.notify_all()
                self._filled.wait()
            taken = [self._lines.popleft()]
            size = len(taken[0])
            while self._lines and size + len(self._lines[0]) <= AT_ONCE:
                taken.append(self._lines.popleft())
                size += len(taken[-1])
            self._queued -= size
            self._writing = len(taken)
            return "".join(taken)


def _write(stream: TextIO | None, text: bytes) -> bool:
    """Writes it all, however long that takes; whether it could be done.

    Past the stream's own buffer: its lock, held by a thread that is stuck, would hang the interpreter's end.
    """
    if stream is None:
        return True
    try:
        try:
            number = stream.fileno()
        except io.UnsupportedOperation:
            # Somebody captures it in memory.
            stream.write(text.decode())
            return True
        while text:
            try:
                text = text[os.write(number, text) :]
            except BlockingIOError:
                time.sleep(FULL_PAUSE)
    except Exception:  # noqa: BLE001 - whatever a stream raises, the thread goes on
        return False
    return True
