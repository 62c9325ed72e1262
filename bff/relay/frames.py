"""The frames of the stream on the wire (WHATWG HTML, 9.2, Server-sent events)."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from sse_starlette.event import ServerSentEvent

from bff.relay.views import Event, ResetReason, View, stamp

ByeReason = Literal["draining", "token_expired", "access_revoked", "switched_off"]


def _frame(event: str, data: dict[str, Any], cursor: str | None = None, retry: int | None = None) -> bytes:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return ServerSentEvent(text, event=event, id=cursor, retry=retry, sep="\n").encode()


class Frames:
    """The frames of the stream, encoded."""

    def change(self, event: Event, view: View, mark: str) -> bytes:
        """A change of the calendar as a stream with this view and this mark is told of it."""
        kind: str = event["type"]
        payload = dict(event["payload"])
        if view != "whole":
            subject = kind.partition("_")[0]
            if view == "moved":
                kind = f"{subject}_canceled"
                payload |= {subject: None, "reason": "moved"}
            else:
                kind = "maintenance_scheduled" if subject == "maintenance" else f"{subject}_created"
                payload["previousState"] = None
        data = {
            "type": kind,
            "payload": payload,
            "timestamp": event["occurred_at"],
            "sourceUserId": event["source_user_id"],
        }
        return _frame(kind, data, stamp(event["cursor"], mark))

    def ready(self, cursor: str, *, resumed: bool, resets: bool = False, retry: int | None = None) -> bytes:
        """The first frame; for `retry` see `bye`: it holds where a connection breaks without a word too.

        Where a reset follows it has no id: a client that is cut off between the two would come back with it,
        and be taken for one that knows.
        """
        return _frame("ready", {"resumed": resumed, "cursor": cursor}, None if resets else cursor, retry)

    def heartbeat(self, cursor: str, *, behind: bool = False) -> bytes:
        """The stream lives and stands here, also where nothing of late was for this stream.

        `catchingUp` says that the log cannot be read just now: there may be changes that will come later.
        """
        return _frame("heartbeat", {"cursor": cursor} | ({"catchingUp": True} if behind else {}), cursor)

    def reset(self, reason: ResetReason, retry: int | None = None) -> bytes:
        """What the client has is stale: it fetches the calendar again; for `retry` see `bye`."""
        return _frame("reset", {"reason": reason}, retry=retry)

    def reauth(self, expires_at: int) -> bytes:
        """The token ends soon (Unix seconds); the client opens another stream with a new one."""
        ends = datetime.fromtimestamp(expires_at, UTC).isoformat().replace("+00:00", "Z")
        return _frame("reauth", {"expiresAt": ends})

    def bye(self, reason: ByeReason, retry: int | None = None) -> bytes:
        """The last frame; `retry` tells the browser how many milliseconds to wait before it comes back."""
        return _frame("bye", {"reason": reason}, retry=retry)


FRAMES = Frames()
