"""Approvals: what is asked of whom, decisions, and standing in for somebody."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from bff.schemas.approval_requests import ApprovalRequest, ApprovalStatus
from bff.schemas.base import Id, Input, Instant, LongText, Output, ReservationStatus, Section, UtcTime
from bff.schemas.envelope import Paged
from bff.schemas.reservations import Reservation


class ApprovalReservation(Output):
    """The booking that is asked about, in short."""

    id: Id
    asset_id: Id
    asset_name: str
    section: Section
    time_zone: str
    user_id: Id | None
    booked_by: str | None
    title: str
    start_date: UtcTime
    end_date: UtcTime
    status: ReservationStatus
    guest_count: int | None
    version: int


class ListedApproval(ApprovalRequest):
    """A request in a list, with its booking."""

    can_decide: bool = Field(description="It waits for me, or for somebody for whom I stand in.")
    reservation: ApprovalReservation


class ApprovalList(Paged):
    """The filters of the list."""

    scope: Annotated[
        Literal["mine", "requested", "all"],
        Field(description="mine: that ask me; requested: of my bookings; all: for managers and above."),
    ] = "mine"
    status: ApprovalStatus | None = None


class Decision(Input):
    """What I decide; without `rule_id` for every rule that asks me."""

    decision: Literal["approve", "reject"]
    notes: LongText | None = None
    rule_id: UUID | None = None


class DecidedReservation(Reservation):
    """The booking after the decision, with what was asked about it."""

    approvals: list[ApprovalRequest]


class Delegation(Output):
    """Somebody decides in another's place for a time."""

    id: Id
    organization_id: Id
    user_id: Id
    name: str | None
    delegate_id: Id
    delegate_name: str | None
    starts_at: UtcTime
    ends_at: UtcTime
    created_at: UtcTime


class DelegationList(Input):
    """Of which organisation."""

    organization_id: UUID


class DelegationKey(Input):
    """Which one."""

    id: UUID


class DelegationCreate(Input):
    """Who decides in my place, and until when; `starts_at` is now if left out."""

    organization_id: UUID
    delegate_id: UUID
    starts_at: Instant | None = None
    ends_at: Instant
