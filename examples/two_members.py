"""Two members of the demo organisation: one watches the calendar's stream, the other books.

Run `make run` in one terminal and `make example` in another. Every step prints how long the answer took and,
where a frame follows, how long after the request was sent the watcher saw it (milliseconds).
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "demo-reserve-2026"  # noqa: S105 - the demo accounts' published password
FRAME_SECONDS = 20.0  # a frame that takes longer than a missed hint's poll (15 s) is lost

Json = dict[str, Any]


class Failed(Exception):  # noqa: N818 - reads as what it is
    """The demonstration did not go as it should."""


def local_settings() -> tuple[str, str, str]:
    """The BFF's address, Supabase's address and its publishable key: environment first, then `.stack/env`."""
    path = Path(os.environ.get("STACK_DIR", ".stack")) / "env"
    lines = path.read_text().splitlines() if path.exists() else []
    env = dict(line.split("=", 1) for line in lines if "=" in line) | os.environ
    try:
        supabase, key = env["SUPABASE_URL"], env["SUPABASE_PUBLISHABLE_KEY"]
    except KeyError as missing:
        raise Failed(f"{missing} is not set and {path} does not say: is `make run` running?") from missing
    return env.get("BFF_URL", "http://127.0.0.1:8000"), supabase, key


async def sign_in(http: httpx.AsyncClient, supabase: str, key: str, email: str) -> str:
    """Signs in at Supabase Auth, as the app does, and answers the access token."""
    response = await http.post(
        f"{supabase}/auth/v1/token?grant_type=password",
        headers={"apikey": key},
        json={"email": email, "password": PASSWORD},
    )
    response.raise_for_status()
    token: str = response.json()["access_token"]
    return token


async def frames(http: httpx.AsyncClient, url: str, token: str) -> AsyncIterator[tuple[str, Json]]:
    """The stream's frames as (event, data), in the format of the HTML standard's server-sent events."""
    headers = {"Authorization": f"Bearer {token}"}
    async with http.stream("GET", url, headers=headers, timeout=httpx.Timeout(10, read=None)) as response:
        if response.status_code != httpx.codes.OK:
            raise Failed(f"the stream answered {response.status_code}: {(await response.aread()).decode()}")
        event, data = "message", ""
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                event = value
            elif field == "data":
                data += value
            elif not line and data:
                yield event, json.loads(data)
                event, data = "message", ""


class Watcher:
    """A member's calendar view: collects frames and can wait for one."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[tuple[str, Json, float]] = asyncio.Queue()

    async def run(self, http: httpx.AsyncClient, url: str, token: str) -> None:
        async for event, data in frames(http, url, token):
            self._frames.put_nowait((event, data, time.perf_counter()))

    async def see(self, event: str, reservation_id: str | None = None) -> tuple[Json, float]:
        """Waits for that event (of that reservation); answers its data and when it came."""
        async with asyncio.timeout(FRAME_SECONDS):
            while True:
                name, data, seen_at = await self._frames.get()
                seen_id = data.get("payload", {}).get("reservation", {}).get("id")
                if name == event and reservation_id in (None, seen_id):
                    return data, seen_at


class Booker:
    """A member who books through the BFF."""

    def __init__(self, http: httpx.AsyncClient, bff: str, token: str) -> None:
        self._http, self._bff, self._headers = http, bff, {"Authorization": f"Bearer {token}"}
        self.sent_at = 0.0

    async def ask(self, method: str, path: str, expected: int, body: Json | None = None) -> Json:
        """One request to the BFF; answers the envelope."""
        self.sent_at = time.perf_counter()
        response = await self._http.request(
            method, f"{self._bff}/api/v1/{path}", json=body, headers=self._headers
        )
        took = (time.perf_counter() - self.sent_at) * 1000
        print(f"  {method:5} {path.partition('/')[0]:14} {response.status_code}   answered in {took:6.1f} ms")
        answer: Json = response.json()
        if response.status_code != expected:
            raise Failed(f"expected {expected}, got {response.status_code}: {answer.get('error')}")
        return answer


async def demonstrate(http: httpx.AsyncClient) -> None:
    bff, supabase, key = local_settings()
    watcher_token, booker_token = await asyncio.gather(
        *(sign_in(http, supabase, key, f"{name}@demo.reservepty.test") for name in ("owner", "member"))
    )
    owner, member = Booker(http, bff, watcher_token), Booker(http, bff, booker_token)
    print("signed in: owner@ watches, member@ books")
    memberships = (await member.ask("GET", "me", 200))["data"]["memberships"]
    organization = memberships[0]["organization"]
    assets = await member.ask("GET", f"organizations/{organization['id']}/assets?section=planes", 200)
    plane = assets["data"][0]

    watcher = Watcher()
    stream = f"{bff}/api/v1/organizations/{organization['id']}/calendar/stream"
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watcher.run(http, stream, watcher_token))
        await watcher.see("ready")
        print(f"owner@ watches the calendar of {organization['commercial_name']}\n")
        # A week far enough ahead that no demo booking is there, another one each time this runs.
        week = 20 + int(time.time()) % 300
        start = datetime.now(UTC).replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(days=week)
        await book_move_cancel(member, owner, watcher, plane, start)
        watching.cancel()


async def book_move_cancel(
    member: Booker, owner: Booker, watcher: Watcher, plane: Json, start: datetime
) -> None:
    def slot(begin: datetime) -> Json:
        return {"start_date": begin.isoformat(), "end_date": (begin + timedelta(hours=3)).isoformat()}

    print(f"member@ books {plane['name']}, {start:%d %b %H:%M} UTC, three hours")
    booking = {"asset_id": plane["id"], "title": "Weekend in Bocas", **slot(start)}
    made = (await member.ask("POST", "reservations", 201, booking))["data"]
    await report(member, watcher, "reservation_created", made["id"])

    print("owner@ wants the same slot and is refused")
    error = (await owner.ask("POST", "reservations", 409, {**booking, "title": "Board meeting"}))["error"]
    for conflict in error["details"]["conflicts"]:
        print(f"        taken: {conflict['title']}, {conflict['start_date']} to {conflict['end_date']}")
    for free in error["details"]["alternatives"]:
        print(f"        free:  {free['start_date']} to {free['end_date']}")

    print("member@ moves the booking a day later")
    await member.ask("PATCH", f"reservations/{made['id']}", 200, slot(start + timedelta(days=1)))
    await report(member, watcher, "reservation_updated", made["id"])

    print("member@ cancels it")
    await member.ask("POST", f"reservations/{made['id']}/cancel", 200, {"reason": "Weather"})
    await report(member, watcher, "reservation_canceled", made["id"])


async def report(member: Booker, watcher: Watcher, event: str, reservation_id: str) -> None:
    _, seen_at = await watcher.see(event, reservation_id)
    print(f"        owner@ saw {event} {(seen_at - member.sent_at) * 1000:.1f} ms after it was asked for\n")


async def main() -> None:
    async with httpx.AsyncClient(timeout=10) as http:
        await demonstrate(http)


def explain(failures: BaseExceptionGroup[BaseException]) -> str:
    """The causes in one line, without the groups around them."""
    return "; ".join(
        explain(f) if isinstance(f, BaseExceptionGroup) else repr(f) for f in failures.exceptions
    )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except* (Failed, httpx.HTTPError, TimeoutError) as failed:
        sys.exit(f"failed: {explain(failed)}")
