"""`/rest/v1`: lite's REST, with the keys and tokens of hosted Supabase."""

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest


async def rest(request: "GatewayRequest") -> Response:
    """Pass a request on to lite, as the role of its key or as its user."""
    state = request.state
    if request.method == "OPTIONS":
        return await state["rest"].forward(request, {"authorization": None})
    caller = state["credentials"].caller(request)
    token = caller.inner_token
    return await state["rest"].forward(
        request, {"apikey": caller.key, "authorization": f"Bearer {token}" if token else None}
    )
