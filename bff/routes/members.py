"""The people of an organisation: listed, changed, removed."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, path_id, session_of
from bff.responses import Page, no_content, success
from bff.schemas.base import Listed, Output
from bff.schemas.members import Member, MemberChanges, MemberList, MemberRemoval
from bff.state import Request


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/members",
    summary="The members of an organisation",
    description="Email and phone are shown to managers and above.",
    tag="members",
    query=MemberList,
    response=Member,
    paginated=True,
    errors=("NOT_FOUND",),
)
async def list_members(request: Request, query: MemberList) -> Response:
    """One call to `list_members`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_role": query.role,
        "p_tier_id": query.tier_id,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_members", arguments, Listed[Member], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "PATCH",
    "/api/v1/organizations/{org}/members/{user}",
    summary="Change a member's role or tier (admins and owners)",
    description="Only owners make and change owners; the last one stays.",
    tag="members",
    body=MemberChanges,
    response=Member,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE", "PRECONDITION_FAILED"),
    request_headers=("If-Match",),
    response_headers=("ETag",),
)
async def update_member(request: Request, changes: MemberChanges) -> Response:
    """One call to `update_member`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_user_id": path_id(request, "user"),
        "p_changes": changes.sent(),
        "p_expected_version": expected_version(request),
    }
    changed = await session_of(request).rpc("update_member", arguments, Member)
    return success(request, changed, version=changed.version)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/members/{user}",
    summary="Remove a member (admins and owners), or leave",
    description=(
        "Refused while bookings are to come, unless they shall be cancelled, or go to another member; "
        "the latter is for admins and owners to say."
    ),
    tag="members",
    query=MemberRemoval,
    status=204,
    errors=(
        "FORBIDDEN",
        "MFA_REQUIRED",
        "NOT_FOUND",
        "INVALID_STATE",
        "PRECONDITION_FAILED",
        "NO_ELIGIBLE_APPROVER",
    ),
    request_headers=("If-Match",),
)
async def remove_member(request: Request, removal: MemberRemoval) -> Response:
    """One call to `remove_member`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_user_id": path_id(request, "user"),
        "p_future_bookings": removal.future_bookings,
        "p_transfer_to": removal.transfer_to,
        "p_expected_version": expected_version(request),
    }
    await session_of(request).rpc("remove_member", arguments, Output)
    return no_content()


ENDPOINTS = (list_members, update_member, remove_member)
