"""Bookings: made, listed, read, moved and cancelled."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, idempotency_key, path_id, session_of
from bff.responses import Page, not_modified, success
from bff.schemas.base import Listed
from bff.schemas.reservations import (
    Calendar,
    CalendarQuery,
    Cancellation,
    ListedReservation,
    Preview,
    Reservation,
    ReservationChanges,
    ReservationCreate,
    ReservationList,
)
from bff.state import Request

REFUSALS = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "CONFLICT", "INVALID_STATE", "RULE_VIOLATION")


@endpoint(
    "POST",
    "/api/v1/reservations",
    summary="Book an asset",
    description="A refusal names every rule that is broken; a conflict what stands in the way, whether my "
    "tier may displace it, and up to three free times nearby. Where a rule asks for approval the booking is "
    "`pending`, and keeps its time until that is decided.",
    tag="reservations",
    body=ReservationCreate,
    response=Reservation,
    status=201,
    errors=(*REFUSALS, "NO_ELIGIBLE_APPROVER", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("Location", "ETag"),
)
async def create_reservation(request: Request, booking: ReservationCreate) -> Response:
    """One call to `create_reservation`."""
    key = idempotency_key(request)
    values = booking.model_dump(mode="json", exclude_unset=True)
    arguments = {f"p_{name}": value for name, value in values.items()}
    made = await session_of(request).rpc(
        "create_reservation",
        {**arguments, "p_idempotency_key": key},
        Reservation,
        safe=key is not None,
    )
    location = f"/api/v1/reservations/{made.id}"
    return success(request, made, status=201, version=made.version, location=location)


@endpoint(
    "POST",
    "/api/v1/reservations/preview",
    summary="What booking would come to",
    description="The same body and the same judgement as booking, all of it at once: rules, conflicts, free "
    "times nearby and approvals. Nothing is written.",
    tag="reservations",
    body=ReservationCreate,
    response=Preview,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE", "NO_ELIGIBLE_APPROVER"),
)
async def preview_reservation(request: Request, booking: ReservationCreate) -> Response:
    """One call to `preview_reservation`."""
    values = booking.model_dump(mode="json", exclude_unset=True)
    arguments = {f"p_{name}": value for name, value in values.items()}
    return success(
        request, await session_of(request).rpc("preview_reservation", arguments, Preview, safe=True)
    )


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/reservations",
    summary="The bookings of an organisation that I may see",
    description="`from` and `to` keep the bookings that touch the time between them; `q` searches titles.",
    tag="reservations",
    query=ReservationList,
    response=ListedReservation,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_reservations(request: Request, query: ReservationList) -> Response:
    """One call to `list_reservations`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_asset_id": query.asset_id,
        "p_user_id": query.user_id,
        "p_status": query.status or None,
        "p_from": query.from_,
        "p_to": query.to,
        "p_q": query.q,
        "p_sort": query.sort,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc(
        "list_reservations", arguments, Listed[ListedReservation], safe=True
    )
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "GET",
    "/api/v1/reservations/{id}",
    summary="A booking",
    tag="reservations",
    response=Reservation,
    errors=("NOT_FOUND",),
    request_headers=("If-None-Match",),
    response_headers=("ETag",),
)
async def read_reservation(request: Request) -> Response:
    """One call to `get_reservation`, which knows who may read details."""
    arguments = {"p_reservation_id": path_id(request, "id")}
    found = await session_of(request).rpc("get_reservation", arguments, Reservation, safe=True)
    return not_modified(request, found.version) or success(request, found, version=found.version)


@endpoint(
    "PATCH",
    "/api/v1/reservations/{id}",
    summary="Move or change a booking",
    description="A changed time or asset is judged like a new booking, notice only where the start or the "
    "asset changes. What was approved is asked for anew where a rule says so.",
    tag="reservations",
    body=ReservationChanges,
    response=Reservation,
    errors=(*REFUSALS, "NO_ELIGIBLE_APPROVER", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_reservation(request: Request, changes: ReservationChanges) -> Response:
    """One call to `update_reservation`."""
    sent = changes.sent()
    override = sent.pop("override", None)
    arguments = {
        "p_reservation_id": path_id(request, "id"),
        "p_changes": sent,
        "p_expected_version": expected_version(request),
    }
    if override is not None:
        arguments["p_override"] = override
    changed = await session_of(request).rpc("update_reservation", arguments, Reservation)
    return success(request, changed, version=changed.version)


@endpoint(
    "POST",
    "/api/v1/reservations/{id}/cancel",
    summary="Cancel a booking (one's own, or as manager and above)",
    description="A tier may ask of its members that they give notice.",
    tag="reservations",
    body=Cancellation,
    response=Reservation,
    errors=(
        "FORBIDDEN",
        "MFA_REQUIRED",
        "NOT_FOUND",
        "INVALID_STATE",
        "RULE_VIOLATION",
        "PRECONDITION_FAILED",
        "IDEMPOTENCY_KEY_REUSED",
    ),
    request_headers=("If-Match", "Idempotency-Key"),
    response_headers=("ETag",),
)
async def cancel_reservation(request: Request, cancellation: Cancellation) -> Response:
    """One call to `cancel_reservation`."""
    key = idempotency_key(request)
    arguments = {
        "p_reservation_id": path_id(request, "id"),
        "p_reason": cancellation.reason,
        "p_expected_version": expected_version(request),
        "p_idempotency_key": key,
    }
    canceled = await session_of(request).rpc(
        "cancel_reservation", arguments, Reservation, safe=key is not None
    )
    return success(request, canceled, version=canceled.version)


@endpoint(
    "POST",
    "/api/v1/reservations/{id}/restore",
    summary="Undo a cancellation within 15 minutes",
    description="If the time is still free and the rules, notice aside, allow it. What was approved is "
    "approved again. What a manager cancelled only managers and above bring back.",
    tag="reservations",
    response=Reservation,
    errors=(*REFUSALS, "NO_ELIGIBLE_APPROVER", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("ETag",),
)
async def restore_reservation(request: Request) -> Response:
    """One call to `restore_reservation`."""
    key = idempotency_key(request)
    arguments = {"p_reservation_id": path_id(request, "id"), "p_idempotency_key": key}
    restored = await session_of(request).rpc(
        "restore_reservation", arguments, Reservation, safe=key is not None
    )
    return success(request, restored, version=restored.version)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/calendar",
    summary="A calendar, and the stream's cursor of the same moment",
    description="Open the stream from `cursor`: nothing is missed and nothing comes twice. At most 400 days.",
    tag="calendar",
    query=CalendarQuery,
    response=Calendar,
    errors=("NOT_FOUND",),
)
async def read_calendar(request: Request, query: CalendarQuery) -> Response:
    """One call to `calendar`, whose reads are of one snapshot."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_from": query.from_,
        "p_to": query.to,
        "p_asset_ids": query.asset_id or None,
        "p_section": query.section,
    }
    return success(request, await session_of(request).rpc("calendar", arguments, Calendar, safe=True))


ENDPOINTS = (
    create_reservation,
    preview_reservation,
    list_reservations,
    read_reservation,
    update_reservation,
    cancel_reservation,
    restore_reservation,
    read_calendar,
)
