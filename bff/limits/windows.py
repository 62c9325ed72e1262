"""Sliding windows: what one is, and those of a process that counts by itself."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bff.limits.policies import Policy

# Keys of one window. Some 200 bytes each; beyond, the oldest are forgotten, and their subjects begin anew.
MAX_KEYS: Final = 50_000


class Charge(NamedTuple):
    """One request of a subject under a policy; `key` says nothing of who it is."""

    policy: Policy
    key: str


class Window(NamedTuple):
    """Counts of a subject: of the window before, and of this one.

    `left` is in seconds until this one ends.
    """

    previous: int
    current: int
    left: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands after its request.

    Attributes:
        policy: Its name.
        quota: Requests in a window, or of streams at once.
        window: Seconds; None for what is open at once.
        remaining: Further requests that would be let in now.
        reset: Seconds until one more would be.
        allowed: Whether this one was.
        shared: Whether it was counted for all processes.
    """

    policy: str
    quota: int
    window: int | None
    remaining: int
    reset: float
    allowed: bool
    shared: bool = False


def weigh(window: Window, length: int) -> int:
    """Requests that count now: this window's, and of the one before the part that the sliding one covers."""
    return math.floor(window.previous * window.left / length) + window.current


def standing(policy: Policy, quota: int, window: Window, *, allowed: bool, shared: bool) -> Standing:
    """What the counts mean."""
    carried = math.floor(window.previous * window.left / policy.window)
    if carried:
        reset = window.left - carried * policy.window / window.previous
    else:
        reset = window.left if window.current else 0.0
    remaining = max(0, quota - carried - window.current)
    return Standing(policy.name, quota, policy.window, remaining, reset, allowed, shared)


# One subject has counts of its own under each policy.
_Key = tuple[str, str]


def _key(charge: Charge) -> _Key:
    return charge.policy.name, charge.key


class LocalWindows:
    """Counts of this process, by the same rule as Redis' script: what is refused is not counted.

    The windows of all keys begin together: when one is over, the counts of the one before it are dropped as
    they are, and nothing need ever look for what has expired.

    Args:
        clock: Seconds that only go forward.
        max_keys: See `MAX_KEYS`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._counts: dict[int, _Counts] = {}

    def __len__(self) -> int:
        return sum(len(each.previous) + len(each.current) for each in self._counts.values())

    def take(self, charges: Sequence[Charge], quotas: Sequence[int]) -> list[Standing]:
        """Counts a request under all of its policies, or under none if one of them refuses."""
        now = self._clock()
        windows = [self._look(charge, now) for charge in charges]
        room = [
            weigh(window, charge.policy.window) < quota
            for window, charge, quota in zip(windows, charges, quotas, strict=True)
        ]
        if all(room):
            windows = [self._count(*each) for each in zip(charges, windows, strict=True)]
        return [
            standing(charge.policy, quota, window, allowed=has_room, shared=False)
            for charge, quota, window, has_room in zip(charges, quotas, windows, room, strict=True)
        ]

    def count(self, charges: Sequence[Charge]) -> None:
        """Counts a request that was let in elsewhere."""
        now = self._clock()
        for charge in charges:
            self._count(charge, self._look(charge, now))

    def _look(self, charge: Charge, now: float) -> Window:
        length = charge.policy.window
        counts = self._counts.setdefault(length, _Counts())
        number, elapsed = divmod(now, length)
        counts.reach(int(number))
        key = _key(charge)
        return Window(counts.previous.get(key, 0), counts.current.get(key, 0), length - elapsed)

    def _count(self, charge: Charge, window: Window) -> Window:
        current, key = self._counts[charge.policy.window].current, _key(charge)
        if key not in current and len(current) >= self._max_keys:
            # A dict would look for its first key through all that were dropped before.
            current.popitem(last=False)
        current[key] = window.current + 1
        return window._replace(current=window.current + 1)


@dataclass(slots=True)
class _Counts:
    previous: OrderedDict[_Key, int] = field(default_factory=OrderedDict)
    current: OrderedDict[_Key, int] = field(default_factory=OrderedDict)
    number: int = -1

    def reach(self, number: int) -> None:
        if number != self.number:
            self.previous = self.current if number == self.number + 1 else OrderedDict()
            self.current = OrderedDict()
            self.number = number
