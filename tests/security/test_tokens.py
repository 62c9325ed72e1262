"""Attacks on access tokens: what whoever asks may write into a token decides nothing."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from bff.auth import MAX_TOKEN_LENGTH, Authenticator
from bff.errors import UnauthorizedError
from tests.api.test_auth import ISSUER, KEY, OTHER_KEY, SECRET, USER, Auth, claims, refused, sign

# The order of the curve's group: a signature with r or s of it, or of zero, is none (CVE-2022-21449).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ANOTHER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def auth() -> Auth:
    auth = Auth()
    auth.add_key("first", KEY, "ES256")
    return auth


@pytest.fixture
def authenticator(auth: Auth) -> Authenticator:
    """One that takes both kinds of signature: most can be mixed up there."""
    return Authenticator(auth.jwks(), ISSUER, SECRET)


def encode(part: Any) -> str:
    """Base64url without padding, of bytes or of JSON."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(header: Any, payload: Any, key: Any = KEY) -> str:
    """A token with a good ES256 signature over whatever is given; `jwt.encode` would refuse most of it."""
    message = f"{encode(header)}.{encode(payload)}"
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    return f"{message}.{encode(algorithm.sign(message.encode(), key))}"


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "JWT", "kid": "first", **changes}


def with_hmac(secret: bytes, digest: str = "sha256") -> str:
    message = f"{encode(header(alg='HS' + digest[3:]))}.{encode(claims())}"
    return f"{message}.{encode(hmac.digest(secret, message.encode(), digest))}"


def public_forms() -> dict[str, bytes]:
    """What is public of the key, in the forms that a confused verifier may take for a secret."""
    public = KEY.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, info)
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    return {
        "pem": pem,
        "pem without its last line end": pem.strip(),
        "der": public.public_bytes(serialization.Encoding.DER, info),
        "jwk": json.dumps(jwk).encode(),
        "jwk without spaces": json.dumps(jwk, separators=(",", ":")).encode(),
        "x": str(jwk["x"]).encode(),
        "key id": b"first",
        "nothing": b"",
    }


async def test_signatures_by_the_helper_are_good(authenticator: Authenticator) -> None:
    assert str((await authenticator.authenticate(signed(header(), claims()))).user_id) == USER


@pytest.mark.parametrize("form", list(public_forms()))
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
async def test_nothing_public_of_a_key_signs_as_a_secret(
    authenticator: Authenticator, form: str, digest: str
) -> None:
    await refused(authenticator, with_hmac(public_forms()[form], digest))


@pytest.mark.parametrize(
    "spelling", ["none", "None", "NONE", "nOnE", "", "es256", "HS256 ", "RS256", "PS256"]
)
@pytest.mark.parametrize("signature", ["", "x", "good"])
async def test_no_spelling_of_another_algorithm_is_taken(
    authenticator: Authenticator, spelling: str, signature: str
) -> None:
    message = f"{encode(header(alg=spelling))}.{encode(claims())}"
    own = sign().split(".")[2] if signature == "good" else signature
    await refused(authenticator, f"{message}.{own}")


@pytest.mark.parametrize("value", [["ES256"], {"ES256": 1}, None, 1, True], ids=repr)
@pytest.mark.parametrize("field", ["alg", "kid"])
async def test_an_algorithm_or_key_id_that_is_no_text_is_a_bad_token(
    authenticator: Authenticator, field: str, value: Any
) -> None:
    await refused(authenticator, signed(header(**{field: value}), claims()))


@pytest.mark.parametrize("field", ["jwk", "jku", "x5u", "x5c"])
async def test_keys_that_a_token_brings_or_points_to_are_not_looked_at(
    auth: Auth, authenticator: Authenticator, field: str
) -> None:
    own = jwt.algorithms.ECAlgorithm.to_jwk(OTHER_KEY.public_key(), as_dict=True)
    der = OTHER_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    brought = {
        "jwk": {**own, "kid": "first"},
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/chain.pem",
        "x5c": [base64.b64encode(der).decode()],
    }
    for kid in ("first", "mine"):
        await refused(
            authenticator, signed(header(**{field: brought[field], "kid": kid}), claims(), OTHER_KEY)
        )
    assert auth.fetches == 1, "the project's own key set, once"


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "' or 1=1 --",
        "first\x00",
        "FIRST",
        "first/",
        "http://evil.example",
        "k" * 4096,
    ],
    ids=lambda kid: kid[:12],
)
async def test_a_key_id_is_compared_and_nothing_else(authenticator: Authenticator, kid: str) -> None:
    await refused(authenticator, signed(header(kid=kid), claims()))


@pytest.mark.parametrize(
    "changes",
    [
        {"crit": ["exp"]},
        {"crit": ["unknown"], "unknown": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
    ],
    ids=json.dumps,
)
async def test_extensions_that_must_be_understood_and_are_not_are_refused(
    authenticator: Authenticator, changes: dict[str, Any]
) -> None:
    await refused(authenticator, signed(header(**changes), claims()))


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x00" * 64,
        b"\x00" * 63,
        b"\xff" * 64,
        P256_ORDER.to_bytes(32, "big") * 2,
        P256_ORDER.to_bytes(32, "big") + (1).to_bytes(32, "big"),
        bytes.fromhex("3006020100020100"),
    ],
    ids=lambda signature: f"{len(signature)} of {signature[:2].hex()}",
)
async def test_signatures_of_nothing_are_refused(authenticator: Authenticator, signature: bytes) -> None:
    await refused(authenticator, f"{encode(header())}.{encode(claims())}.{encode(signature)}")


