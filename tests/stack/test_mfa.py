"""`/auth/v1/factors` answers as Supabase Auth does."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pyotp
import pytest

from tests.actors import Connection
from tests.db.racing import race
from tests.harness import RunningStack
from tests.stack.api import Person, api, assert_auth_error, refresh, sign_in, sign_up

FACTORS = "/auth/v1/factors"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@dataclass
class Session:
    """A signed-in person at the factors' addresses."""

    stack: RunningStack
    token: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        with api(self.stack, token=self.token) as client:
            return client.request(method, f"/auth/v1{path}", json=body, headers=headers)

    def enroll(self, name: str = "") -> httpx.Response:
        return self.call("POST", "/factors", {"factor_type": "totp", "friendly_name": name})

    def challenge(self, factor: str, **headers: str) -> httpx.Response:
        return self.call("POST", f"/factors/{factor}/challenge", {}, **headers)

    def verify(self, factor: str, challenge: str, code: str, **headers: str) -> httpx.Response:
        body = {"challenge_id": challenge, "code": code}
        return self.call("POST", f"/factors/{factor}/verify", body, **headers)

    def confirm(self, factor: str, secret: str) -> httpx.Response:
        """Challenge and verify, with the code that the phone shows."""
        return self.verify(factor, self.challenge(factor).json()["id"], pyotp.TOTP(secret).now())

    def unenroll(self, factor: str) -> httpx.Response:
        return self.call("DELETE", f"/factors/{factor}")

    def user(self) -> dict[str, Any]:
        user: dict[str, Any] = self.call("GET", "/user").json()
        return user


@dataclass
class Holder(Session):
    """Somebody who has a verified factor."""

    person: Person
    factor: str
    secret: str
    raised: dict[str, Any]
    """The answer that the first code got."""


def holder(stack: RunningStack) -> Holder:
    anna = sign_up(stack)
    session = Session(stack, anna.token)
    enrolled = session.enroll("Phone").json()
    raised = session.confirm(enrolled["id"], enrolled["totp"]["secret"])
    assert raised.status_code == 200, raised.text
    return Holder(stack, anna.token, anna, enrolled["id"], enrolled["totp"]["secret"], raised.json())


@pytest.fixture
def anna(stack: RunningStack) -> Holder:
    return holder(stack)


