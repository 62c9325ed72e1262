"""Invitations: made, listed, taken back, accepted."""

from starlette.responses import Response

from bff.http import endpoint, path_id, session_of
from bff.responses import Page, no_content, success
from bff.schemas.base import Listed
from bff.schemas.members import (
    Acceptance,
    Invitation,
    InvitationCreate,
    InvitationList,
    Joined,
    NewInvitation,
)
from bff.state import Request


@endpoint(
    "GET",
    "/api/v1/organizations/{org}/invitations",
    summary="The invitations of an organisation, newest first (admins and owners)",
    tag="members",
    query=InvitationList,
    response=Invitation,
    paginated=True,
    errors=("FORBIDDEN", "NOT_FOUND"),
)
async def list_invitations(request: Request, query: InvitationList) -> Response:
    """One call to `list_invitations`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_status": query.status,
        "p_page": query.page,
        "p_page_size": query.page_size,
    }
    found = await session_of(request).rpc("list_invitations", arguments, Listed[Invitation], safe=True)
    return success(request, found.items, page=Page(query.page, query.page_size, found.total))


@endpoint(
    "POST",
    "/api/v1/organizations/{org}/invitations",
    summary="Invite someone (admins and owners)",
    description="The token is shown this once. An open invitation of the same address is replaced.",
    tag="members",
    body=InvitationCreate,
    response=NewInvitation,
    status=201,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE"),
    response_headers=("Location",),
)
async def create_invitation(request: Request, invitation: InvitationCreate) -> Response:
    """One call to `create_invitation`."""
    organization_id = path_id(request, "org")
    arguments = {
        "p_organization_id": organization_id,
        "p_invitation": invitation.model_dump(mode="json", exclude_unset=True),
    }
    made = await session_of(request).rpc("create_invitation", arguments, NewInvitation)
    location = f"/api/v1/organizations/{organization_id}/invitations/{made.id}"
    return success(request, made, status=201, location=location, secret=True)


@endpoint(
    "DELETE",
    "/api/v1/organizations/{org}/invitations/{id}",
    summary="Take an invitation back (admins and owners)",
    tag="members",
    status=204,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE"),
)
async def revoke_invitation(request: Request) -> Response:
    """One call to `revoke_invitation`."""
    arguments = {
        "p_organization_id": path_id(request, "org"),
        "p_invitation_id": path_id(request, "id"),
    }
    await session_of(request).rpc("revoke_invitation", arguments, Invitation)
    return no_content()


@endpoint(
    "POST",
    "/api/v1/invitations/accept",
    summary="Accept an invitation that was sent to my address",
    description="By the verified address that was invited, once, within seven days.",
    tag="members",
    body=Acceptance,
    response=Joined,
    errors=("FORBIDDEN", "MFA_REQUIRED", "NOT_FOUND", "INVALID_STATE"),
)
async def accept_invitation(request: Request, acceptance: Acceptance) -> Response:
    """One call to `accept_invitation`."""
    joined = await session_of(request).rpc("accept_invitation", {"p_token": acceptance.token}, Joined)
    return success(request, joined)


ENDPOINTS = (list_invitations, create_invitation, revoke_invitation, accept_invitation)