@pytest.mark.parametrize(
    "exp",
    ["soon", "1e99", None, True, [], {}, float("nan"), float("inf"), -1, 0],
    ids=type,
)
async def test_an_expiry_is_a_time_to_come(authenticator: Authenticator, exp: Any) -> None:
    await refused(authenticator, signed(header(), {**claims(), "exp": exp}))


@pytest.mark.parametrize(
    "aud",
    [
        "authenticated ",
        "auth",
        "AUTHENTICATED",
        [],
        ["authenticate"],
        [["authenticated"]],
        {"authenticated": 1},
        1,
    ],
    ids=json.dumps,
)
async def test_the_audience_is_the_one_of_signed_in_users(authenticator: Authenticator, aud: Any) -> None:
    await refused(authenticator, signed(header(), {**claims(), "aud": aud}))


@pytest.mark.parametrize(
    "iss", [f"{ISSUER}/", f"{ISSUER}.evil.example", ISSUER[:-1], [ISSUER], ISSUER.upper(), 1], ids=json.dumps
)
async def test_the_issuer_is_the_project_to_the_letter(authenticator: Authenticator, iss: Any) -> None:
    await refused(authenticator, signed(header(), {**claims(), "iss": iss}))


async def test_of_claims_that_come_twice_the_last_counts_for_everyone(authenticator: Authenticator) -> None:
    # As PostgREST and Postgres read it: two readers of one token must not see two people.
    text = json.dumps(claims())[:-1]
    twice = signed(header(), f'{text}, "sub": "{ANOTHER}"}}'.encode())
    assert str((await authenticator.authenticate(twice)).user_id) == ANOTHER
    await refused(authenticator, signed(header(), f'{text}, "role": "service_role"}}'.encode()))


@pytest.mark.parametrize("sub", [[USER], {"sub": USER}, 1, f"{USER}\x00", f" {USER}", ""], ids=json.dumps)
async def test_a_subject_is_the_id_of_a_user(authenticator: Authenticator, sub: Any) -> None:
    await refused(authenticator, signed(header(), {**claims(), "sub": sub}))


@pytest.mark.parametrize(
    "role", ["service_role", "anon", "postgres", "authenticator", ["authenticated"], ""], ids=repr
)
async def test_a_role_that_is_not_a_signed_in_users_is_refused(
    authenticator: Authenticator, role: Any
) -> None:
    await refused(authenticator, signed(header(), {**claims(), "role": role}))


@pytest.mark.parametrize(
    "part", [b"[1]", b'"x"', b"{", b"null", b"\xff", b'{"a":' + b"[" * 5000], ids=lambda part: repr(part[:8])
)
async def test_parts_that_are_no_objects_are_refused(authenticator: Authenticator, part: bytes) -> None:
    await refused(authenticator, signed(part, claims()))
    await refused(authenticator, signed(header(), part))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: f"{token}.x",
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace(".", ".!", 1),
        lambda token: f"{token}%00",
        lambda token: token[:-1],
        lambda _: f"{encode({'alg': 'dir', 'enc': 'A128CBC-HS256', 'kid': 'first'})}..a.b.c",
        lambda token: signed(header(cty="JWT"), token.encode()),
        lambda token: f"{token}{'A' * MAX_TOKEN_LENGTH}",
    ],
    ids=["fourth part", "empty part", "stray sign", "percent", "short", "encrypted", "nested", "huge"],
)
async def test_what_is_made_of_a_good_token_is_refused(authenticator: Authenticator, change: Any) -> None:
    token = sign()
    await authenticator.authenticate(token)
    await refused(authenticator, change(token))


async def test_a_remembered_token_vouches_for_itself_alone(authenticator: Authenticator) -> None:
    good, another = sign(), sign(sub=ANOTHER)
    for token in (good, another):
        await authenticator.authenticate(token)
    for index, parts in enumerate(zip(good.split("."), another.split("."), strict=True)):
        mixed = good.split(".")
        mixed[index] = parts[1]
        if ".".join(mixed) not in (good, another):
            await refused(authenticator, ".".join(mixed))
    assert str((await authenticator.authenticate(good)).user_id) == USER
    assert str((await authenticator.authenticate(another)).user_id) == ANOTHER


async def test_a_refused_token_is_not_remembered_when_its_key_comes(auth: Auth) -> None:
    authenticator = Authenticator(auth.jwks(), ISSUER)
    early = sign(OTHER_KEY, "second")
    await refused(authenticator, early)
    auth.add_key("second", OTHER_KEY, "ES256")
    auth.now += 60
    assert await authenticator.authenticate(early)


async def test_a_thousand_invented_headers_leave_the_good_one_good(authenticator: Authenticator) -> None:
    token = sign()
    for number in range(1000):
        with pytest.raises(UnauthorizedError):
            await authenticator.authenticate(f"{encode({'alg': 'ES256', 'kid': number, 'n': number})}.e30.x")
    assert await authenticator.authenticate(token)
