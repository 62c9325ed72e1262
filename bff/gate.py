"""Bounded concurrency with a short, fair queue before it."""

import asyncio
from collections import Counter, OrderedDict, deque


class NoPlaceError(Exception):
    """Too many wait already, or the wait took too long."""


class Gate:
    """So many calls at once; the callers that wait take turns, so that one who asks a lot delays nobody else.

    Fair queueing as in RFC 970: a queue for each caller, and one call of each in turn. The share keeps a
    caller whose calls hang from taking all the places, and the longest queue gives up its newest call where
    another caller finds no room (as FQ-CoDel drops from the
    fattest flow: RFC 8290, 4.1).

    Args:
        places: Calls at once.
        share: Of these, the most that one caller has.
        queue: Calls that may wait; beyond, one is refused at once.
        seconds: How long one may wait.

    """

    def __init__(self, places: int, share: int, queue: int, seconds: float) -> None:
        self._free = places
        self._share = share
        self._room = queue
        self._seconds = seconds
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[bool]]] = OrderedDict()

    async def enter(self, caller: str, longest: float) -> None:
        """Take a place, to be given back with `leave`.

        Args:
            caller: Whose turn it is.
            longest: Seconds to wait at most, where that is less than the gate's own.

        Raises:
            NoPlaceError: There is none.

        """
        if self._free and self._held[caller] < self._share and caller not in self._waiting:
            self._take(caller)
            return
        if not self._room:
            self._make_room(caller)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._room -= 1
        try:
            async with asyncio.timeout(min(self._seconds, longest)):
                is_given = await turn
        except BaseException as error:
            if turn.cancelled() or not turn.done():
                self._forget(caller, turn)
            elif turn.result():
                # It was given in the moment that we gave up.
                self.leave(caller)
            if isinstance(error, TimeoutError):
                raise NoPlaceError from None
            raise
        if not is_given:
            raise NoPlaceError

    def leave(self, caller: str) -> None:
        """Give a place back; the next in turn has it from now on."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._admit()

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _make_room(self, caller: str) -> None:
        longest = max(self._waiting, key=lambda each: len(self._waiting[each]), default=caller)
        others, own = len(self._waiting.get(longest, ())), len(self._waiting.get(caller, ()))
        # With one less, theirs would be no longer than ours with one more: nothing would be fairer.
        if others <= own + 1:
            raise NoPlaceError
        newest = next((each for each in reversed(self._waiting[longest]) if not each.done()), None)
        if newest is None:
            raise NoPlaceError
        self._forget(longest, newest)
        newest.set_result(False)

    def _forget(self, caller: str, turn: asyncio.Future[bool]) -> None:
        self._room += 1
        queue = self._waiting[caller]
        queue.remove(turn)
        if not queue:
            del self._waiting[caller]

    def _admit(self) -> None:
        # Those with all of their share are few: each holds a good part of the places.
        for caller in list(self._waiting):
            if not self._free:
                return
            # One that was cancelled forgets itself as soon as it runs.
            turn = next((each for each in self._waiting[caller] if not each.done()), None)
            if turn is None or self._held[caller] >= self._share:
                continue
            self._forget(caller, turn)
            if caller in self._waiting:
                self._waiting.move_to_end(caller)
            self._take(caller)
            turn.set_result(True)
