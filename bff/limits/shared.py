"""Sliding windows that all processes share: the scripts of the library `limits`, run together.

The library's own client takes two exchanges with Redis for each policy, one to count and one to tell what
remains. Here all requests of one moment, with all of their policies, take one
(docs/decisions/limits-in-one-exchange.md).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from limits.storage import RedisStorage

from bff.limits.link import AwayError, Command, Link, Script
from bff.limits.windows import Charge, Standing, Window, standing

log = structlog.get_logger(__name__)

# Answers 1 where there was room, and has counted then; keys are those of the window before and of this one.
ACQUIRE: Final = Script(RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW)
# Answers the counts of the two windows, each with the milliseconds of its life.
LOOK: Final = Script(RedisStorage.SCRIPT_SLIDING_WINDOW)
PREFIX: Final = "reservepty:limit"
# Requests in one exchange: some milliseconds of Redis' time, which does nothing else meanwhile.
BATCH_SIZE: Final = 200


@dataclass(slots=True)
class _Entry:
    charges: Sequence[Charge]
    amount: int
    answer: asyncio.Future[list[Standing]] | None


class SharedWindows:
    """Counts in Redis.

    Requests that come while an exchange is under way go into the next one, so each process needs one
    connection, and a request that is given up cannot leave one in the middle of an answer.

    Args:
        link: To Redis; knows the scripts of this module.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[_Entry] = []
        self._sending: asyncio.Task[None] | None = None

    async def take(self, charges: Sequence[Charge]) -> list[Standing]:
        """Counts a request under all of its policies, or under none if one of them refuses.

        Raises:
            AwayError: Redis is not there; it may have counted all the same.
        """
        if not self._link.is_up:
            raise AwayError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Standing]] = loop.create_future()
        self._enter(_Entry(charges, 1, answer))
        return await answer

    def _enter(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        batch: list[_Entry] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_SIZE], self._waiting[BATCH_SIZE:]
                self._settle(batch, await self._link.exchange(*_commands(batch)))
        except AwayError:
            pass
        except Exception:
            # A fault of ours, or a Redis that answers what it should not: nobody may wait for ever.
            log.exception("limits_unreadable")
        finally:
            # Those behind would wait as long, and in vain.
            waiting, self._waiting = [*batch, *self._waiting], []
            self._sending = None
            for entry in waiting:
                if entry.answer is not None and not entry.answer.done():
                    entry.answer.set_exception(AwayError())

    def _settle(self, batch: Sequence[_Entry], answers: Sequence[Any]) -> None:
        read = iter(answers)
        for entry in batch:
            standings = [_standing(charge, next(read), next(read)) for charge in entry.charges]
            refused = any(not each.allowed for each in standings)
            if refused and entry.amount > 0:
                taken = [
                    charge for charge, each in zip(entry.charges, standings, strict=True) if each.allowed
                ]
                if taken:
                    # Nobody waits for that.
                    self._waiting.append(_Entry(taken, -1, None))
            if entry.answer is not None and not entry.answer.done():
                entry.answer.set_result(standings)

    async def aclose(self) -> None:
        """Ends what is under way."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)


def _commands(batch: Sequence[_Entry]) -> list[Command]:
    commands: list[Command] = []
    for entry in batch:
        for policy, key in entry.charges:
            # In braces, as the library has them: both keys are on one node of a cluster. Other amounts or
            # windows are other keys, or a deploy that changes one would count in the measure of the other.
            current = f"{PREFIX}:{{{policy.name}:{policy.amount}:{policy.window}:{key}}}"
            keys = (f"{current}/-1", current)
            commands.append((ACQUIRE, 2, (*keys, policy.amount, policy.window, entry.amount)))
            commands.append((LOOK, 2, (*keys, policy.window)))
    return commands


def _standing(charge: Charge, acquired: Any, counts: Any) -> Standing:
    policy = charge.policy
    previous, previous_life, current, current_life = (int(each or 0) for each in counts)
    # This window's counter lives for two windows; the one before ends when this one does.
    left = previous_life / 1000 if previous else current_life / 1000 - policy.window
    window = Window(max(0, previous), max(0, current), min(max(0.0, left), policy.window))
    return standing(policy, policy.amount, window, allowed=bool(acquired), shared=True)
