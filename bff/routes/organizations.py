"""Organisations and their figures."""

from uuid import UUID

from starlette.responses import Response

from bff.http import endpoint, expected_version, path_id, session_of
from bff.repository import Session
from bff.responses import Page, no_content, not_modified, success
from bff.schemas.base import Output
from bff.schemas.envelope import sort_of
from bff.schemas.organizations import (
    Organization,
    OrganizationChanges,
    OrganizationCreate,
    OrganizationList,
    OrganizationStats,
)
from bff.state import Request

COLUMNS = (
    "id,legal_name,commercial_name,ruc,dv,billing_email,phone,address,logo_url,timezone,require_mfa,is_active,"
    "version,created_at,updated_at"
)


async def require_visible(session: Session, organization_id: UUID) -> None:
    """Tells an organisation without any such rows from one that the caller must not know of.

    A second round trip, made only when there is nothing to show or a write was refused: to a stranger, row
    level security makes both look alike.

    Raises:
        NotFoundError: The caller is not a member, or there is no such organisation.

    """
    await session.table("organizations", Organization, COLUMNS).find_by_id(organization_id)


@endpoint(
    "GET",
    "/api/v1/organizations",
    summary="The organisations that I am a member of",
    tag="organizations",
    query=OrganizationList,
    response=Organization,
    paginated=True,
)
async def list_organizations(request: Request, query: OrganizationList) -> Response:
    """Row level security leaves one's own."""
    column, descending = sort_of(query.sort)
    found = (
        await session_of(request)
        .table("organizations", Organization, COLUMNS)
        .find_all(
            lambda rows: rows, order=column, descending=descending, page=query.page, page_size=query.page_size
        )
    )
    return success(request, found.items, page=Page(query.page, query.page_size, found.count))


@endpoint(
    "POST",
    "/api/v1/organizations",
    summary="Create an organisation; the caller becomes its owner",
    tag="organizations",
    body=OrganizationCreate,
    response=Organization,
    status=201,
    response_headers=("Location", "ETag"),
)
async def create_organization(request: Request, organization: OrganizationCreate) -> Response:
    """One call to `create_organization`."""
    values = organization.model_dump(mode="json", exclude_unset=True)
    created = await session_of(request).rpc("create_organization", {"p_organization": values}, Organization)
    location = f"/api/v1/organizations/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}",
    summary="An organisation",
    tag="organizations",
    response=Organization,
    errors=("NOT_FOUND",),
    request_headers=("If-None-Match",),
    response_headers=("ETag",),
)
async def read_organization(request: Request) -> Response:
    """One call to `get_organization`, which knows who may see the subscription."""
    arguments = {"p_organization_id": path_id(request, "org")}
    found = await session_of(request).rpc("get_organization", arguments, Organization, safe=True)
    return not_modified(request, found.version) or success(request, found, version=found.version)


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}",
    summary="Change an organisation (admins and owners)",
    tag="organizations",
    body=OrganizationChanges,
    response=Organization,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_organization(request: Request, changes: OrganizationChanges) -> Response:
    """One call to `update_organization`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_organization", arguments, Organization)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}",
    summary="Delete an organisation (owners)",
    description="Nothing in it is lost: an owner may restore it.",
    tag="organizations",
    status=204,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_organization(request: Request) -> Response:
    """One call to `delete_organization`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("delete_organization", arguments, Output)
    return no_content()


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/restore",
    summary="Restore a deleted organisation (its owners)",
    tag="organizations",
    response=Organization,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE"),
    response_headers=("ETag",),
)
async def restore_organization(request: Request) -> Response:
    """One call to `restore_organization`."""
    arguments = {"p_organization_id": path_id(request, "org")}
    restored = await session_of(request).rpc("restore_organization", arguments, Organization)
    return success(request, restored, version=restored.version)


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/stats",
    summary="Figures of an organisation, at most about a minute old",
    tag="organizations",
    response=OrganizationStats,
    errors=("NOT_FOUND",),
)
async def read_stats(request: Request) -> Response:
    """One call to `organization_stats`, which reads the materialised view."""
    arguments = {"p_organization_id": path_id(request, "org")}
    stats = await session_of(request).rpc("organization_stats", arguments, OrganizationStats, safe=True)
    return success(request, stats, cached=True)


ENDPOINTS = (
    list_organizations,
    create_organization,
    read_organization,
    update_organization,
    delete_organization,
    restore_organization,
    read_stats,
)
