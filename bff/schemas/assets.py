"""What organisations share, and when it is free."""

from datetime import time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from bff.schemas.base import (
    Changes,
    Flag,
    Id,
    Input,
    Instant,
    JsonObject,
    LongText,
    NotNull,
    Output,
    Section,
    SmallJsonObject,
    TimeZone,
    Title,
    Url,
    UtcTime,
)
from bff.schemas.envelope import Paged


def _clock_time(value: Any) -> Any:
    # pydantic alone also takes seconds since midnight and times with an offset; a check-in is local.
    if isinstance(value, str) and value[:2].isdecimal() and value[2:3] == ":" and len(value) in (5, 8):
        return value
    raise PydanticCustomError("time_format", "It must be a local time, such as 15:00.")


LocalTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str, when_used="json"),
]
Capacity = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Turnaround = Annotated[
    int, Field(strict=True, ge=0, le=10_080, description="Minutes that a booking occupies beyond its end.")
]


class Asset(Output):
    """A plane, helicopter, residence or boat."""

    id: Id
    organization_id: Id
    section: Section
    name: str
    description: str | None
    details: dict[str, Any]
    timezone: str
    turnaround_minutes: int
    check_in: LocalTime | None
    check_out: LocalTime | None
    capacity: int | None
    current_location: dict[str, Any] | None
    primary_photo_url: str | None
    is_active: bool
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class AssetCreate(Input):
    """A new asset. Its section must be among the organisation's entitlements."""

    section: Section
    name: Title
    description: LongText | None = None
    details: Annotated[JsonObject | None, NotNull] = None
    timezone: Annotated[TimeZone | None, NotNull] = None
    turnaround_minutes: Annotated[Turnaround | None, NotNull] = None
    check_in: LocalTime | None = None
    check_out: LocalTime | None = None
    capacity: Capacity | None = None
    current_location: SmallJsonObject | None = None
    primary_photo_url: Url | None = None
    is_active: Annotated[Flag | None, NotNull] = None


class AssetChanges(Changes):
    """What admins may change of an asset; null empties a field that may be empty."""

    section: Annotated[Section | None, NotNull] = None
    name: Annotated[Title | None, NotNull] = None
    description: LongText | None = None
    details: Annotated[JsonObject | None, NotNull] = None
    timezone: Annotated[TimeZone | None, NotNull] = None
    turnaround_minutes: Annotated[Turnaround | None, NotNull] = None
    check_in: LocalTime | None = None
    check_out: LocalTime | None = None
    capacity: Capacity | None = None
    current_location: SmallJsonObject | None = None
    primary_photo_url: Url | None = None
    is_active: Annotated[Flag | None, NotNull] = None


class AssetList(Paged):
    """Query of an organisation's assets."""

    section: Section | None = None
    sort: Literal["name", "-name", "created_at", "-created_at", "section", "-section"] = "name"


class AvailabilityQuery(Input):
    """Is the asset free from `start` until `end`, not counting the reservation `exclude`?"""

    start: Instant
    end: Instant
    exclude: UUID | None = None


class Conflict(Output):
    """What stands in the way. Of what the caller may not read, only the kind and the times are told."""

    # Absent in what the previous schema answers.
    kind: Literal["reservation", "hold", "maintenance", "external"] | None = None
    id: Id | None = None
    title: str | None = None
    start_date: UtcTime
    end_date: UtcTime
    status: str | None = None
    booked_by: Any = None


class Slot(Output):
    """A free time of the same length."""

    start_date: UtcTime
    end_date: UtcTime


class Availability(Output):
    """Whether a time is free, and what is free instead."""

    asset_id: Id
    time_zone: str
    is_available: bool
    conflicting_reservations: list[Conflict]
    alternatives: list[Slot]
