"""`/auth/v1/admin`: users administered with the secret key."""

import re
import uuid
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import JSONResponse, Response

from stack.gateway.accounts import BCRYPT_BYTES, EmailTakenError, UnstorableError, UserTakenError
from stack.gateway.errors import AuthError, validation_failed
from stack.gateway.upstream import body_of

if TYPE_CHECKING:
    from stack.gateway.app import GatewayRequest

PAGE_USERS = 50  # users a page where the request does not say
MAX_PAGE_USERS = 1000
MAX_DIGITS = 9  # of a page's number; Postgres counts rows in a bigint
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


class NewUser(BaseModel):
    """What `admin.createUser` sends; phone, bans and invitations have no place in the embedded stack."""

    model_config = ConfigDict(extra="ignore", strict=True)

    email: str = ""
    password: str | None = None
    email_confirm: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None
    role: str | None = None
    id: str | None = None


async def create_user(request: "GatewayRequest") -> Response:
    """Create a user."""
    require_admin(request)
    new = _parsed(await body_of(request))
    email = new.email.strip().lower()
    if not email:
        raise validation_failed("Cannot create a user without either an email or phone")
    if not _EMAIL.fullmatch(email):
        raise validation_failed("Unable to validate email address: invalid format")
    if new.password and len(new.password.encode()) > BCRYPT_BYTES:
        raise validation_failed("Password cannot be longer than 72 characters")
    try:
        user = await request.state["accounts"].create_user(
            user_id=uuid_of(new.id) if new.id else uuid.uuid4(),
            email=email,
            password=new.password,
            confirmed=new.email_confirm,
            role=new.role or "authenticated",
            user_metadata=new.user_metadata or {},
            app_metadata={"provider": "email", "providers": ["email"], **(new.app_metadata or {})},
        )
    except EmailTakenError as error:
        message = "A user with this email address has already been registered"
        raise AuthError(422, "email_exists", message) from error
    except UserTakenError as error:
        raise AuthError(422, "user_already_exists", "A user with this id already exists") from error
    except UnstorableError as error:
        raise validation_failed(f"The user cannot be stored: {error}") from error
    return JSONResponse(user)


async def list_users(request: "GatewayRequest") -> Response:
    """A page of users, with the total and the next page in headers."""
    require_admin(request)
    page = _number(request, "page", 1)
    size = min(_number(request, "per_page", PAGE_USERS), MAX_PAGE_USERS)
    users, total = await request.state["accounts"].users(limit=size, offset=(page - 1) * size)
    last = max(1, -(-total // size))
    links = [] if page >= last else [(page + 1, "next"), (last, "last")]
    headers = {"x-total-count": str(total)}
    if links:
        path = request.url.path
        headers["link"] = ", ".join(
            f'<{path}?page={number}&per_page={size}>; rel="{name}"' for number, name in links
        )
    return JSONResponse({"users": users, "aud": "authenticated"}, headers=headers)


async def get_user(request: "GatewayRequest") -> Response:
    """One user."""
    require_admin(request)
    user = await request.state["accounts"].user(uuid_of(request.path_params["user_id"]))
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return JSONResponse(user)


async def delete_user(request: "GatewayRequest") -> Response:
    """Delete one user with all sessions; their tokens end with their next look at Auth."""
    require_admin(request)
    if not await request.state["accounts"].delete_user(uuid_of(request.path_params["user_id"])):
        raise AuthError(404, "user_not_found", "User not found")
    return JSONResponse({})


def require_admin(request: "GatewayRequest") -> None:
    """Let only the secret key pass, and no user's token beside it.

    Raises:
        KeyRefusedError: the API key is missing or wrong.
        TokenError: there is a token, and it does not hold.
        AuthError: 403 not_admin.
    """
    caller = request.state["credentials"].caller(request)
    if caller.role != "service_role" or caller.claims is not None:
        raise AuthError(403, "not_admin", "User not allowed")


def _parsed(body: bytes) -> NewUser:
    try:
        return NewUser.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"Could not parse request body as JSON: {where}: {first['msg']}"
        raise AuthError(400, "bad_json", message) from error


def uuid_of(text: str, name: str = "user_id") -> uuid.UUID:
    """The id at `name` of a path.

    Raises:
        AuthError: 404 validation_failed, it is none.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise validation_failed(f"{name} must be an UUID", 404) from error


def _number(request: "GatewayRequest", name: str, default: int) -> int:
    text = request.query_params.get(name) or str(default)
    if len(text) > MAX_DIGITS or not text.isdecimal() or int(text) < 1:
        raise validation_failed(f"Bad Pagination Parameters: {name} must be a positive number")
    return int(text)
