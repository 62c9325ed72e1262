"""The bodies of errors, for the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bff.errors import STATUS
from bff.schemas.assets import Conflict, Slot
from bff.schemas.base import UtcTime
from bff.schemas.envelope import Envelope, Metadata
from bff.schemas.reservations import Violation


class FieldFault(BaseModel):
    """What is wrong with one field: `path` is dotted; `code` and `params` are for an app to word it."""

    path: str
    code: str
    message: str
    params: dict[str, Any] = Field(default_factory=dict)


class Details(BaseModel):
    """What an error says to programs. Which of it is there depends on the code, and more may be."""

    model_config = ConfigDict(extra="allow")

    fields_: Annotated[list[FieldFault], Field(alias="fields", description="VALIDATION_ERROR")] = Field(
        default_factory=list
    )
    conflicts: Annotated[
        list[Conflict], Field(description="CONFLICT, RULE_VIOLATION: what stands in the way.")
    ] = Field(default_factory=list)
    alternatives: Annotated[
        list[Slot], Field(description="CONFLICT: free times of the same length nearby.")
    ] = Field(default_factory=list)
    displaceable: Annotated[bool, Field(description="CONFLICT: whether `displace` would help.")] = False
    violations: Annotated[
        list[Violation], Field(description="RULE_VIOLATION: every rule that is broken.")
    ] = Field(default_factory=list)
    current: Annotated[
        dict[str, Any], Field(description="PRECONDITION_FAILED: the resource as it is now.")
    ] = Field(default_factory=dict)
    feature: Annotated[str, Field(description="FEATURE_DISABLED: what is switched off.")] = ""
    policies: Annotated[
        list[str], Field(description="RATE_LIMIT_EXCEEDED: the rate limits that refused, as in `RateLimit`.")
    ] = Field(default_factory=list)
    reason: Annotated[str, Field(description="Which cause it was, where the code has several.")] = ""


class Error(Envelope):
    """What went wrong; `details` depends on the code, `retryAfter` is in seconds."""

    code: Annotated[str, Field(json_schema_extra={"enum": sorted(STATUS)})]
    message: str
    details: Details = Field(default_factory=Details)
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
    details: Details = Field(default_factory=Details)
    retryAfter: int = 0  # noqa: N815 (the wire's name)
    timestamp: UtcTime
    requestId: str  # noqa: N815 (the wire's name)
