"""The envelope's parts, for the OpenAPI document, and the query of paged lists."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bff.errors import STATUS
from bff.schemas.base import Input, UtcTime


class Envelope(BaseModel):
    """Names as the frontend expects them: camelCase, unlike the resources."""

    model_config = ConfigDict(extra="forbid")


class Metadata(Envelope):
    """About the answer: `duration` in milliseconds; `cached` where the data may be older than the request."""

    requestId: str  # noqa: N815 (the wire's name)
    duration: float
    cached: bool


class Pagination(Envelope):
    """Which part of the list this is."""

    page: int
    pageSize: int  # noqa: N815 (the wire's name)
    totalItems: int  # noqa: N815 (the wire's name)
    totalPages: int  # noqa: N815 (the wire's name)
    hasNext: bool  # noqa: N815 (the wire's name)
    hasPrevious: bool  # noqa: N815 (the wire's name)


class Error(Envelope):
    """What went wrong; `details` depends on the code, `retryAfter` is in seconds."""

    code: Annotated[str, Field(json_schema_extra={"enum": sorted(STATUS)})]
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    retryAfter: int = 0  # noqa: N815 (the wire's name)
    timestamp: UtcTime


class Failure(Envelope):
    """The body of every error."""

    success: Literal[False]
    error: Error
    metadata: Metadata


class Problem(Envelope):
    """The same as problem details (RFC 9457), where `Accept` asks for `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Annotated[str, Field(json_schema_extra={"enum": sorted(STATUS)})]
    details: dict[str, Any] = Field(default_factory=dict)
    retryAfter: int = 0  # noqa: N815 (the wire's name)
    timestamp: UtcTime
    requestId: str  # noqa: N815 (the wire's name)


class Paged(Input):
    """The paging parameters of a list."""

    page: Annotated[int, Field(ge=1, le=1_000_000, description="Counts from 1.")] = 1
    page_size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 50


def sort_of(sort: str) -> tuple[str, bool]:
    """Column and whether descending, of `start_date` or `-start_date`."""
    return sort.removeprefix("-"), sort.startswith("-")
