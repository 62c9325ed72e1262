"""Oneself: account, profile, memberships."""

from typing import Annotated, Literal

from pydantic import Field

from bff.schemas.base import Changes, Id, NotNull, Output, PersonName, Phone, Role, TimeZone, Url, UtcTime

AssuranceLevel = Literal["aal1", "aal2"]


class User(Output):
    """The account at Supabase Auth."""

    id: Id
    email: str | None


class Profile(Output):
    """What a person says of themselves."""

    id: Id
    email: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    avatar_url: str | None
    timezone: str
    locale: str
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class TierName(Output):
    """A tier as others see it; a lower priority is stronger."""

    id: Id
    name: str
    priority: int
    color: str | None


class OrganizationName(Output):
    """An organisation as a switcher shows it."""

    id: Id
    commercial_name: str | None
    legal_name: str
    logo_url: str | None
    timezone: str


class Features(Output):
    """What is switched on in an organisation now; an app hides the rest."""

    displacement: bool
    waitlist: bool
    bulk_assets: bool
    calendar_stream: bool


class Membership(Output):
    """A role in an organisation."""

    organization: OrganizationName
    role: Role
    tier: TierName | None
    features: Features
    joined_at: UtcTime


class Me(Output):
    """Who is asking; `aal` is the assurance level of this sign-in."""

    user: User
    profile: Profile
    memberships: list[Membership]
    aal: AssuranceLevel


class ProfileChanges(Changes):
    """What one may change of one's own profile."""

    first_name: PersonName | None = None
    last_name: PersonName | None = None
    phone: Phone | None = None
    avatar_url: Url | None = None
    timezone: Annotated[TimeZone | None, NotNull] = Field(default=None)
    locale: Annotated[Literal["en", "es"] | None, NotNull] = Field(default=None)
