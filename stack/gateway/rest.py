"""`/rest/v1`: lite's REST, with the keys and tokens of hosted Supabase."""

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from stack.gateway.errors import DatabaseAwayError

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest

# How lite tells, as a 500 with code SUP, that its connection to Postgres is gone; PostgREST answers 503.
# What collides in Postgres' own catalogue comes as a 409.
_DATABASE_AWAY = re.compile(
    rb"ECONN(REFUSED|RESET)|CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|EPIPE"
    rb"|the database system is |terminating connection"
    # Not gone, but only just back: lite's first requests grant the same things at once.
    rb'|tuple concurrently updated|unique constraint \\?"pg_'
)


async def rest(request: "GatewayRequest") -> Response:
    """Pass a request on to lite, as the role of its key or as its user."""
    state = request.state
    if request.method == "OPTIONS":
        return await state["rest"].forward(request, {"authorization": None})
    caller = state["credentials"].caller(request)
    token = caller.inner_token
    answer = await state["rest"].forward(
        request, {"apikey": caller.key, "authorization": f"Bearer {token}" if token else None}
    )
    if answer.status_code in (409, 500):
        content = await answer.whole()
        if _DATABASE_AWAY.search(content):
            raise DatabaseAwayError
        return Response(content, answer.status_code, media_type="application/json")
    return answer
