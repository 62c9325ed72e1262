"""How often the log is asked, and whether Realtime can be believed: the log is the detector."""

import time
from collections.abc import Callable, Mapping

# An event that the log had and Realtime has not brought this long after is taken for lost, not for late.
PATIENCE_SECONDS = 3.0
# A channel is joined before it hears: messages of the first moments are lost (20 ms seen on a real server).
WARM_UP_SECONDS = 0.5
# A rebuilt connection that is deaf again is limited by its server; another rebuild would not help.
REBUILD_SECONDS = 600.0
# So long without a loss, and something heard, until a deaf feed is believed again.
CONVALESCENCE_SECONDS = 30.0
# Organisations whose last heard event is remembered.
HEARD_LIMIT = 10_000


class Cadence:
    """The poll's interval: slow while Realtime brings what the log holds, else fast (down, deaf, just back).

    Args:
        slow: seconds between polls while all is well.
        fast: seconds between polls otherwise.
        clock: seconds that only go forward.
    """

    def __init__(
        self, slow: float = 15.0, fast: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slow = slow
        self._fast = fast
        self._clock = clock
        self._up_since: float | None = None
        self._trusted_since: float | None = None
        self._settled = False
        self._suspects: dict[str, list[tuple[int, float]]] = {}
        self._heard: dict[str, int] = {}
        self._heard_at = self._lost_at = self._rebuilt_at = float("-inf")
        self.deaf = False

    @property
    def delay(self) -> float:
        """Seconds until the next poll."""
        return self._slow if self._settled else self._fast

    def feed_changed(self, *, up: bool) -> None:
        """The feed says that it hears from now on, or that it does not hear."""
        self._up_since = self._clock() if up else None
        self._trusted_since = None
        self._settled = False
        self._suspects.clear()
        # A log that was restored meanwhile counts again from an earlier number.
        self._heard.clear()

    def heard(self, organization_id: str, seq: int) -> None:
        """Realtime brought this event, or a hint of it."""
        self._heard_at = self._clock()
        known = self._heard.pop(organization_id, 0)
        self._heard[organization_id] = max(seq, known)
        if len(self._heard) > HEARD_LIMIT:
            del self._heard[next(iter(self._heard))]
        if organization_id in self._suspects:
            still = [each for each in self._suspects.pop(organization_id) if each[0] > seq]
            if still:
                self._suspects[organization_id] = still

    def polled(self, found: Mapping[str, int] | None) -> bool:
        """A poll ended.

        Args:
            found: where the log, rather than Realtime, has led organisations since the last poll; None is a
                poll that failed.

        Returns:
            Whether the feed ought to be rebuilt: it says that it is up, and is deaf.
        """
        now = self._clock()
        if found is None:
            self._settled = False
            return False
        unheard = {each: seq for each, seq in found.items() if self._heard.get(each, 0) < seq}
        lost = any(now - seen[0][1] >= PATIENCE_SECONDS for seen in self._suspects.values())
        if self._trusted_since is not None:
            # Each with its own time: a feed that is late, but hears, never catches up with the newest.
            for organization_id, seq in unheard.items():
                self._suspects.setdefault(organization_id, []).append((seq, now))
        elif self._up_since is not None and now - self._up_since >= WARM_UP_SECONDS:
            # Whatever is committed from now on, a feed that hears would bring.
            self._trusted_since = now
        if lost:
            self._lost_at = now
            self._suspects.clear()
        elif self.deaf:
            self.deaf = self._heard_at < self._lost_at or now - self._lost_at < CONVALESCENCE_SECONDS
        in_doubt = unheard or self._suspects or lost or self.deaf
        self._settled = self._trusted_since is not None and not in_doubt
        return lost and self._take_rebuild(now)

    def _take_rebuild(self, now: float) -> bool:
        self.deaf = True
        if now - self._rebuilt_at < REBUILD_SECONDS:
            return False
        self._rebuilt_at = now
        self.deaf = False
        return True
