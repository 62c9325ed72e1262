"""Maintenance of assets: scheduled, listed, read, changed and cancelled."""

from postgrest import AsyncSelectRequestBuilder
from starlette.responses import Response

from bff.http import endpoint, expected_version, idempotency_key, path_id, session_of
from bff.responses import Page, no_content, not_modified, success
from bff.routes.assets import assets_of
from bff.schemas.envelope import sort_of
from bff.schemas.maintenance import (
    ListedMaintenance,
    Maintenance,
    MaintenanceCancellation,
    MaintenanceChanges,
    MaintenanceCreate,
    MaintenanceList,
)
from bff.state import Request

COLUMNS = (
    "id,organization_id,asset_id,title,start_date,end_date,status,resolution,created_by,canceled_at,"
    "cancellation_reason,version,created_at,updated_at"
)


@endpoint(
    "GET",
    "/api/v1/assets/{id}/maintenance",
    summary="The maintenance of an asset that I may see",
    description="`from` and `to` keep the windows that touch the time between them.",
    tag="maintenance",
    query=MaintenanceList,
    response=ListedMaintenance,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_maintenance(request: Request, query: MaintenanceList) -> Response:
    """A page of rows."""
    asset_id = path_id(request, "id")

    def narrow(rows: AsyncSelectRequestBuilder) -> AsyncSelectRequestBuilder:
        rows = rows.eq("asset_id", asset_id)
        if query.status:
            rows = rows.in_("status", query.status)
        if query.from_ is not None:
            rows = rows.gt("end_date", query.from_.isoformat())
        if query.to is not None:
            rows = rows.lt("start_date", query.to.isoformat())
        return rows

    session = session_of(request)
    column, descending = sort_of(query.sort)
    found = await session.table("maintenance_windows", ListedMaintenance, COLUMNS).find_all(
        narrow, order=column, descending=descending, page=query.page, page_size=query.page_size
    )
    if not found.count:
        # An empty list and an asset that one may not see must not look the same.
        await assets_of(session).find_by_id(asset_id)
    return success(request, found.items, page=Page(query.page, query.page_size, found.count))


@endpoint(
    "POST",
    "/api/v1/assets/{id}/maintenance",
    summary="Schedule maintenance of an asset (admins and owners)",
    description="Bookings refuse it, with their list, unless `resolution` says what becomes of them.",
    tag="maintenance",
    body=MaintenanceCreate,
    response=Maintenance,
    status=201,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "CONFLICT", "INVALID_STATE", "IDEMPOTENCY_KEY_REUSED"),
    request_headers=("Idempotency-Key",),
    response_headers=("Location", "ETag"),
)
async def create_maintenance(request: Request, window: MaintenanceCreate) -> Response:
    """One call to `create_maintenance`."""
    key = idempotency_key(request)
    values = window.model_dump(mode="json", exclude_unset=True)
    made = await session_of(request).rpc(
        "create_maintenance",
        {
            **{f"p_{name}": value for name, value in values.items()},
            "p_asset_id": path_id(request, "id"),
            "p_idempotency_key": key,
        },
        Maintenance,
        safe=key is not None,
    )
    return success(request, made, status=201, version=made.version, location=f"/api/v1/maintenance/{made.id}")


@endpoint(
    "GET",
    "/api/v1/maintenance/{id}",
    summary="A maintenance window",
    tag="maintenance",
    response=Maintenance,
    errors=("NOT_FOUND",),
    request_headers=("If-None-Match",),
    response_headers=("ETag",),
)
async def read_maintenance(request: Request) -> Response:
    """One call to `get_maintenance`."""
    arguments = {"p_maintenance_id": path_id(request, "id")}
    found = await session_of(request).rpc("get_maintenance", arguments, Maintenance, safe=True)
    return not_modified(request, found.version) or success(request, found, version=found.version)


@endpoint(
    "PATCH",
    "/api/v1/maintenance/{id}",
    summary="Move or change maintenance (admins and owners)",
    description="A new time or asset is checked like a new window; `resolution` is for bookings in its way.",
    tag="maintenance",
    body=MaintenanceChanges,
    response=Maintenance,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "CONFLICT", "INVALID_STATE", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_maintenance(request: Request, changes: MaintenanceChanges) -> Response:
    """One call to `update_maintenance`."""
    arguments = {
        "p_maintenance_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_maintenance", arguments, Maintenance)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/maintenance/{id}",
    summary="Cancel maintenance that has not ended (admins and owners)",
    description="The window stays on record as canceled; its time can be booked.",
    tag="maintenance",
    query=MaintenanceCancellation,
    status=204,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def cancel_maintenance(request: Request, cancellation: MaintenanceCancellation) -> Response:
    """One call to `cancel_maintenance`."""
    arguments = {
        "p_maintenance_id": path_id(request, "id"),
        "p_reason": cancellation.reason,
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("cancel_maintenance", arguments, Maintenance)
    return no_content()


ENDPOINTS = (
    list_maintenance,
    create_maintenance,
    read_maintenance,
    update_maintenance,
    cancel_maintenance,
)
