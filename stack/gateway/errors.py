"""Every refusal of the gateway: one tree, each member in the words of the part of Supabase it stands for."""

from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

API_VERSION_HEADER = "x-supabase-api-version"
# From this version on `code` is the error's name; before it `code` is the status and `error_code` the name.
API_VERSION = "2024-01-01"


class GatewayError(Exception):
    """A request that ends in the gateway."""

    def response(self, request: HTTPConnection[Any]) -> Response:
        """The answer to the request that ran into it."""
        raise NotImplementedError


class KeyRefusedError(GatewayError):
    """The API key is missing or wrong: 401 before any process behind the gateway is asked."""

    def __init__(self, message: str, hint: str, code: str) -> None:
        """Take what the hosted gateway says."""
        super().__init__(message)
        self._body = {"message": message, "hint": hint}
        self._headers = {"sb-error-code": code}

    def response(self, request: HTTPConnection[Any]) -> Response:  # noqa: ARG002 - the same everywhere
        """401 as the hosted gateway answers it."""
        return JSONResponse(self._body, 401, self._headers)


class AuthError(GatewayError):
    """A request that Auth refuses."""

    def __init__(
        self, status: int, error_code: str, message: str, extra: dict[str, Any] | None = None
    ) -> None:
        """Take the HTTP status, the error's name, its words, and further fields (`weak_password`)."""
        super().__init__(message)
        self._status = status
        self._error_code = error_code
        self._message = message
        self._extra = extra or {}

    def response(self, request: HTTPConnection[Any]) -> Response:
        """The refusal as Supabase Auth words it, in the shape that the request's API version asks for."""
        headers = {"x-sb-error-code": self._error_code}
        if self._status in (503, 504):
            headers["retry-after"] = "1"
        if _version(request.headers) >= API_VERSION:
            body = {"code": self._error_code, "message": self._message, **self._extra}
            return JSONResponse(body, self._status, {**headers, API_VERSION_HEADER: API_VERSION})
        body = {"code": self._status, "error_code": self._error_code, "msg": self._message, **self._extra}
        return JSONResponse(body, self._status, headers)


class TokenError(GatewayError):
    """A bearer token that does not hold, told as PostgREST, Auth or Storage tells it."""

    def __init__(self, kind: str, message: str) -> None:
        """Take `malformed`, `key` (no key of ours), `signature`, `expired` or `claims`, and what is wrong."""
        super().__init__(message)
        self._kind = kind
        self._message = message

    def response(self, request: HTTPConnection[Any]) -> Response:
        """403 bad_jwt from Auth, 400 from Storage, 401 from everything else."""
        if _is_auth(request):
            return AuthError(403, "bad_jwt", f"invalid JWT: {self._words()}").response(request)
        if request.url.path.startswith("/storage/"):
            return storage_refusal("403", "Unauthorized", self._words())
        code, message, details = _POSTGREST.get(self._kind, _POSTGREST["key"])
        body = {"code": code, "details": details, "hint": None, "message": message}
        challenge = f'Bearer error="invalid_token", error_description="{message}"'
        return JSONResponse(body, 401, {"www-authenticate": challenge})

    def _words(self) -> str:
        return {
            "claims": f"token has invalid claims: {self._message}",
            "expired": "unable to parse or verify signature, token has invalid claims: token is expired",
            "malformed": f"unable to parse or verify signature, token is malformed: {self._message}",
            "key": "unable to parse or verify signature, token is unverifiable: unrecognized JWT kid",
            "signature": "unable to parse or verify signature, token signature is invalid",
        }[self._kind]


class UnavailableError(GatewayError):
    """A process behind the gateway does not answer: 503, or 504 when it took too long."""

    def __init__(self, name: str, status: int = 503) -> None:
        """Take the process's name and the status."""
        super().__init__(f"{name} is not answering")
        self._status = status

    def response(self, request: HTTPConnection[Any]) -> Response:
        """Worth another try in a second: the supervisor is starting the process again."""
        return _plain(request, self._status, "unexpected_failure", str(self), {"retry-after": "1"})


class DatabaseAwayError(GatewayError):
    """Postgres does not answer lite."""

    def response(self, request: HTTPConnection[Any]) -> Response:  # noqa: ARG002 - PostgREST's only
        """503 as PostgREST answers it while it reconnects."""
        message = "Database connection error. Retrying the connection."
        body = {"code": "PGRST001", "details": None, "hint": None, "message": message}
        return JSONResponse(body, 503, {"retry-after": "1"})


class BodyTooLargeError(GatewayError):
    """The request's body is larger than the gateway takes."""

    def response(self, request: HTTPConnection[Any]) -> Response:
        """413; the rest of the body is not read, so the connection ends."""
        message = "The request's body is too large"
        return _plain(request, 413, "validation_failed", message, {"connection": "close"})


async def refused(request: Request, error: Exception) -> Response:
    """Answer a request that ran into a `GatewayError`."""
    if not isinstance(error, GatewayError):
        raise error
    return error.response(request)


async def not_routed(_: Request, error: Exception) -> Response:
    """No such path, or not with this method."""
    if not isinstance(error, HTTPException):
        raise error
    message = "requested path is invalid" if error.status_code == 404 else error.detail
    return JSONResponse({"error": message}, error.status_code, error.headers)


def storage_refusal(status: str, error: str, message: str) -> Response:
    """A refusal as Storage words it: always 400, with what it means inside."""
    return JSONResponse({"statusCode": status, "error": error, "message": message}, 400)


def validation_failed(message: str, status: int = 400) -> AuthError:
    """Input that Auth does not take."""
    return AuthError(status, "validation_failed", message)


def session_not_found() -> AuthError:
    """The token holds, and its session was ended."""
    return AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")


def _plain(
    request: HTTPConnection[Any], status: int, name: str, message: str, headers: dict[str, str]
) -> Response:
    """A failure of the gateway's own in the shape of the API it stands in front of."""
    if _is_auth(request):
        answer = AuthError(status, name, message).response(request)
        answer.headers.update(headers)
        return answer
    body = {"code": str(status), "details": None, "hint": None, "message": message}
    return JSONResponse(body, status, headers)


def _is_auth(request: HTTPConnection[Any]) -> bool:
    return request.url.path.startswith("/auth/")


def _version(headers: Headers) -> str:
    return headers.get(API_VERSION_HEADER, "")


_UNDECODABLE = "None of the keys was able to decode the JWT"
_POSTGREST = {
    "expired": ("PGRST303", "JWT expired", None),
    "claims": ("PGRST303", "The JWT's claims do not hold", None),
    "malformed": ("PGRST301", "Expected 3 parts in JWT", None),
    "signature": ("PGRST301", "No suitable key or wrong key type", _UNDECODABLE),
    "key": ("PGRST301", "No suitable key or wrong key type", _UNDECODABLE),
}
