"""What the event log is asked, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bff.relay.views import Event, ResetReason


class UnavailableError(Exception):
    """The event log, or the grants, could not be read just now."""


class CursorLostError(Exception):
    """The log holds nothing that continues this cursor; `reason` is what the stream is told."""

    def __init__(self, reason: ResetReason) -> None:
        super().__init__(reason)
        self.reason: ResetReason = reason


@dataclass(frozen=True, slots=True)
class Page:
    """One organisation's answer from the log: the events after a cursor, and the log's own end."""

    status: Literal["ok", "cursor_expired", "cursor_unknown"]
    events: Sequence[Event]
    has_more: bool
    cursor: str


class ReadLog(Protocol):
    """Reads the log for several organisations at once."""

    async def __call__(self, requests: Sequence[tuple[str, str]], limit: int = ...) -> Sequence[Page]:
        """Answers for (organisation, cursor) pairs, in the same order, with at most `limit` events each.

        Raises:
            UnavailableError: the log cannot be read.
        """
