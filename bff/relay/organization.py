"""The open streams of an organisation, and where they stand in its log."""

from collections.abc import Sequence

from bff.relay.ring import Ring
from bff.relay.views import Filter, Frame


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

    __slots__ = ("doubts", "heard", "id", "live", "ring", "streams", "stretches")

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
        self.doubts = 0

    @property
    def seq(self) -> int:
        return self.ring.seq

    @property
    def cursor(self) -> str:
        return self.ring.cursor

    @property
    def is_late(self) -> bool:
        """More is known to be in the log than the streams have been given, or the log disagrees."""
        return self.seq < self.heard or self.doubts > 0
