"""Questions of the same moment share one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog

from bff.relay.pages import UnavailableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

log = structlog.get_logger(__name__)

# A lone question waits this long for company; too short to be felt.
BATCH_SECONDS = 0.004
# As long as more come, they wait for more: after a restart thousands of openings take seconds of processor
# time, and would otherwise make hundreds of calls.
PATIENCE_SECONDS = 0.25
# Calls under way at once; what comes then waits for one to end. Bounds what a slow database is asked.
MAX_CALLS = 4


class Batch(Generic[K, V]):
    """Gathers questions for as long as more come, and asks them together.

    Args:
        ask: answers several questions, in the same order.
        size: most questions in one call.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Sequence[V]]], size: int) -> None:
        self._ask = ask
        self._size = size
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def __contains__(self, question: K) -> bool:
        """Whether the next call will ask that."""
        return question in self._waiting

    async def ask(self, question: K) -> V:
        """The answer, shared by all who ask the same for the same call.

        Raises:
            UnavailableError: the call failed, however.
        """
        answer = self._waiting.get(question)
        if answer is None:
            loop = asyncio.get_running_loop()
            if not self._waiting:
                loop.call_later(BATCH_SECONDS, self._send_or_wait, 1, loop.time())
            answer = self._waiting[question] = loop.create_future()
        # The one who goes away must not cancel it for the others.
        return await asyncio.shield(answer)

    def _send_or_wait(self, seen: int, since: float) -> None:
        loop = asyncio.get_running_loop()
        asked = len(self._waiting)
        more_come = asked > seen and loop.time() - since < PATIENCE_SECONDS
        if (more_come and asked < self._size) or len(self._calls) >= MAX_CALLS:
            loop.call_later(BATCH_SECONDS, self._send_or_wait, asked, since)
        else:
            self._send()

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        waiting = list(self._waiting.items())
        room = (MAX_CALLS - len(self._calls)) * self._size
        self._waiting = dict(waiting[room:])
        for begin in range(0, min(room, len(waiting)), self._size):
            call = loop.create_task(self._answer(waiting[begin : begin + self._size]))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        if self._waiting:
            loop.call_later(BATCH_SECONDS, self._send_or_wait, len(self._waiting), loop.time())

    async def _answer(self, waiting: Sequence[tuple[K, asyncio.Future[V]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in waiting])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must not wait for ever
            log.warning("relay_call_failed", error=f"{type(error).__name__}: {error}")
            for _, future in waiting:
                future.set_exception(UnavailableError("the database could not be asked"))
                # Nobody may be left to look at it.
                future.exception()
            return
        for (_, future), answer in zip(waiting, answers, strict=True):
            future.set_result(answer)
