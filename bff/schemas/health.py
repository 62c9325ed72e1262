"""Whether the service works; outside the envelope."""

from typing import Literal

from pydantic import BaseModel

from bff.schemas.base import UtcTime


class Check(BaseModel):
    """One part: `latency` in milliseconds, `message` where there is something to say."""

    status: Literal["pass", "fail"]
    latency: float
    message: str


class Checks(BaseModel):
    """The parts."""

    database: Check
    auth: Check
    cache: Check
    realtime: Check


class Health(BaseModel):
    """Unhealthy without database or auth; degraded without Realtime (calendars then move a second late), or
    without the cache (each process then limits for itself).
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: UtcTime
    version: str
    checks: Checks


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["alive"]
