"""Holds: made and given up. Confirming one is booking with its `hold_id`."""

from starlette.responses import Response

from bff.http import endpoint, path_id, session_of
from bff.responses import no_content, success
from bff.routes.reservations import REFUSALS
from bff.schemas.holds import Hold, HoldCreate, ReleasedHold
from bff.state import Request


@endpoint(
    "POST",
    "/api/v1/holds",
    summary="Keep an asset's time for five minutes",
    description="A new hold of the same asset replaces my old one. Book with `hold_id` to confirm it.",
    tag="reservations",
    body=HoldCreate,
    response=Hold,
    status=201,
    errors=REFUSALS,
    response_headers=("Location",),
)
async def create_hold(request: Request, hold: HoldCreate) -> Response:
    """One call to `create_hold`."""
    arguments = {f"p_{name}": value for name, value in hold.model_dump(mode="json").items()}
    # Twice is once: the second takes the place of the first.
    made = await session_of(request).rpc("create_hold", arguments, Hold, safe=True)
    return success(request, made, status=201, location=f"/api/v1/holds/{made.id}")


@endpoint(
    "DELETE",
    "/api/v1/holds/{id}",
    summary="Give up a hold of mine",
    tag="reservations",
    status=204,
    errors=("MFA_REQUIRED", "NOT_FOUND"),
)
async def release_hold(request: Request) -> Response:
    """One call to `release_hold`."""
    arguments = {"p_hold_id": path_id(request, "id")}
    released = await session_of(request).rpc("release_hold", arguments, ReleasedHold)
    # Only now: it is gone, and the record of this request could not find out whose it was.
    request.state["noted"].organization_id = str(released.organization_id)
    return no_content()


ENDPOINTS = (create_hold, release_hold)
