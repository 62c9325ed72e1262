"""People who sign in by the BFF, in the tests of its auth relay."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp

from tests.api.shape import data
from tests.harness import RunningStack
from tests.stack.api import PASSWORD, api

AUTH = "/api/v1/auth"


@dataclass
class Account:
    """An account, and the answer to its latest sign-in."""

    client: httpx.AsyncClient
    id: str
    email: str
    session: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session['access_token']}"}

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.client.post(f"{AUTH}{path}", json=body, headers=self.headers)

    async def factors(self) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{AUTH}/mfa/factors", headers=self.headers)
        factors: list[dict[str, Any]] = data(answer)["factors"]
        return factors

    async def remove(self, factor: str) -> httpx.Response:
        return await self.client.delete(f"{AUTH}/mfa/factors/{factor}", headers=self.headers)

    async def enroll(self, name: str = "Phone") -> dict[str, Any]:
        enrolled: dict[str, Any] = data(await self.post("/mfa/factors", {"friendly_name": name}), 201)
        return enrolled

    async def challenge(self, factor: str) -> str:
        return str(data(await self.post(f"/mfa/factors/{factor}/challenge"), 201)["id"])

    async def verify(self, factor: str, challenge: str, code: str) -> httpx.Response:
        body = {"challenge_id": challenge, "code": code}
        return await self.post(f"/mfa/factors/{factor}/verify", body)

    async def confirm(self, enrolled: dict[str, Any]) -> None:
        """Challenge and verify; the session goes on with the tokens of the answer."""
        code = pyotp.TOTP(enrolled["secret"]).now()
        answer = await self.verify(enrolled["id"], await self.challenge(enrolled["id"]), code)
        self.session = data(answer)

    async def again(self) -> "Account":
        """The same account, signed in once more."""
        return Account(self.client, self.id, self.email, await sign_in(self.client, self.email))


async def sign_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> dict[str, Any]:
    """The tokens for a password."""
    answer = await client.post(f"{AUTH}/sign-in", json={"email": email, "password": password})
    session: dict[str, Any] = data(answer)
    return session


async def new_account(stack: RunningStack, client: httpx.AsyncClient, name: str = "ana") -> Account:
    """A new account, signed in."""
    email = f"{name}.{uuid.uuid4().hex[:10]}@example.test"
    with api(stack, secret=True) as admin:
        body = {"email": email, "password": PASSWORD, "email_confirm": True}
        created = admin.post("/auth/v1/admin/users", json=body)
    assert created.status_code == 200, created.text
    return Account(client, created.json()["id"], email, await sign_in(client, email))
