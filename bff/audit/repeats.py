"""Counts refusals that repeat: the first few of a minute are records, the rest is one record at its end.

The log is append-only and nobody's refusals are worth a disk: without this, whoever asks for nothing but
refusals decides how much is written for ever. See docs/audit-requests.md for the bounds.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# Seconds that repeats are counted for. A `kill -9` loses the counts of as much.
WINDOW_SECONDS: Final = 60.0
# Refusals of a key that are records of their own in each window: enough to see a pattern in.
SINGLY: Final = 5
# Keys that one user or address has at once; there are some 150 actions to be refused.
OF_ONE: Final = 10
# The action of a record that counts refusals of more than one.
SEVERAL: Final = "several"

Fields = dict[str, Any]


class Refusal(NamedTuple):
    """What counts as the same refusal again: by whom (a user's id or a network), of what, and why."""

    who: str
    action: str
    code: str


@dataclass(slots=True)
class _Window:
    ends: float
    seen: int = 0
    repeats: int = 0
    common: Fields = field(default_factory=dict)
    first: str = ""
    last: str = ""

    def add(self, fields: Fields) -> None:
        """Keeps of the record what it has in common with those before it."""
        if self.repeats:
            self.common = _common(self.common, fields)
        else:
            self.common, self.first = fields, fields["created_at"]
        self.repeats += 1
        self.last = fields["created_at"]


class Repeats:
    """The refusals of the last minute.

    Args:
        keys: Most that are told apart at once; beyond, only the code is.
        singly: Most refusals of all keys that are records of their own in a window.
        clock: Seconds that only go forward.

    """

    def __init__(self, keys: int, singly: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._singly = singly
        self._clock = clock
        self._windows: dict[Refusal, _Window] = {}
        self._keys_of: Counter[str] = Counter()
        self._budget = singly
        self._budget_ends = clock() + WINDOW_SECONDS

    def take(self, refusal: Refusal, fields: Fields) -> bool:
        """Whether it is to be a record of its own; else it is counted.

        Args:
            refusal: What it is compared by.
            fields: Of its record, with `created_at` and `metadata`.

        """
        now = self._clock()
        if now >= self._budget_ends:
            self._budget, self._budget_ends = self._singly, now + WINDOW_SECONDS
        window = self._window(refusal, now + WINDOW_SECONDS)
        window.seen += 1
        if window.seen <= SINGLY and self._budget > 0:
            self._budget -= 1
            return True
        window.add(fields)
        return False

    def due(self, *, everything: bool = False) -> Iterator[Fields]:
        """The records of what repeated in windows that are over.

        Args:
            everything: Of the others too: the process ends.

        """
        now = self._clock()
        while self._windows:
            # They ended in the order in which they began.
            refusal, window = next(iter(self._windows.items()))
            if window.ends > now and not everything:
                return
            del self._windows[refusal]
            self._keys_of[refusal.who] -= 1
            if not self._keys_of[refusal.who]:
                del self._keys_of[refusal.who]
            if window.repeats:
                yield _summary(refusal, window)

    def _window(self, refusal: Refusal, ends: float) -> _Window:
        who, _, code = refusal
        several = Refusal(who, SEVERAL, code)
        for key, most in ((refusal, OF_ONE), (several, 2 * OF_ONE)):
            if (found := self._windows.get(key)) is not None:
                return found
            if len(self._windows) < self._keys and self._keys_of[who] < most:
                return self._begin(key, ends)
        # Of everybody else. Codes are a closed list, so these are few.
        rest = Refusal("", SEVERAL, code)
        return self._windows.get(rest) or self._begin(rest, ends)

    def _begin(self, key: Refusal, ends: float) -> _Window:
        self._keys_of[key.who] += 1
        window = self._windows[key] = _Window(ends)
        return window


def _common(one: Mapping[str, Any], other: Mapping[str, Any]) -> Fields:
    return {name: _both(value, other.get(name)) for name, value in one.items()}


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _common(one, other)
    return one if one == other else None


def _summary(refusal: Refusal, window: _Window) -> Fields:
    counted = {
        "count": window.repeats,
        "first": window.first,
        "last": window.last,
        "who": refusal.who or None,
    }
    return {
        **window.common,
        "id": str(uuid.uuid4()),
        "created_at": window.first,
        "action": refusal.action,
        "metadata": {**window.common["metadata"], **counted},
    }
