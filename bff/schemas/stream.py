"""The calendar stream's query and its tickets."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from bff.schemas.base import Input, Output, Section, UtcTime

# The log's cursor, and the mark of the access under which it was given; cursors from before marks have none.
# What a version to come may add makes another mark of it: during a deploy its clients are told `reset` here,
# and are not refused.
CURSOR_PATTERN = r"^[0-9]{1,18}-[0-9a-f]{8}(-[0-9a-z-]{1,40})?$"
Cursor = Annotated[
    str, StringConstraints(pattern=CURSOR_PATTERN), Field(description="Opaque; where a client stands.")
]


class StreamQuery(Input):
    """Where a stream begins, and what it shows."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        default=None, description="In place of a bearer token; good once."
    )
    cursor: Cursor | None = None
    asset_id: list[UUID] = Field(default_factory=list, max_length=100)
    section: list[Section] = Field(default_factory=list, max_length=4)


class StreamEvent(Output):
    """An event of the stream, as its fields stand on the wire; docs/stream.md says what `data` holds."""

    event: Literal[
        "ready",
        "reservation_created",
        "reservation_updated",
        "reservation_canceled",
        "maintenance_scheduled",
        "maintenance_updated",
        "maintenance_canceled",
        "heartbeat",
        "reset",
        "reauth",
        "bye",
    ]
    data: Annotated[str, Field(json_schema_extra={"contentMediaType": "application/json"})]
    id: Annotated[str, Field(description="The cursor of this moment.")] = ""
    retry: Annotated[int, Field(description="Milliseconds to wait before one connects anew.")] = 0


class StreamTicketRequest(Input):
    """Which organisation's stream is to be opened."""

    organization_id: UUID


class StreamTicket(Output):
    """Good once, for that organisation, until it expires."""

    ticket: str
    expires_at: UtcTime
