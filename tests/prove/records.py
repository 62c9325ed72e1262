"""What a client of the calendar asked for and was given, written down for the verdict."""

from dataclasses import dataclass, field
from typing import Any

from tests.relay.client import Sent

Json = dict[str, Any]
State = dict[str, Json]
"""What a calendar shows: bookings and maintenance by their ids."""


def seq(cursor: str) -> int:
    """The place in the log that a cursor stands for."""
    return int(cursor.partition("-")[0])


def logged(cursor: str) -> str:
    """The log's part of a cursor; what a client is given may carry more, which is opaque."""
    return "-".join(cursor.split("-")[:2])


@dataclass(frozen=True)
class Shown:
    """What a view asks for; None is all."""

    assets: frozenset[str] | None = None
    section: str | None = None


@dataclass(frozen=True)
class Watcher:
    """Who watches which calendar, and which part of it."""

    name: str
    organization_id: str
    user_id: str
    shown: Shown = Shown()


@dataclass(frozen=True)
class Opening:
    """A stream that was opened: when it was asked for (Unix seconds) and with which cursor."""

    asked_at: float
    cursor: str
    forged: bool = False


@dataclass(frozen=True)
class Received:
    """A frame, when it was read, and the earliest time at which it can have been written (Unix seconds)."""

    frame: Sent
    opening: Opening
    at: float
    after: float


@dataclass
class Life:
    """One stretch of a view's life: from a snapshot, over any number of streams, to the next snapshot.

    Args:
        watcher: whose.
        asked: when the snapshot was asked for and when it was there (Unix seconds).
        cursor: the snapshot's.
        start: what the snapshot showed.
    """

    watcher: Watcher
    asked: tuple[float, float]
    cursor: str
    start: State
    received: list[Received] = field(default_factory=list)
    state: State = field(init=False)
    position: str = field(init=False)
    begun: Opening | None = None
    """The stream that was under way when this life was cut off from the one before, which has its `ready`."""
    ended: str = ""
    """Why it ended, if it did: `reset` and its reason, or `refused`, or what the client did itself."""

    def __post_init__(self) -> None:
        self.state = dict(self.start)
        self.position = self.cursor

    @property
    def changes(self) -> list[Received]:
        return [each for each in self.received if is_change(each.frame)]


def is_change(frame: Sent) -> bool:
    """Whether a frame tells of a booking or of maintenance."""
    return frame.event.startswith(("reservation_", "maintenance_"))


def stands(frame: Sent) -> str | None:
    """The cursor at which a view stands after a frame, or None where that stays as it was."""
    return None if frame.event == "ready" and not frame.data["resumed"] else frame.id
