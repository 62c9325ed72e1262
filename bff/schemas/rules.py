"""Tiers with their limits, rules, blackouts and holidays."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from bff.schemas.base import (
    Changes,
    Flag,
    Id,
    Input,
    JsonObject,
    LocalDate,
    NoNul,
    NotNull,
    Output,
    PersonName,
    Recorded,
    Role,
    Section,
    Title,
    UtcTime,
)
from bff.schemas.envelope import Paged

RuleType = Literal[
    "date_range",
    "holiday",
    "lead_time",
    "advance_window",
    "duration",
    "max_consecutive_days",
    "quota",
    "consecutive_booking",
    "concurrent_booking",
    "max_open",
    "custom",
]
Effect = Literal["deny", "require_approval"]
ApprovalType = Literal["any_approver", "all_principals", "tier_members", "specific_users", "quorum"]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), Recorded, Field(examples=["#0f766e"])]
Description = Annotated[str, StringConstraints(min_length=1, max_length=2000), NoNul]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), NoNul]
MonthDay = Annotated[
    str,
    StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
    Recorded,
    Field(examples=["07-16"]),
]
# Lower is stronger.
TierPriority = Annotated[int, Field(strict=True, ge=0, le=2_147_483_647)]
RulePriority = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
DaysPerMonth = Annotated[int, Field(strict=True, ge=0, le=31)]
ConsecutiveDays = Annotated[int, Field(strict=True, ge=1, le=366)]
Hours = Annotated[int, Field(strict=True, ge=0, le=8784)]
AdvanceDays = Annotated[int, Field(strict=True, ge=0, le=3660)]
TimeoutHours = Annotated[int, Field(strict=True, ge=1, le=8784)]
Quorum = Annotated[int, Field(strict=True, ge=1, le=50)]
EasterOffset = Annotated[int, Field(strict=True, ge=-100, le=200)]
# SQL refuses what is named twice.
Unique = Field(json_schema_extra={"uniqueItems": True})
Sections = Annotated[list[Section], Field(max_length=4), Unique]
Roles = Annotated[list[Role], Field(max_length=5), Unique]
Approvers = Annotated[list[UUID], Field(min_length=1, max_length=50), Unique]
AssetIds = Annotated[list[UUID], Field(min_length=1, max_length=1000), Unique]


class Limits(Output):
    """A tier's limits on booking; null is no limit."""

    max_days_per_month: int | None
    max_consecutive_days: int | None
    min_lead_time_hours: int | None
    max_advance_days: int | None
    min_cancellation_notice_hours: int | None
    requires_approval: bool


class LimitsInput(Input):
    """Limits to set; null lifts one."""

    max_days_per_month: DaysPerMonth | None = None
    max_consecutive_days: ConsecutiveDays | None = None
    min_lead_time_hours: Hours | None = None
    max_advance_days: AdvanceDays | None = None
    min_cancellation_notice_hours: Hours | None = None
    requires_approval: Annotated[Flag | None, NotNull] = None


class Tier(Output):
    """A tier: lower priorities are stronger; sections of null are all of them."""

    id: Id
    organization_id: Id
    name: str
    priority: int
    color: str | None
    description: str | None
    can_override: bool
    is_default: bool
    sections: list[Section] | None
    limits: Limits | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class TierCreate(Input):
    """A new tier. A new default takes over from the old one."""

    name: PersonName
    priority: TierPriority
    color: Color | None = None
    description: Description | None = None
    can_override: Annotated[Flag | None, NotNull] = None
    is_default: Annotated[Flag | None, NotNull] = None
    sections: Sections | None = None
    limits: LimitsInput | None = None


class TierChanges(Changes):
    """What is to be different; of the limits, too, only what is named. Limits of null lifts them all."""

    name: Annotated[PersonName | None, NotNull] = None
    priority: Annotated[TierPriority | None, NotNull] = None
    color: Color | None = None
    description: Description | None = None
    can_override: Annotated[Flag | None, NotNull] = None
    is_default: Annotated[Flag | None, NotNull] = None
    sections: Sections | None = None
    limits: LimitsInput | None = None


