"""Bookings."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, Field, FieldSerializationInfo, StringConstraints, field_serializer

from bff.schemas.approval_requests import ApprovalRequest, PlannedApproval
from bff.schemas.assets import Conflict, Slot
from bff.schemas.base import (
    Changes,
    Email,
    Flag,
    Id,
    Input,
    Instant,
    JsonObject,
    LongText,
    NoNul,
    NotNull,
    Output,
    PersonName,
    ReservationStatus,
    Section,
    Title,
    UtcText,
    UtcTime,
    Worded,
    reader_of,
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


class AppliedOverride(Output):
    """A rule that somebody entitled set aside for this booking, as it was then."""

    rule_id: Id | None
    rule_type: str
    rule_version: int | None
    code: str
    params: dict[str, Any]
    reason: str
    overridden_by: Id
    overridden_at: UtcTime


class Violation(Worded):
    """A rule that refuses the booking or asks for approval; `code` and `params` are for an app to word it."""

    ruleId: Id | None  # noqa: N815 (the wire's name)
    ruleType: str  # noqa: N815 (the wire's name)
    ruleName: str | None = None  # noqa: N815 (the wire's name)
    ruleVersion: int | None = None  # noqa: N815 (the wire's name)
    code: str
    effect: Literal["deny", "require_approval"]
    message: str
    params: dict[str, Any]
    overridable: Annotated[bool, Field(description="Whether my role may set it aside.")]

    @field_serializer("message")
    def _in_my_language(self, message: str, info: FieldSerializationInfo) -> str:
        reader = reader_of(info)
        return reader.violation(self.code, message, self.params) if reader else message


class Reservation(Worded):
    """A booking.

    Notes, metadata, guests, overrides and reasons are there for its booker and for managers only, approvals
    for those whom they concern too.
    """

    id: Id
    organization_id: Id
    asset_id: Id
    user_id: Id | None
    booked_by: str | None = None
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
    hold_expires_at: UtcTime | None = None
    created_at: UtcTime
    updated_at: UtcTime
    approvals: Annotated[
        list[ApprovalRequest] | None, Field(description="Who has to approve, and what they said.")
    ] = None
    overrides: list[AppliedOverride] = Field(default_factory=list)
    notes: str | None = None
    metadata: dict[str, Any] | None = None
    guests: list[GuestRead] = Field(default_factory=list)
    rejected_reason: str | None = None
    cancellation_reason: str | None = None

    @field_serializer("rejected_reason", "cancellation_reason")
    def _in_my_language(self, reason: str | None, info: FieldSerializationInfo) -> str | None:
        reader = reader_of(info)
        return reader.reason(reason) if reader and reason else reason


class Override(Input):
    """Rules to set aside, and why. Only rules that allow it to my role; it is kept with the booking."""

    rule_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000), NoNul]


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
    override: Override | None = None
    hold_id: Annotated[UUID | None, Field(description="My hold of the asset, which becomes the booking.")] = (
        None
    )
    displace: Annotated[
        Flag,
        Field(
            description="Push aside bookings of weaker tiers that have not begun, where my tier may. A "
            "conflict says `displaceable` where it would have helped."
        ),
    ] = False


class Preview(Output):
    """What a booking would come to. Nothing was written, and nothing is promised."""

    outcome: Literal["approved", "pending", "refused", "conflict"]
    time_zone: str
    violations: list[Violation]
    overridden: list[AppliedOverride]
    conflicts: list[Conflict]
    alternatives: list[Slot]
    approvals: Annotated[list[PlannedApproval], Field(description="Who would have to approve it.")]
    displaceable: bool


class BookingChanges(Changes):
    """What is to be different of one booking, or of those of a series."""

    asset_id: Annotated[UUID | None, NotNull] = None
    title: Annotated[Title | None, NotNull] = None
    start_date: Annotated[Instant | None, NotNull] = None
    end_date: Annotated[Instant | None, NotNull] = None
    guest_count: GuestCount | None = None
    notes: LongText | None = None
    metadata: JsonObject | None = None
    guests: Guests | None = None


class ReservationChanges(BookingChanges):
    """What is to be different; a changed time or asset is judged anew and voids approvals."""

    override: Override | None = None


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
    q: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=200),
        NoNul,
        Field(description="Words of the title, in this order; case does not matter."),
    ] = None
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
    booked_by: str | None = None
    title: str
    start_date: UtcTime
    end_date: UtcTime
    status: ReservationStatus
    guest_count: int | None
    version: int
    series_id: Id | None
    hold_expires_at: UtcTime | None = None
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
    cursor: Annotated[str, Field(validation_alias=AliasChoices("stream_cursor", "cursor"))]
