"""Oneself."""

from starlette.responses import Response

from bff.http import endpoint, expected_version, principal_of, session_of
from bff.responses import success
from bff.schemas.accounts import Me, Profile, ProfileChanges
from bff.state import Request


@endpoint("GET", "/api/v1/me", summary="Who am I, and where a member?", tag="account", response=Me)
async def read_me(request: Request) -> Response:
    """One call to `me()`."""
    return success(request, await session_of(request).rpc("me", {}, Me, safe=True))


@endpoint(
    "PATCH",
    "/api/v1/me",
    summary="Change my profile",
    description="`If-Match` is compared with `profile.version`.",
    tag="account",
    body=ProfileChanges,
    response=Me,
    errors=("PRECONDITION_FAILED",),
    request_headers=("If-Match",),
)
async def update_me(request: Request, changes: ProfileChanges) -> Response:
    """Writes the profile, then reads all of oneself again."""
    session = session_of(request)
    profiles = session.table("profiles", Profile)
    await profiles.update(principal_of(request).user_id, changes.sent(), version=expected_version(request))
    # A second round trip: PATCH answers what GET does, and the row that was written has no memberships.
    return success(request, await session.rpc("me", {}, Me, safe=True))


ENDPOINTS = (read_me, update_me)
