"""Reports."""

from typing import Annotated, Literal

from pydantic import Field

from bff.schemas.base import Id, Input, Instant, Output, Section, UtcTime

GroupBy = Literal["asset", "member", "section", "month"]


class UtilizationQuery(Input):
    """The window of a report, at most 1830 days."""

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    group_by: GroupBy = "asset"
    section: Section | None = None


class Utilization(Output):
    """Approved and completed bookings, cut at the window's ends.

    `days` are local days of an asset on which it was booked at all; `utilization` is `hours` of
    `capacity_hours`, all hours of the window for each asset. Maintenance is in neither; null for a member.
    """

    bookings: int
    hours: float
    days: int
    nights: int
    maintenance_hours: float | None
    capacity_hours: float
    utilization: float


class UtilizationRow(Utilization):
    """One asset, member, section or month (`2026-11`); a member without `key` was deleted."""

    key: str | None
    label: str | None


class UtilizationReport(Output):
    """How much the assets of an organisation were booked."""

    organization_id: Id
    from_: Annotated[UtcTime, Field(alias="from")]
    to: UtcTime
    time_zone: str
    group_by: GroupBy
    section: Section | None
    rows: list[UtilizationRow]
    totals: Utilization
