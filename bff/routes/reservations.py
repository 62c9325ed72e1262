"""Bookings: made, listed, read, moved and cancelled."""

from postgrest import AsyncSelectRequestBuilder
from starlette.responses import Response

from bff.http import endpoint, expected_version, idempotency_key, path_id, session_of
from bff.responses import Page, not_modified, success
from bff.routes.organizations import require_visible
from bff.schemas.envelope import sort_of
from bff.schemas.reservations import (
    Calendar,
    CalendarQuery,
    Cancellation,
    ListedReservation,
    Reservation,
    ReservationChanges,
    ReservationCreate,
    ReservationList,
)
from bff.state import Request

COLUMNS = (
    "id,organization_id,asset_id,user_id,title,start_date,end_date,status,guest_count,version,series_id,approved_by,"
    "approved_at,canceled_at,created_at,updated_at,asset:assets(name,section,timezone)"
)
REFUSALS = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "CONFLICT", "INVALID_STATE", "RULE_VIOLATION")


@endpoint(
    "POST",
    "/api/v1/reservations",
    summary="Book an asset",
    description="A conflict names what stands in the way and up to three free times nearby.",
    tag="reservations",
    body=ReservationCreate,
    response=Reservation,
    status=201,
    errors=(*REFUSALS, "IDEMPOTENCY_KEY_REUSED"),
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
    "GET",
    "/api/v1/organizations/{org}/reservations",
    summary="The bookings of an organisation that I may see",
    description="`from` and `to` keep the bookings that touch the time between them.",
    tag="reservations",
    query=ReservationList,
    response=ListedReservation,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_reservations(request: Request, query: ReservationList) -> Response:
    """A page of rows, each with its asset's name."""
    organization_id = path_id(request, "org")

    def narrow(rows: AsyncSelectRequestBuilder) -> AsyncSelectRequestBuilder:
        rows = rows.eq("organization_id", organization_id)
        if query.asset_id is not None:
            rows = rows.eq("asset_id", query.asset_id)
        if query.user_id is not None:
            rows = rows.eq("user_id", query.user_id)
        if query.status:
            rows = rows.in_("status", query.status)
        if query.from_ is not None:
            rows = rows.gt("end_date", query.from_.isoformat())
        if query.to is not None:
            rows = rows.lt("start_date", query.to.isoformat())
        return rows

    session = session_of(request)
    column, descending = sort_of(query.sort)
    found = await session.table("reservations", ListedReservation, COLUMNS).find_all(
        narrow, order=column, descending=descending, page=query.page, page_size=query.page_size
    )
    if not found.count:
        await require_visible(session, organization_id)
    return success(request, found.items, page=Page(query.page, query.page_size, found.count))


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
    description="A changed time or asset is checked like a new booking and voids approvals.",
    tag="reservations",
    body=ReservationChanges,
    response=Reservation,
    errors=(*REFUSALS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_reservation(request: Request, changes: ReservationChanges) -> Response:
    """One call to `update_reservation`."""
    arguments = {
        "p_reservation_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_reservation", arguments, Reservation)
    return success(request, changed, version=changed.version)


@endpoint(
    "POST",
    "/api/v1/reservations/{id}/cancel",
    summary="Cancel a booking (one's own, or as manager and above)",
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
    list_reservations,
    read_reservation,
    update_reservation,
    cancel_reservation,
    read_calendar,
)
