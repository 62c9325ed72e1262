"""What each person does, for locust: looks at the calendar, books, changes, cancels, with a stream open.

Run by `tests.load.run`: PEOPLE names the file of the people, PACE is seconds from one request of a person to
the next, STREAMS names the file for what the streams brought, TALLY that for what was asked. Locust makes
threads and sockets gevent's.
"""

import http.client
import itertools
import json
import os
import random
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_pacing, events, task

from tests.load.offices import Person, read_people
from tests.load.tally import Tally

PEOPLE: Iterator[Person] = itertools.cycle(read_people(Path(os.environ["PEOPLE"])))
# Bookings begin this many days from now, so that no notice is too short.
FIRST_DAY = 14
# From one person's hour to the next one's: an hour to book and an hour of turnaround.
HOURS = 2
# What was booked must be on the stream by then.
SEEN_SECONDS = 20.0
# A person's bookings that are open at once; whoever has more cancels one.
MOST_OPEN = 6


class Streams:
    """What the streams of all people brought, and what they should have brought."""

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()
        self.lags: list[float] = []
        self.awaited: dict[str, float] = {}
        self.early: dict[str, float] = {}
        self.ended: Counter[str] = Counter()

    def booked(self, reservation: str) -> None:
        """The answer to a booking is here: from now on its frame is awaited."""
        seen = self.early.pop(reservation, None)
        if seen is None:
            self.awaited[reservation] = time.monotonic()
        else:
            self.lags.append(0.0)

    def seen(self, reservation: str) -> None:
        """The booker's own stream has shown it, perhaps before the answer came."""
        asked = self.awaited.pop(reservation, None)
        if asked is None:
            self.early[reservation] = time.monotonic()
        else:
            self.lags.append(time.monotonic() - asked)


STREAMS = Streams()
ASKED = Tally()


def write_tally(**_: Any) -> None:
    """By now nobody asks any more; what has no answer yet will get none."""
    ASKED.write(Path(os.environ["TALLY"]))


def write_streams(**_: Any) -> None:
    """Waits for the frames that are on their way, then writes what the streams brought."""
    deadline = time.monotonic() + SEEN_SECONDS
    while STREAMS.awaited and time.monotonic() < deadline:
        time.sleep(0.1)
    told = {
        "frames": STREAMS.frames,
        "lags": STREAMS.lags,
        "unseen": len(STREAMS.awaited),
        "ended": STREAMS.ended,
    }
    Path(os.environ["STREAMS"]).write_text(json.dumps(told))


events.quitting.add_listener(write_tally)  # type: ignore[no-untyped-call]  # locust has types in part
events.quitting.add_listener(write_streams)  # type: ignore[no-untyped-call]


