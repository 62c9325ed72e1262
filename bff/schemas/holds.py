"""Holds: an asset's time, kept while a form is filled in."""

from typing import Literal
from uuid import UUID

from bff.schemas.base import Id, Input, Instant, Output, UtcTime
from bff.schemas.reservations import Violation


class HoldCreate(Input):
    """What is to be kept."""

    asset_id: UUID
    start_date: Instant
    end_date: Instant


class Hold(Output):
    """Kept for me until `expires_at`; `outcome` says what confirming it would come to."""

    id: Id
    organization_id: Id
    asset_id: Id
    start_date: UtcTime
    end_date: UtcTime
    time_zone: str
    expires_at: UtcTime
    outcome: Literal["approved", "pending"]
    violations: list[Violation]


class ReleasedHold(Output):
    """What was given up."""

    id: Id
    organization_id: Id
