"""What happens to open streams in time: heartbeats, stuck readers, and the end of their tokens."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable

from bff.relay.admission import away
from bff.relay.frames import FRAMES
from bff.relay.sse import Backlogs, Stream
from bff.relay.views import stamp

# How long before the token's end a stream says so: enough for a client to refresh and to open another stream.
REAUTH_SECONDS = 60


class Pulse:
    """One timer for all streams; what it does to each is spread over the interval.

    Args:
        interval: seconds between two heartbeats of one stream.
        backlogs: knows who is stuck.
        clock: Unix seconds.
    """

    def __init__(self, interval: float, backlogs: Backlogs, clock: Callable[[], float] = time.time) -> None:
        self._backlogs = backlogs
        self._tick = min(1.0, interval)
        self._clock = clock
        self._slots: list[set[Stream]] = [set() for _ in range(max(1, round(interval / self._tick)))]
        self._next = 0
        self._due: dict[int, set[Stream]] = {}
        self._seconds: list[int] = []
        self._behind = False

    def add(self, stream: Stream) -> None:
        """Give the stream a place: the emptiest, so that load is even."""
        stream.slot = min(range(len(self._slots)), key=lambda slot: len(self._slots[slot]))
        self._slots[stream.slot].add(stream)
        self._wait(stream, stream.expires_at - REAUTH_SECONDS)

    def discard(self, stream: Stream) -> None:
        """Forget the stream; may be called again."""
        if stream.slot >= 0:
            self._slots[stream.slot].discard(stream)
            self._due.get(stream.due, set()).discard(stream)
            stream.slot = stream.due = -1

    def _wait(self, stream: Stream, second: int) -> None:
        if second not in self._due:
            self._due[second] = set()
            heapq.heappush(self._seconds, second)
        stream.due = second
        self._due[second].add(stream)

    def beat(self) -> None:
        """One slot's heartbeats, whoever is stuck, and whatever tokens end before the next."""
        self._backlogs.cut_stuck()
        self._tell(self._slots[self._next])
        self._next = (self._next + 1) % len(self._slots)
        # A token is not good at its last second any more (RFC 7519, 4.1.4): a tick early, never late.
        until = self._clock() + self._tick
        while self._seconds and self._seconds[0] <= until:
            second = heapq.heappop(self._seconds)
            for stream in self._due.pop(second):
                if second < stream.expires_at:
                    stream.push(FRAMES.reauth(stream.expires_at))
                    self._wait(stream, stream.expires_at)
                else:
                    stream.end(FRAMES.bye("token_expired", away()))

    def tell_behind(self, *, behind: bool) -> None:
        """Every stream is told at once that it may be behind what is stored, or that it is not any more."""
        self._behind = behind
        for slot in self._slots:
            self._tell(slot)

    def _tell(self, streams: Iterable[Stream]) -> None:
        chunks: dict[str, bytes] = {}
        for stream in tuple(streams):
            if stream.live:
                cursor = stamp(stream.organization.cursor, stream.filter.mark)
                chunk = chunks.get(cursor)
                if chunk is None:
                    chunk = chunks[cursor] = FRAMES.heartbeat(cursor, behind=self._behind)
                stream.push(chunk)

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(self._tick)
            self.beat()
