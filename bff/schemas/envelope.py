"""The envelope's parts, for the OpenAPI document, and the query of paged lists; errors are in `failures`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bff.schemas.base import Input


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


class Paged(Input):
    """The paging parameters of a list."""

    page: Annotated[int, Field(ge=1, le=1_000_000, description="Counts from 1.")] = 1
    page_size: Annotated[int, Field(ge=1, le=100, alias="pageSize")] = 50


def sort_of(sort: str) -> tuple[str, bool]:
    """Column and whether descending, of `start_date` or `-start_date`."""
    return sort.removeprefix("-"), sort.startswith("-")
