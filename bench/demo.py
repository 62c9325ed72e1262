"""The demo organisation of the stack that the measurements run on, signed in as its owner."""

import os
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Demo:
    """What the measurements need to know of the demo organisation."""

    supabase: str
    publishable_key: str
    token: str
    organization: str
    asset: str

    @property
    def rest(self) -> str:
        """The address of Supabase's REST."""
        return f"{self.supabase}/rest/v1"

    @property
    def headers(self) -> dict[str, str]:
        """The user's token, as the BFF takes it."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def rest_headers(self) -> dict[str, str]:
        """The user's token and the key, as REST takes them."""
        return {**self.headers, "apikey": self.publishable_key}


def sign_in() -> Demo:
    """Signs in as the demo owner and gives its organisation a plane."""
    supabase, key = os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"]
    with httpx.Client(base_url=supabase, headers={"apikey": key}, timeout=30) as http:
        answer = http.post(
            "/auth/v1/token?grant_type=password",
            json={"email": "owner@demo.reservepty.test", "password": "demo-reserve-2026"},
        ).raise_for_status()
        token = answer.json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        memberships = http.post("/rest/v1/rpc/me", json={}).raise_for_status().json()["memberships"]
        organization = memberships[0]["organization"]["id"]
        # A plane of this run's own: nothing of an earlier run is in its way.
        made = http.post(
            "/rest/v1/assets",
            headers={"Prefer": "return=representation"},
            json={
                "organization_id": organization,
                "section": "planes",
                "name": "Bench",
                "turnaround_minutes": 0,
            },
        ).raise_for_status()
    return Demo(supabase, key, token, organization, made.json()[0]["id"])
