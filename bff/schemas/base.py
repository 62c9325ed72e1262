"""What all models share: strict input, tolerant reading of what SQL answers, text, times and JSON."""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FieldSerializationInfo,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bff.wording import Reader

Section = Literal["planes", "helicopters", "residences", "watercraft"]
Role = Literal["owner", "admin", "manager", "member", "viewer"]
ReservationStatus = Literal[
    "hold", "pending", "approved", "rejected", "canceled", "completed", "expired", "displaced"
]

# RFC 3339, 5.6, with the offset optional, so that its absence can be named as the fault.
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?(?P<offset>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
# The tables hold nothing outside.
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"(19[7-9]\d|20\d\d|21\d\d)-\d\d-\d\d", re.ASCII)
_PHONE: Final = r"^\+[1-9][0-9]{6,14}$"
# Not \s, which holds other characters in JSON Schema's regular expressions than in pydantic's.
_URL: Final = r"^https?://[^\x00-\x20\x7f-\x9f]+$"
_ZONE: Final = r"^[A-Za-z][A-Za-z0-9_+\-/]*$"
# RFC 5322's dot-atom at a host name. Nobody has the quoted names, comments and hosts' addresses that it also
# allows; control characters, which \S would let in, would end up in headers of mail.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+$"
_LOCAL_PART: Final = 64
_CODE: Final = r"^[0-9]{6}$"
# What a pattern is of, for who cannot read it.
FORMATS: Final = {_PHONE: "phone", _URL: "url", _ZONE: "time_zone", _EMAIL: "email", _CODE: "code"}
NUL_FREE: Final = r"^[^\x00]*$"
T = TypeVar("T", bound=BaseModel)
# Deeper JSON is nobody's metadata, and costs a stack frame a level.
_MAX_DEPTH: Final = 32


def _without_absent(schema: dict[str, Any]) -> None:
    # What is left out stays as it is, which is not what null says.
    for described in schema.get("properties", {}).values():
        if described.get("default", ...) is None:
            del described["default"]


class Input(BaseModel):
    """A request's body or query. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_extra=_without_absent)


def _not_empty(schema: dict[str, Any]) -> None:
    _without_absent(schema)
    schema["minProperties"] = 1


class Recorded:
    """Marks a text type whose values the audit records as they are; all other text of a body it withholds.

    For what is chosen from something that we know, never for what somebody writes.
    """


class Changes(Input):
    """The body of a PATCH: only what was sent is changed."""

    model_config = ConfigDict(json_schema_extra=_not_empty)

    @model_validator(mode="after")
    def _not_empty(self) -> "Changes":
        if not self.model_fields_set:
            raise PydanticCustomError("missing", "Name at least one field to change.")
        return self

    def sent(self) -> dict[str, Any]:
        """The fields that were sent, as JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)


class Output(BaseModel):
    """What SQL answered. Unknown fields are dropped: the next schema must not break this version."""

    model_config = ConfigDict(extra="ignore")


class Worded(Output):
    """What holds sentences for people, which are written in the reader's language."""


def reader_of(info: FieldSerializationInfo) -> Reader | None:
    """Who reads the answer that is being written; None where it is written for nobody."""
    return info.context["reader"] if info.context else None


class Listed(Output, Generic[T]):
    """A page of what a function lists; `total` is the number of all that match."""

    items: list[T]
    total: int


class _NoNul:
    """Refuses the NUL character: PostgreSQL's text cannot hold it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_refuse_nul, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        # Of `str | None` too.
        texts = [part for part in (described, *described.get("anyOf", ())) if part.get("type") == "string"]
        for text in texts:
            text.setdefault("pattern", NUL_FREE)
        return described


class _NotNull:
    """Refuses null where a field may be left out, but not emptied."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_refuse_null, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        others = [part for part in described.pop("anyOf", ()) if part != {"type": "null"}]
        return {**others[0], **described} if len(others) == 1 else {**described, "anyOf": others}


