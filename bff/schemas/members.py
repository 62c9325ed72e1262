"""The people of an organisation, and those who are invited to be."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from bff.schemas.accounts import OrganizationName, TierName
from bff.schemas.base import Changes, Email, Id, Input, NoNul, NotNull, Output, Role, UtcTime
from bff.schemas.envelope import Paged

InvitedRole = Literal["admin", "manager", "member", "viewer"]
InvitationStatus = Literal["open", "accepted", "revoked", "expired"]
Message = Annotated[str, StringConstraints(min_length=1, max_length=500), NoNul]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200), NoNul]


class Member(Output):
    """A member; email and phone are there for managers and above, and on one's own entry."""

    user_id: Id
    first_name: str | None
    last_name: str | None
    avatar_url: str | None
    role: Role
    tier_id: Id | None
    tier: TierName | None
    joined_at: UtcTime
    version: int
    email: str | None = None
    phone: str | None = None


class MemberList(Paged):
    """Query of an organisation's members."""

    role: Role | None = None
    tier_id: UUID | None = None


class MemberChanges(Changes):
    """What admins may change of a member; only owners make owners. A tier of null is the default tier."""

    role: Annotated[Role | None, NotNull] = None
    tier_id: UUID | None = None


class MemberRemoval(Input):
    """What becomes of bookings to come; without either, a member who has some is not removed."""

    future_bookings: Literal["cancel"] | None = None
    transfer_to: UUID | None = None


class Invitation(Output):
    """An invitation, without its token. A tier of null is the default tier when it is accepted."""

    id: Id
    organization_id: Id
    email: str
    role: InvitedRole
    tier_id: Id | None
    tier: TierName | None
    message: str | None
    status: InvitationStatus
    invited_by: Id | None
    invited_by_name: str | None
    expires_at: UtcTime
    accepted_at: UtcTime | None
    accepted_by: Id | None
    revoked_at: UtcTime | None
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class NewInvitation(Invitation):
    """An invitation with its token, which is shown this once."""

    token: str


class InvitationCreate(Input):
    """Whom to invite, as what."""

    email: Email
    role: InvitedRole = "member"
    tier_id: UUID | None = None
    message: Message | None = None


class InvitationList(Paged):
    """Query of an organisation's invitations."""

    status: InvitationStatus | None = None


class Acceptance(Input):
    """The token of an invitation."""

    token: Annotated[Token, Field(description="As it was shown to whoever invited.")]


class Joined(Output):
    """The membership that an accepted invitation made."""

    organization: OrganizationName
    role: Role
    tier: TierName | None
    joined_at: UtcTime
