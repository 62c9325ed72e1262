"""An access that changes while a stream is still being brought up to date."""

import socket
from datetime import timedelta

import httpx
import pytest

from tests.actors import Connection, Organization
from tests.conftest import Client
from tests.db.booking import at, insert_booking
from tests.relay.calendar import restrict
from tests.relay.client import parse, watch

pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")

# Together some 900 KB, several times what lies between the BFF and a reader with a small window.
BOOKINGS, EDITS, TITLE = 60, 10, 190
SMALL_WINDOW = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)]


def fill_the_log(db: Connection, office: Organization) -> None:
    for number in range(BOOKINGS):
        start = at(2 + number)
        insert_booking(db, office, office.assets["planes"], start, start + timedelta(hours=2))
    for number in range(EDITS):
        db.execute(
            "update public.reservations set title = %s where organization_id = %s",
            [str(number) + "ñ" * TITLE, office.id],
        )


async def test_access_that_changes_during_a_replay_is_told_before_anything_is_shown_under_it(
    client: Client, bff_url: str, office: Organization, live_db: Connection
) -> None:
    fill_the_log(live_db, office)
    url = f"/api/v1/organizations/{office.id}/calendar/stream"
    headers = {"Authorization": f"Bearer {office.viewer.token}", "Last-Event-ID": "0-00000000"}
    transport = httpx.AsyncHTTPTransport(socket_options=SMALL_WINDOW)
    async with (
        watch(client(office.viewer), office.id) as live,
        httpx.AsyncClient(base_url=bff_url, headers=headers, transport=transport, timeout=20) as slow,
        slow.stream("GET", url) as response,
    ):
        restrict(live_db, office, ["planes"])
        # The same answer of the database is for both streams.
        await live.get("reset")
        marks = []
        async for frame in parse(response):
            if frame.event == "reset":
                break
            marks.append((frame.id or "").split("-")[2])
    # Who is cut off now and comes back with the last id still shows the old mark, and is told.
    assert frame.data == {"reason": "access_changed"}
    assert len(set(marks)) == 1
    assert len(marks) < BOOKINGS * EDITS, "the reader was not slow enough for this to mean anything"
