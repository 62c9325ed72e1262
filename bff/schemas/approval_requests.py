"""Who is asked to approve a booking. Apart, because bookings show it and approvals show bookings."""

from typing import Literal

from pydantic import Field

from bff.schemas.base import Id, Output, UtcTime

ApprovalStatus = Literal["pending", "approved", "rejected", "expired", "voided"]
ApproverStatus = Literal["pending", "approved", "rejected", "dropped", "voided"]
ApprovalType = Literal["any_approver", "all_principals", "tier_members", "specific_users", "quorum"]


class Approver(Output):
    """One who is asked, and the answer; `decided_by` is somebody else where that one stood in."""

    user_id: Id | None
    name: str | None = None
    as_owner: bool = Field(
        description="Asked as an owner, because nobody else was there or answered in time."
    )
    status: ApproverStatus
    decided_by: Id | None
    responded_at: UtcTime | None
    notes: str | None


class ApprovalRequest(Output):
    """What one rule asks for one booking; the rule is as it was when the booking was submitted."""

    id: Id
    rule_id: Id | None = Field(description="Null where the tier's own limit asks.")
    rule_type: str
    rule_name: str | None
    rule_version: int | None
    approval_type: ApprovalType
    required: int = Field(description="How many have to approve.")
    status: ApprovalStatus
    expires_at: UtcTime
    escalated_at: UtcTime | None = Field(description="Since then any one of the owners decides.")
    created_at: UtcTime
    approvers: list[Approver]


class PlannedApproval(Output):
    """What one rule would ask for a booking that was previewed, and of whom."""

    rule_id: Id | None = Field(description="Null where the tier's own limit asks.")
    rule_type: str
    rule_name: str | None
    rule_version: int | None
    approval_type: ApprovalType
    required: int = Field(description="How many have to approve.")
    timeout_hours: int
    approvers: list[Id]
