"""Rules, and the assets that they are for."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, path_id, session_of
from bff.responses import Page, no_content, success
from bff.schemas.base import Listed
from bff.schemas.rules import (
    Deleted,
    Rule,
    RuleChanges,
    RuleCreate,
    RuleList,
)
from bff.state import Request

WRITE_ERRORS = ("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND")


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/rules",
    summary="The rules of an organisation, in the order of evaluation",
    tag="rules",
    query=RuleList,
    response=Rule,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_rules(request: Request, query: RuleList) -> Response:
    """One call to `list_rules`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_tier_id": query.tier_id,
        "p_asset_id": query.asset_id,
        "p_rule_type": query.rule_type,
        "p_is_active": query.is_active,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_rules", arguments, Listed[Rule], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/rules",
    summary="Add a rule (admins and owners)",
    description="`conditions` are those of the rule's type; see docs/booking.md.",
    tag="rules",
    body=RuleCreate,
    response=Rule,
    status=201,
    errors=WRITE_ERRORS,
    response_headers=("Location", "ETag"),
)
async def create_rule(request: Request, rule: RuleCreate) -> Response:
    """One call to `create_rule`."""
    organization_id = path_id(request, "org")
    arguments = {
        "p_organization_id": organization_id,
        "p_rule": rule.model_dump(mode="json", exclude_unset=True),
    }
    created = await session_of(request).rpc("create_rule", arguments, Rule)
    location = f"/api/v1/organizations/{organization_id}/rules/{created.id}"
    return success(request, created, status=201, version=created.version, location=location)


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}/rules/{id}",
    summary="Change a rule (admins and owners)",
    tag="rules",
    body=RuleChanges,
    response=Rule,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_rule(request: Request, changes: RuleChanges) -> Response:
    """One call to `update_rule`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_rule_id": path_id(request, "id"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_rule", arguments, Rule)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/rules/{id}",
    summary="Delete a rule (admins and owners)",
    tag="rules",
    status=204,
    errors=(*WRITE_ERRORS, "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
)
async def delete_rule(request: Request) -> Response:
    """One call to `delete_rule`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_rule_id": path_id(request, "id"),
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("delete_rule", arguments, Deleted)
    return no_content()


ENDPOINTS = (
    list_rules,
    create_rule,
    update_rule,
    delete_rule,
)
