"""Bookings."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from bff.schemas.base import (
    Changes,
    Email,
    Id,
    Input,
    Instant,
    JsonObject,
    LongText,
    NotNull,
    Output,
    PersonName,
    ReservationStatus,
    Section,
    Title,
    UtcText,
    UtcTime,
)
from bff.schemas.envelope import Paged
from bff.schemas.maintenance import MaintenanceEntry

GuestCount = Annotated[int, Field(strict=True, ge=0, le=10_000)]


class Guest(Input):
    """Someone who comes along."""

    name: PersonName
    email: Email | None = None


Guests = Annotated[list[Guest], Field(max_length=50)]


class GuestRead(Output):
    """Someone who comes along, as stored."""

    name: str
    email: str | None = None


class Reservation(Output):
    """A booking; notes, metadata, guests and reasons are there for its booker and for managers only."""

    id: Id
    organization_id: Id
    asset_id: Id
    user_id: Id | None
    booked_by: Any = None
    title: str
    start_date: UtcTime
    end_date: UtcTime
    time_zone: str
    status: ReservationStatus
    guest_count: int | None
    version: int
    series_id: Id | None = None
    approved_by: Id | None = None
    approved_at: UtcTime | None = None
    canceled_at: UtcTime | None = None
    created_at: UtcTime
    updated_at: UtcTime
    notes: str | None = None
    metadata: dict[str, Any] | None = None
    guests: list[GuestRead] = Field(default_factory=list)
    rejected_reason: str | None = None
    cancellation_reason: str | None = None


class ReservationCreate(Input):
    """A booking wished for; `metadata` holds legs, ports and passengers."""

    asset_id: UUID
    title: Title
    start_date: Instant
    end_date: Instant
    guest_count: GuestCount | None = None
    notes: LongText | None = None
    metadata: JsonObject | None = None
    guests: Guests | None = None


class ReservationChanges(Changes):
    """What is to be different; a changed time or asset voids approvals."""

    asset_id: Annotated[UUID | None, NotNull] = None
    title: Annotated[Title | None, NotNull] = None
    start_date: Annotated[Instant | None, NotNull] = None
    end_date: Annotated[Instant | None, NotNull] = None
    guest_count: GuestCount | None = None
    notes: LongText | None = None
    metadata: JsonObject | None = None
    guests: Guests | None = None


class Cancellation(Input):
    """Why, for those concerned."""

    reason: LongText | None = None


class ReservationList(Paged):
    """Query of an organisation's bookings: those that touch the time between `from` and `to`."""

    asset_id: UUID | None = None
    user_id: UUID | None = None
    status: list[ReservationStatus] = Field(default_factory=list)
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    sort: Literal["start_date", "-start_date", "created_at", "-created_at"] = "start_date"


class ListedAsset(Output):
    """The booked asset."""

    name: str
    section: Section
    timezone: str


class ListedReservation(Output):
    """A booking in a list, without what only booker and managers may read."""

    id: Id
    organization_id: Id
    asset_id: Id
    user_id: Id | None
    title: str
    start_date: UtcTime
    end_date: UtcTime
    status: ReservationStatus
    guest_count: int | None
    version: int
    series_id: Id | None
    approved_by: Id | None
    approved_at: UtcTime | None
    canceled_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime
    asset: ListedAsset | None


class CalendarQuery(Input):
    """What touches the time between `from` and `to`, of these assets or this section."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    asset_id: Annotated[list[UUID], Field(max_length=100)] = Field(default_factory=list)
    section: Section | None = None


class CalendarEntry(Output):
    """A booking on the calendar: what every member who may see the asset may see."""

    id: Id
    asset_id: Id
    user_id: Id | None
    title: str
    start_date: UtcText
    end_date: UtcText
    status: ReservationStatus
    guest_count: int | None
    version: int


class Calendar(Output):
    """A snapshot, and the stream's cursor of that very moment."""

    reservations: list[CalendarEntry]
    maintenance: list[MaintenanceEntry] = Field(default_factory=list)
    cursor: str
