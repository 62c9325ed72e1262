"""Organisations and their figures."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bff.schemas.base import (
    Changes,
    Email,
    Flag,
    Id,
    Input,
    NoNul,
    NotNull,
    Output,
    PersonName,
    Phone,
    Section,
    ShortText,
    TimeZone,
    Title,
    Url,
    UtcTime,
)
from bff.schemas.envelope import Paged

CheckDigits = Annotated[str, StringConstraints(min_length=1, max_length=4), NoNul]
PostalCode = Annotated[str, StringConstraints(min_length=1, max_length=20), NoNul]


class Address(Input):
    """A postal address."""

    street: Title | None = None
    city: PersonName | None = None
    state: PersonName | None = None
    country: PersonName | None = None
    postal_code: PostalCode | None = None


class AddressRead(Output):
    """A postal address as stored."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None


SubscriptionStatus = Literal["trial", "active", "past_due", "canceled", "complimentary"]


class Subscription(Output):
    """What is paid for; seats bound invitations."""

    status: SubscriptionStatus
    seat_limit: int
    trial_ends_at: UtcTime | None


class Organization(Output):
    """A family office, company or ownership group.

    Read by itself, it comes with the sections that may get assets and, for admins and owners, its
    subscription.
    """

    id: Id
    legal_name: str
    commercial_name: str | None
    ruc: str | None
    dv: str | None
    billing_email: str | None
    phone: str | None
    address: AddressRead | None
    logo_url: str | None
    timezone: str
    require_mfa: bool
    is_active: bool
    version: int
    created_at: UtcTime
    updated_at: UtcTime
    entitlements: list[Section] = Field(default_factory=list)
    subscription: Subscription | None = None


class OrganizationCreate(Input):
    """A new organisation; the caller becomes its owner. `ruc` and `dv` are the Panamanian tax number."""

    legal_name: Title
    commercial_name: Title | None = None
    ruc: ShortText | None = None
    dv: CheckDigits | None = None
    billing_email: Email | None = None
    phone: Phone | None = None
    address: Address | None = None
    logo_url: Url | None = None
    timezone: Annotated[TimeZone | None, NotNull] = None


class OrganizationChanges(Changes):
    """What admins may change; null empties a field that may be empty."""

    legal_name: Annotated[Title | None, NotNull] = None
    commercial_name: Title | None = None
    ruc: ShortText | None = None
    dv: CheckDigits | None = None
    billing_email: Email | None = None
    phone: Phone | None = None
    address: Address | None = None
    logo_url: Url | None = None
    timezone: Annotated[TimeZone | None, NotNull] = None
    require_mfa: Annotated[Flag | None, NotNull] = None


class OrganizationList(Paged):
    """Query of one's organisations."""

    sort: Literal["legal_name", "-legal_name", "created_at", "-created_at"] = "legal_name"


class AssetsBySection(Output):
    """Number of assets in each section."""

    planes: int = 0
    helicopters: int = 0
    residences: int = 0
    watercraft: int = 0


class OrganizationStats(Output):
    """Figures of an organisation, refreshed about once a minute; `as_of` says when."""

    organization_id: Id
    member_count: int
    asset_count: int
    upcoming_bookings: int
    pending_approvals: int
    assets_by_section: AssetsBySection
    as_of: UtcTime
