"""What a request finds in `request.state`: the lifespan's resources, and what middleware adds to it."""

from dataclasses import dataclass, field
from typing import Any, TypedDict

import starlette.requests

from bff.audit.recorder import Recorder
from bff.auth import Authenticator, Principal
from bff.errors import ApiError
from bff.health import HealthMonitor
from bff.identity import AuthServer
from bff.limits.limiter import Limiter
from bff.limits.windows import Standing
from bff.metrics import Metrics
from bff.relay import Relay
from bff.repository import Supabase


@dataclass(slots=True)
class Noted:
    """What comes to light while a request is handled and its audit record should say.

    Attributes:
        body: The JSON that was sent, as it was parsed; the record holds it redacted.
        error: What the caller is told went wrong.
        organization_id: Of what is answered; a path that names one wins.
        resource_id: Of what is answered; a path that names one wins.
        user_id: Whom the answer is about, where there is no principal: a sign-in.
        facts: More for the record's `metadata`; nothing that a client has written.
        is_turned_away: Refused because there is no room for its record; so it has none.

    """

    body: Any = None
    error: ApiError | None = None
    organization_id: str | None = None
    resource_id: str | None = None
    user_id: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    is_turned_away: bool = False


class State(TypedDict):
    """Made once by the lifespan; every request gets a shallow copy. `audit` is None where it is off."""

    audit: Recorder | None
    authenticator: Authenticator
    supabase: Supabase
    identity: AuthServer
    relay: Relay
    limiter: Limiter
    health: HealthMonitor
    metrics: Metrics
    metrics_token: str | None
    openapi: bytes
    docs: bytes


class RequestState(State):
    """`State`, and what middleware knows of this one request.

    `started_at` is in seconds of `time.perf_counter`; `principal` is None where no bearer token was sent;
    `client_address` is an IP address as `bff.addresses` spells it, or `unknown`; `rate_limits` is how the
    caller stands under each policy that has counted the request so far; what handles the request fills
    `noted`.
    """

    request_id: str
    started_at: float
    principal: Principal | None
    client_address: str
    rate_limits: list[Standing]
    noted: Noted


Request = starlette.requests.Request[RequestState]


def caller_of(state: RequestState) -> str:
    """Who takes turns with others: the user, who may have any number of tokens, or else the address."""
    principal = state["principal"]
    return state["client_address"] if principal is None else str(principal.user_id)
