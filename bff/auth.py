"""Bearer JWT -> Principal: the signature, by the published keys or the shared secret, then the claims."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import httpx
import jwt
import structlog

from bff.bounded import fetch, read_json
from bff.errors import ExpiredTokenError, ServiceUnavailableError, UnauthorizedError

log = structlog.get_logger(__name__)

# Clocks of two hosts differ by this much without anyone's fault.
LEEWAY: Final = 5  # seconds
# Supabase rotates with days of overlap; ten minutes bound how long a revoked key lives.
JWKS_MAX_AGE: Final = 600.0  # seconds
# An unknown key id costs a call to Auth; invented ones must not become a flood of them.
JWKS_COOL_DOWN: Final = 30.0  # seconds
# After a failed fetch we may ask again sooner, or a short outage would lock everybody out for long.
JWKS_RETRY_AFTER: Final = 2.0  # seconds
JWKS_TIMEOUT: Final = 3.0  # seconds
# A key set has a few keys of some hundred bytes.
JWKS_BYTES: Final = 262_144
# A token is 1-2 KB, so the cache stays under some 10 MB.
VERIFIED_TOKENS: Final = 4096
# Supabase's tokens are far below; it bounds what an unverified header may make us parse.
MAX_TOKEN_LENGTH: Final = 16_384  # characters
ASYMMETRIC: Final = frozenset({"ES256", "RS256"})
AUDIENCE: Final = "authenticated"
ROLE: Final = "authenticated"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as a verified access token says.

    `expires_at` is in Unix seconds; `aal` is `aal1` or `aal2`; `token` is the access token itself, which
    every call to Supabase carries on.
    """

    user_id: UUID
    session_id: str | None
    aal: str
    email: str | None
    expires_at: int
    token: str = field(repr=False)


class Jwks:
    """The project's public signing keys, fetched when needed and kept through outages of Auth.

    Args:
        client: Pool to fetch with; belongs to the caller.
        url: Address of the key set.
        headers: Sent with each fetch.
        clock: Monotonic seconds.

    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        headers: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._url = url
        self._headers = dict(headers)
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._document = b""
        self._fetched_at = float("-inf")  # monotonic seconds
        self._not_before = float("-inf")  # monotonic seconds; no fetch earlier
        self._last_fetch_failed = False
        self._lock = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self.generation = 0  # counts the fetches that brought another key set

    async def find(self, key_id: str) -> jwt.PyJWK:
        """The key with that id, fetched if it is not known yet.

        Raises:
            UnauthorizedError: The project has no such key.
            ServiceUnavailableError: It is not known, and Auth cannot be asked.

        """
        key = self._keys.get(key_id)
        if key is not None:
            return key
        async with self._lock:
            if key_id not in self._keys and self._clock() >= self._not_before:
                await self._fetch()
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._last_fetch_failed:
            raise ServiceUnavailableError("Sign-in keys cannot be fetched.", retry_after=2)
        raise UnauthorizedError("The access token is not valid.", sent=True)

    def keep_fresh(self) -> None:
        """Has old keys fetched again. Nobody waits for it: they serve on, also when Auth is away."""
        is_old = self._keys and self._clock() - self._fetched_at > JWKS_MAX_AGE
        running = self._renewal is not None and not self._renewal.done()
        if is_old and not running and self._clock() >= self._not_before:
            self._renewal = asyncio.create_task(self._renew())

    async def aclose(self) -> None:
        """Ends a renewal that is under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew(self) -> None:
        async with self._lock:
            await self._fetch()

    async def _fetch(self) -> None:
        try:
            response = await fetch(
                self._client,
                "GET",
                self._url,
                headers=self._headers,
                seconds=JWKS_TIMEOUT,
                limit=JWKS_BYTES,
            )
            response.raise_for_status()
            keys = _usable_keys(read_json(response))
        except (httpx.HTTPError, ValueError, TypeError) as error:
            self._last_fetch_failed = True
            self._not_before = self._clock() + JWKS_RETRY_AFTER
            log.warning("jwks_fetch_failed", error=type(error).__name__, known_keys=len(self._keys))
            return
        if self._keys and response.content != self._document:
            # A key may be gone, or another one have its id.
            self.generation += 1
        self._keys, self._document = keys, response.content
        self._last_fetch_failed = False
        self._fetched_at = self._clock()
        self._not_before = self._fetched_at + JWKS_COOL_DOWN


