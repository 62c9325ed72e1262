"""Who is let in: signatures, claims, keys that rotate, and Auth when it is away."""

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bff.auth import JWKS_COOL_DOWN, JWKS_MAX_AGE, JWKS_RETRY_AFTER, LEEWAY, Authenticator, Jwks
from bff.errors import ServiceUnavailableError, UnauthorizedError
from tests.harness import wait_until

ISSUER = "https://project.example/auth/v1"
USER = "7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d"
SECRET = "a shared secret of thirty-two and more characters"


class Auth:
    """Supabase Auth's key set, and how often it was asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.fetches = 0
        self.is_away = False
        self.body: Any = None
        self.now = 1000.0

    def add_key(self, kid: str, private_key: Any, algorithm: str) -> None:
        """Publishes the public half."""
        to_jwk: Any = (
            jwt.algorithms.ECAlgorithm if algorithm == "ES256" else jwt.algorithms.RSAAlgorithm
        ).to_jwk
        published = to_jwk(private_key.public_key(), as_dict=True)
        self.keys[kid] = {**published, "kid": kid, "alg": algorithm, "use": "sig"}

    def handle(self, _: httpx.Request) -> httpx.Response:
        """Answers as the well-known address does."""
        self.fetches += 1
        if self.is_away:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=self.body or {"keys": list(self.keys.values())})

    def jwks(self) -> Jwks:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
        return Jwks(client, f"{ISSUER}/.well-known/jwks.json", {}, clock=lambda: self.now)


KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def auth() -> Auth:
    auth = Auth()
    auth.add_key("first", KEY, "ES256")
    return auth


def claims(**changes: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "sub": USER,
        "aud": "authenticated",
        "role": "authenticated",
        "exp": int(time.time()) + 600,
        "email": "anna@example.com",
        "aal": "aal2",
        "session_id": "5c1f6f0e-5b5e-4a55-8a44-1f2b3c4d5e6f",
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def sign(key: Any = KEY, kid: str | None = "first", algorithm: str = "ES256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


async def refused(authenticator: Authenticator, token: str) -> UnauthorizedError:
    with pytest.raises(UnauthorizedError) as caught:
        await authenticator.authenticate(token)
    return caught.value


async def test_a_good_token_says_who_it_is(auth: Auth) -> None:
    token = sign()
    principal = await Authenticator(auth.jwks(), ISSUER).authenticate(token)
    assert str(principal.user_id) == USER
    assert (principal.email, principal.aal) == ("anna@example.com", "aal2")
    assert principal.session_id == "5c1f6f0e-5b5e-4a55-8a44-1f2b3c4d5e6f"
    assert principal.token == token
    assert principal.expires_at > time.time()


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - LEEWAY - 1},
        {"exp": None},
        {"aud": "anon"},
        {"aud": None},
        {"iss": "https://elsewhere.example/auth/v1"},
        {"iss": None},
        {"role": "service_role"},
        {"role": "anon"},
        {"role": None},
        {"sub": "not a uuid"},
        {"sub": None},
        {"nbf": int(time.time()) + 86_400},
        {"iat": int(time.time()) + 86_400},
    ],
    # Without the moment of collection, which each process of the run has its own of.
    ids=lambda changes: "-".join(
        name if isinstance(value, int) else f"{name}={value}" for name, value in changes.items()
    )[:40],
)
async def test_claims_that_are_not_a_signed_in_users_are_refused(auth: Auth, changes: dict[str, Any]) -> None:
    await refused(Authenticator(auth.jwks(), ISSUER), sign(**changes))


async def test_a_clock_that_is_a_little_off_is_forgiven(auth: Auth) -> None:
    await Authenticator(auth.jwks(), ISSUER).authenticate(sign(exp=int(time.time()) - 1))


async def test_a_forged_signature_is_refused(auth: Auth) -> None:
    await refused(Authenticator(auth.jwks(), ISSUER), sign(OTHER_KEY))


async def test_a_changed_payload_is_refused(auth: Auth) -> None:
    head, _, signature = sign().split(".")
    payload = base64.urlsafe_b64encode(json.dumps(claims(sub=USER[:-1] + "0")).encode()).decode().rstrip("=")
    await refused(Authenticator(auth.jwks(), ISSUER), f"{head}.{payload}.{signature}")


async def test_no_algorithm_is_no_signature(auth: Auth) -> None:
    unsigned = jwt.encode(claims(), "", "none", headers={"kid": "first"})
    await refused(Authenticator(auth.jwks(), ISSUER, SECRET), unsigned)


async def test_a_public_key_is_no_shared_secret(auth: Auth) -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"first","typ":"JWT"}').decode().rstrip("=")
    payload = base64.urlsafe_b64encode(json.dumps(claims()).encode()).decode().rstrip("=")
    message = f"{header}.{payload}"
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(message.encode(), public)
    forged = f"{message}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    await refused(Authenticator(auth.jwks(), ISSUER), forged)
    await refused(Authenticator(auth.jwks(), ISSUER, SECRET), forged)


async def test_the_key_decides_the_algorithm(auth: Auth) -> None:
    auth.add_key("rsa", RSA_KEY, "RS256")
    authenticator = Authenticator(auth.jwks(), ISSUER)
    await authenticator.authenticate(sign(RSA_KEY, "rsa", "RS256"))
    await refused(authenticator, sign(RSA_KEY, "first", "RS256"))
    await refused(authenticator, sign(RSA_KEY, "rsa", "PS256"))


async def test_a_shared_secret_works_only_where_it_is_set(auth: Auth) -> None:
    token = sign(SECRET, None, "HS256")
    assert await Authenticator(auth.jwks(), ISSUER, SECRET).authenticate(token)
    await refused(Authenticator(auth.jwks(), ISSUER), token)
    await refused(Authenticator(auth.jwks(), ISSUER, SECRET + "!"), token)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "é.é.é", "x" * 20_000])
async def test_what_is_no_token_is_refused(auth: Auth, token: str) -> None:
    await refused(Authenticator(auth.jwks(), ISSUER, SECRET), token)
    assert not auth.fetches


async def test_a_verified_token_is_not_verified_again_until_it_expires(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER)
    token = sign(exp=int(time.time()) - LEEWAY + 2)
    first = await authenticator.authenticate(token)
    assert await authenticator.authenticate(token) is first
    wait_until(lambda: time.time() > first.expires_at + LEEWAY, seconds=5)
    await refused(authenticator, token)


async def test_a_rotated_key_is_found_after_the_cool_down(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER)
    await authenticator.authenticate(sign())
    auth.add_key("second", OTHER_KEY, "ES256")
    await refused(authenticator, sign(OTHER_KEY, "second"))
    assert auth.fetches == 1, "unknown key ids cost no fetch within the cool-down"
    auth.now += JWKS_COOL_DOWN
    await authenticator.authenticate(sign(OTHER_KEY, "second"))
    assert auth.fetches == 2
    await authenticator.authenticate(sign())


async def test_invented_key_ids_do_not_flood_auth(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER)
    for number in range(50):
        await refused(authenticator, sign(OTHER_KEY, f"invented {number}"))
    assert auth.fetches == 1


async def test_a_withdrawn_key_ends_its_tokens(auth: Auth) -> None:
    jwks = auth.jwks()
    authenticator = Authenticator(jwks, ISSUER)
    token = sign()
    await authenticator.authenticate(token)
    auth.keys.clear()
    auth.add_key("second", OTHER_KEY, "ES256")
    auth.now += JWKS_COOL_DOWN
    await authenticator.authenticate(sign(OTHER_KEY, "second"))
    await refused(authenticator, token)


@pytest.mark.parametrize("kid", ["second", "first"], ids=["another id", "the same id"])
async def test_a_withdrawn_key_ends_tokens_that_are_remembered_though_no_other_token_comes(
    auth: Auth, kid: str
) -> None:
    jwks = auth.jwks()
    authenticator = Authenticator(jwks, ISSUER)
    token = sign()
    await authenticator.authenticate(token)
    auth.keys.clear()
    auth.add_key(kid, OTHER_KEY, "ES256")
    auth.now += JWKS_MAX_AGE + 1
    await authenticator.authenticate(token)
    assert jwks._renewal is not None
    await jwks._renewal
    await refused(authenticator, token)


async def test_without_published_keys_in_use_none_are_fetched(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER, SECRET)
    token = sign(SECRET, None, "HS256")
    for _ in range(3):
        await authenticator.authenticate(token)
        auth.now += JWKS_MAX_AGE + 1
    assert not auth.fetches


async def test_a_principal_does_not_show_its_token(auth: Auth) -> None:
    principal = await Authenticator(auth.jwks(), ISSUER).authenticate(sign())
    assert principal.token not in repr(principal)


async def test_known_keys_serve_on_while_auth_is_away(auth: Auth) -> None:
    jwks = auth.jwks()
    authenticator = Authenticator(jwks, ISSUER)
    await authenticator.authenticate(sign())
    auth.is_away = True
    auth.now += JWKS_MAX_AGE + 1
    await authenticator.authenticate(sign(email="bert@example.com"))
    await jwks.aclose()
    await authenticator.authenticate(sign(email="carl@example.com"))
    await jwks.aclose()


async def test_without_any_key_it_is_503_and_asked_again_soon(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER)
    auth.is_away = True
    for _ in range(3):
        with pytest.raises(ServiceUnavailableError):
            await authenticator.authenticate(sign())
    assert auth.fetches == 1
    auth.is_away = False
    auth.now += JWKS_RETRY_AFTER
    await authenticator.authenticate(sign())


@pytest.mark.parametrize("body", [[], {"keys": 5}, {"no": "keys"}, "text"])
async def test_garbage_in_place_of_keys_is_an_outage(auth: Auth, body: Any) -> None:
    auth.body = body or [1]
    with pytest.raises(ServiceUnavailableError):
        await Authenticator(auth.jwks(), ISSUER).authenticate(sign())


async def test_a_kind_of_key_that_is_not_known_leaves_the_others_usable(auth: Auth) -> None:
    auth.keys["odd"] = {"kty": "AKP", "kid": "odd", "alg": "ML-DSA-65"}
    auth.keys["oct"] = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": "c2VjcmV0" * 8}
    authenticator = Authenticator(auth.jwks(), ISSUER)
    await authenticator.authenticate(sign())
    await refused(authenticator, sign(base64.b64decode("c2VjcmV0" * 8), "oct", "HS256"))
