"""What one stream is shown of one event, and the bytes of it that all streams with the same view share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Event = Mapping[str, Any]
"""One row of the event log, as the log and Realtime hand it out."""
View = Literal["whole", "entered", "moved"]
KINDS = {"created": "entered", "scheduled": "entered", "canceled": "left"}
"""What a change means for the calendar, by the last word of its type; all others change what is there."""
ResetReason = Literal["cursor_expired", "cursor_unknown", "slow_consumer", "access_changed"]


def position(cursor: str) -> int:
    """The sequence number of a cursor ("<seq>-<first characters of the event's id>")."""
    return int(cursor.partition("-")[0])


def stamp(cursor: str, mark: str) -> str:
    """The log's cursor as a client gets it: with the mark of the access under which it was given."""
    return f"{cursor}-{mark}" if mark else cursor


def unstamp(cursor: str) -> tuple[str, str]:
    """The log's cursor, and the mark: empty where a process or a schema before marks gave the cursor."""
    seq, event, *mark = cursor.split("-", 2)
    return f"{seq}-{event}", mark[0] if mark else ""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a stream shows: the assets and sections asked for, within the sections granted; None is all.

    `mark` is the grant's. Every cursor that the stream gives carries it, so that a client that comes back
    under another grant is told.
    """

    assets: frozenset[str] | None = None
    sections: frozenset[str] | None = None
    granted: frozenset[str] | None = None
    mark: str = ""

    @property
    def by_section(self) -> bool:
        """An asset that changes its section changes what this stream shows."""
        return self.sections is not None or self.granted is not None

    def outdated(self, mark: str) -> bool:
        """Whether what was given under that mark may show something else than what this shows.

        The first half of a mark is the sections; the second counts how often assets may have come into them
        or left, which is no matter to a stream that shows all.
        """
        half = len(mark) // 2
        return mark[:half] != self.mark[:half] or (self.by_section and mark != self.mark)

    def sees(self, asset_id: str, section: str) -> bool:
        return (
            (self.assets is None or asset_id in self.assets)
            and (self.sections is None or section in self.sections)
            and (self.granted is None or section in self.granted)
        )

    def view(self, event: Event) -> View | None:
        """How this stream is told of the event, or None: not at all.

        An event names its asset and section of the new state first and of the old state last. To tell of the
        new one only would leave a ghost on the calendar, to tell all would leak what may not be seen.
        """
        assets, sections = event["asset_ids"], event["sections"]
        new, old = self.sees(assets[0], sections[0]), self.sees(assets[-1], sections[-1])
        kind = KINDS.get(event["type"].rpartition("_")[2])
        if kind == "entered":
            return "whole" if new else None
        if old:
            return "whole" if new else "moved"
        return "entered" if new and kind is None else None


class Encoder(Protocol):
    """What turns events and remarks into the bytes of the wire."""

    def change(self, event: Event, view: View, mark: str) -> bytes: ...
    def reset(self, reason: ResetReason) -> bytes: ...


class Frame:
    """An event on its way to the streams, encoded at most once for each view and mark."""

    __slots__ = ("_chunks", "cursor", "event", "seq")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.seq: int = event["seq"]
        self.cursor: str = event["cursor"]
        self._chunks: dict[tuple[View, str], bytes] = {}

    def chunk(self, view: View, mark: str, encoder: Encoder) -> bytes:
        chunk = self._chunks.get((view, mark))
        if chunk is None:
            chunk = self._chunks[view, mark] = encoder.change(self.event, view, mark)
        return chunk