class Booker(FastHttpUser):
    """One person with the app open: a calendar with its stream, and now and then a booking."""

    wait_time = constant_pacing(float(os.environ["PACE"]))
    network_timeout = 30.0
    connection_timeout = 30.0

    def on_start(self) -> None:
        """Opens the stream, as the calendar view does first."""
        self.person = next(PEOPLE)
        self.random = random.Random(f"{self.person.organization}/{self.person.place}")
        self.client.auth_header = f"Bearer {self.person.token}"
        self.numbers = itertools.count()
        self.open: dict[str, int] = {}
        threading.Thread(target=self._watch, daemon=True).start()
        # Not all at the same moment: a person's first request falls anywhere within their pace.
        time.sleep(self.random.uniform(0, float(os.environ["PACE"])))

    @task(40)
    def look_at_calendar(self) -> None:
        """A month of the calendar."""
        begin = self._day(self.random.randrange(0, 60))
        self._ask(
            "GET",
            f"/api/v1/organizations/{self.person.organization}/calendar",
            "read_calendar",
            "calendar",
            params={"from": begin.isoformat(), "to": (begin + timedelta(days=31)).isoformat()},
        )

    @task(20)
    def ask_availability(self) -> None:
        """Whether an asset is free, as the form asks while it is filled in."""
        begin = self._day(self.random.randrange(FIRST_DAY, 60), self.random.randrange(0, 20))
        self._ask(
            "GET",
            f"/api/v1/assets/{self.random.choice(self.person.assets)}/availability",
            "read_availability",
            "availability",
            params={"start": begin.isoformat(), "end": (begin + timedelta(hours=3)).isoformat()},
        )

    @task(10)
    def list_bookings(self) -> None:
        """The office's bookings, a page."""
        self._ask(
            "GET",
            f"/api/v1/organizations/{self.person.organization}/reservations",
            "list_reservations",
            "reservations",
            params={"pageSize": "20"},
        )

    @task(14)
    def book(self) -> None:
        """A slot that nobody else asks for; who has many open bookings cancels one first."""
        if len(self.open) >= MOST_OPEN:
            self.cancel()
            return
        answer = self._ask(
            "POST",
            "/api/v1/reservations",
            "create_reservation",
            "create",
            201,
            json=self._slot(next(self.numbers)),
        )
        if answer is not None:
            self.open[answer["id"]] = answer["version"]
            STREAMS.booked(answer["id"])

    @task(2)
    def book_what_is_taken(self) -> None:
        """The same slot a second time: refused, with what is in the way."""
        number = next(self.numbers)
        answer = self._ask(
            "POST", "/api/v1/reservations", "create_reservation", "create", 201, json=self._slot(number)
        )
        if answer is not None:
            self.open[answer["id"]] = answer["version"]
            STREAMS.booked(answer["id"])
            self._ask(
                "POST",
                "/api/v1/reservations",
                "create_reservation",
                "create, taken",
                409,
                json=self._slot(number),
            )

    @task(8)
    def change(self) -> None:
        """Another title, by whoever knows the present version."""
        if not self.open:
            self.book()
            return
        reservation, version = self.random.choice(sorted(self.open.items()))
        answer = self._ask(
            "PATCH",
            f"/api/v1/reservations/{reservation}",
            "update_reservation",
            "update",
            headers={"If-Match": f'"{version}"'},
            json={"title": f"Changed {version}"},
        )
        if answer is not None:
            self.open[reservation] = answer["version"]

    @task(6)
    def cancel(self) -> None:
        """One of their bookings."""
        if not self.open:
            self.book()
            return
        reservation, _ = self.open.popitem()
        self._ask(
            "POST",
            f"/api/v1/reservations/{reservation}/cancel",
            "cancel_reservation",
            "cancel",
            json={"reason": "Plans have changed."},
        )

    def _slot(self, number: int) -> dict[str, Any]:
        asset = self.person.assets[number % len(self.person.assets)]
        begin = self._day(FIRST_DAY + number // len(self.person.assets), HOURS * self.person.place)
        return {
            "asset_id": asset,
            "title": f"Trip {number}",
            "start_date": begin.isoformat(),
            "end_date": (begin + timedelta(hours=1)).isoformat(),
        }

    @staticmethod
    def _day(days: int, hour: int = 0) -> datetime:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today + timedelta(days=days, hours=hour)

    def _ask(
        self, method: str, path: str, operation: str, name: str, expected: int = 200, **options: Any
    ) -> Any:
        """The answer's data; None where it was not the expected one, which locust counts as a failure."""
        if method == "POST":
            options["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
        ASKED.begin(operation)
        with self.client.request(method, path, name=name, catch_response=True, **options) as response:
            # 0 where the connection broke.
            if response.status_code:
                ASKED.end(operation, response.status_code)
            if response.status_code == expected:
                response.success()
                return response.json().get("data")
            response.failure(f"{response.status_code} {(response.text or '')[:300]}")
        return None

    def _watch(self) -> None:
        """Reads the person's stream to its end."""
        address = urllib.parse.urlsplit(str(self.host))
        connection = http.client.HTTPConnection(str(address.hostname), address.port)
        path = f"/api/v1/organizations/{self.person.organization}/calendar/stream"
        ASKED.begin("stream_calendar")
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.person.token}"})
        response = connection.getresponse()
        ASKED.end("stream_calendar", response.status)
        if response.status != http.client.OK:
            STREAMS.ended[f"refused with {response.status}"] += 1
            return
        event = ""
        for line in response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
                STREAMS.frames[event] += 1
            elif name == "data" and event == "reservation_created":
                reservation = json.loads(value)["payload"]["reservation"]
                if reservation["user_id"] == self.person.user:
                    STREAMS.seen(reservation["id"])
        STREAMS.ended[f"ended after {event}"] += 1
