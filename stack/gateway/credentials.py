"""Who asks: the API key of a request and, where there is one, its user's token."""

import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import HTTPConnection

from stack.gateway.errors import KeyRefusedError, TokenError
from stack.gateway.keys import SigningKey

CACHED_TOKENS = 4096  # about 2 KB each; a token beyond them is verified and signed again


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's verified credentials."""

    key: str
    """The API key."""
    role: str
    """The role of the key: `anon` or `service_role`."""
    claims: dict[str, Any] | None
    """The claims of the user's token, None without one."""
    inner_token: str | None
    """The same claims as lite reads them, None without a user's token."""


class Credentials:
    """Checks API keys, verifies users' tokens and re-signs them for lite."""

    def __init__(
        self, *, publishable_key: str, secret_key: str, signing_key: SigningKey, secret: str
    ) -> None:
        """Take the project's two API keys, its signing key and lite's HS256 secret."""
        self._roles = ((publishable_key, "anon"), (secret_key, "service_role"))
        self._signing_key = signing_key
        self._secret = secret
        self._resigned: OrderedDict[str, tuple[int, dict[str, Any], str]] = OrderedDict()

    def key_of(self, connection: HTTPConnection[Any]) -> tuple[str, str]:
        """The API key of a request and its role.

        Raises:
            KeyRefusedError: there is no key, or it is none of ours.
        """
        key = connection.headers.get("apikey") or connection.query_params.get("apikey")
        if not key:
            raise KeyRefusedError(
                "No API key found in request",
                "No `apikey` request header or url param was found.",
                "UNAUTHORIZED_MISSING_API_KEY",
            )
        for known, role in self._roles:
            if hmac.compare_digest(key.encode(), known.encode()):
                return key, role
        raise KeyRefusedError(
            "Invalid API key", "Double check your Supabase `apikey`.", "UNAUTHORIZED_INVALID_API_KEY"
        )

    def caller(self, connection: HTTPConnection[Any]) -> Caller:
        """Who makes this request.

        Raises:
            KeyRefusedError: there is no key, or it is none of ours.
            TokenError: the bearer token does not hold.
        """
        key, role = self.key_of(connection)
        token = bearer(connection)
        # An official client without a session sends its API key as the bearer.
        if token is None or token.startswith("sb_"):
            return Caller(key, role, None, None)
        claims, inner = self._inside(token)
        return Caller(key, role, claims, inner)

    def inner_claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that lite signed.

        Raises:
            jwt.InvalidTokenError: lite did not sign it.
        """
        return jwt.decode(token, self._secret, algorithms=["HS256"], options={"verify_aud": False})

    def _inside(self, token: str) -> tuple[dict[str, Any], str]:
        cached = self._resigned.get(token)
        if cached is not None:
            expires, claims, inner = cached
            if expires > time.time():
                self._resigned.move_to_end(token)
                return claims, inner
            del self._resigned[token]
            raise TokenError("expired", "token is expired")
        claims = self._signing_key.verify(token)
        inner = jwt.encode(claims, self._secret, algorithm="HS256")
        self._resigned[token] = (int(claims["exp"]), claims, inner)
        if len(self._resigned) > CACHED_TOKENS:
            self._resigned.popitem(last=False)
        return claims, inner


def bearer(connection: HTTPConnection[Any]) -> str | None:
    """The bearer token of a request (RFC 6750), None where the header is absent or of another scheme."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
