"""kill -9 of each part in the middle of bookings: a client that resumes has every event once and in order."""

import asyncio
import contextlib
import operator
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from bff.relay.views import unstamp
from tests.actors import Connection, Organization, connect
from tests.harness import ReturningBff, RunningStack
from tests.relay.calendar import apply, by_id
from tests.relay.client import Sent, parse
from tests.relay.fakes import until

BOOKINGS = 24
KILLED_AFTER = 8
# Restarts of all parts, and the second that a client waits before it connects again.
PATIENCE_SECONDS = 90.0
UNTIL_SENT = AsyncRetrying(
    retry=retry_if_result(operator.not_), stop=stop_after_delay(PATIENCE_SECONDS), wait=wait_fixed(0.1)
)

Json = dict[str, Any]


class Follower:
    """A calendar view: takes the snapshot, follows the stream, and resumes where it broke off."""

    def __init__(self, organization_id: str, token: str) -> None:
        self.calendar: dict[str, Json] = {}
        self.cursors: list[str] = []
        self.resumed = 0
        self.url = ""
        self._path = f"/api/v1/organizations/{organization_id}/calendar"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._cursor: str | None = None

    async def snapshot(self, window: dict[str, str]) -> tuple[dict[str, Json], str]:
        """The calendar as the API gives it, by reservation, and its cursor."""
        async with httpx.AsyncClient(base_url=self.url, headers=self._headers, timeout=10) as http:
            answer = (await http.get(self._path, params=window)).raise_for_status().json()["data"]
        return by_id(answer), answer["cursor"]

    async def run(self, window: dict[str, str]) -> None:
        """Follows until it is cancelled."""
        self.calendar, self._cursor = await self.snapshot(window)
        while True:
            with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
                await self._follow()
            await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        timeout = httpx.Timeout(5, read=None)
        async with (
            httpx.AsyncClient(base_url=self.url, headers=self._headers, timeout=timeout) as http,
            http.stream(
                "GET", f"{self._path}/stream", headers={"Last-Event-ID": self._cursor or ""}
            ) as answer,
        ):
            answer.raise_for_status()
            async for frame in parse(answer):
                self._take(frame)

    def _take(self, frame: Sent) -> None:
        assert frame.event != "reset", f"the log holds everything, yet: {frame}"
        if frame.event == "ready":
            assert frame.data["resumed"]
            self.resumed += 1
        if frame.id is not None:
            self._cursor = frame.id
            if frame.event.startswith("reservation_"):
                self.cursors.append(unstamp(frame.id)[0])
                self.calendar = apply(self.calendar, [frame])


class Booker:
    """Books slot after slot, and asks again with the same key until each is booked."""

    def __init__(self, url: str, office: Organization, start: datetime) -> None:
        self.url, self._start, self._asset = url, start, office.assets["planes"]
        self._headers = {"Authorization": f"Bearer {office.member.token}"}

    async def book(self, number: int) -> None:
        begin = self._start + timedelta(hours=2 * number)
        body = {
            "asset_id": self._asset,
            "title": f"Booking {number}",
            "start_date": begin.isoformat(),
            "end_date": (begin + timedelta(hours=1)).isoformat(),
        }
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        await UNTIL_SENT(self._sent, body, headers)

    async def _sent(self, body: Json, headers: dict[str, str]) -> bool:
        try:
            async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as http:
                answer = await http.post("/api/v1/reservations", json=body)
        except httpx.TransportError:
            return False
        assert answer.status_code in (201, 502, 503, 504), answer.text
        return answer.status_code == httpx.codes.CREATED


@pytest.fixture
def server(stack: RunningStack) -> Iterator[ReturningBff]:
    running = ReturningBff(stack, stack.directory / "bff-kills.log")
    yield running
    running.close()


@pytest.mark.parametrize("part", ["bff", "lite", "realtime", "postgres"])
async def test_a_client_that_resumes_after_kill_9_has_every_event_once_and_in_order(
    part: str, stack: RunningStack, server: ReturningBff, office: Organization, live_db: Connection
) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
    window = {"from": start.isoformat(), "to": (start + timedelta(days=10)).isoformat()}
    follower = Follower(office.id, office.viewer.token)
    follower.url = server.url
    booker = Booker(server.url, office, start)
    following = asyncio.create_task(follower.run(window))
    try:
        await until(lambda: follower.resumed > 0 or following.done(), PATIENCE_SECONDS)
        for number in range(KILLED_AFTER):
            await booker.book(number)
        if part == "bff":
            await asyncio.to_thread(server.die)
        else:
            died = stack.kill(part)
        for number in range(KILLED_AFTER, BOOKINGS):
            await booker.book(number)
        if part != "bff":
            await asyncio.to_thread(stack.wait_ready, part, died=died)
        await until(lambda: len(follower.cursors) >= BOOKINGS or following.done(), PATIENCE_SECONDS)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    live_db.close()  # Postgres may have died under it.
    logged = _log(stack, office.id)
    assert follower.cursors == logged
    assert len(logged) == BOOKINGS, "a retried booking was made twice"
    fresh, _ = await follower.snapshot(window)
    assert follower.calendar == fresh


def _log(stack: RunningStack, organization_id: str) -> list[str]:
    with connect(stack.database_url) as db:
        rows = db.execute(
            "select seq || '-' || left(id::text, 8) as cursor from public.calendar_events"
            " where organization_id = %s order by seq",
            [organization_id],
        ).fetchall()
    return [row["cursor"] for row in rows]
