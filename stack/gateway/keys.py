"""The key that signs access tokens, and tokens verified with it."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stack.gateway.errors import TokenError

COORDINATE_BYTES = 32  # a coordinate on P-256, padded (RFC 7518, 6.2.1.2)


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """An EC P-256 key with its public JWK; `kid` is the JWK's thumbprint (RFC 7638)."""

    def __init__(self, private: EllipticCurvePrivateKey) -> None:
        """Take the private key.

        Raises:
            ValueError: the key is not on the curve P-256.
        """
        if not isinstance(private.curve, SECP256R1):
            raise ValueError("the signing key must be on the curve P-256")  # noqa: TRY004 - right type, wrong value
        self._private = private
        self._public = private.public_key()
        numbers = self._public.public_numbers()
        members = {
            "crv": "P-256",
            "kty": "EC",
            "x": base64url(numbers.x.to_bytes(COORDINATE_BYTES, "big")),
            "y": base64url(numbers.y.to_bytes(COORDINATE_BYTES, "big")),
        }
        canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
        self.kid = base64url(hashlib.sha256(canonical).digest())
        self.jwk: dict[str, Any] = {
            **members,
            "kid": self.kid,
            "alg": "ES256",
            "use": "sig",
            "key_ops": ["verify"],
        }

    @classmethod
    def read(cls, path: Path) -> "SigningKey":
        """Read a PEM file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no EC P-256 private key.
        """
        private = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, EllipticCurvePrivateKey):
            raise ValueError(f"{path} holds no elliptic curve key")  # noqa: TRY004 - wrong content
        return cls(private)

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign claims as ES256."""
        return jwt.encode(claims, self._private, algorithm="ES256", headers={"kid": self.kid})

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours that has not expired.

        Raises:
            TokenError: it is none.
        """
        if token.count(".") != 2 or not all(token.split(".")):
            raise TokenError("malformed", "token contains an invalid number of segments")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise TokenError("malformed", str(error)) from error
        # The algorithm is ours to say: `none`, and HS256 keyed with the public key, end here.
        if header.get("alg") != "ES256" or header.get("kid") != self.kid:
            raise TokenError("key", "no key of this project made this token")
        try:
            return jwt.decode(
                token,
                self._public,
                algorithms=["ES256"],
                options={"require": ["exp", "role"], "verify_aud": False, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenError("expired", "token is expired") from error
        except jwt.InvalidSignatureError as error:
            raise TokenError("signature", "signature is invalid") from error
        except jwt.DecodeError as error:
            raise TokenError("malformed", str(error)) from error
        except jwt.InvalidTokenError as error:
            raise TokenError("claims", str(error)) from error
