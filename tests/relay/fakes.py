"""A log, an encoder and readers for the hub, without database or sockets."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from bff.relay.organization import Subscriber
from bff.relay.pages import Page, UnavailableError
from bff.relay.views import Event, Filter, ResetReason, View, position

EMPTY = "0-00000000"


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Waits for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.002)


def make_event(organization: str, seq: int, **changes: Any) -> dict[str, Any]:
    """An event of the log; `new` and `old` are (asset, section)."""
    event_id = str(uuid4())
    new = changes.pop("new", ("a1", "planes"))
    old = changes.pop("old", new)
    kind = changes.pop("type", "reservation_updated")
    states = [new] if new == old else [new, old]
    return {
        "organization_id": organization,
        "seq": seq,
        "id": event_id,
        "cursor": f"{seq}-{event_id[:8]}",
        "type": kind,
        "reservation_id": str(uuid4()),
        "asset_ids": [asset for asset, _ in states],
        "sections": [section for _, section in states],
        "payload": {"reservation": {"asset_id": new[0]}, "previousState": {"asset_id": old[0]}},
        "source_user_id": None,
        "occurred_at": "2026-11-22T15:00:00Z",
        **changes,
    }


class FakeLog:
    """The event log of several organisations; can be down, slow, pruned or restored."""

    def __init__(self, page_size: int = 500) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.page_size = page_size
        self.down = False
        self.pauses = 0
        self.pruned = 0
        self.reads: list[list[tuple[str, str]]] = []

    def commit(self, organization: str, **changes: Any) -> dict[str, Any]:
        events = self.events.setdefault(organization, [])
        events.append(make_event(organization, len(events) + 1, **changes))
        return events[-1]

    def head(self, organization: str) -> str:
        events = self.events.get(organization)
        return events[-1]["cursor"] if events else EMPTY

    async def read(self, requests: Sequence[tuple[str, str]], limit: int | None = None) -> list[Page]:
        self.reads.append(list(requests))
        answer = (
            None if self.down else [self._page(*request, limit or self.page_size) for request in requests]
        )
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        if answer is None:
            raise UnavailableError
        return answer

    def _page(self, organization: str, cursor: str, limit: int) -> Page:
        events, seq, head = self.events.get(organization, []), position(cursor), self.head(organization)
        known = EMPTY if seq == 0 else events[seq - 1]["cursor"] if seq <= len(events) else None
        if known != cursor:
            return Page("cursor_unknown", [], False, head)
        if seq < self.pruned:
            return Page("cursor_expired", [], False, head)
        after = events[seq : seq + limit]
        return Page("ok", after, len(events) > seq + len(after), head)


class FakeEncoder:
    """Frames as JSON lines, so that a reader can tell what it was shown."""

    def change(self, event: Event, view: View, mark: str) -> bytes:  # noqa: ARG002 (as the real one)
        line = {"organization": event["organization_id"], "seq": event["seq"], "view": view}
        return json.dumps(line).encode() + b"\n"

    def reset(self, reason: ResetReason) -> bytes:
        return json.dumps({"reset": reason}).encode() + b"\n"


class Reader(Subscriber):
    """A stream that remembers what it was given."""

    def __init__(self, organization: str, shown: Filter | None = None) -> None:
        super().__init__(organization, shown or Filter())
        self.lines: list[dict[str, Any]] = []
        self.writes = 0

    def push(self, chunk: bytes) -> None:
        self.writes += 1
        self.lines += [json.loads(line) for line in chunk.splitlines()]

    def end(self, chunk: bytes) -> None:
        self.push(chunk)
        self.ended = True

    @property
    def seen(self) -> list[tuple[int, str]]:
        return [(line["seq"], line["view"]) for line in self.lines if "seq" in line]

    @property
    def resets(self) -> list[str]:
        return [line["reset"] for line in self.lines if "reset" in line]
