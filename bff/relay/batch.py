"""Questions of the same moment share one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog

from bff.relay.pages import UnavailableError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

log = structlog.get_logger(__name__)

# Long enough to gather what a burst of openings asks, too short to be felt.
BATCH_SECONDS = 0.004


class Batch(Generic[K, V]):
    """Gathers questions for a moment, and asks them together. Calls do not wait for one another.

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
                loop.call_later(BATCH_SECONDS, self._send)
            answer = self._waiting[question] = loop.create_future()
        # The one who goes away must not cancel it for the others.
        return await asyncio.shield(answer)

    def _send(self) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        for begin in range(0, len(waiting), self._size):
            part = waiting[begin : begin + self._size]
            call = asyncio.get_running_loop().create_task(self._answer(part))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

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
