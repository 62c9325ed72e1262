"""The waiting list: what is taken now and may come free."""

from starlette.responses import Response

from bff.http import endpoint, idempotency_key, path_id, session_of
from bff.responses import Page, success
from bff.routes.reservations import REFUSALS
from bff.schemas.base import Listed
from bff.schemas.reservations import Reservation
from bff.schemas.waitlist import (
    WaitlistAcceptance,
    WaitlistEntry,
    WaitlistJoin,
    WaitlistQuery,
)
from bff.state import Request


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/waitlist",
    summary="What I wait for; for managers and above, what anyone does",
    tag="waitlist",
    query=WaitlistQuery,
    response=WaitlistEntry,
    paginated=True,
    errors=("FORBIDDEN", "NOT_FOUND"),
)
async def list_waitlist(request: Request, query: WaitlistQuery) -> Response:
    """One call to `list_waitlist`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_scope": query.scope,
        "p_asset_id": query.asset_id,
        "p_status": query.status,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_waitlist", arguments, Listed[WaitlistEntry], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/waitlist",
    summary="Wait for a time that is taken",
    description="When it comes free, it is kept for half an hour for the first who may have it.",
    tag="waitlist",
    body=WaitlistJoin,
    response=WaitlistEntry,
    status=201,
    errors=(
        "FORBIDDEN",
        "FEATURE_DISABLED",
        "MFA_REQUIRED",
        "NOT_FOUND",
        "INVALID_STATE",
        "RULE_VIOLATION",
        "IDEMPOTENCY_KEY_REUSED",
    ),
    request_headers=("Idempotency-Key",),
    response_headers=("Location",),
)
async def join_waitlist(request: Request, wish: WaitlistJoin) -> Response:
    """One call to `join_waitlist`."""
    key = idempotency_key(request)
    organization_id = path_id(request, "org")
    values = wish.model_dump(mode="json", exclude_unset=True)
    arguments = {f"p_{name}": value for name, value in values.items()}
    entry = await session_of(request).rpc(
        "join_waitlist",
        {**arguments, "p_organization_id": organization_id, "p_idempotency_key": key},
        WaitlistEntry,
        safe=key is not None,
    )
    return success(request, entry, status=201, location=f"/api/v1/organizations/{organization_id}/waitlist")


@endpoint(
    "DELETE",
    "/api/v1/waitlist/{id}",
    summary="Wait no longer, or decline the offer",
    tag="waitlist",
    response=WaitlistEntry,
    errors=("MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE"),
)
async def leave_waitlist(request: Request) -> Response:
    """One call to `leave_waitlist`."""
    arguments = {"p_entry_id": path_id(request, "id")}
    return success(request, await session_of(request).rpc("leave_waitlist", arguments, WaitlistEntry))


@endpoint(
    "POST",
    "/api/v1/waitlist/{id}/accept",
    summary="Book what was offered to me",
    tag="waitlist",
    body=WaitlistAcceptance,
    response=Reservation,
    status=201,
    errors=(*REFUSALS, "NO_ELIGIBLE_APPROVER", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("Location", "ETag"),
)
async def accept_waitlist_offer(request: Request, acceptance: WaitlistAcceptance) -> Response:
    """One call to `accept_waitlist_offer`."""
    key = idempotency_key(request)
    values = acceptance.model_dump(mode="json", exclude_unset=True)
    arguments = {f"p_{name}": value for name, value in values.items()}
    made = await session_of(request).rpc(
        "accept_waitlist_offer",
        {**arguments, "p_entry_id": path_id(request, "id"), "p_idempotency_key": key},
        Reservation,
        safe=key is not None,
    )
    location = f"/api/v1/reservations/{made.id}"
    return success(request, made, status=201, version=made.version, location=location)


ENDPOINTS = (list_waitlist, join_waitlist, leave_waitlist, accept_waitlist_offer)
