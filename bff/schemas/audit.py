"""The audit log: its entries, its filters, and what verifying its chain answers."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from bff.schemas.base import Id, Input, Instant, NoNul, Output, UtcText

Cursor = Annotated[str, StringConstraints(pattern=r"^00[0-9a-f]{46}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), NoNul]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Position = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


class AuditFilter(Input):
    """Which entries."""

    user_id: UUID | None = None
    action: Name | None = None
    resource_type: Name | None = None
    resource_id: UUID | None = None
    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")] | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None

    def arguments(self, organization_id: UUID) -> dict[str, Any]:
        """As the functions that read the log take them."""
        return {
            "p_organization_id": organization_id,
            "p_user_id": self.user_id,
            "p_action": self.action,
            "p_resource_type": self.resource_type,
            "p_resource_id": self.resource_id,
            "p_request_id": self.request_id,
            "p_from": self.from_,
            "p_to": self.to,
        }


class AuditList(AuditFilter):
    """A page of the log."""

    cursor: Annotated[Cursor | None, Field(description="The page before's `next_cursor`.")] = None
    page_size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 50


class AuditLink(Output):
    """Where an entry stands in its chain."""

    position: int
    hash: str
    sealed_at: UtcText


class AuditEntry(Output):
    """What was done. `metadata.source`: `row` has `old` and `new`; `request`; `audit`, of this log itself.

    Without `user_id` nobody was signed in, or it was done in the database itself. `chain` is null for some
    seconds, until the entry is sealed.
    """

    id: Id
    created_at: UtcText
    user_id: Id | None
    organization_id: Id
    action: str
    resource_type: str | None
    resource_id: Id | None
    ip_address: str | None
    user_agent: str | None
    request_method: str | None
    request_path: str | None
    request_body: Any
    response_status: int | None
    error_message: str | None
    duration_ms: float | None
    metadata: dict[str, Any]
    chain: AuditLink | None


class AuditPage(Output):
    """Entries, newest first; the next page begins at `next_cursor`, null on the last."""

    items: list[AuditEntry]
    next_cursor: str | None


class AuditCheck(Input):
    """Which part of the chain to verify, and a head that was kept elsewhere, position and hash."""

    from_position: Position = 1
    limit: Annotated[int, Field(ge=1, le=100_000, description="So many links at most.")] = 25_000
    known_position: Position | None = None
    known_hash: Hash | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> "AuditCheck":
        if (self.known_position is None) != (self.known_hash is None):
            raise PydanticCustomError("missing", "A known head is a position and its hash.")
        return self


class AuditProblem(Output):
    """What is wrong with a chain, at its first wrong position if it has one; docs/audit.md has the kinds."""

    kind: Literal[
        "missing_link",
        "broken_link",
        "missing_entry",
        "changed_entry",
        "beyond_head",
        "unlinked_entry",
        "stalled",
        "truncated",
        "rewritten",
    ]
    position: int | None
    entry_id: Id | None


class AuditHead(Output):
    """Where a chain ends. Keep it elsewhere: only a known head proves that the end was not cut off."""

    position: int
    hash: str
    sealed_at: UtcText | None


class AuditVerification(Output):
    """What verifying a part of a chain found; go on at `next_position` until it is null.

    `unsealed` entries wait to be sealed, one of them since `unsealed_since`: seconds ago, while all is well.
    """

    intact: bool
    problem: AuditProblem | None
    checked_from: int
    checked: int
    next_position: int | None
    sealed: int
    unsealed: int
    unsealed_since: UtcText | None
    head: AuditHead


class AuditRows(Output):
    """A part of an export."""

    export_id: Id
    rows: list[list[str | None]]
    next: int | None
