"""Who a caller is: API keys and access tokens, verified, and refused in Supabase Realtime's words."""

import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

# A probe runs as the role that the token names, on a superuser's connection: nothing else may be named.
ROLES = frozenset({"anon", "authenticated", "service_role"})


class RefusedError(Exception):
    """A join or a token that is refused.

    Args:
        code: Realtime's error code, such as `Unauthorized`.
        message: what it says about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified caller. `expires_at` is in Unix seconds, None for an API key, which never expires."""

    role: str
    claims: dict[str, Any]
    expires_at: int | None = None


def load_public_key(pem: bytes) -> EllipticCurvePublicKey:
    """The public half of a PEM, whether it holds the private key or the public one.

    Raises:
        ValueError: it is no elliptic curve key.
    """
    if b"PRIVATE KEY" in pem:
        private = load_pem_private_key(pem, password=None)
        if isinstance(private, EllipticCurvePrivateKey):
            return private.public_key()
    else:
        public = load_pem_public_key(pem)
        if isinstance(public, EllipticCurvePublicKey):
            return public
    raise ValueError("the signing key is no elliptic curve key")


class Verifier:
    """Turns API keys and access tokens into identities."""

    def __init__(
        self, key: EllipticCurvePublicKey, issuer: str, publishable_key: str, secret_key: str
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._keys = {
            publishable_key: Identity("anon", {"role": "anon"}),
            secret_key: Identity("service_role", {"role": "service_role"}),
        }

    def apikey(self, key: str) -> Identity:
        """Who an `apikey` stands for; a signed token serves as one too, as on hosted Supabase.

        Raises:
            RefusedError: it is neither.
        """
        return self._keys.get(key) or self.token(key)

    def token(self, token: str) -> Identity:
        """Who an access token speaks for.

        Raises:
            RefusedError: malformed, wrongly signed, expired, or without what it must claim.
        """
        claims = self._decode(token)
        expires_at, role = claims.get("exp"), claims.get("role")
        if not isinstance(expires_at, int) or not isinstance(role, str):
            raise RefusedError("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
        late = int(time.time()) - expires_at
        if late >= 0:
            raise RefusedError("InvalidJWTToken", f"Token has expired {late} seconds ago")
        if role not in ROLES:
            raise RefusedError("InvalidJWTToken", f"Role {role} is not one of the API's")
        audience = claims.get("aud", "authenticated")
        if "authenticated" not in (audience if isinstance(audience, list) else [audience]):
            raise RefusedError("InvalidJWTToken", "Invalid audience")
        return Identity(role, claims, expires_at)

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                self._key,
                algorithms=["ES256"],
                issuer=self._issuer,
                # The expiry's refusal says how long ago, and the audience is optional for service tokens.
                options={"verify_exp": False, "verify_aud": False},
            )
        except jwt.InvalidSignatureError as error:
            raise RefusedError("JwtSignatureError", "Failed to validate JWT signature") from error
        except jwt.InvalidAlgorithmError as error:
            raise RefusedError("JwtSignerError", "Failed to generate JWT signer") from error
        except jwt.DecodeError as error:
            raise RefusedError("MalformedJWT", "The token provided is not a valid JWT") from error
        except jwt.InvalidTokenError as error:
            raise RefusedError("InvalidJWTToken", str(error)) from error
