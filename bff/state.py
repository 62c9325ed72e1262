"""What a request finds in `request.state`: the lifespan's resources, and what middleware adds to it."""

from typing import TypedDict

import starlette.requests

from bff.auth import Authenticator, Principal
from bff.health import HealthMonitor
from bff.identity import AuthServer
from bff.limits.limiter import Limiter
from bff.limits.windows import Standing
from bff.metrics import Metrics
from bff.relay import Relay
from bff.repository import Supabase


class State(TypedDict):
    """Made once by the lifespan; every request gets a shallow copy."""

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
    caller stands under each policy that has counted the request so far.
    """

    request_id: str
    started_at: float
    principal: Principal | None
    client_address: str
    rate_limits: list[Standing]


Request = starlette.requests.Request[RequestState]
