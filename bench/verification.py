"""What it costs to know who is calling: an access token seen for the first time, and one that is remembered.

Baseline: the signature check of the library alone, on the same tokens, signed ES256 as Supabase signs.
"""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from bench.report import Figure, median
from bff.auth import Authenticator, Jwks

ISSUER = "http://127.0.0.1/auth/v1"
KEY_ID = "bench"
BLOCKS = 40  # the two take turns, so that a drift of the machine's speed meets both
TOKENS = 25  # in each block, each seen once
REPEATS = 200  # of each token of a block, once it is remembered


async def verified() -> list[Figure]:
    """Microseconds of a new token, and how many remembered ones a second."""
    key = ec.generate_private_key(ec.SECP256R1())
    description = {
        **json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())),
        "kid": KEY_ID,
        "alg": "ES256",
    }
    public = jwt.PyJWK(description)
    alone, ours, remembered = [], [], []
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"keys": [description]}))
    async with httpx.AsyncClient(transport=answer) as client:
        authenticator = Authenticator(Jwks(client, f"{ISSUER}/.well-known/jwks.json", {}), ISSUER)
        await authenticator.authenticate(_token(key))  # fetches the key
        for _ in range(BLOCKS):
            tokens = [_token(key) for _ in range(TOKENS)]
            alone.append(_alone(tokens, public))
            ours.append(await _authenticate(authenticator, tokens))
            remembered.append(await _authenticate(authenticator, tokens * REPEATS))
    first, check, again = (1e6 * median(each) / TOKENS for each in (ours, alone, remembered))
    rate = 1e6 * REPEATS / again
    return [
        Figure(
            name="an access token seen for the first time",
            baseline=f"the library's signature check {check:.0f} µs",
            ours=f"{first:.0f} µs",
            ratio=first / check,
            aim="1.3 times at most",
            met=first <= 1.3 * check,
        ),
        Figure(
            name="an access token that is remembered",
            baseline=f"the library's signature check {1e6 / check:,.0f}/s",
            ours=f"{rate:,.0f}/s",
            ratio=rate * check / 1e6,
            aim="50,000/s at least",
            met=rate >= 50_000,
        ),
    ]


def _token(key: ec.EllipticCurvePrivateKey) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": str(uuid.uuid4()),
        "aud": "authenticated",
        "role": "authenticated",
        "iat": now,
        "exp": now + 3600,
        "email": "someone@example.test",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"first_name": "Ana"},
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": str(uuid.uuid4()),
        "is_anonymous": False,
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": KEY_ID})


def _alone(tokens: Sequence[str], key: jwt.PyJWK) -> float:
    """Seconds for the signatures of all tokens."""
    started = time.perf_counter()
    for token in tokens:
        jwt.api_jws.decode(token, key, algorithms=["ES256"])
    return time.perf_counter() - started


async def _authenticate(authenticator: Authenticator, tokens: Sequence[str]) -> float:
    """Seconds for all tokens."""
    started = time.perf_counter()
    for token in tokens:
        await authenticator.authenticate(token)
    return time.perf_counter() - started
