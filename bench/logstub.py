"""An event log in Supabase's place that costs nothing: it grants every stream and makes up events as asked.

There is no Realtime: the BFF reads the log again as soon as it has delivered what the last read brought
(RELAY_FAST_POLL_SECONDS), so that the fan-out runs as fast as it can and never against a growing queue.
"""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import jwt

from bench.servers import Stub

SECRET = "bench-only-secret-of-no-value-0123456789"  # noqa: S105 - signs tokens for the stub alone
# What a booking's frame takes on the wire, with its id and event lines.
FRAME_BYTES = 640
TOKEN_SECONDS = 3600
OCCURRED_AT = "2026-11-22T15:00:00Z"


def event_id(seq: int) -> str:
    """The id of the event with that number, the same in each log."""
    return f"{seq * 2654435761 % 2**32:08x}-0000-4000-8000-000000000000"


def cursor_at(seq: int) -> str:
    """The log's cursor after that event."""
    return f"{seq}-{event_id(seq)[:8]}" if seq else "0-00000000"


def make_event(organization: str, seq: int, size: int = FRAME_BYTES) -> dict[str, Any]:
    """An event whose frame takes so many bytes."""
    reservation = {"id": "0" * 36, "asset_id": "a" * 36, "status": "approved", "start_date": OCCURRED_AT}
    payload: dict[str, Any] = {"reservation": {**reservation, "title": ""}, "previousState": reservation}
    event = {
        "organization_id": organization,
        "seq": seq,
        "id": event_id(seq),
        "cursor": cursor_at(seq),
        "type": "reservation_updated",
        "reservation_id": "0" * 36,
        "asset_ids": ["a" * 36],
        "sections": ["planes"],
        "payload": payload,
        "source_user_id": None,
        "occurred_at": OCCURRED_AT,
    }
    lines = len(f"id: {event['cursor']}\nevent: {event['type']}\ndata: \n\n")
    payload["reservation"]["title"] = "x" * (size - lines - len(frame_data(event)))
    return event


def frame_data(event: Mapping[str, Any]) -> str:
    """What a frame of the event carries as its data."""
    data = {
        "type": event["type"],
        "payload": event["payload"],
        "timestamp": event["occurred_at"],
        "sourceUserId": event["source_user_id"],
    }
    return json.dumps(data, separators=(",", ":"))


class LogStub:
    """The logs of several organisations, which grow by themselves or when they are read to their end."""

    def __init__(self, organizations: Sequence[str]) -> None:
        self.heads = dict.fromkeys(organizations, 0)
        self.calls: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        """Organisations asked about, by function: one call asks about many."""
        self.published: list[float] = []
        """When (monotonic seconds) each event that was waited for at the end was first handed out."""
        self.frame_bytes = FRAME_BYTES
        self._bursts = 0
        self._size = 1
        self._due: Callable[[], bool] = lambda: True
        self.port = 0

    def grow(self, events: int) -> None:
        """Each log has so many events more."""
        for organization in self.heads:
            self.heads[organization] += events

    def feed(self, bursts: int, size: int, spacing: float = 0.0) -> None:
        """Whoever reads a log to its end finds so many events more, this many times.

        Args:
            bursts: how many times.
            size: events each time.
            spacing: seconds from one to the next at least; 0 is as soon as it is asked for.
        """
        self._bursts, self._size = bursts, size
        begin, count = time.monotonic(), bursts
        self._due = lambda: time.monotonic() >= begin + (count - self._bursts) * spacing
        self.published.clear()

    def answer(self, path: str, body: bytes) -> bytes:
        """The body that answers a request."""
        function = path.rpartition("/")[2]
        self.calls[function] += 1
        if function not in ("stream_grants", "events_since"):
            return b"[]"
        arguments = json.loads(body)
        requests = arguments["p_requests"]
        self.read[function] += len(requests)
        if function == "stream_grants":
            return json.dumps([self._grant(request["organization_id"]) for request in requests]).encode()
        limit = arguments["p_limit"]
        return json.dumps([self._page(**request, limit=limit) for request in requests]).encode()

    def _grant(self, organization: str) -> dict[str, Any]:
        head = cursor_at(self.heads[organization])
        return {"granted": True, "sections": None, "cursor": head, "mark": ""}

    def _page(self, organization_id: str, cursor: str, limit: int) -> dict[str, Any]:
        seq, head = int(cursor.partition("-")[0]), self.heads[organization_id]
        if seq == head and self._bursts and self._due():
            self._bursts -= 1
            head = self.heads[organization_id] = head + self._size
            self.published += [time.monotonic()] * self._size
        last, size = min(head, seq + limit), self.frame_bytes
        return {
            "organization_id": organization_id,
            "status": "ok",
            "has_more": last < head,
            "events": [make_event(organization_id, each, size) for each in range(seq + 1, last + 1)],
            "cursor": cursor_at(head),
        }

    @property
    def env(self) -> dict[str, str]:
        """The settings of a BFF that takes this for Supabase."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_bench",
            "SUPABASE_SECRET_KEY": "sb_secret_bench",
            "SUPABASE_JWT_SECRET": SECRET,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self) -> str:
        """Another user's access token, as a project at this address would sign it with the shared secret."""
        return sign(self.url)


def sign(supabase: str) -> str:
    """An access token of a new user, as a project at that address would sign it with the shared secret."""
    now = int(time.time())
    claims = {
        "iss": f"{supabase}/auth/v1",
        "sub": str(uuid.uuid4()),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "aal": "aal1",
        "session_id": str(uuid.uuid4()),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


@asynccontextmanager
async def log_stub(organizations: int = 1) -> AsyncIterator[LogStub]:
    """A stub that listens; it answers while the event loop runs."""
    stub = LogStub([str(uuid.uuid4()) for _ in range(organizations)])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(stub.answer), "127.0.0.1", 0)
    stub.port = int(server.sockets[0].getsockname()[1])
    try:
        yield stub
    finally:
        server.close()
