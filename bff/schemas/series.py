"""Series: bookings that one recurrence rule lays out."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from bff.schemas.base import Id, Input, Instant, JsonObject, LongText, NoNul, Output, Title, UtcText, UtcTime
from bff.schemas.reservations import GuestCount, Guests, Override, Violation

RRule = Annotated[
    str,
    StringConstraints(max_length=500),
    NoNul,
    Field(
        description="RFC 5545, 3.3.10, with COUNT or UNTIL and at most 366 instances: FREQ from DAILY to "
        "YEARLY, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST. Any other part is refused by name.",
        examples=["FREQ=WEEKLY;BYDAY=TU;COUNT=10"],
    ),
]


class SeriesCreate(Input):
    """A series wished for. Times are those of the first instance; all have its length and its local time."""

    asset_id: UUID
    title: Title
    start_date: Instant
    end_date: Instant
    rrule: RRule
    on_conflict: Annotated[
        Literal["all_or_nothing", "skip"],
        Field(
            description="`skip` leaves out the instances that cannot be booked; else one refuses them all."
        ),
    ] = "all_or_nothing"
    exdates: Annotated[
        list[Instant], Field(max_length=366, description="Starts of instances that are left out.")
    ] = Field(default_factory=list)
    guest_count: GuestCount | None = None
    notes: LongText | None = None
    metadata: JsonObject | None = None
    guests: Guests | None = None
    override: Override | None = None


class SeriesScope(Input):
    """Which instances are meant."""

    scope: Annotated[
        Literal["this", "following", "all"],
        Field(description="`all` are those that have not begun."),
    ]
    from_: Annotated[
        Instant | None,
        Field(alias="from", description="The start of an instance; `this` and `following` need it."),
    ] = None


class SeriesInstance(Output):
    """An instance: a booking, or why there is none.

    `outcome` is the booking's status; or `conflict`, `refused` or `excluded` where it was never booked.
    """

    index: int
    reservation_id: Id | None
    asset_id: Id | None = None
    start_date: UtcText
    end_date: UtcText
    outcome: str
    detached: Annotated[bool, Field(description="Moved by itself: it keeps its time when others move.")] = (
        False
    )
    conflicts: Annotated[list[Any], Field(description="What stands in the way, five at most.")] = Field(
        default_factory=list
    )
    violations: list[Violation] = Field(default_factory=list)


class Series(Output):
    """A series. Its instances are reservations; `rrule` tells how they were laid out."""

    id: Id
    organization_id: Id
    asset_id: Id
    user_id: Id | None
    booked_by: str | None = None
    title: str
    rrule: str
    shifted_days: Annotated[
        int, Field(description="How many days after the rule's the instances lie, since all were moved.")
    ]
    time_zone: str
    start_date: UtcTime
    end_date: UtcTime
    exdates: list[UtcText]
    version: int
    created_at: UtcTime
    updated_at: UtcTime
    instances: list[SeriesInstance]


class ChangedSeries(Series):
    """A series after a change. With `following` it is a new one, split off from `previous_series_id`."""

    previous_series_id: Id | None = None
    changed: list[SeriesInstance]
