"""The open streams of an organisation, and where they stand in its log."""

from collections.abc import Sequence

from bff.relay.ring import Ring
from bff.relay.views import Event, Filter, Frame, position


class Subscriber:
    """An open stream as the hub sees it. `push` and `end` take bytes, never wait and never raise."""

    __slots__ = ("cursor", "ended", "filter", "live", "organization", "organization_id", "start")

    organization: "Organization"
    """Set when the hub takes the stream in."""

    def __init__(self, organization_id: str, shown: Filter) -> None:
        self.organization_id = organization_id
        self.filter = shown
        self.cursor = ""
        """Where a stream that is not yet live stands; a live one stands where the hub does."""
        self.live = False
        self.ended = False
        self.start: Sequence[Frame] = ()

    def push(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        raise NotImplementedError

    def end(self, chunk: bytes) -> None:
        """Take the last bytes of the stream."""
        raise NotImplementedError


class Organization:
    """Where one organisation's streams stand in its log, and the streams."""

    __slots__ = ("confirmed", "doubts", "heard", "id", "live", "ring", "streams", "stretches", "unasked")

    def __init__(self, organization_id: str, cursor: str, ring_size: int) -> None:
        self.id = organization_id
        self.streams: set[Subscriber] = set()
        self.live: dict[Filter, set[Subscriber]] = {}
        self.stretches: list[Ring] = []
        self.move(Ring(cursor, ring_size))

    def move(self, ring: Ring) -> None:
        """Stand at another place, and remember nothing before it."""
        self.ring = ring
        self.heard = ring.seq
        self.confirmed = ring.cursor
        self.doubts = 0
        self.unasked = False

    def confirm(self, cursor: str, *, more: bool) -> None:
        """The log itself has this position, and `more` after it."""
        if self.unasked and not more and position(cursor) < self.seq:
            # It is shorter than what we were told while it was away.
            self.doubts = 1
        else:
            self.doubts = 0
        self.confirmed = cursor
        self.unasked = self.unasked and more

    @property
    def seq(self) -> int:
        return self.ring.seq

    @property
    def cursor(self) -> str:
        return self.ring.cursor

    @property
    def next_read(self) -> str:
        """From where to read on: our own position, or after the log could not be asked the last that it had.

        While it was away it may have been restored, and have overtaken us by events that were not announced.
        """
        return self.confirmed if self.unasked else self.cursor

    def disagrees(self, events: Sequence[Event]) -> bool:
        """Whether one of these stands in the log where the streams were given another."""
        ours = [(self.ring.cursor_at(event["seq"]), event["cursor"]) for event in events]
        return any(cursor is not None and cursor != theirs for cursor, theirs in ours)

    @property
    def is_late(self) -> bool:
        """More is known to be in the log than the streams have been given, or the log disagrees."""
        return self.seq < self.heard or self.doubts > 0
