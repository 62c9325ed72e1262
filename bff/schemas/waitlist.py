"""Waiting for an asset's time."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from bff.schemas.base import Id, Input, Instant, LongText, Output, Title, UtcTime
from bff.schemas.envelope import Paged
from bff.schemas.reservations import GuestCount, Violation

WaitlistStatus = Literal["waiting", "offered", "accepted", "expired", "canceled"]


class WaitlistEntry(Output):
    """What somebody waits for; while it is offered, a hold keeps the time until `offer_expires_at`."""

    id: Id
    organization_id: Id
    asset_id: Id
    user_id: Id
    name: str | None
    title: str
    start_date: UtcTime
    end_date: UtcTime
    time_zone: str
    guest_count: int | None
    status: WaitlistStatus
    displaced_reservation_id: Id | None
    hold_id: Id | None
    offer_expires_at: UtcTime | None
    reservation_id: Id | None
    passed_over_at: UtcTime | None
    passed_over_violations: list[Violation]
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class WaitlistJoin(Input):
    """What to wait for; the time must be taken now."""

    asset_id: UUID
    title: Title
    start_date: Instant
    end_date: Instant
    guest_count: GuestCount | None = None


class WaitlistAcceptance(Input):
    """What the booking shall say; what is left out is as it was when the waiting began."""

    title: Title | None = None
    guest_count: GuestCount | None = None
    notes: LongText | None = None


class WaitlistQuery(Paged):
    """Which entries."""

    scope: Annotated[
        Literal["mine", "all"], Field(description="all: everyone's, for managers and above.")
    ] = "mine"
    asset_id: UUID | None = None
    status: WaitlistStatus | None = None
