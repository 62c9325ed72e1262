"""The gateway's HTTP API as tests call it."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.harness import RunningStack

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Person:
    """Someone who signed up."""

    email: str
    session: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.session["user"]["id"])

    @property
    def token(self) -> str:
        return str(self.session["access_token"])


def api(stack: RunningStack, *, token: str | None = None, secret: bool = False) -> httpx.Client:
    """A client with the publishable or the secret key, as a user where a token is given."""
    key = stack.secret_key if secret else stack.publishable_key
    headers = {"apikey": key, "Authorization": f"Bearer {token or key}"}
    return httpx.Client(base_url=stack.url, headers=headers, timeout=20)


def sign_up(stack: RunningStack, name: str = "anna", **metadata: Any) -> Person:
    """Signs a new person up."""
    email = f"{name}.{uuid.uuid4().hex[:10]}@example.test"
    with api(stack) as client:
        answer = client.post("/auth/v1/signup", json={"email": email, "password": PASSWORD, "data": metadata})
    assert answer.status_code == 200, answer.text
    return Person(email, answer.json())


def sign_in(stack: RunningStack, email: str, password: str = PASSWORD) -> httpx.Response:
    """Asks for tokens with a password."""
    with api(stack) as client:
        return client.post(
            "/auth/v1/token", params={"grant_type": "password"}, json={"email": email, "password": password}
        )


def refresh(stack: RunningStack, token: str) -> httpx.Response:
    """Asks for tokens with a refresh token."""
    with api(stack) as client:
        return client.post(
            "/auth/v1/token", params={"grant_type": "refresh_token"}, json={"refresh_token": token}
        )


def assert_auth_error(answer: httpx.Response, status: int, error_code: str) -> None:
    """One shape for every refusal of Auth."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["code"], body["error_code"]) == (status, error_code)
    assert isinstance(body["msg"], str)
    assert body["msg"]
    assert answer.headers["x-sb-error-code"] == error_code
