"""Signing in and out, and second factors. Answers are read from Supabase Auth's own."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import jwt
from pydantic import AliasPath, BeforeValidator, Field, StringConstraints, model_validator

from bff.schemas.accounts import AssuranceLevel
from bff.schemas.base import Code, Email, Id, Input, NoNul, Output, UtcTime

SignOutScope = Literal["local", "others", "global"]

# Not stripped, as all other text is: blanks are part of a password.
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, strip_whitespace=False),
    NoNul,
    Field(json_schema_extra={"format": "password"}),
]


class SignIn(Input):
    """An address and its password."""

    email: Email
    password: Annotated[Password, Field(repr=False)]


class Refresh(Input):
    """The refresh token that the last answer held."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=4096), NoNul, Field(repr=False)]


class SignOut(Input):
    """Which sessions to end: this one, the user's others, or all."""

    scope: SignOutScope = "local"


class FactorCreate(Input):
    """What to call the new factor, so that its owner tells it from others."""

    friendly_name: Annotated[str, StringConstraints(min_length=1, max_length=64), NoNul] | None = None


class FactorVerify(Input):
    """The answer to a challenge."""

    challenge_id: UUID
    code: Annotated[Code, Field(repr=False)]


class ChallengeCreate(Input):
    """Nothing."""


class Factor(Output):
    """A second factor; one that is not verified counts for nothing."""

    id: Id
    friendly_name: str | None = None
    factor_type: str
    status: Literal["unverified", "verified"]
    created_at: UtcTime
    updated_at: UtcTime

    @model_validator(mode="before")
    @classmethod
    def _name_of_none(cls, values: Any) -> Any:
        # Auth leaves out what is empty; our answers hold it.
        return {"friendly_name": None, **values} if isinstance(values, dict) else values


class UserFactors(Output):
    """Somebody's second factors."""

    factors: list[Factor]

    @model_validator(mode="before")
    @classmethod
    def _none_at_all(cls, values: Any) -> Any:
        return {"factors": [], **values} if isinstance(values, dict) else values


class SignedInUser(UserFactors):
    """Whose session it is."""

    id: Id
    email: str | None = None


class SignedIn(Output):
    """A session's tokens, named as Supabase names them: `supabase.auth.setSession` takes this as it is."""

    access_token: Annotated[str, Field(repr=False)]
    token_type: Literal["bearer"]
    expires_in: Annotated[int, Field(description="Seconds.")]
    expires_at: Annotated[int, Field(description="Unix seconds.")]
    refresh_token: Annotated[str, Field(description="Good once.", repr=False)]
    user: SignedInUser

    aal: Annotated[AssuranceLevel, Field(description="What the session is at.")] = "aal1"
    next_aal: Annotated[
        AssuranceLevel,
        Field(description="What it could be at: `aal2` where the user has a verified factor."),
    ] = "aal1"

    @model_validator(mode="after")
    def _tell_levels(self) -> "SignedIn":
        try:
            # Not verified: it came from Auth itself, over our own connection.
            claims = jwt.decode(self.access_token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise ValueError("no access token") from None
        has_one = any(factor.status == "verified" for factor in self.user.factors)
        self.aal = "aal2" if claims.get("aal") == "aal2" else "aal1"
        self.next_aal = "aal2" if has_one else self.aal
        return self


def _as_data_uri(drawing: Any) -> Any:
    # As text it would be markup from elsewhere in the page; as an image it is one and nothing else.
    if not isinstance(drawing, str):
        return drawing
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


class Enrollment(Output):
    """A new factor. The secret is told this once."""

    id: Id
    friendly_name: str | None = None
    factor_type: Annotated[Literal["totp"], Field(validation_alias="type")]
    secret: Annotated[
        str, Field(validation_alias=AliasPath("totp", "secret"), description="To type in.", repr=False)
    ]
    uri: Annotated[
        str,
        Field(validation_alias=AliasPath("totp", "uri"), description="otpauth://, to open.", repr=False),
    ]
    qr_code: Annotated[
        str,
        BeforeValidator(_as_data_uri),
        Field(
            validation_alias=AliasPath("totp", "qr_code"),
            description="The same as a drawing, a data: URI for an `img`.",
            repr=False,
        ),
    ]


def _from_unix(seconds: Any) -> Any:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else seconds


class Challenge(Output):
    """To be answered with a code, once, until it expires, from the same address."""

    id: Id
    expires_at: Annotated[UtcTime, BeforeValidator(_from_unix)]
