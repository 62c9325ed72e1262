"""The slow lane: where a stream's frames wait, in order, for a reader that is not ready for them."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from starlette.types import Send

Step = Generator[Any, Any, None]


def body(chunk: bytes, *, more: bool) -> dict[str, Any]:
    """The ASGI message of a part of a response."""
    return {"type": "http.response.body", "body": chunk, "more_body": more}


class _Resumed:
    """A step of `send` that began outside a task and waits for a future; awaiting this goes on with it."""

    def __init__(self, step: Step, waiting: Any) -> None:
        self._step = step
        self._waiting = waiting

    def __await__(self) -> Step:
        waiting, value = self._waiting, None
        while True:
            thrown: BaseException | None = None
            try:
                value = yield waiting
            except BaseException as error:  # noqa: BLE001 - cancellation too is the step's to handle
                thrown = error
            try:
                waiting = self._step.send(value) if thrown is None else self._step.throw(thrown)
            except StopIteration:
                return


class Lane:
    """A task that goes on with a step that waits, then sends what queued up behind it.

    Args:
        send: the stream's.
        step: the step that waits.
        waiting: what it waits for.
        on_empty: called when all has gone out or the connection is lost; the lane is done then.
    """

    def __init__(self, send: Send, step: Step, waiting: Any, on_empty: Callable[[], None]) -> None:
        self._send = send
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._on_empty = on_empty
        self.queued = 0
        """Bytes that wait, without those of the step itself."""
        self.since = time.monotonic()
        """When the present step began, in seconds of time.monotonic."""
        self._task = asyncio.get_running_loop().create_task(self._run(step, waiting))

    def put(self, chunk: bytes, *, more: bool) -> None:
        """Queue the next bytes."""
        self._queue.append((chunk, more))
        self.queued += len(chunk)

    def clear(self) -> None:
        """Forget what waits; the step under way is not touched."""
        self._queue.clear()
        self.queued = 0

    def cancel(self) -> None:
        """End at once."""
        self._task.cancel()

    async def _run(self, step: Step, waiting: Any) -> None:
        # A connection that dies here is noticed by the stream's own task.
        with contextlib.suppress(OSError, RuntimeError):
            await _Resumed(step, waiting)
            while self._queue:
                chunk, more = self._queue.popleft()
                self.queued -= len(chunk)
                self.since = time.monotonic()
                await self._send(body(chunk, more=more))
        self._on_empty()