def _refuse_nul(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("string_nul", "It must not contain the NUL character.")
    return value


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("null_forbidden", "It must not be null.")
    return value


def _rfc3339(value: Any) -> Any:
    # pydantic alone also takes dates, and numbers as Unix times.
    match = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(
            "datetime_format", "It must be an RFC 3339 time with an offset, such as 2026-03-01T15:00:00Z."
        )
    if match["offset"] is None:
        raise PydanticCustomError("timezone_aware", "It must have an offset, such as Z or -05:00.")
    return value


def _iso_date(value: Any) -> Any:
    # pydantic alone also takes times at midnight, and numbers as Unix times.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise PydanticCustomError("date_format", "It must be a date such as 2026-03-01, from 1970 to 2199.")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "It is out of range.") from None


def _whole_offset(value: Any) -> Any:
    # PostgreSQL's own text of a time, which lite sends for rows, ends in `+00`; RFC 3339 wants `+00:00`.
    if isinstance(value, str) and value[-3:-2] in ("+", "-"):
        return f"{value}:00"
    return value


def _in_range(value: datetime) -> datetime:
    value = _to_utc(value)
    if not _FIRST <= value < _LAST:
        raise PydanticCustomError("datetime_range", "It must lie between 1970 and 2199.")
    return value


def _storable(value: Any) -> Any:
    _check_json(value, 0)
    return value


def _check_json(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise PydanticCustomError("json_depth", "It is nested too deeply.")
    if isinstance(value, str):
        _refuse_nul(value)
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise PydanticCustomError("string_unicode", "It must be valid Unicode.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("finite_number", "Numbers must be finite.")
    else:
        for part in _parts(value):
            _check_json(part, depth + 1)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _at_most(size: int) -> AfterValidator:
    def check(value: Any) -> Any:
        # As jsonb prints it, with a space behind each comma and colon: the tables' checks measure that.
        if len(json.dumps(value, ensure_ascii=False).encode()) > size:
            raise PydanticCustomError(
                "too_large", "It must take at most {max_bytes} bytes.", {"max_bytes": size}
            )
        return value

    return AfterValidator(check)


# A UUID that SQL answered. Text, because making an object of each costs more than all the rest of a calendar.
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
# A time that SQL wrote by `app.utc`, as text for the same reason.
UtcText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
NoNul = _NoNul()
NotNull = _NotNull()
Instant = Annotated[AwareDatetime, AfterValidator(_in_range), BeforeValidator(_rfc3339)]
# A day on the asset's calendar, without a zone.
LocalDate = Annotated[date, BeforeValidator(_iso_date)]
UtcTime = Annotated[AwareDatetime, AfterValidator(_to_utc), BeforeValidator(_whole_offset)]
# `details` and `metadata`: at most 16 KB as JSON.
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable), _at_most(16_384)]
# An operation of a bulk: an asset with all that it may have.
LargeJsonObject = Annotated[dict[str, Any], AfterValidator(_storable), _at_most(65_536)]
SmallJsonObject = Annotated[dict[str, Any], AfterValidator(_storable), _at_most(4_096)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), NoNul]
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=100), NoNul]
LongText = Annotated[str, StringConstraints(max_length=2000), NoNul]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=50), NoNul]
# Not `1`, not "yes".
Flag = Annotated[bool, Field(strict=True)]
Phone = Annotated[
    str,
    StringConstraints(pattern=_PHONE),
    Field(description="E.164", examples=["+50761234567"]),
]
Url = Annotated[str, StringConstraints(pattern=_URL, max_length=2048), Field(examples=["https://…"])]
# Which names exist is the database's question.
TimeZone = Annotated[
    str,
    StringConstraints(pattern=_ZONE, max_length=100),
    Recorded,
    Field(description="IANA time zone", examples=["America/Panama"]),
]


def _short_local_part(value: str) -> str:
    # RFC 5321, 4.5.3.1.1. The engine of the pattern cannot look ahead.
    if value.index("@") > _LOCAL_PART:
        raise PydanticCustomError(
            "string_pattern_mismatch", "String should match pattern '{pattern}'", {"pattern": _EMAIL}
        )
    return value


Email = Annotated[
    str,
    StringConstraints(pattern=_EMAIL, max_length=254),
    AfterValidator(_short_local_part),
    Field(json_schema_extra={"format": "email"}),
]
# What an authenticator shows.
Code = Annotated[str, StringConstraints(pattern=_CODE), Field(examples=["492039"])]
