"""Signing in and out, and second factors, by the BFF and against the real stack."""

import asyncio
import json
import uuid
from typing import Any

import jwt
import pyotp
import pytest

from bff.app import ENDPOINTS
from bff.identity import REFUSAL_SECONDS, rest
from tests.actors import Connection, Organization
from tests.api.auth import AUTH, Account, new_account
from tests.api.shape import assert_error, assert_fields, data
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack
from tests.stack.api import PASSWORD

NOT_RIGHT = "The email or the password is not right."


def claims_of(account: Account) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(account.session["access_token"], options={"verify_signature": False})
    return claims


async def refresh(client: Client, token: str) -> Any:
    return await client(None).post(f"{AUTH}/refresh", json={"refresh_token": token})


async def test_a_sign_in_answers_a_session_that_the_api_takes(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    session = ana.session
    assert set(session) == {
        *("access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"),
        *("aal", "next_aal"),
    }
    assert session["user"] == {"id": ana.id, "email": ana.email, "factors": []}
    assert (session["aal"], session["next_aal"]) == ("aal1", "aal1")
    me = data(await client(None).get("/api/v1/me", headers=ana.headers))
    assert me["user"]["id"] == ana.id


async def test_what_is_wrong_with_a_sign_in_is_not_told(
    client: Client, stack: RunningStack, live_db: Connection
) -> None:
    ana = await new_account(stack, client(None))
    unconfirmed = await new_account(stack, client(None))
    live_db.execute("update auth.users set email_confirmed_at = null where id = %s", [unconfirmed.id])
    attempts = [
        (ana.email, "not this one"),
        (ana.email, f" {PASSWORD} "),
        ("nobody@example.test", PASSWORD),
        (unconfirmed.email, PASSWORD),
        (unconfirmed.email, "not this one"),
    ]
    answers = await asyncio.gather(
        *(
            client(None).post(f"{AUTH}/sign-in", json={"email": email, "password": password})
            for email, password in attempts
        )
    )
    errors = [assert_error(answer, "UNAUTHORIZED") for answer in answers]
    for error in errors:
        error.pop("timestamp")
    assert errors == [
        {"code": "UNAUTHORIZED", "message": NOT_RIGHT, "details": {"reason": "credentials"}}
    ] * len(attempts)
    shapes = [sorted(answer.headers) for answer in answers]
    assert shapes == [shapes[0]] * len(attempts)


@pytest.mark.parametrize("elapsed", [0.0, 0.001, 0.1, 0.39, 0.4, 0.7, 3.21])
def test_a_refusal_is_told_at_a_multiple_of_its_interval(elapsed: float) -> None:
    waited = rest(elapsed)
    assert 0 < waited <= REFUSAL_SECONDS
    assert (elapsed + waited) / REFUSAL_SECONDS == pytest.approx(round((elapsed + waited) / REFUSAL_SECONDS))


async def test_a_token_that_has_expired_is_no_hindrance_to_a_new_one(
    client: Client, stack: RunningStack
) -> None:
    anyone = client(None)
    ana = await new_account(stack, anyone)
    stale = {"Authorization": "Bearer long.past.it"}
    body = {"refresh_token": ana.session["refresh_token"]}
    assert data(await anyone.post(f"{AUTH}/refresh", json=body, headers=stale))["user"]["id"] == ana.id
    credentials = {"email": ana.email, "password": PASSWORD}
    data(await anyone.post(f"{AUTH}/sign-in", json=credentials, headers=stale))


async def test_a_refresh_token_is_good_once_and_a_lost_answer_is_given_again(
    client: Client, stack: RunningStack, live_db: Connection
) -> None:
    ana = await new_account(stack, client(None))
    first = ana.session["refresh_token"]
    second = data(await refresh(client, first))["refresh_token"]
    assert data(await refresh(client, first))["refresh_token"] == second, "its answer was lost"
    third = data(await refresh(client, second))["refresh_token"]
    live_db.execute(
        "update auth.refresh_tokens set updated_at = updated_at - interval '1 minute' where user_id = %s",
        [ana.id],
    )
    for stolen in (first, third, str(uuid.uuid4()), "nonsense"):
        error = assert_error(await refresh(client, stolen), "UNAUTHORIZED")
        assert error["details"] == {"reason": "refresh_token"}


async def test_refreshes_at_once_get_the_same_token(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    answers = await asyncio.gather(*(refresh(client, ana.session["refresh_token"]) for _ in range(5)))
    assert len({data(answer)["refresh_token"] for answer in answers}) == 1


async def test_a_factor_is_enrolled_confirmed_kept_by_refresh_and_removed(
    client: Client, stack: RunningStack
) -> None:
    ana = await new_account(stack, client(None))
    assert await ana.factors() == []
    answer = await ana.post("/mfa/factors", {"friendly_name": "Phone"})
    assert answer.headers["cache-control"] == "no-store"
    enrolled = data(answer, 201)
    assert set(enrolled) == {"id", "friendly_name", "factor_type", "secret", "uri", "qr_code"}
    assert enrolled["qr_code"].startswith("data:image/svg+xml;base64,")
    uri = pyotp.parse_uri(enrolled["uri"])
    assert (uri.secret, uri.issuer, uri.name) == (enrolled["secret"], "ReservePTY", ana.email)
    [factor] = await ana.factors()
    assert (factor["id"], factor["friendly_name"], factor["status"]) == (
        enrolled["id"],
        "Phone",
        "unverified",
    )

    before = claims_of(ana)
    await ana.confirm(enrolled)
    assert (ana.session["aal"], ana.session["next_aal"]) == ("aal2", "aal2")
    assert claims_of(ana)["session_id"] == before["session_id"]
    assert data(await client(None).get("/api/v1/me", headers=ana.headers))["aal"] == "aal2"
    ana.session = data(await refresh(client, ana.session["refresh_token"]))
    assert ana.session["aal"] == "aal2"

    weak = await ana.again()
    assert (weak.session["aal"], weak.session["next_aal"]) == ("aal1", "aal2")
    assert_error(await weak.remove(enrolled["id"]), "MFA_REQUIRED")
    assert_error(await weak.post("/mfa/factors", {"friendly_name": "Tablet"}), "MFA_REQUIRED")
    assert (await ana.remove(enrolled["id"])).status_code == 204
    ana.session = data(await refresh(client, ana.session["refresh_token"]))
    assert (ana.session["aal"], await ana.factors()) == ("aal1", [])


async def test_a_wrong_code_and_a_used_challenge_are_told_apart(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    enrolled = await ana.enroll()
    right = pyotp.TOTP(enrolled["secret"]).now()
    wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
    challenge = await ana.challenge(enrolled["id"])
    refused = await ana.verify(enrolled["id"], challenge, wrong)
    assert assert_error(refused, "MFA_VERIFICATION_FAILED")["details"] == {"reason": "code"}
    session = data(await ana.verify(enrolled["id"], challenge, right))
    ana.session = session
    for used in (challenge, str(uuid.uuid4())):
        refused = await ana.verify(enrolled["id"], used, right)
        assert assert_error(refused, "MFA_VERIFICATION_FAILED")["details"] == {"reason": "challenge"}


async def test_of_one_code_sent_twice_at_once_one_is_taken(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    enrolled = await ana.enroll()
    challenge, code = await ana.challenge(enrolled["id"]), pyotp.TOTP(enrolled["secret"]).now()
    answers = await asyncio.gather(*(ana.verify(enrolled["id"], challenge, code) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_names_and_numbers_of_factors_are_bounded(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    for number in range(10):
        await ana.enroll(f"Phone {number}")
    taken = await ana.post("/mfa/factors", {"friendly_name": "Phone 1"})
    assert assert_error(taken, "CONFLICT")["details"] == {"reason": "factor_name"}
    more = await ana.post("/mfa/factors", {"friendly_name": "Phone 10"})
    assert assert_error(more, "INVALID_STATE")["details"] == {"reason": "factor_limit"}


async def test_anothers_factor_does_not_exist(client: Client, stack: RunningStack) -> None:
    ana, ben = [await new_account(stack, client(None), name) for name in ("ana", "ben")]
    factor = (await ana.enroll())["id"]
    for answer in (
        await ben.post(f"/mfa/factors/{factor}/challenge"),
        await ben.verify(factor, str(uuid.uuid4()), "123456"),
        await ben.remove(factor),
        await ben.remove(str(uuid.uuid4())),
    ):
        assert_error(answer, "NOT_FOUND")


async def test_signing_out_ends_this_session_the_others_or_all(client: Client, stack: RunningStack) -> None:
    ana = await new_account(stack, client(None))
    here, there = await ana.again(), await ana.again()

    async def alive() -> list[bool]:
        # Looking does not use a refresh token up: Auth itself knows its sessions.
        headers = [each.headers for each in (ana, here, there)]
        answers = [await client(None).get(f"{AUTH}/mfa/factors", headers=each) for each in headers]
        return [answer.status_code == 200 for answer in answers]

    assert (await there.post("/sign-out")).status_code == 204
    assert await alive() == [True, True, False]
    assert_error(await refresh(client, there.session["refresh_token"]), "UNAUTHORIZED")
    assert (await there.post("/sign-out")).status_code == 204, "signed out it is"
    assert (await here.post("/sign-out", {"scope": "others"})).status_code == 204
    assert await alive() == [False, True, False]
    more = await ana.again()
    assert (await here.post("/sign-out", {"scope": "global"})).status_code == 204
    assert await alive() == [False, False, False]
    assert_error(await more.post("/mfa/factors", {}), "UNAUTHORIZED")


async def test_a_booking_where_it_is_demanded_takes_the_confirmed_session(
    client: Client, stack: RunningStack, live_db: Connection, office: Organization
) -> None:
    ana = await new_account(stack, client(None))
    live_db.execute(
        "insert into public.organization_members (organization_id, user_id, role) values (%s, %s, 'manager')",
        [office.id, ana.id],
    )
    live_db.execute("update public.organizations set require_mfa = true where id = %s", [office.id])
    hold = {
        "asset_id": office.assets["planes"],
        "start_date": "2032-05-01T10:00:00Z",
        "end_date": "2032-05-01T12:00:00Z",
    }

    async def try_it() -> Any:
        return await client(None).post("/api/v1/holds", json=hold, headers=ana.headers)

    assert_error(await try_it(), "MFA_REQUIRED")
    await ana.confirm(await ana.enroll())
    data(await try_it(), 201)


@pytest.mark.parametrize(
    ("path", "body", "faults"),
    [
        ("/sign-in", {}, {"email": "missing", "password": "missing"}),
        ("/sign-in", {"email": "no address", "password": "x"}, {"email": "string_pattern_mismatch"}),
        ("/sign-in", {"email": "a@b.test", "password": "x" * 257}, {"password": "string_too_long"}),
        ("/sign-in", {"email": "a@b.test", "password": "a\x00b"}, {"password": "string_nul"}),
        ("/sign-in", {"email": "a@b.test", "password": "x", "token": 1}, {"token": "extra_forbidden"}),
        ("/sign-in", {"email": ["a@b.test"], "password": "x"}, {"email": "string_type"}),
        ("/refresh", {"refresh_token": ""}, {"refresh_token": "string_too_short"}),
        ("/refresh", {"refresh_token": "x" * 4097}, {"refresh_token": "string_too_long"}),
        ("/sign-out", {"scope": "everyone"}, {"scope": "literal_error"}),
        ("/mfa/factors", {"friendly_name": "x" * 65}, {"friendly_name": "string_too_long"}),
        ("/mfa/factors", {"issuer": "Evil"}, {"issuer": "extra_forbidden"}),
        ("/mfa/factors/{id}/challenge", {"channel": "sms"}, {"channel": "extra_forbidden"}),
        ("/mfa/factors/{id}/verify", {"code": "123456"}, {"challenge_id": "missing"}),
        (
            "/mfa/factors/{id}/verify",
            {"challenge_id": "x", "code": "\u0661\u0662\u0663\u0664\u0665\u0666"},
            {"challenge_id": "uuid_parsing", "code": "string_pattern_mismatch"},
        ),
        ("/mfa/factors/none/challenge", {}, {"id": "uuid"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_malformed_bodies_are_refused_field_by_field(
    client: Client, office: Organization, path: str, body: Any, faults: dict[str, str]
) -> None:
    answer = await client(office.member).post(f"{AUTH}{path.format(id=uuid.uuid4())}", json=body)
    assert_fields(answer, **faults)
    sent = [value for value in body.values() if isinstance(value, str) and len(value) > 20]
    assert not any(value in answer.text for value in sent)


def test_each_route_of_it_can_be_named_for_a_limit_and_tells_of_429() -> None:
    routes = [each for each in ENDPOINTS if each.tag == "auth"]
    assert len(routes) == 8
    assert all(each.path.startswith("/api/v1/auth/") for each in routes)
    assert all("RATE_LIMIT_EXCEEDED" in each.errors for each in routes)


async def test_neither_passwords_nor_tokens_nor_codes_are_logged(
    client: Client, stack: RunningStack, bff: RunningBff
) -> None:
    ana = await new_account(stack, client(None))
    enrolled = await ana.enroll()
    before = dict(ana.session)
    await ana.confirm(enrolled)
    await client(None).post(f"{AUTH}/sign-in", json={"email": ana.email, "password": "a wrong pass"})
    await client(None).post(f"{AUTH}/refresh", json={"refresh_token": "an-unknown-token"})
    await ana.post("/sign-out", {"scope": "global"})
    text = bff.log.read_text()
    secrets = [
        *(session[name] for session in (before, ana.session) for name in ("access_token", "refresh_token")),
        *(PASSWORD, "a wrong pass", "an-unknown-token", enrolled["secret"], ana.email),
    ]
    assert [secret for secret in secrets if secret in text] == []
    assert [line for line in text.splitlines() if json.loads(line).get("event") == "unhandled"] == []


async def test_the_refusal_is_spanish_for_who_reads_spanish(client: Client) -> None:
    answer = await client(None).post(
        f"{AUTH}/sign-in",
        json={"email": "nadie@example.test", "password": "x"},
        headers={"Accept-Language": "es-PA"},
    )
    error = assert_error(answer, "UNAUTHORIZED")
    assert error["message"] == "El correo electrónico o la contraseña no es correcto."
