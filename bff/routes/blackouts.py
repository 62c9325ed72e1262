"""Blackouts, and holidays of an organisation's own."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, path_id, session_of
from bff.responses import Page, no_content, success
from bff.schemas.base import Listed
from bff.schemas.envelope import Paged
from bff.schemas.rules import (
    Blackout,
    BlackoutChanges,
    BlackoutCreate,
    BlackoutList,
    Deleted,
    Holiday,
    HolidayChanges,
    HolidayCreate,
)
from bff.state import Request

WRITE_ERRORS = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE")


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/blackouts",
    summary="The blackouts of an organisation",
    tag="rules",
    query=BlackoutList,
    response=Blackout,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_blackouts(request: Request, query: BlackoutList) -> Response:
    """One call to `list_blackouts`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_from": query.from_,
        "p_to": query.to,
        "p_tier_id": query.tier_id,
        "p_asset_id": query.asset_id,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_blackouts", arguments, Listed[Blackout], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/blackouts",
    summary="Add a blackout (admins and owners)",
    tag="rules",
    body=BlackoutCreate,
    response=Blackout,
    status=201,
    errors=WRITE_ERRORS,
    response_headers=("Location", "ETag"),
)
async def create_blackout(request: Request, blackout: BlackoutCreate) -> Response:
    """One call to `create_blackout`."""
    organization_id = path_id(request, "org")
    arguments = {
        "p_organization_id": organization_id,
        "p_blackout": blackout.model_dump(mode="json", exclude_unset=True),
    }
    created = await session_of(request).rpc("create_blackout", arguments, Blackout)
    location = f"/api/v1/organizations/{organization_id}/blackouts/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}/blackouts/{id}",
    summary="Change a blackout (admins and owners)",
    tag="rules",
    body=BlackoutChanges,
    response=Blackout,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_blackout(request: Request, changes: BlackoutChanges) -> Response:
    """One call to `update_blackout`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_blackout_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_blackout", arguments, Blackout)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/blackouts/{id}",
    summary="Delete a blackout (admins and owners)",
    tag="rules",
    status=204,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_blackout(request: Request) -> Response:
    """One call to `delete_blackout`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_blackout_id": path_id(request, "id"),
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("delete_blackout", arguments, Deleted)
    return no_content()


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/holidays",
    summary="The holidays that rules may name: those built in, and one's own",
    tag="rules",
    query=Paged,
    response=Holiday,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_holidays(request: Request, query: Paged) -> Response:
    """One call to `list_holidays`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_holidays", arguments, Listed[Holiday], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/holidays",
    summary="Add a holiday (admins and owners)",
    tag="rules",
    body=HolidayCreate,
    response=Holiday,
    status=201,
    errors=WRITE_ERRORS,
    response_headers=("Location", "ETag"),
)
async def create_holiday(request: Request, holiday: HolidayCreate) -> Response:
    """One call to `create_holiday`."""
    organization_id = path_id(request, "org")
    arguments = {
        "p_organization_id": organization_id,
        "p_holiday": holiday.model_dump(mode="json", exclude_unset=True),
    }
    created = await session_of(request).rpc("create_holiday", arguments, Holiday)
    location = f"/api/v1/organizations/{organization_id}/holidays/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}/holidays/{id}",
    summary="Change a holiday (admins and owners)",
    tag="rules",
    body=HolidayChanges,
    response=Holiday,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_holiday(request: Request, changes: HolidayChanges) -> Response:
    """One call to `update_holiday`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_holiday_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_holiday", arguments, Holiday)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/holidays/{id}",
    summary="Delete a holiday (admins and owners)",
    tag="rules",
    status=204,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_holiday(request: Request) -> Response:
    """One call to `delete_holiday`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_holiday_id": path_id(request, "id"),
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("delete_holiday", arguments, Deleted)
    return no_content()


ENDPOINTS = (
    list_blackouts,
    create_blackout,
    update_blackout,
    delete_blackout,
    list_holidays,
    create_holiday,
    update_holiday,
    delete_holiday,
)
