"""Series: made, read, changed and cancelled, one instance, the following ones or all."""

from typing import Any

from starlette.responses import Response

from bff.http import endpoint, expected_version, idempotency_key, path_id, session_of
from bff.responses import not_modified, success
from bff.schemas.reservations import BookingChanges, Cancellation
from bff.schemas.series import ChangedSeries, Series, SeriesCreate, SeriesScope
from bff.state import Request

REFUSALS = (
    "FORBIDDEN",
    "MFA_REQUIRED",
    "NOT_FOUND",
    "INVALID_STATE",
    "RULE_VIOLATION",
    "IDEMPOTENCY_KEY_REUSED",
)


@endpoint(
    "POST",
    "/api/v1/series",
    summary="Book a series",
    description="Local times stay what they are while clocks change. Each instance is judged as a booking of "
    "its own, the earlier ones counted, and `instances` says what became of it; so do the "
    "`details.instances` of a 409 or 422, after which nothing was booked.",
    tag="series",
    body=SeriesCreate,
    response=Series,
    status=201,
    errors=(*REFUSALS, "CONFLICT"),
    request_headers=("Idempotency-Key",),
    response_headers=("Location", "ETag"),
)
async def create_series(request: Request, series: SeriesCreate) -> Response:
    """One call to `create_series`."""
    key = idempotency_key(request)
    values = series.model_dump(mode="json", exclude_unset=True)
    arguments = {f"p_{name}": value for name, value in values.items()}
    made = await session_of(request).rpc(
        "create_series", {**arguments, "p_idempotency_key": key}, Series, safe=key is not None
    )
    location = f"/api/v1/series/{made.id}"
    return success(request, made, status=201, version=made.version, location=location)


@endpoint(
    "GET",
    "/api/v1/series/{id}",
    summary="A series with its instances",
    tag="series",
    response=Series,
    errors=("NOT_FOUND",),
    request_headers=("If-None-Match",),
    response_headers=("ETag",),
)
async def read_series(request: Request) -> Response:
    """One call to `get_series`."""
    arguments = {"p_series_id": path_id(request, "id")}
    found = await session_of(request).rpc("get_series", arguments, Series, safe=True)
    return not_modified(request, found.version) or success(request, found, version=found.version)


@endpoint(
    "PATCH",
    "/api/v1/series/{id}",
    summary="Move or change a series, or an instance",
    description="Times are those of the instance at `from`; the others move as far on the wall's clock. All "
    "or nothing. `this` is an exception from then on; `following` become a series of their own; the rule "
    "itself cannot be changed.",
    tag="series",
    query=SeriesScope,
    body=BookingChanges,
    response=ChangedSeries,
    errors=(*REFUSALS, "CONFLICT", "PRECONDITION_FAILED", "NO_ELIGIBLE_APPROVER"),
    request_headers=("If-Match", "Idempotency-Key"),
    response_headers=("ETag",),
)
async def update_series(request: Request, scope: SeriesScope, changes: BookingChanges) -> Response:
    """One call to `update_series`."""
    key = idempotency_key(request)
    arguments = {**_arguments(request, scope), "p_changes": changes.sent(), "p_idempotency_key": key}
    changed = await session_of(request).rpc("update_series", arguments, ChangedSeries, safe=key is not None)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/series/{id}",
    summary="Cancel a series, or an instance",
    description="What has begun stays. The body, with a reason, may be left out.",
    tag="series",
    query=SeriesScope,
    body=Cancellation,
    response=Series,
    errors=(*REFUSALS, "PRECONDITION_FAILED"),
    request_headers=("If-Match", "Idempotency-Key"),
    response_headers=("ETag",),
)
async def cancel_series(request: Request, scope: SeriesScope, cancellation: Cancellation) -> Response:
    """One call to `cancel_series`."""
    key = idempotency_key(request)
    arguments = {**_arguments(request, scope), "p_reason": cancellation.reason, "p_idempotency_key": key}
    canceled = await session_of(request).rpc("cancel_series", arguments, Series, safe=key is not None)
    return success(request, canceled, version=canceled.version)


def _arguments(request: Request, scope: SeriesScope) -> dict[str, Any]:
    return {
        "p_series_id": path_id(request, "id"),
        "p_scope": scope.scope,
        "p_from": scope.from_,
        "p_expected_version": expected_version(request),
    }


ENDPOINTS = (create_series, read_series, update_series, cancel_series)