def _usable_keys(document: Any) -> dict[str, jwt.PyJWK]:
    """The asymmetric keys with an id; TypeError where `document` is no key set."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise TypeError("not a JWK set")
    keys: dict[str, jwt.PyJWK] = {}
    for description in document["keys"]:
        try:
            key = jwt.PyJWK(description)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue  # a kind of key that this version cannot use is no reason to refuse the others
        if key.key_id and key.algorithm_name in ASYMMETRIC:
            keys[key.key_id] = key
    return keys


class Authenticator:
    """Verifies access tokens, and remembers the verified ones until they expire.

    Args:
        jwks: The project's public keys.
        issuer: What `iss` must say.
        secret: Shared secret for HS256, or None where the project signs asymmetrically only.

    """

    def __init__(self, jwks: Jwks, issuer: str, secret: str | None = None) -> None:
        self._jwks = jwks
        self._issuer = issuer
        self._secret = secret
        self._verified: OrderedDict[str, Principal] = OrderedDict()
        self._generation = jwks.generation

    async def authenticate(self, token: str) -> Principal:
        """Whom the access token stands for.

        Raises:
            UnauthorizedError: Malformed, forged, expired, or not for signed-in users of this project.
            ServiceUnavailableError: Its key is not known and Auth cannot be asked.

        """
        # With each token, the remembered ones too: they must not outlive the key that vouches for them.
        self._jwks.keep_fresh()
        if self._generation != self._jwks.generation:
            self._verified.clear()
            self._generation = self._jwks.generation
        known = self._verified.get(token)
        if known is not None:
            if known.expires_at + LEEWAY > time.time():
                self._verified.move_to_end(token)
                return known
            del self._verified[token]
        principal = _to_principal(await self._decode(token), token)
        self._verified[token] = principal
        if len(self._verified) > VERIFIED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _decode(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise UnauthorizedError("The access token is not valid.", sent=True)
        try:
            algorithm, key_id = _algorithm_and_key_id(token.partition(".")[0])
            # The key decides the algorithm, never the token alone: a public key taken as an HMAC secret would
            # let anyone sign (RFC 8725, 3.1).
            if algorithm == "HS256" and self._secret is not None:
                return self._verify(token, self._secret, "HS256")
            # Whoever asks writes the header: neither need be a string.
            if isinstance(algorithm, str) and algorithm in ASYMMETRIC and isinstance(key_id, str):
                key = await self._jwks.find(key_id)
                return self._verify(token, key, key.algorithm_name)
        except jwt.ExpiredSignatureError:
            raise ExpiredTokenError from None
        except jwt.PyJWTError:
            pass
        raise UnauthorizedError("The access token is not valid.", sent=True)

    def _verify(self, token: str, key: jwt.PyJWK | str, algorithm: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            issuer=self._issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "aud", "iss", "sub"]},
        )


# All tokens of a key begin alike. Few, since whoever asks may invent headers of MAX_TOKEN_LENGTH.
@lru_cache(maxsize=64)
def _algorithm_and_key_id(header: str) -> tuple[Any, Any]:
    """`alg` and `kid` of a token's first part; jwt.PyJWTError where it is no header."""
    fields = jwt.get_unverified_header(f"{header}..")
    return fields.get("alg"), fields.get("kid")


def _to_principal(claims: Mapping[str, Any], token: str) -> Principal:
    refused = UnauthorizedError("The access token is not one of a signed-in user.", sent=True)
    if claims.get("role") != ROLE:
        raise refused
    try:
        user_id = UUID(claims["sub"])
    except ValueError:
        raise refused from None
    session_id, email = claims.get("session_id"), claims.get("email")
    return Principal(
        user_id=user_id,
        session_id=session_id if isinstance(session_id, str) else None,
        aal="aal2" if claims.get("aal") == "aal2" else "aal1",
        email=email if isinstance(email, str) and email else None,
        expires_at=int(claims["exp"]),
        token=token,
    )
