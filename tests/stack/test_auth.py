"""`/auth/v1` answers as Supabase Auth does."""

import json
import time
import uuid
from datetime import datetime

import httpx
import jwt
import pytest

from tests.actors import Connection
from tests.db.racing import race
from tests.harness import RunningStack
from tests.stack.api import PASSWORD, Person, api, assert_auth_error, refresh, sign_in, sign_up


def verified(stack: RunningStack, token: str) -> dict[str, object]:
    """The claims of a token, verified as any backend does: through the published keys."""
    client = jwt.PyJWKClient(f"{stack.url}/auth/v1/.well-known/jwks.json")
    claims: dict[str, object] = jwt.decode(
        token,
        client.get_signing_key_from_jwt(token).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=f"{stack.url}/auth/v1",
    )
    return claims


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def age_refresh_tokens(db: Connection, person: Person, interval: str) -> None:
    db.execute(
        "update auth.refresh_tokens set updated_at = updated_at - %s::interval where user_id = %s",
        [interval, person.id],
    )


class TestTokens:
    def test_the_published_keys_verify_a_token_and_need_no_api_key(self, stack: RunningStack) -> None:
        answer = httpx.get(f"{stack.url}/auth/v1/.well-known/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=600"
        (key,) = answer.json()["keys"]
        assert {name: key[name] for name in ("kty", "crv", "alg", "use", "key_ops")} == {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "key_ops": ["verify"],
        }
        assert "d" not in key
        token = sign_up(stack).token
        assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": key["kid"]}
        assert verified(stack, token)

    def test_a_token_carries_the_claims_of_supabase_auth(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        before = int(time.time())
        anna = sign_up(stack, first_name="Anna")
        claims = verified(stack, anna.token)
        session = live_db.execute(
            "select * from auth.sessions where id = %s", [claims["session_id"]]
        ).fetchone()
        assert session is not None
        assert str(session["user_id"]) == claims["sub"] == anna.id
        issued = claims.pop("iat")
        assert isinstance(issued, int)
        assert before <= issued <= time.time()
        assert claims.pop("exp") == issued + 3600 == anna.session["expires_at"]
        assert claims.pop("amr") == [
            {"method": "password", "timestamp": int(session["created_at"].timestamp())}
        ]
        metadata = claims.pop("user_metadata")
        assert isinstance(metadata, dict)
        assert metadata["first_name"] == "Anna"
        assert claims == {
            "iss": f"{stack.url}/auth/v1",
            "sub": anna.id,
            "aud": "authenticated",
            "email": anna.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "role": "authenticated",
            "aal": "aal1",
            "session_id": claims["session_id"],
            "is_anonymous": False,
        }

    def test_sign_in_answers_a_session_that_is_not_to_be_stored(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        answer = sign_in(stack, anna.email)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert body["token_type"] == "bearer"
        assert body["expires_in"] == 3600
        assert body["user"]["email"] == anna.email
        assert [identity["provider"] for identity in body["user"]["identities"]] == ["email"]
        assert datetime.fromisoformat(body["user"]["created_at"]).tzinfo is not None
        first, second = (verified(stack, each)["session_id"] for each in (anna.token, body["access_token"]))
        assert first != second

    def test_a_refresh_keeps_the_session_and_its_sign_in_time(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        answer = refresh(stack, anna.session["refresh_token"])
        assert answer.status_code == 200, answer.text
        old, new = verified(stack, anna.token), verified(stack, answer.json()["access_token"])
        assert new["session_id"] == old["session_id"]
        assert new["amr"] == old["amr"]
        assert answer.json()["refresh_token"] != anna.session["refresh_token"]

    def test_a_refresh_token_used_again_later_ends_all_of_its_family(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        anna = sign_up(stack)
        first = anna.session["refresh_token"]
        second = refresh(stack, first).json()["refresh_token"]
        third = refresh(stack, second).json()["refresh_token"]
        age_refresh_tokens(live_db, anna, "1 minute")
        assert_auth_error(refresh(stack, first), 400, "refresh_token_already_used")
        assert_auth_error(refresh(stack, third), 400, "refresh_token_already_used")
        with api(stack, token=anna.token) as client:
            assert client.get("/auth/v1/user").status_code == 200, "the access token lives until it expires"

    def test_a_refresh_token_used_again_within_seconds_gets_one_more(self, stack: RunningStack) -> None:
        first = sign_up(stack).session["refresh_token"]
        second = refresh(stack, first).json()["refresh_token"]
        third = refresh(stack, second).json()["refresh_token"]
        fourth = refresh(stack, first).json()["refresh_token"]
        assert len({first, second, third, fourth}) == 4
        assert refresh(stack, fourth).status_code == 200

    def test_an_answer_that_was_lost_is_given_again_however_late(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        anna = sign_up(stack)
        first = anna.session["refresh_token"]
        newest = refresh(stack, first).json()["refresh_token"]
        age_refresh_tokens(live_db, anna, "1 day")
        assert refresh(stack, first).json()["refresh_token"] == newest

    def test_many_refreshes_at_once_with_one_token_get_the_same_one(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        anna = sign_up(stack)
        answers: list[str] = []

        def swap() -> None:
            answers.append(refresh(stack, anna.session["refresh_token"]).json()["refresh_token"])

        race([swap] * 8)
        assert len(answers) == 8
        assert len(set(answers)) == 1
        rows = live_db.execute(
            "select token from auth.refresh_tokens where user_id = %s and not revoked", [anna.id]
        )
        assert rows.fetchall() == [{"token": answers[0]}]


class TestSignUp:
    def test_what_is_stored_is_what_supabase_auth_stores(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        anna = sign_up(stack, first_name="Anna")
        row = live_db.execute(
            """select raw_app_meta_data as app, raw_user_meta_data ->> 'first_name' as first_name,
                      (select i.identity_data ->> 'sub' from auth.identities i where i.user_id = u.id) as sub,
                      (select i.email from auth.identities i where i.user_id = u.id) as email,
                      (select p.first_name from profiles p where p.id = u.id) as profile
               from auth.users u where id = %s""",
            [anna.id],
        ).fetchone()
        assert row == {
            "app": {"provider": "email", "providers": ["email"]},
            "first_name": "Anna",
            "sub": anna.id,
            "email": anna.email,
            "profile": "Anna",
        }


class TestRefusals:
    def test_a_wrong_password_and_an_unknown_user_are_told_alike(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        answers = [sign_in(stack, anna.email, "wrong password"), sign_in(stack, "nobody@example.test")]
        for answer in answers:
            assert_auth_error(answer, 400, "invalid_credentials")
        assert answers[0].json() == answers[1].json()

    def test_a_bad_refresh_token_is_a_failed_validation(self, stack: RunningStack) -> None:
        assert_auth_error(refresh(stack, "nonsense"), 400, "validation_failed")

    @pytest.mark.parametrize(
        ("body", "status", "error_code"),
        [
            ({"email": "new@example.test", "password": "short"}, 422, "weak_password"),
            ({"email": "no address", "password": PASSWORD}, 400, "validation_failed"),
            ({"email": "new@example.test", "password": ""}, 400, "validation_failed"),
        ],
    )
    def test_sign_up_refuses(
        self, stack: RunningStack, body: dict[str, str], status: int, error_code: str
    ) -> None:
        with api(stack) as client:
            assert_auth_error(client.post("/auth/v1/signup", json=body), status, error_code)

    def test_sign_up_refuses_an_address_that_is_taken(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        with api(stack) as client:
            answer = client.post("/auth/v1/signup", json={"email": anna.email, "password": PASSWORD})
        assert_auth_error(answer, 422, "user_already_exists")

    def test_a_body_that_is_no_json_is_refused(self, stack: RunningStack) -> None:
        with api(stack) as client:
            answer = client.post("/auth/v1/token?grant_type=password", content=b"{")
        assert_auth_error(answer, 400, "bad_json")

    def test_an_unknown_grant_type_is_refused(self, stack: RunningStack) -> None:
        with api(stack) as client:
            answer = client.post("/auth/v1/token?grant_type=magic", json={})
        assert_auth_error(answer, 400, "invalid_credentials")

    def test_a_client_of_the_newer_api_version_gets_its_error_shape(self, stack: RunningStack) -> None:
        with api(stack) as client:
            answer = client.post(
                "/auth/v1/token?grant_type=refresh_token",
                json={"refresh_token": "nonsense"},
                headers={"X-Supabase-Api-Version": "2024-01-01"},
            )
        assert answer.status_code == 400
        assert answer.json() == {"code": "validation_failed", "message": "Refresh token is not valid"}
        assert answer.headers["x-supabase-api-version"] == "2024-01-01"

    @pytest.mark.parametrize("path", ["signup", "token?grant_type=password", "user", "health", "admin/users"])
    def test_every_path_wants_an_api_key(self, stack: RunningStack, path: str) -> None:
        for key, message in ((None, "No API key found in request"), ("sb_secret_made_up", "Invalid API key")):
            answer = httpx.get(f"{stack.url}/auth/v1/{path}", headers={"apikey": key} if key else {})
            if answer.status_code == 405:
                answer = httpx.post(f"{stack.url}/auth/v1/{path}", headers={"apikey": key} if key else {})
            assert answer.status_code == 401
            assert answer.json()["message"] == message


class TestUser:
    def test_the_token_tells_whose_account_it_is(self, stack: RunningStack) -> None:
        anna = sign_up(stack, first_name="Anna")
        with api(stack, token=anna.token) as client:
            user = client.get("/auth/v1/user").json()
        assert (user["id"], user["email"]) == (anna.id, anna.email)
        assert user["user_metadata"]["first_name"] == "Anna"

    def test_metadata_can_be_changed_and_reaches_the_next_token(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        with api(stack, token=anna.token) as client:
            answer = client.put("/auth/v1/user", json={"data": {"nickname": "Nan"}})
            assert answer.status_code == 200, answer.text
        claims = verified(stack, refresh(stack, anna.session["refresh_token"]).json()["access_token"])
        assert isinstance(claims["user_metadata"], dict)
        assert claims["user_metadata"]["nickname"] == "Nan"

    def test_a_new_password_ends_the_other_sessions(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        elsewhere = sign_in(stack, anna.email).json()
        with api(stack, token=anna.token) as client:
            assert client.put("/auth/v1/user", json={"password": "battery staple"}).status_code == 200
            assert client.get("/auth/v1/user").status_code == 200
            other = client.get("/auth/v1/user", headers=bearer(elsewhere["access_token"]))
        assert_auth_error(other, 403, "session_not_found")
        assert_auth_error(sign_in(stack, anna.email), 400, "invalid_credentials")
        assert sign_in(stack, anna.email, "battery staple").status_code == 200

    def test_the_same_password_again_is_refused(self, stack: RunningStack) -> None:
        with api(stack, token=sign_up(stack).token) as client:
            answer = client.put("/auth/v1/user", json={"password": PASSWORD})
        assert_auth_error(answer, 422, "same_password")

    def test_without_a_session_there_is_no_user(self, stack: RunningStack) -> None:
        with api(stack) as client:
            assert_auth_error(client.get("/auth/v1/user"), 401, "no_authorization")

    def test_a_token_that_does_not_hold_is_bad(self, stack: RunningStack) -> None:
        token = sign_up(stack).token
        claims = jwt.decode(token, options={"verify_signature": False})
        header, body, _ = token.split(".")
        forged = {
            "cut short": token.rsplit(".", 1)[0],
            "without signature": f"{header}.{body}.",
            "altered": f"{header}.{body}.{'A' * 86}",
            "signed with a secret": jwt.encode(claims, "x" * 32, algorithm="HS256"),
            "unsigned": jwt.encode(claims, "", algorithm="none"),
        }
        with api(stack) as client:
            for what, each in forged.items():
                answer = client.get("/auth/v1/user", headers=bearer(each))
                assert answer.status_code == 403, what
                assert_auth_error(answer, 403, "bad_jwt")

    def test_lites_own_tokens_are_worth_nothing_outside(self, stack: RunningStack) -> None:
        secret = json.loads((stack.directory / "keys.json").read_text())["jwt_secret"]
        claims = jwt.decode(sign_up(stack).token, options={"verify_signature": False})
        inner = jwt.encode(claims, secret, algorithm="HS256")
        with api(stack, token=inner) as client:
            assert_auth_error(client.get("/auth/v1/user"), 403, "bad_jwt")
            assert client.get("/rest/v1/profiles").status_code == 401


class TestSignOut:
    def test_local_ends_only_this_session(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        elsewhere = sign_in(stack, anna.email).json()
        with api(stack, token=anna.token) as client:
            assert client.post("/auth/v1/logout?scope=local").status_code == 204
            assert_auth_error(client.get("/auth/v1/user"), 403, "session_not_found")
            other = client.get("/auth/v1/user", headers=bearer(elsewhere["access_token"]))
            assert other.status_code == 200
        assert_auth_error(refresh(stack, anna.session["refresh_token"]), 400, "refresh_token_not_found")

    @pytest.mark.parametrize("query", ["", "?scope=global"])
    def test_global_ends_every_session_and_is_the_default(self, stack: RunningStack, query: str) -> None:
        anna = sign_up(stack)
        elsewhere = sign_in(stack, anna.email).json()
        with api(stack, token=anna.token) as client:
            assert client.post(f"/auth/v1/logout{query}").status_code == 204
            for token in (anna.token, elsewhere["access_token"]):
                answer = client.get("/auth/v1/user", headers=bearer(token))
                assert_auth_error(answer, 403, "session_not_found")

    def test_others_keeps_this_session(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        elsewhere = sign_in(stack, anna.email).json()
        with api(stack, token=anna.token) as client:
            assert client.post("/auth/v1/logout?scope=others").status_code == 204
            assert client.get("/auth/v1/user").status_code == 200
            answer = client.get("/auth/v1/user", headers=bearer(elsewhere["access_token"]))
            assert_auth_error(answer, 403, "session_not_found")

    def test_another_scope_is_refused(self, stack: RunningStack) -> None:
        with api(stack, token=sign_up(stack).token) as client:
            assert_auth_error(client.post("/auth/v1/logout?scope=here"), 400, "validation_failed")

    def test_a_session_ends_once(self, stack: RunningStack) -> None:
        with api(stack, token=sign_up(stack).token) as client:
            assert client.post("/auth/v1/logout").status_code == 204
            assert_auth_error(client.post("/auth/v1/logout"), 403, "session_not_found")


class TestAdmin:
    def new(self, **fields: object) -> dict[str, object]:
        email = f"Berta.{uuid.uuid4().hex[:10]}@Example.test"
        return {"email": email, "password": PASSWORD, "email_confirm": True, **fields}

    @pytest.mark.parametrize("text", ["\0", "\ud800"])
    def test_what_postgres_cannot_store_is_refused(self, stack: RunningStack, text: str) -> None:
        with api(stack, secret=True) as client:
            for fields in ({"user_metadata": {"a": text}}, {"email": f"a{text}@b.test"}):
                body = json.dumps(self.new(**fields))
                answer = client.post("/auth/v1/admin/users", content=body)
                assert answer.status_code == 400, answer.text

    @pytest.mark.parametrize("page", ["0", "-1", "x", "1" * 10, "9" * 5000])
    def test_a_page_that_is_no_reasonable_number_is_refused(self, stack: RunningStack, page: str) -> None:
        with api(stack, secret=True) as client:
            answer = client.get("/auth/v1/admin/users", params={"page": page})
        assert_auth_error(answer, 400, "validation_failed")

    def test_a_created_user_can_sign_in_and_has_a_profile(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        body = self.new(user_metadata={"first_name": "Berta"}, app_metadata={"plan": "gold"})
        with api(stack, secret=True) as client:
            answer = client.post("/auth/v1/admin/users", json=body)
        assert answer.status_code == 200, answer.text
        user = answer.json()
        assert user["email"] == str(body["email"]).lower()
        assert user["app_metadata"] == {"provider": "email", "providers": ["email"], "plan": "gold"}
        assert user["user_metadata"]["first_name"] == "Berta"
        assert user["email_confirmed_at"]
        session = sign_in(stack, str(body["email"])).json()
        assert verified(stack, session["access_token"])["app_metadata"] == user["app_metadata"]
        profile = live_db.execute("select * from profiles where id = %s", [user["id"]]).fetchone()
        assert profile is not None
        assert profile["first_name"] == "Berta"

    def test_an_unconfirmed_user_cannot_sign_in(self, stack: RunningStack) -> None:
        body = self.new(email_confirm=False)
        with api(stack, secret=True) as client:
            assert client.post("/auth/v1/admin/users", json=body).status_code == 200
        assert_auth_error(sign_in(stack, str(body["email"])), 400, "email_not_confirmed")

    def test_a_user_can_be_given_an_id_once(self, stack: RunningStack) -> None:
        chosen = str(uuid.uuid4())
        with api(stack, secret=True) as client:
            first = client.post("/auth/v1/admin/users", json=self.new(id=chosen))
            assert first.json()["id"] == chosen
            second = client.post("/auth/v1/admin/users", json=self.new(id=chosen))
        assert_auth_error(second, 422, "user_already_exists")

    @pytest.mark.parametrize(
        ("fields", "status", "error_code"),
        [
            ({"email": ""}, 400, "validation_failed"),
            ({"email": "no address"}, 400, "validation_failed"),
            ({"email": 7}, 400, "bad_json"),
            ({"password": "x" * 73}, 400, "validation_failed"),
        ],
    )
    def test_creation_refuses(
        self, stack: RunningStack, fields: dict[str, object], status: int, error_code: str
    ) -> None:
        with api(stack, secret=True) as client:
            answer = client.post("/auth/v1/admin/users", json=self.new(**fields))
        assert_auth_error(answer, status, error_code)

    def test_creation_refuses_an_address_that_is_taken(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        with api(stack, secret=True) as client:
            answer = client.post("/auth/v1/admin/users", json=self.new(email=anna.email.upper()))
        assert_auth_error(answer, 422, "email_exists")

    def test_users_are_listed_in_pages_the_newest_first(self, stack: RunningStack) -> None:
        people = [sign_up(stack).id for _ in range(3)]
        with api(stack, secret=True) as client:
            pages = [
                client.get("/auth/v1/admin/users", params={"page": page, "per_page": 2}) for page in (1, 2)
            ]
            bad = client.get("/auth/v1/admin/users", params={"page": "zero"})
        ids = [user["id"] for page in pages for user in page.json()["users"]]
        assert ids[:3] == people[::-1]
        assert pages[0].json()["aud"] == "authenticated"
        assert int(pages[0].headers["x-total-count"]) >= 3
        assert '?page=2&per_page=2>; rel="next"' in pages[0].headers["link"]
        assert_auth_error(bad, 400, "validation_failed")

    def test_a_user_is_read_and_deleted_and_the_token_ends(
        self, stack: RunningStack, live_db: Connection
    ) -> None:
        anna = sign_up(stack)
        with api(stack, secret=True) as admin:
            assert admin.get(f"/auth/v1/admin/users/{anna.id}").json()["email"] == anna.email
            assert admin.delete(f"/auth/v1/admin/users/{anna.id}").json() == {}
            for answer in (
                admin.get(f"/auth/v1/admin/users/{anna.id}"),
                admin.delete(f"/auth/v1/admin/users/{anna.id}"),
            ):
                assert_auth_error(answer, 404, "user_not_found")
            assert_auth_error(admin.get("/auth/v1/admin/users/anna"), 404, "validation_failed")
        with api(stack, token=anna.token) as client:
            assert_auth_error(client.get("/auth/v1/user"), 403, "user_not_found")
        left = live_db.execute("select 1 from auth.sessions where user_id = %s", [anna.id]).fetchone()
        assert left is None

    def test_only_the_secret_key_administers(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        for client in (api(stack), api(stack, token=anna.token), api(stack, token=anna.token, secret=True)):
            with client:
                for answer in (
                    client.get("/auth/v1/admin/users"),
                    client.post("/auth/v1/admin/users", json=self.new()),
                    client.get(f"/auth/v1/admin/users/{anna.id}"),
                    client.delete(f"/auth/v1/admin/users/{anna.id}"),
                ):
                    assert_auth_error(answer, 403, "not_admin")


class TestPublic:
    def test_health_and_settings_are_told(self, stack: RunningStack) -> None:
        with api(stack) as client:
            assert client.get("/auth/v1/health").json()["name"] == "GoTrue"
            settings = client.get("/auth/v1/settings").json()
        assert settings["external"]["email"] is True
        assert settings["mailer_autoconfirm"] is True
