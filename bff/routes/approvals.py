"""Approvals: what waits for whom, deciding, and standing in for somebody."""

from starlette.responses import Response

from bff.http import endpoint, idempotency_key, path_id, session_of
from bff.responses import Page, success
from bff.schemas.approvals import (
    ApprovalList,
    DecidedReservation,
    Decision,
    Delegation,
    DelegationCreate,
    DelegationKey,
    DelegationList,
    ListedApproval,
)
from bff.schemas.base import Listed
from bff.state import Request


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/approvals",
    summary="Approvals: those that I decide, of my bookings, or all",
    tag="approvals",
    query=ApprovalList,
    response=ListedApproval,
    paginated=True,
    errors=("FORBIDDEN", "NOT_FOUND"),
)
async def list_approvals(request: Request, query: ApprovalList) -> Response:
    """One call to `list_approvals`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_scope": query.scope,
        "p_status": query.status,
        "p_limit": query.page_size,
        "p_offset": (query.page - 1) * query.page_size,
    }
    found = await session_of(request).rpc("list_approvals", arguments, Listed[ListedApproval], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/reservations/{id}/decision",
    summary="Approve or reject a booking that waits for me",
    description="Without `rule_id` it answers every rule that asks me, or somebody for whom I stand in.",
    tag="approvals",
    body=Decision,
    response=DecidedReservation,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("ETag",),
)
async def decide_reservation(request: Request, decision: Decision) -> Response:
    """One call to `decide_reservation`."""
    key = idempotency_key(request)
    arguments = {
        "p_reservation_id": path_id(request, "id"),
        "p_decision": decision.decision,
        "p_notes": decision.notes,
        "p_rule_id": decision.rule_id,
        "p_idempotency_key": key,
    }
    decided = await session_of(request).rpc(
        "decide_reservation", arguments, DecidedReservation, safe=key is not None
    )
    return success(request, decided, version=decided.version)


@endpoint(
    "GET",
    "/api/v1/approval-delegations",
    summary="Who decides in whose place: for me, by me; for managers and above, all",
    tag="approvals",
    query=DelegationList,
    response=list[Delegation],
    errors=("NOT_FOUND",),
)
async def list_delegations(request: Request, query: DelegationList) -> Response:
    """One call to `list_approval_delegations`."""
    arguments = {"p_organization_id": query.organization_id}
    found = await session_of(request).rpc(
        "list_approval_delegations", arguments, Listed[Delegation], safe=True
    )
    return success(request, found.items)


@endpoint(
    "POST",
    "/api/v1/approval-delegations",
    summary="Let another member decide in my place for a time",
    tag="approvals",
    body=DelegationCreate,
    response=Delegation,
    status=201,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("Location",),
)
async def create_delegation(request: Request, delegation: DelegationCreate) -> Response:
    """One call to `create_approval_delegation`."""
    key = idempotency_key(request)
    arguments = {f"p_{name}": value for name, value in delegation.model_dump(mode="json").items()}
    made = await session_of(request).rpc(
        "create_approval_delegation",
        {**arguments, "p_idempotency_key": key},
        Delegation,
        safe=key is not None,
    )
    location = f"/api/v1/approval-delegations?organization_id={made.organization_id}"
    return success(request, made, status=201, location=location)


@endpoint(
    "DELETE",
    "/api/v1/approval-delegations",
    summary="End a delegation that I gave or got; admins and owners end any",
    tag="approvals",
    query=DelegationKey,
    response=Delegation,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND"),
)
async def delete_delegation(request: Request, query: DelegationKey) -> Response:
    """One call to `delete_approval_delegation`."""
    arguments = {"p_delegation_id": query.id}
    return success(
        request, await session_of(request).rpc("delete_approval_delegation", arguments, Delegation)
    )


ENDPOINTS = (list_approvals, decide_reservation, list_delegations, create_delegation, delete_delegation)
