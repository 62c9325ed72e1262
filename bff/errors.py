"""One error tree and the one table from an error's code to its HTTP status."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict

STATUS: Final[Mapping[str, int]] = {
    "VALIDATION_ERROR": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "FEATURE_DISABLED": 403,
    "MFA_REQUIRED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "INVALID_STATE": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "URI_TOO_LONG": 414,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "MFA_VERIFICATION_FAILED": 422,
    "RULE_VIOLATION": 422,
    "NO_ELIGIBLE_APPROVER": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMIT_EXCEEDED": 429,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL_ERROR": 500,
    "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
}

# Codes that ask the client to wait, and for how many seconds where whoever raises it knows no better.
RETRY_AFTER: Final[Mapping[str, int]] = {
    "RATE_LIMIT_EXCEEDED": 1,
    "BAD_GATEWAY": 1,
    "SERVICE_UNAVAILABLE": 1,
    "TIMEOUT": 1,
}


# Seconds over which those come back who were refused together.
SPREAD: Final = 2


def spread(least: int = 1) -> int:
    """Seconds for `Retry-After` where many are refused at the same time: `least`, or up to `SPREAD` more."""
    return least + random.randint(0, SPREAD)  # noqa: S311 - no secret


class FieldError(TypedDict):
    """A fault of one field: `path` is dotted (`guests.0.email`); `code` and `params` are for programs."""

    path: str
    code: str
    message: str
    params: NotRequired[Mapping[str, Any]]


class ApiError(Exception):
    """An error that the caller is told about.

    Args:
        code: A key of `STATUS`.
        message: A sentence for people; never holds secrets or the inside of the system.
        details: JSON for programs, as the code defines it.
        headers: Further response headers.
        retry_after: Seconds after which a retry makes sense; by default those of `RETRY_AFTER`.

    """

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.details = details
        self.headers = dict(headers or {})
        self.retry_after = RETRY_AFTER.get(code) if retry_after is None else retry_after
        if self.retry_after is not None:
            self.headers["Retry-After"] = str(self.retry_after)


class InvalidRequestError(ApiError):
    """400: the request is malformed; `details.fields` says where."""

    def __init__(self, fields: Sequence[FieldError], message: str = "The request is not valid.") -> None:
        super().__init__("VALIDATION_ERROR", message, {"fields": list(fields)})

    @classmethod
    def of(cls, path: str, code: str, message: str) -> "InvalidRequestError":
        """The error of a single field."""
        return cls([{"path": path, "code": code, "message": message}])


class UnauthorizedError(ApiError):
    """401: no token, or one that is not valid (RFC 6750, 3)."""

    def __init__(self, message: str = "A valid access token is required.", *, sent: bool = False) -> None:
        challenge = 'Bearer error="invalid_token"' if sent else "Bearer"
        super().__init__("UNAUTHORIZED", message, headers={"WWW-Authenticate": challenge})


class ExpiredTokenError(UnauthorizedError):
    """401: the token was good until it expired; its owner is to renew it."""

    def __init__(self) -> None:
        super().__init__("The access token has expired.", sent=True)


class ForbiddenError(ApiError):
    """403: the caller is known and may see the thing, but may not do this with it."""

    def __init__(
        self, message: str = "You may not do this.", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__("FORBIDDEN", message, details)


class NotFoundError(ApiError):
    """404: it does not exist, or the caller may not see it; the two are not told apart."""

    def __init__(self, message: str = "There is no such thing here.") -> None:
        super().__init__("NOT_FOUND", message)


class PreconditionFailedError(ApiError):
    """412: someone else changed it meanwhile; `details.current` is the present state."""

    def __init__(self, current: Mapping[str, Any]) -> None:
        super().__init__("PRECONDITION_FAILED", "It has changed since you read it.", {"current": current})


class BadGatewayError(ApiError):
    """502: Supabase answered with something that is not its protocol."""

    def __init__(self) -> None:
        super().__init__("BAD_GATEWAY", "The database's answer could not be read.")


class ServiceUnavailableError(ApiError):
    """503: a part that is needed is away or busy; nothing is known to have been done."""

    def __init__(
        self, message: str = "The service is busy or away; try again.", retry_after: int | None = None
    ) -> None:
        super().__init__("SERVICE_UNAVAILABLE", message, retry_after=retry_after)


class UpstreamTimeoutError(ApiError):
    """504: no answer in time; a write may or may not have been done."""

    def __init__(self) -> None:
        super().__init__("TIMEOUT", "The database did not answer in time.")
