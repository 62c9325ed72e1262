"""Tiers, each with its limits."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, path_id, session_of
from bff.responses import Page, no_content, success
from bff.schemas.base import Listed
from bff.schemas.envelope import Paged
from bff.schemas.rules import (
    Deleted,
    Tier,
    TierChanges,
    TierCreate,
)
from bff.state import Request

WRITE_ERRORS = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE")


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/tiers",
    summary="The tiers of an organisation, the strongest first",
    tag="rules",
    query=Paged,
    response=Tier,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_tiers(request: Request, query: Paged) -> Response:
    """One call to `list_tiers`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_tiers", arguments, Listed[Tier], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/tiers",
    summary="Add a tier (admins and owners)",
    tag="rules",
    body=TierCreate,
    response=Tier,
    status=201,
    errors=WRITE_ERRORS,
    response_headers=("Location", "ETag"),
)
async def create_tier(request: Request, tier: TierCreate) -> Response:
    """One call to `create_tier`."""
    organization_id = path_id(request, "org")
    arguments = {
        "p_organization_id": organization_id,
        "p_tier": tier.model_dump(mode="json", exclude_unset=True),
    }
    created = await session_of(request).rpc("create_tier", arguments, Tier)
    location = f"/api/v1/organizations/{organization_id}/tiers/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}/tiers/{id}",
    summary="Change a tier (admins and owners)",
    tag="rules",
    body=TierChanges,
    response=Tier,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_tier(request: Request, changes: TierChanges) -> Response:
    """One call to `update_tier`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_tier_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_tier", arguments, Tier)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/tiers/{id}",
    summary="Delete a tier (admins and owners)",
    tag="rules",
    status=204,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_tier(request: Request) -> Response:
    """One call to `delete_tier`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_tier_id": path_id(request, "id"),
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("delete_tier", arguments, Deleted)
    return no_content()


ENDPOINTS = (
    list_tiers,
    create_tier,
    update_tier,
    delete_tier,
)
