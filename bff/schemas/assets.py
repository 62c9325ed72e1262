"""What organisations share, and when it is free."""

import json
from datetime import time
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    BeforeValidator,
    Field,
    FieldSerializationInfo,
    PlainSerializer,
    StringConstraints,
    field_serializer,
)
from pydantic_core import PydanticCustomError

from bff.schemas.base import (
    Changes,
    Flag,
    Id,
    Input,
    Instant,
    JsonObject,
    LargeJsonObject,
    LongText,
    NoNul,
    NotNull,
    Output,
    Section,
    SmallJsonObject,
    TimeZone,
    Title,
    Url,
    UtcTime,
    Worded,
    reader_of,
)
from bff.schemas.envelope import Paged
from bff.wording import worded


def _clock_time(value: Any) -> Any:
    # pydantic alone also takes seconds since midnight and times with an offset; a check-in is local.
    if isinstance(value, str) and value[:2].isdecimal() and value[2:3] == ":" and len(value) in (5, 8):
        return value
    raise PydanticCustomError("time_format", "It must be a local time, such as 15:00.")


def _without_offset(schema: dict[str, Any]) -> None:
    # JSON Schema's format `time` has an offset.
    schema.pop("format", None)
    schema.update(type="string", pattern=LOCAL_TIME, examples=["15:00"])


LOCAL_TIME: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
LocalTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str, when_used="json"),
    Field(json_schema_extra=_without_offset),
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


def _typed(details: Any) -> Any:
    # A query has text only, and details are compared by type.
    return (
        {key: _typed_value(value) for key, value in details.items()} if isinstance(details, dict) else details
    )


def _typed_value(text: Any) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text


def _of_texts(schema: dict[str, Any]) -> None:
    schema.update(additionalProperties={"type": "string"}, examples=[{"wifi": "true"}])


class AssetList(Paged):
    """Query of an organisation's assets. Without `sort` the best match or, without `q`, the name is first."""

    q: Annotated[
        str | None,
        StringConstraints(max_length=200),
        NoNul,
        Field(description="Words in English or Spanish, accents or not; the last one may be unfinished."),
    ] = None
    section: Section | None = None
    status: Annotated[
        Literal["active", "inactive", "archived"] | None,
        Field(description="Archived ones are for admins and owners; by default all others are listed."),
    ] = None
    capacity_min: Annotated[int | None, Field(ge=1, le=10_000)] = None
    free_from: Annotated[Instant | None, Field(description="With `free_to`: free from then to then.")] = None
    free_to: Instant | None = None
    details: Annotated[
        SmallJsonObject,
        BeforeValidator(_typed),
        Field(
            description="By type: `details.wifi=true` (or `details[wifi]=true`), `details.year=2019`,"
            ' `details.tail=HP-1`; a text that looks like JSON in quotes, `details.code="42"`.',
            json_schema_extra=_of_texts,
        ),
    ] = {}  # noqa: RUF012 (pydantic copies it)
    sort: (
        Literal[
            "name",
            "-name",
            "capacity",
            "-capacity",
            "section",
            "-section",
            "created_at",
            "-created_at",
            "relevance",
            "-relevance",
        ]
        | None
    ) = None


class BulkAssets(Input):
    """Up to a hundred operations; `asset` has the fields of a new asset, or those that change."""

    mode: Literal["atomic", "partial"]
    # Each is judged by SQL: in mode partial a malformed one must not refuse the others.
    operations: Annotated[
        list[LargeJsonObject],
        Field(
            min_length=1,
            max_length=100,
            examples=[[{"op": "archive", "id": "d0000000-0000-4000-8000-000000000101", "version": 3}]],
            description="`op`: create (asset), update (id, version?, asset), archive, restore (id, version?)",
        ),
    ]


class OperationError(Worded):
    """What an error says that stops one operation."""

    code: str
    message: str
    details: dict[str, Any] | None = None

    @field_serializer("message")
    def _message_in_my_language(self, message: str, info: FieldSerializationInfo) -> str:
        reader = reader_of(info)
        return reader.error(self.code, message, self.details) if reader else message

    @field_serializer("details")
    def _details_in_my_language(
        self, details: dict[str, Any] | None, info: FieldSerializationInfo
    ) -> dict[str, Any] | None:
        reader = reader_of(info)
        return worded(details, reader.language) if reader else details


class OperationResult(Output):
    """What became of one operation: `asset` as it then is, or `error`."""

    index: int
    op: Any = None
    status: Literal["ok", "error"]
    asset: Asset | None = None
    error: OperationError | None = None


class BulkResults(Output):
    """A result for each operation, in their order."""

    results: list[OperationResult]
    succeeded: int
    failed: int


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
