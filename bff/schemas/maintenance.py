"""Maintenance windows."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from bff.schemas.base import (
    Changes,
    Id,
    Input,
    Instant,
    LongText,
    NotNull,
    Output,
    Title,
    UtcText,
    UtcTime,
)
from bff.schemas.envelope import Paged

MaintenanceStatus = Literal["scheduled", "canceled"]
Resolution = Annotated[
    Literal["cancel", "keep"],
    Field(
        description="Bookings in its way: `cancel` cancels what has not ended; `keep` leaves them, and the "
        "window takes their time when they go. Without it they refuse the window."
    ),
]
Reason = Annotated[LongText, Field(description="For those whose bookings it cancels.")]


class Maintenance(Output):
    """Time in which an asset cannot be booked; `canceled_reservation_ids` in the answer to a write."""

    id: Id
    organization_id: Id
    asset_id: Id
    title: str
    start_date: UtcTime
    end_date: UtcTime
    time_zone: str
    status: MaintenanceStatus
    resolution: Literal["cancel", "keep"] | None
    created_by: Id | None
    canceled_at: UtcTime | None
    cancellation_reason: str | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime
    canceled_reservation_ids: list[Id] = Field(default_factory=list)


class MaintenanceCreate(Input):
    """Maintenance wished for."""

    title: Title
    start_date: Instant
    end_date: Instant
    resolution: Resolution | None = None
    reason: Reason | None = None


class MaintenanceChanges(Changes):
    """What is to be different; `resolution` and `reason` are for the bookings in the window's new way."""

    asset_id: Annotated[UUID | None, NotNull] = None
    title: Annotated[Title | None, NotNull] = None
    start_date: Annotated[Instant | None, NotNull] = None
    end_date: Annotated[Instant | None, NotNull] = None
    resolution: Resolution | None = None
    reason: Reason | None = None


class MaintenanceCancellation(Input):
    """Why, for everyone who may see the asset."""

    reason: LongText | None = None


class MaintenanceList(Paged):
    """Query of an asset's windows: those that touch the time between `from` and `to`."""

    status: list[MaintenanceStatus] = Field(default_factory=list)
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    sort: Literal["start_date", "-start_date", "created_at", "-created_at"] = "start_date"


class ListedMaintenance(Output):
    """A window in a list."""

    id: Id
    organization_id: Id
    asset_id: Id
    title: str
    start_date: UtcTime
    end_date: UtcTime
    status: MaintenanceStatus
    resolution: Literal["cancel", "keep"] | None
    created_by: Id | None
    canceled_at: UtcTime | None
    cancellation_reason: str | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class MaintenanceEntry(Output):
    """A window on the calendar: what every member who may see the asset may see."""

    id: Id
    asset_id: Id
    title: str
    start_date: UtcText
    end_date: UtcText
    status: MaintenanceStatus
    version: int