class TestEnroll:
    def test_a_factor_shows_its_secret_once_as_text_uri_and_drawing(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        session = Session(stack, anna.token)
        answer = session.enroll("Phone")
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        enrolled = answer.json()
        assert set(enrolled) == {"id", "type", "friendly_name", "totp"}
        assert (enrolled["type"], enrolled["friendly_name"]) == ("totp", "Phone")
        assert set(enrolled["totp"]) == {"qr_code", "secret", "uri"}
        parsed = pyotp.parse_uri(enrolled["totp"]["uri"])
        assert isinstance(parsed, pyotp.TOTP)
        assert (parsed.secret, parsed.name) == (enrolled["totp"]["secret"], anna.email)
        drawing = enrolled["totp"]["qr_code"].strip()
        assert drawing.startswith("<svg ")
        assert drawing.endswith("</svg>")
        user = session.user()
        [factor] = user["factors"]
        assert enrolled["totp"]["secret"] not in str(user)
        assert {name: factor[name] for name in ("id", "friendly_name", "factor_type", "status")} == {
            "id": enrolled["id"],
            "friendly_name": "Phone",
            "factor_type": "totp",
            "status": "unverified",
        }

    def test_whoever_has_none_is_shown_no_factors(self, stack: RunningStack) -> None:
        assert "factors" not in Session(stack, sign_up(stack).token).user()

    def test_a_name_is_given_once(self, stack: RunningStack, live_db: Connection) -> None:
        anna = sign_up(stack)
        session = Session(stack, anna.token)
        assert session.enroll("Phone").status_code == 200
        assert_auth_error(session.enroll("Phone"), 422, "mfa_factor_name_conflict")
        live_db.execute(
            "update auth.mfa_factors set created_at = created_at - interval '6 minutes' where user_id = %s",
            [anna.id],
        )
        assert session.enroll("Phone").status_code == 200, "nobody went on with the first one"

    def test_of_many_with_one_name_at_once_one_is_kept(self, stack: RunningStack) -> None:
        session = Session(stack, sign_up(stack).token)
        statuses: list[int] = []
        race([lambda: statuses.append(session.enroll("Phone").status_code)] * 5)
        assert sorted(statuses) == [200, 422, 422, 422, 422]

    def test_a_user_has_ten_at_most(self, stack: RunningStack) -> None:
        session = Session(stack, sign_up(stack).token)
        for number in range(10):
            assert session.enroll(f"Phone {number}").status_code == 200
        assert_auth_error(session.enroll("Phone 10"), 422, "too_many_enrolled_mfa_factors")

    def test_a_second_one_is_only_for_who_has_confirmed_the_first(self, anna: Holder) -> None:
        elsewhere = sign_in(anna.stack, anna.person.email).json()
        weak = Session(anna.stack, elsewhere["access_token"])
        assert_auth_error(weak.enroll("Tablet"), 403, "insufficient_aal")
        assert anna.enroll("Tablet").status_code == 200

    @pytest.mark.parametrize(
        ("body", "status", "error_code"),
        [
            ({"factor_type": "pigeon"}, 400, "validation_failed"),
            ({}, 400, "validation_failed"),
            ({"factor_type": "phone", "phone": "+50761234567"}, 422, "mfa_phone_enroll_not_enabled"),
            ({"factor_type": "webauthn"}, 422, "mfa_webauthn_enroll_not_enabled"),
            ({"factor_type": "totp", "friendly_name": 7}, 400, "bad_json"),
            ({"factor_type": "totp", "friendly_name": "a\x00b"}, 400, "bad_json"),
            ([], 400, "bad_json"),
        ],
    )
    def test_other_kinds_and_malformed_bodies_are_refused(
        self, stack: RunningStack, body: Any, status: int, error_code: str
    ) -> None:
        session = Session(stack, sign_up(stack).token)
        assert_auth_error(session.call("POST", "/factors", body), status, error_code)


class TestVerify:
    def test_a_right_code_raises_the_session_itself(self, anna: Holder, live_db: Connection) -> None:
        old, new = claims_of(anna.token), claims_of(anna.raised["access_token"])
        assert (old["aal"], new["aal"]) == ("aal1", "aal2")
        assert new["session_id"] == old["session_id"]
        assert [each["method"] for each in new["amr"]] == ["password", "totp"]
        assert anna.raised["refresh_token"] != anna.person.session["refresh_token"]
        assert [each["status"] for each in anna.raised["user"]["factors"]] == ["verified"]
        row = live_db.execute(
            "select aal::text, factor_id::text from auth.sessions where id = %s", [old["session_id"]]
        ).fetchone()
        assert row == {"aal": "aal2", "factor_id": anna.factor}

    def test_a_refresh_keeps_the_level(self, anna: Holder) -> None:
        again = claims_of(refresh(anna.stack, anna.raised["refresh_token"]).json()["access_token"])
        before = claims_of(anna.raised["access_token"])
        assert (again["aal"], again["amr"]) == ("aal2", before["amr"])

    def test_a_new_sign_in_begins_at_aal1_and_tells_of_the_factor(self, anna: Holder) -> None:
        body = sign_in(anna.stack, anna.person.email).json()
        assert claims_of(body["access_token"])["aal"] == "aal1"
        assert [each["status"] for each in body["user"]["factors"]] == ["verified"]

    def test_it_ends_the_users_sessions_that_are_lower_and_other_unverified_factors(
        self, stack: RunningStack
    ) -> None:
        anna = sign_up(stack)
        elsewhere = Session(stack, sign_in(stack, anna.email).json()["access_token"])
        session = Session(stack, anna.token)
        spare, enrolled = (session.enroll(name).json() for name in ("Spare", "Phone"))
        assert session.confirm(enrolled["id"], enrolled["totp"]["secret"]).status_code == 200
        assert_auth_error(elsewhere.call("GET", "/user"), 403, "session_not_found")
        assert [each["id"] for each in session.user()["factors"]] == [enrolled["id"]]
        assert_auth_error(session.challenge(spare["id"]), 404, "mfa_factor_not_found")

    def test_a_challenge_is_good_once_and_for_five_minutes(self, anna: Holder, live_db: Connection) -> None:
        code = pyotp.TOTP(anna.secret).now()
        made = anna.challenge(anna.factor).json()
        assert set(made) == {"id", "type", "expires_at"}
        row = live_db.execute(
            "select extract(epoch from created_at)::bigint as made from auth.mfa_challenges where id = %s",
            [made["id"]],
        ).fetchone()
        assert row is not None
        assert made["expires_at"] - row["made"] in (299, 300)
        assert anna.verify(anna.factor, made["id"], code).status_code == 200
        again = anna.verify(anna.factor, made["id"], code)
        assert_auth_error(again, 422, "mfa_ip_address_mismatch")
        late = anna.challenge(anna.factor).json()["id"]
        live_db.execute(
            "update auth.mfa_challenges set created_at = created_at - interval '301 s' where id = %s", [late]
        )
        assert_auth_error(anna.verify(anna.factor, late, code), 422, "mfa_challenge_expired")
        assert_auth_error(anna.verify(anna.factor, late, code), 422, "mfa_factor_not_found")

    def test_challenges_at_once_are_all_made(self, anna: Holder) -> None:
        statuses: list[int] = []
        race([lambda: statuses.append(anna.challenge(anna.factor).status_code)] * 6)
        assert statuses == [200] * 6

    def test_a_code_may_answer_another_challenge_as_at_the_real_one(self, anna: Holder) -> None:
        code = pyotp.TOTP(anna.secret).now()
        for _ in range(2):
            challenge = anna.challenge(anna.factor).json()["id"]
            assert anna.verify(anna.factor, challenge, code).status_code == 200

    def test_of_two_answers_to_one_challenge_at_once_one_is_taken(self, anna: Holder) -> None:
        code, challenge = pyotp.TOTP(anna.secret).now(), anna.challenge(anna.factor).json()["id"]
        statuses: list[int] = []
        race([lambda: statuses.append(anna.verify(anna.factor, challenge, code).status_code)] * 2)
        assert sorted(statuses) == [200, 422]

    def test_sessions_that_confirm_at_once_end_as_one_after_the_other(self, anna: Holder) -> None:
        weak = [
            Session(anna.stack, sign_in(anna.stack, anna.person.email).json()["access_token"])
            for _ in range(2)
        ]
        answers: list[httpx.Response] = []

        def confirm(session: Session) -> None:
            challenge = session.challenge(anna.factor)
            if challenge.status_code != 200:
                answers.append(challenge)
                return
            code = pyotp.TOTP(anna.secret).now()
            answers.append(session.verify(anna.factor, challenge.json()["id"], code))

        race([lambda: confirm(weak[0]), lambda: confirm(weak[1])])
        assert sorted(answer.status_code for answer in answers) == [200, 403]

    def test_a_refresh_at_the_same_time_gets_its_tokens_too(self, anna: Holder) -> None:
        code, statuses = pyotp.TOTP(anna.secret).now(), list[int]()
        challenge, held = anna.challenge(anna.factor).json()["id"], anna.raised["refresh_token"]
        race(
            [
                lambda: statuses.append(anna.verify(anna.factor, challenge, code).status_code),
                lambda: statuses.append(refresh(anna.stack, held).status_code),
            ]
        )
        assert statuses == [200, 200]

    def test_a_wrong_code_changes_nothing(self, anna: Holder) -> None:
        right = pyotp.TOTP(anna.secret).now()
        wrong = f"{(int(right) + 500_000) % 1_000_000:06}"
        challenge = anna.challenge(anna.factor).json()["id"]
        assert_auth_error(anna.verify(anna.factor, challenge, wrong), 422, "mfa_verification_failed")
        assert_auth_error(anna.verify(anna.factor, challenge, ""), 400, "validation_failed")
        assert anna.verify(anna.factor, challenge, right).status_code == 200

    def test_another_address_may_not_answer(self, anna: Holder) -> None:
        code = pyotp.TOTP(anna.secret).now()
        here, there = {"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}, {"X-Forwarded-For": "203.0.113.8"}
        challenge = anna.challenge(anna.factor, **here).json()["id"]
        answer = anna.verify(anna.factor, challenge, code, **there)
        assert_auth_error(answer, 422, "mfa_ip_address_mismatch")
        assert anna.verify(anna.factor, challenge, code, **here).status_code == 200

    def test_the_forwarded_address_of_a_server_counts_with_the_secret_key_only(
        self, anna: Holder, live_db: Connection
    ) -> None:
        seen = {}
        for key in (anna.stack.publishable_key, anna.stack.secret_key):
            headers = {"apikey": key, "Sb-Forwarded-For": "203.0.113.9"}
            made = anna.challenge(anna.factor, **headers).json()["id"]
            row = live_db.execute(
                "select host(ip_address) as address from auth.mfa_challenges where id = %s", [made]
            ).fetchone()
            assert row is not None
            seen[key] = row["address"]
        assert list(seen.values()) == ["127.0.0.1", "203.0.113.9"]

    @pytest.mark.parametrize("challenge", [str(uuid.uuid4()), "no uuid", ""], ids=["unknown", "text", "none"])
    def test_an_unknown_challenge_is_not_found(self, anna: Holder, challenge: str) -> None:
        answer = anna.verify(anna.factor, challenge, "123456")
        assert_auth_error(answer, 422, "mfa_factor_not_found")

    def test_another_users_factor_does_not_exist(self, anna: Holder) -> None:
        ben = Session(anna.stack, sign_up(anna.stack, "ben").token)
        for answer in (
            ben.challenge(anna.factor),
            ben.verify(anna.factor, str(uuid.uuid4()), "123456"),
            ben.unenroll(anna.factor),
            ben.challenge(str(uuid.uuid4())),
        ):
            assert_auth_error(answer, 404, "mfa_factor_not_found")
        assert_auth_error(ben.challenge("no-uuid"), 404, "validation_failed")

    def test_after_sign_out_nothing_is_left_to_confirm(self, anna: Holder) -> None:
        assert anna.call("POST", "/logout").status_code == 204
        for answer in (anna.enroll("Tablet"), anna.challenge(anna.factor), anna.unenroll(anna.factor)):
            assert_auth_error(answer, 403, "session_not_found")


class TestUnenroll:
    def test_the_old_token_of_a_raised_session_may_unenroll(self, anna: Holder) -> None:
        assert claims_of(anna.token)["aal"] == "aal1"
        answer = anna.unenroll(anna.factor)
        assert (answer.status_code, answer.json()) == (200, {"id": anna.factor})
        again = claims_of(refresh(anna.stack, anna.raised["refresh_token"]).json()["access_token"])
        assert again["aal"] == "aal1"
        assert [each["method"] for each in again["amr"]] == ["password"]

    def test_a_session_at_aal1_may_not(self, anna: Holder) -> None:
        weak = Session(anna.stack, sign_in(anna.stack, anna.person.email).json()["access_token"])
        assert_auth_error(weak.unenroll(anna.factor), 422, "insufficient_aal")

    def test_one_that_is_not_verified_needs_nothing(self, stack: RunningStack) -> None:
        session = Session(stack, sign_up(stack).token)
        enrolled = session.enroll("Phone").json()
        assert session.unenroll(enrolled["id"]).status_code == 200


class TestAdmin:
    def test_the_secret_key_lists_and_removes_factors(self, anna: Holder) -> None:
        path = f"/auth/v1/admin/users/{anna.person.id}/factors"
        with api(anna.stack, secret=True) as admin:
            [factor] = admin.get(path).json()
            assert (factor["id"], factor["status"]) == (anna.factor, "verified")
            assert anna.secret not in str(factor)
            assert admin.delete(f"{path}/{anna.factor}").json()["id"] == anna.factor
            assert_auth_error(admin.delete(f"{path}/{anna.factor}"), 404, "mfa_factor_not_found")
            assert admin.get(path).json() == []
            nobody = admin.get(f"/auth/v1/admin/users/{uuid.uuid4()}/factors")
            assert_auth_error(nobody, 404, "user_not_found")
        assert_auth_error(anna.call("GET", path.removeprefix("/auth/v1")), 403, "not_admin")


def test_what_hosted_supabase_has_of_factors_is_here_by_name_and_type(live_db: Connection) -> None:
    rows = live_db.execute(
        """select table_name || '.' || column_name as name, udt_name as type from information_schema.columns
           where table_schema = 'auth'
             and (table_name like 'mfa\\_%' or column_name in ('aal', 'factor_id'))"""
    )
    found = {row["name"]: row["type"] for row in rows}
    expected = {
        "mfa_factors.user_id": "uuid",
        "mfa_factors.factor_type": "factor_type",
        "mfa_factors.status": "factor_status",
        "mfa_factors.secret": "text",
        "mfa_challenges.ip_address": "inet",
        "mfa_challenges.verified_at": "timestamptz",
        "mfa_amr_claims.authentication_method": "text",
        "sessions.aal": "aal_level",
        "sessions.factor_id": "uuid",
    }
    assert {name: found.get(name) for name in expected} == expected