class Rule(Output):
    """A rule. A tier of null is every tier, asset ids of null are every asset."""

    id: Id
    organization_id: Id
    tier_id: Id | None
    name: str
    description: str | None
    rule_type: RuleType
    conditions: dict[str, Any]
    effect: Effect
    applies_to_all_assets: bool
    asset_ids: list[Id] | None
    priority: int
    is_override: bool
    overridable_by: list[Role]
    is_active: bool
    approval_type: ApprovalType
    approver_tier_id: Id | None
    approver_user_ids: list[Id] | None
    quorum: int | None
    timeout_hours: int
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class RuleCreate(Input):
    """A new rule; `conditions` are those of its type."""

    name: Title
    rule_type: RuleType
    description: Description | None = None
    tier_id: UUID | None = None
    conditions: Annotated[JsonObject | None, NotNull] = None
    effect: Annotated[Effect | None, NotNull] = None
    asset_ids: AssetIds | None = None
    priority: Annotated[RulePriority | None, NotNull] = None
    is_override: Annotated[Flag | None, NotNull] = None
    overridable_by: Annotated[Roles | None, NotNull] = None
    is_active: Annotated[Flag | None, NotNull] = None
    approval_type: Annotated[ApprovalType | None, NotNull] = None
    approver_tier_id: UUID | None = None
    approver_user_ids: Approvers | None = None
    quorum: Quorum | None = None
    timeout_hours: Annotated[TimeoutHours | None, NotNull] = None


class RuleChanges(Changes):
    """What is to be different; conditions are replaced as a whole."""

    name: Annotated[Title | None, NotNull] = None
    rule_type: Annotated[RuleType | None, NotNull] = None
    description: Description | None = None
    tier_id: UUID | None = None
    conditions: Annotated[JsonObject | None, NotNull] = None
    effect: Annotated[Effect | None, NotNull] = None
    asset_ids: AssetIds | None = None
    priority: Annotated[RulePriority | None, NotNull] = None
    is_override: Annotated[Flag | None, NotNull] = None
    overridable_by: Annotated[Roles | None, NotNull] = None
    is_active: Annotated[Flag | None, NotNull] = None
    approval_type: Annotated[ApprovalType | None, NotNull] = None
    approver_tier_id: UUID | None = None
    approver_user_ids: Approvers | None = None
    quorum: Quorum | None = None
    timeout_hours: Annotated[TimeoutHours | None, NotNull] = None


class RuleList(Paged):
    """Query of the rules, in the order of evaluation; of a tier or an asset, also those for every one."""

    tier_id: UUID | None = None
    asset_id: UUID | None = None
    rule_type: RuleType | None = None
    is_active: bool | None = None


class Blackout(Output):
    """Days, both included, on which nobody of the tier (null: any) books the asset (null: any)."""

    id: Id
    organization_id: Id
    tier_id: Id | None
    asset_id: Id | None
    start_date: str
    end_date: str
    reason: str | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class BlackoutCreate(Input):
    """A new blackout, in the local days of each asset."""

    start_date: LocalDate
    end_date: LocalDate
    tier_id: UUID | None = None
    asset_id: UUID | None = None
    reason: Reason | None = None


class BlackoutChanges(Changes):
    """What is to be different."""

    start_date: Annotated[LocalDate | None, NotNull] = None
    end_date: Annotated[LocalDate | None, NotNull] = None
    tier_id: UUID | None = None
    asset_id: UUID | None = None
    reason: Reason | None = None


class BlackoutList(Paged):
    """Query of the blackouts that touch the days from `from` to `to`."""

    from_: Annotated[LocalDate | None, Field(alias="from")] = None
    to: LocalDate | None = None
    tier_id: UUID | None = None
    asset_id: UUID | None = None


class Holiday(Output):
    """A holiday: every year on a day, days from Easter Sunday, or once. Those built in are everyone's."""

    id: Id
    organization_id: Id | None
    name: str
    name_es: str | None
    month_day: str | None
    easter_offset: int | None
    date: str | None
    built_in: bool
    next_date: str | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class HolidayCreate(Input):
    """A holiday of one's own: exactly one of `month_day`, `easter_offset` (days) and `date`."""

    name: Title
    name_es: Title | None = None
    month_day: MonthDay | None = None
    easter_offset: EasterOffset | None = None
    date: LocalDate | None = None


class HolidayChanges(Changes):
    """What is to be different."""

    name: Annotated[Title | None, NotNull] = None
    name_es: Title | None = None
    month_day: MonthDay | None = None
    easter_offset: EasterOffset | None = None
    date: LocalDate | None = None


class Deleted(Output):
    """What is gone."""

    id: Id
