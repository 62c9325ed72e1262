"""Assets and when they are free."""

from starlette.responses import Response

from bff.errors import ForbiddenError
from bff.http import endpoint, expected_version, idempotency_key, path_id, session_of
from bff.repository import Repository, Session
from bff.responses import Page, no_content, not_modified, success
from bff.routes.organizations import require_visible
from bff.schemas.assets import (
    Asset,
    AssetChanges,
    AssetCreate,
    AssetList,
    Availability,
    AvailabilityQuery,
    BulkAssets,
    BulkResults,
)
from bff.schemas.base import Listed
from bff.state import Request

COLUMNS = (
    "id,organization_id,section,name,description,details,timezone,turnaround_minutes,check_in,check_out,capacity,"
    "current_location,primary_photo_url,is_active,version,created_at,updated_at"
)


def assets_of(session: Session) -> Repository[Asset]:
    """The assets that the caller may see and that are not archived."""
    return session.table("assets", Asset, COLUMNS, alive={"deleted_at": None})


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/assets",
    summary="The assets of an organisation that I may see: listed, searched, free between two times",
    tag="assets",
    query=AssetList,
    response=Asset,
    paginated=True,
    errors=("NOT_FOUND", "FORBIDDEN"),
)
async def list_assets(request: Request, query: AssetList) -> Response:
    """One call to `search_assets`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_q": query.q,
        "p_section": query.section,
        "p_status": query.status,
        "p_capacity_min": query.capacity_min,
        "p_free_from": query.free_from,
        "p_free_to": query.free_to,
        "p_details": query.details or None,
        "p_sort": query.sort,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("search_assets", arguments, Listed[Asset], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/assets/bulk",
    summary="Create, change, archive and restore many assets (admins and owners)",
    description=(
        "Mode `atomic` does all or nothing, and then names every fault; `partial` answers for each operation."
    ),
    tag="assets",
    body=BulkAssets,
    response=BulkResults,
    errors=("FORBIDDEN", "FEATURE_DISABLED", "MFA_REQUIRED", "NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
)
async def bulk_assets(request: Request, bulk: BulkAssets) -> Response:
    """One call to `bulk_assets`."""
    key = idempotency_key(request)
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_mode": bulk.mode,
        "p_operations": bulk.operations,
        "p_idempotency_key": key,
    }
    answer = await session_of(request).rpc("bulk_assets", arguments, BulkResults, safe=key is not None)
    return success(request, answer)


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/assets",
    summary="Add an asset (admins and owners)",
    tag="assets",
    body=AssetCreate,
    response=Asset,
    status=201,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND"),
    response_headers=("Location", "ETag"),
)
async def create_asset(request: Request, asset: AssetCreate) -> Response:
    """Inserts the row, if the policies let it in."""
    session, organization_id = session_of(request), path_id(request, "org")
    values = {
        **asset.model_dump(mode="json", exclude_unset=True),
        "organization_id": str(organization_id),
    }
    try:
        created = await assets_of(session).create(values)
    except ForbiddenError:
        await require_visible(session, organization_id)
        raise
    location = f"/api/v1/assets/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "GET",
    "/api/v1/assets/{id}",
    summary="An asset",
    tag="assets",
    response=Asset,
    errors=("NOT_FOUND",),
    request_headers=("If-None-Match",),
    response_headers=("ETag",),
)
async def read_asset(request: Request) -> Response:
    """Its row."""
    found = await assets_of(session_of(request)).find_by_id(path_id(request, "id"))
    return not_modified(request, found.version) or success(request, found, version=found.version)


@endpoint(
    "PATCH",
    "/api/v1/assets/{id}",
    summary="Change an asset (admins and owners)",
    tag="assets",
    body=AssetChanges,
    response=Asset,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_asset(request: Request, changes: AssetChanges) -> Response:
    """Updates the row, if the policies let it."""
    changed = await assets_of(session_of(request)).update(
        path_id(request, "id"), changes.sent(), version=expected_version(request)
    )
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/assets/{id}",
    summary="Archive an asset (admins and owners); refused while bookings are to come",
    tag="assets",
    status=204,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def archive_asset(request: Request) -> Response:
    """Sets `deleted_at`: past bookings keep their asset."""
    # `now` is read by PostgreSQL: the database's clock, not this host's.
    await assets_of(session_of(request)).update(
        path_id(request, "id"), {"deleted_at": "now"}, version=expected_version(request)
    )
    return no_content()


@endpoint(
    "POST",
    "/api/v1/assets/{id}/restore",
    summary="Bring an archived asset back (admins and owners)",
    tag="assets",
    response=Asset,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def restore_asset(request: Request) -> Response:
    """Empties `deleted_at`. Its past bookings never gave up their time, so nothing can be in its way."""
    everything = session_of(request).table("assets", Asset, COLUMNS)
    restored = await everything.update(
        path_id(request, "id"), {"deleted_at": None}, version=expected_version(request)
    )
    return success(request, restored, version=restored.version)


@endpoint(
    "GET",
    "/api/v1/assets/{id}/availability",
    summary="Is an asset free at a time, and if not, when?",
    description="An answer for people; only a booking makes sure.",
    tag="assets",
    query=AvailabilityQuery,
    response=Availability,
    errors=("NOT_FOUND",),
)
async def read_availability(request: Request, query: AvailabilityQuery) -> Response:
    """One call to `asset_availability`."""
    arguments = {
        "p_asset_id": path_id(request, "id"),
        "p_start_date": query.start,
        "p_end_date": query.end,
        "p_exclude_reservation_id": query.exclude,
    }
    answer = await session_of(request).rpc("asset_availability", arguments, Availability, safe=True)
    return success(request, answer)


ENDPOINTS = (
    list_assets,
    create_asset,
    read_asset,
    update_asset,
    archive_asset,
    restore_asset,
    bulk_assets,
    read_availability,
)
