"""`/rest/v1` behind the gateway: what passes, as whom, and what ends there."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection

import httpx
import jwt
import pytest
from starlette import requests

from stack.gateway.credentials import Credentials
from stack.gateway.errors import TokenError
from stack.gateway.keys import SigningKey
from tests.actors import Actor, Connection, TokenSigner, make_user
from tests.harness import RunningStack
from tests.stack.api import api, assert_auth_error, sign_up
from tests.stack.gateways import SECRET, RunningGateway, mirror, running_gateway


@pytest.fixture
def anna(live_db: Connection, signer: TokenSigner) -> Actor:
    """A signed-in user of the live stack."""
    return make_user(live_db, "anna", signer=signer)


@pytest.fixture
def ben(live_db: Connection, signer: TokenSigner) -> Actor:
    """Another one."""
    return make_user(live_db, "ben", signer=signer)


@pytest.fixture(scope="module")
def mirrored(stack: RunningStack) -> Iterator[RunningGateway]:
    """A gateway in front of a stand-in that answers what it was asked."""
    log = stack.directory / "gateway-mirrored.log"
    with mirror() as rest, running_gateway(stack, log, rest=rest, GATEWAY_MAX_BODY_BYTES="1000") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def alone(stack: RunningStack) -> Iterator[RunningGateway]:
    """A gateway with nothing behind it."""
    with running_gateway(stack, stack.directory / "gateway-alone.log") as gateway:
        yield gateway


class TestRoles:
    def test_a_user_sees_their_own_rows_only(self, stack: RunningStack, anna: Actor, ben: Actor) -> None:
        with api(stack, token=anna.token) as client:
            rows = client.get("/rest/v1/profiles", params={"id": f"in.({anna.id},{ben.id})"}).json()
        assert [row["id"] for row in rows] == [anna.id]

    def test_the_secret_key_sees_all_and_the_publishable_key_nothing(
        self, stack: RunningStack, anna: Actor, ben: Actor
    ) -> None:
        params = {"id": f"in.({anna.id},{ben.id})", "select": "id"}
        with api(stack, secret=True) as client:
            assert len(client.get("/rest/v1/profiles", params=params).json()) == 2
        with api(stack) as client:
            answer = client.get("/rest/v1/profiles", params=params)
        assert answer.status_code in (401, 403)
        assert answer.json()["code"] == "42501"

    def test_the_users_token_outranks_the_secret_key(
        self, stack: RunningStack, anna: Actor, ben: Actor
    ) -> None:
        with api(stack, token=anna.token, secret=True) as client:
            rows = client.get("/rest/v1/profiles", params={"id": f"in.({anna.id},{ben.id})"}).json()
        assert [row["id"] for row in rows] == [anna.id]

    def test_the_claims_reach_the_database(self, stack: RunningStack, anna: Actor) -> None:
        with api(stack, token=anna.token) as client:
            answer = client.post("/rest/v1/rpc/me", json={})
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["id"] == anna.id
        assert answer.json()["aal"] == "aal1"

    def test_the_key_may_stand_in_the_query(self, stack: RunningStack) -> None:
        answer = httpx.get(f"{stack.url}/auth/v1/health", params={"apikey": stack.publishable_key})
        assert answer.status_code == 200

    def test_what_lite_is_told(self, mirrored: RunningGateway, anna: Actor) -> None:
        key = mirrored.publishable_key
        with httpx.Client(base_url=mirrored.url, headers={"apikey": key}) as client:
            for headers in ({}, {"Authorization": f"Bearer {key}"}, {"Authorization": "Basic YTpi"}):
                seen = client.get("/rest/v1/mirror", headers=headers).json()["headers"]
                assert seen["apikey"] == key
                assert "authorization" not in seen
            for _ in range(2):  # the second comes from the cache
                as_anna = {"Authorization": f"Bearer {anna.token}"}
                seen = client.get("/rest/v1/mirror", headers=as_anna).json()["headers"]
                inner = seen["authorization"].removeprefix("Bearer ")
                outer = jwt.decode(anna.token, options={"verify_signature": False})
                assert jwt.decode(inner, SECRET, ["HS256"], audience="authenticated") == outer


class TestTokens:
    def refused(self, stack: RunningStack, token: str) -> dict[str, object]:
        with api(stack, token=token) as client:
            answer = client.get("/rest/v1/profiles")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        body: dict[str, object] = answer.json()
        assert set(body) == {"code", "message", "details", "hint"}
        return body

    def test_an_expired_token_is_told_so(self, stack: RunningStack, anna: Actor, signer: TokenSigner) -> None:
        body = self.refused(stack, signer.sign(anna, lifetime=-1))
        assert (body["code"], body["message"]) == ("PGRST303", "JWT expired")

    def test_a_cached_token_expires_all_the_same(
        self, stack: RunningStack, anna: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = Credentials(
            publishable_key=stack.publishable_key,
            secret_key=stack.secret_key,
            signing_key=SigningKey.read(stack.directory / "signing-key.pem"),
            secret=SECRET,
        )
        headers = {"apikey": stack.publishable_key, "authorization": f"Bearer {anna.token}"}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = requests.HTTPConnection({"type": "http", "headers": raw, "query_string": b""})
        first = credentials.caller(request)
        assert first.claims is not None
        assert credentials.caller(request).inner_token == first.inner_token
        monkeypatch.setattr(time, "time", lambda: first.claims["exp"] + 1)
        with pytest.raises(TokenError, match="expired"):
            credentials.caller(request)

    @pytest.mark.parametrize("token", ["", "abc", "a.b", "a.b.c", "..", "a.b.c.d"])
    def test_what_is_no_token_is_malformed(self, stack: RunningStack, token: str) -> None:
        with api(stack) as client:
            answer = client.get("/rest/v1/profiles", headers={"Authorization": f"Bearer {token}".strip()})
        assert answer.status_code == 401
        assert answer.json()["code"] == "PGRST301"

    def test_a_token_of_another_key_or_algorithm_is_refused(
        self, stack: RunningStack, anna: Actor, signer: TokenSigner
    ) -> None:
        claims = jwt.decode(anna.token, options={"verify_signature": False})
        other_kid = jwt.encode(claims, signer.key, algorithm="ES256", headers={"kid": "another"})
        symmetric = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": signer.kid})
        unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": signer.kid})
        header, body, _ = anna.token.split(".")
        for token in (other_kid, symmetric, unsigned + "AA", f"{header}.{body}.{'A' * 86}"):
            assert self.refused(stack, token)["code"] == "PGRST301"

    @pytest.mark.parametrize("claim", ["exp", "role"])
    def test_a_token_without_what_it_must_say_is_refused(
        self, stack: RunningStack, anna: Actor, signer: TokenSigner, claim: str
    ) -> None:
        claims = jwt.decode(anna.token, options={"verify_signature": False})
        del claims[claim]
        token = jwt.encode(claims, signer.key, algorithm="ES256", headers={"kid": signer.kid})
        assert self.refused(stack, token)["code"] == "PGRST303"

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
    def test_without_a_good_key_nothing_passes(self, stack: RunningStack, method: str) -> None:
        for headers in ({}, {"apikey": "sb_publishable_made_up"}, {"apikey": "é".encode().decode("latin-1")}):
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            answer = httpx.request(method, f"{stack.url}/rest/v1/profiles", headers=encoded)
            assert answer.status_code == 401


class TestPassing:
    def test_ranges_and_counts_come_through(self, stack: RunningStack, anna: Actor, ben: Actor) -> None:
        with api(stack, secret=True) as client:
            answer = client.get(
                "/rest/v1/profiles",
                params={"id": f"in.({anna.id},{ben.id})", "order": "id"},
                headers={"Range": "0-0", "Prefer": "count=exact"},
            )
        assert answer.status_code == 206
        assert answer.headers["content-range"] == "0-0/2"
        assert len(answer.json()) == 1

    def test_head_answers_the_count_without_a_body(self, stack: RunningStack, anna: Actor) -> None:
        with api(stack, token=anna.token) as client:
            answer = client.head("/rest/v1/profiles", headers={"Prefer": "count=exact"})
        assert answer.status_code == 200
        assert answer.headers["content-range"] == "0-0/1"
        assert answer.content == b""

    def test_a_change_answers_its_representation(self, stack: RunningStack, anna: Actor) -> None:
        with api(stack, token=anna.token) as client:
            answer = client.patch(
                "/rest/v1/profiles",
                params={"id": f"eq.{anna.id}"},
                json={"first_name": "Änne"},
                headers={"Prefer": "return=representation", "Accept": "application/vnd.pgrst.object+json"},
            )
        assert answer.status_code == 200, answer.text
        assert answer.json()["first_name"] == "Änne"
        assert answer.headers["preference-applied"] == "return=representation"

    def test_the_request_arrives_as_it_was_sent(self, mirrored: RunningGateway) -> None:
        headers = {"apikey": mirrored.publishable_key, "Prefer": "tx=commit", "X-Hop": "no", "TE": "trailers"}
        query = "select=*,a(b)&x=eq.%2B%20%C3%A9&y=in.(%22a%22,b)&empty="
        with httpx.Client(base_url=mirrored.url, headers=headers) as client:
            seen = client.request("DELETE", f"/rest/v1/some%20table?{query}").json()
            assert seen["method"] == "DELETE"
            assert seen["path"] == f"/rest/v1/some%20table?{query}"
            assert seen["headers"]["prefer"] == "tx=commit"
            assert "te" not in seen["headers"]
            named = client.get("/rest/v1/x", headers={"Connection": "keep-alive, X-Hop"}).json()
            assert "x-hop" in seen["headers"]
            assert "x-hop" not in named["headers"]
            assert seen["headers"].get("content-length") in (None, "0")
            posted = client.post("/rest/v1/x", content="häh".encode())
            assert posted.json()["body"] == "häh"
            assert posted.json()["headers"]["content-length"] == "4"
            chunked = client.post("/rest/v1/x", content=iter([b"in ", b"", b"pieces"]))
            assert chunked.json()["body"] == "in pieces"
            assert chunked.headers["x-kept"] == "yes"
            assert "keep-alive" not in chunked.headers

    def test_a_browser_of_any_origin_may_call(self, stack: RunningStack) -> None:
        preflight = httpx.options(
            f"{stack.url}/rest/v1/profiles",
            headers={
                "Origin": "https://app.example",
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "apikey,authorization,prefer,x-client-info",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "x-client-info" in preflight.headers["access-control-allow-headers"]
        with api(stack) as client:
            for path in ("/rest/v1/none", "/auth/v1/user", "/auth/v1/health"):
                answer = client.get(path, headers={"Origin": "https://app.example"})
                assert answer.headers.get_list("access-control-allow-origin") == ["*"]
                assert "Content-Range" in answer.headers["access-control-expose-headers"]

    def test_options_of_a_table_need_no_key(self, stack: RunningStack) -> None:
        answer = httpx.options(f"{stack.url}/rest/v1/profiles")
        assert answer.status_code == 200
        assert "GET" in answer.headers["allow"]

    def test_a_body_over_the_bound_is_refused(self, mirrored: RunningGateway) -> None:
        with httpx.Client(base_url=mirrored.url, headers={"apikey": mirrored.publishable_key}) as client:
            assert client.post("/rest/v1/x", content=b"x" * 1000).status_code == 200
            for content in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):
                assert client.post("/rest/v1/x", content=content).status_code == 413
                answer = client.post("/auth/v1/signup", content=b'"' + b"x" * 1001)
                assert_auth_error(answer, 413, "validation_failed")

    @pytest.mark.parametrize(
        "path",
        [
            "/rest/v1/../../auth/v1/token?grant_type=password",
            "/rest/v1/%2e%2E/.%2e/auth/v1/settings",
            "/rest/v1/..\\..\\auth\\v1\\settings",
            "/realtime/v1/api/broadcast/../../../../_control",
            "/rest/v1/x/..",
        ],
    )
    def test_no_path_leads_around_the_gateway(self, stack: RunningStack, path: str) -> None:
        port = int(stack.url.rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        credentials = '{"email": "member@demo.reservepty.test", "password": "demo-reserve-2026"}'
        connection.putrequest("POST", path)
        connection.putheader("apikey", stack.secret_key)
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(len(credentials)))
        connection.endheaders(credentials.encode())
        # What the gateway itself does not parse is as good.
        assert connection.getresponse().status in (400, 404)
        connection.close()

    def test_an_unknown_path_is_not_found(self, stack: RunningStack) -> None:
        for path in ("/", "/functions/v1/hello", "/_control", "/realtime/v1/_control"):
            assert httpx.get(f"{stack.url}{path}").status_code == 404


class TestFailures:
    def test_with_nothing_behind_it_the_gateway_answers_503_at_once(self, alone: RunningGateway) -> None:
        started = time.monotonic()
        headers = {"apikey": alone.publishable_key}
        rest = httpx.get(f"{alone.url}/rest/v1/profiles", headers=headers)
        assert rest.status_code == 503
        assert rest.headers["retry-after"] == "1"
        assert set(rest.json()) == {"code", "message", "details", "hint"}
        auth = httpx.post(f"{alone.url}/auth/v1/signup", headers=headers, json={})
        assert_auth_error(auth, 503, "unexpected_failure")
        broadcast = httpx.post(
            f"{alone.url}/realtime/v1/api/broadcast", headers=headers, json={"messages": []}
        )
        assert broadcast.status_code == 503
        assert time.monotonic() - started < 1.5

    @pytest.mark.parametrize(
        "message",
        [
            "Error: connect ECONNREFUSED 127.0.0.1:54322",
            "Error: write CONNECTION_CLOSED 127.0.0.1:54322",
            "PostgresError: the database system is starting up",
            "PostgresError: terminating connection due to administrator command",
            "PostgresError: tuple concurrently updated",
        ],
    )
    def test_while_postgres_is_away_rest_answers_503(self, mirrored: RunningGateway, message: str) -> None:
        body = {"code": "SUP", "message": message, "details": None, "hint": None}
        headers = {"apikey": mirrored.publishable_key}
        answer = httpx.post(f"{mirrored.url}/rest/v1/status/500", headers=headers, json=body)
        assert answer.status_code == 503
        assert answer.json()["code"] == "PGRST001"

    def test_while_lite_grants_the_same_things_twice_rest_answers_503(self, mirrored: RunningGateway) -> None:
        constraint = '"pg_default_acl_role_nsp_obj_index"'
        message = f"duplicate key value violates unique constraint {constraint}"
        body = {"code": "23505", "message": message, "details": None, "hint": None}
        headers = {"apikey": mirrored.publishable_key}
        answer = httpx.post(f"{mirrored.url}/rest/v1/status/409", headers=headers, json=body)
        assert answer.status_code == 503
        assert answer.json()["code"] == "PGRST001"

    def test_another_409_stays_what_it_is(self, mirrored: RunningGateway) -> None:
        message = 'duplicate key value violates unique constraint "tiers_name_key"'
        body = {"code": "23505", "message": message, "details": None, "hint": None}
        headers = {"apikey": mirrored.publishable_key}
        answer = httpx.post(f"{mirrored.url}/rest/v1/status/409", headers=headers, json=body)
        assert (answer.status_code, answer.json()) == (409, body)

    def test_another_500_stays_what_it_is(self, mirrored: RunningGateway) -> None:
        body = {"code": "SUP", "message": "PostgresError: division by zero"}
        headers = {"apikey": mirrored.publishable_key}
        answer = httpx.post(f"{mirrored.url}/rest/v1/status/500", headers=headers, json=body)
        assert answer.status_code == 500
        assert answer.json() == body

    def test_rest_answers_again_after_lite_was_killed(self, stack: RunningStack) -> None:
        anna = sign_up(stack)
        died = stack.kill("lite")
        stack.wait_ready("lite", died=died)
        statuses: list[int] = []
        deadline = time.monotonic() + 30
        with api(stack, token=anna.token) as client:
            while time.monotonic() < deadline and statuses[-1:] != [200]:
                statuses.append(client.get("/rest/v1/profiles").status_code)
        assert statuses[-1] == 200
        assert set(statuses) <= {200, 503}
