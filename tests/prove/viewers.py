"""Clients of the calendar: each takes a snapshot, follows the stream, and is as unreliable as they are."""

import asyncio
import contextlib
import copy
import random
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.actors import Actor
from tests.prove.records import Json, Life, Opening, Received, State, Watcher, is_change, stands
from tests.prove.world import AGAIN, window
from tests.relay.calendar import apply, by_id
from tests.relay.client import Sent, parse

# How long a client follows before it does something of its own.
CALM_SECONDS = (0.5, 6.0)
AWAY_SECONDS = (0.05, 3.0)
# A stalled reader: for a moment, or longer than the BFF bears.
STALL_SECONDS = (1.0, 9.0)
# When what a stall has done to the stream shows.
NOTICE_SECONDS = 1.0
# What the kernel takes for a reader with a small window: a stall then shows after some 100 KB, not megabytes.
SMALL_BUFFER = 8192
CONNECT_SECONDS = 5.0
# How late this process may read what has arrived: its loop is shared by all clients and acts.
LAG_SECONDS = 3.0
# What clients do, and how often in relation to each other.
MISCHIEF = {
    "disconnect and resume": 6,
    "change process with the cursor": 6,
    "stall": 2,
    "resume with an old cursor": 2,
    "begin anew from a snapshot": 2,
    "come with a cursor of another history": 1,
}


# Not used, and dear to make for each of thousands of clients.
TLS = ssl.create_default_context()


class UnansweredError(Exception):
    """The calendar was asked for, and nothing was said about it."""


@dataclass
class Viewer:
    """A calendar view.

    Args:
        watcher: who watches what.
        actor: that user, with a token.
        urls: the BFF processes.
        seed: of what it does by itself.
        renew: makes a token, where they are short-lived.
        by_ticket: opens streams as an EventSource must.
        small_window: reads through a small socket buffer, so that it can be seen to stall.
    """

    watcher: Watcher
    actor: Actor
    urls: tuple[str, ...]
    seed: str
    renew: Callable[[], str] | None = None
    by_ticket: bool = False
    small_window: bool = False
    lives: list[Life] = field(default_factory=list)
    """What is not yet judged; the last one goes on, unless it has ended."""
    counts: Counter[str] = field(default_factory=Counter)
    resets: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    """Answers that nobody should get."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._token = self.renew() if self.renew else self.actor.token
        self._process = self._dice.randrange(len(self.urls))
        self._reads = asyncio.Event()
        self._reads.set()
        self._stalled = (0.0, 0.0)
        self._old: Life | None = None
        self._forges = False
        self.behaves = False
        """Does nothing of its own any more, until told otherwise."""

    @property
    def life(self) -> Life | None:
        """The present one, or None while there is nothing to show."""
        return self.lives[-1] if self.lives and not self.lives[-1].ended else None

    @property
    def _path(self) -> str:
        return f"/api/v1/organizations/{self.watcher.organization_id}/calendar"

    @property
    def _filter(self) -> dict[str, Any]:
        shown = self.watcher.shown
        query: dict[str, Any] = {"asset_id": sorted(shown.assets)} if shown.assets else {}
        return query | ({"section": shown.section} if shown.section else {})

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[httpx.AsyncClient]:
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)] if self.small_window else None
        async with httpx.AsyncClient(
            base_url=self.urls[self._process],
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=httpx.Timeout(CONNECT_SECONDS, read=2 * CONNECT_SECONDS),
            transport=httpx.AsyncHTTPTransport(verify=TLS, socket_options=options),
        ) as http:
            yield http

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            try:
                if self.life is None:
                    await self._look()
                else:
                    await self._follow(self.life)
            except (httpx.TransportError, UnansweredError):
                # As a browser does when its server is gone; it comes back to whichever process answers.
                self.counts["connection lost or refused"] += 1
                self._process = self._dice.randrange(len(self.urls))
            await asyncio.sleep(self._dice.uniform(*AWAY_SECONDS) / (10 if self.behaves else 1))

    async def fresh(self) -> tuple[State, str] | None:
        """The calendar as it is now, with its cursor; None if there is none for this user.

        Raises:
            UnansweredError, httpx.TransportError: it cannot be had just now.
        """
        async with self._http() as http:
            answer = await http.get(self._path, params={**window(), **self._filter})
        if answer.status_code == httpx.codes.OK:
            data: Json = answer.json()["data"]
            return by_id(data), data["cursor"]
        self._refused(answer)
        if answer.status_code != httpx.codes.NOT_FOUND:
            raise UnansweredError(f"{answer.status_code}")
        return None

    def _refused(self, answer: httpx.Response) -> None:
        if answer.status_code == httpx.codes.UNAUTHORIZED and self.renew:
            self._token = self.renew()
        elif answer.status_code == httpx.codes.UNAUTHORIZED and self.by_ticket:
            # Its process was replaced since it gave out the ticket.
            self.counts["ticket refused"] += 1
        elif answer.status_code not in AGAIN | {httpx.codes.NOT_FOUND}:
            self.complaints.append(f"{self.watcher.name}: {answer.status_code} {answer.text}")

    async def _look(self) -> None:
        asked_at = time.time()
        found = await self.fresh()
        if found is not None:
            state, cursor = found
            self.lives.append(Life(self.watcher, (asked_at, time.time()), cursor, state))
            self.counts["snapshots"] += 1
            if self._old is None or self._dice.random() < 0.1:
                self._old = Life(self.watcher, (asked_at, time.time()), cursor, state)

    async def _follow(self, life: Life) -> None:
        async with self._http() as http:
            cursor = self._cursor(life)
            opening = Opening(time.time(), cursor, forged=self._forges)
            self._forges = False
            query, headers = dict(self._filter), {}
            if self.by_ticket:
                asked = await http.post(
                    "/api/v1/stream-tickets", json={"organization_id": self.watcher.organization_id}
                )
                if asked.status_code != httpx.codes.OK:
                    self._turned_away(life, asked)
                    return
                query |= {"ticket": asked.json()["data"]["ticket"], "cursor": cursor}
                del http.headers["Authorization"]
            else:
                headers["Last-Event-ID"] = cursor
            timeout = httpx.Timeout(CONNECT_SECONDS, read=None)
            async with http.stream(
                "GET", f"{self._path}/stream", params=query, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    self._turned_away(life, answer)
                    return
                self.counts["streams"] += 1
                await self._watch(life, opening, answer)

    def _cursor(self, life: Life) -> str:
        if not self._forges:
            return life.position
        place, identity, *mark = life.position.split("-")
        return "-".join([place, f"{int(identity, 16) ^ 1:08x}", *mark])

    def _turned_away(self, life: Life, answer: httpx.Response) -> None:
        self._refused(answer)
        if answer.status_code == httpx.codes.NOT_FOUND:
            life.ended = "refused"

    async def _watch(self, life: Life, opening: Opening, answer: httpx.Response) -> None:
        reading = asyncio.create_task(self._read(life, opening, answer))
        try:
            while not reading.done():
                done, _ = await asyncio.wait({reading}, timeout=self._dice.uniform(*CALM_SECONDS))
                if done or self.behaves:
                    continue
                (what,) = self._dice.choices(list(MISCHIEF), list(MISCHIEF.values()))
                self.counts[what] += 1
                if what == "stall":
                    await self._stall(reading)
                else:
                    self._depart(life, what)
                    return
        finally:
            self._reads.set()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.TransportError):
                await reading

    def _depart(self, life: Life, what: str) -> None:
        if what == "change process with the cursor":
            self._process = (self._process + 1) % len(self.urls)
        elif what == "begin anew from a snapshot":
            life.ended = what
        elif what == "come with a cursor of another history":
            self._forges = True
        elif what == "resume with an old cursor" and self._old is not None:
            life.ended = what
            old = self._old
            self.lives.append(Life(self.watcher, old.asked, old.cursor, old.start))

    async def _stall(self, reading: asyncio.Task[None]) -> None:
        """Takes nothing from the socket for a while; what comes then may have been written since it began."""
        self._stalled = (time.time(), float("inf"))
        self._reads.clear()
        await asyncio.sleep(self._dice.uniform(*STALL_SECONDS))
        self._reads.set()
        self._stalled = (self._stalled[0], time.time())
        done, _ = await asyncio.wait({reading}, timeout=NOTICE_SECONDS)
        self.counts["cut off after a stall"] += len(done)

    async def _read(self, life: Life, opening: Opening, answer: httpx.Response) -> None:
        async for frame in parse(answer):
            self._take(life, opening, frame)
            if life.ended or frame.event == "bye":
                return
            await self._reads.wait()

    def _take(self, life: Life, opening: Opening, frame: Sent) -> None:
        now = time.time()
        life.received.append(Received(frame, opening, now, self._written_after(opening, now)))
        self.counts["frames"] += 1
        self.counts["changes"] += is_change(frame)
        cursor = stands(frame)
        if cursor is not None:
            life.position = cursor
        if is_change(frame):
            life.state = apply(life.state, [frame])
        elif frame.event == "ready":
            self.counts["resumed"] += frame.data["resumed"]
        elif frame.event == "reset":
            self.resets[frame.data["reason"]] += 1
            life.ended = f"reset: {frame.data['reason']}"
        elif frame.event == "bye":
            self._said_goodbye(life, frame.data["reason"])

    def _written_after(self, opening: Opening, now: float) -> float:
        """The earliest time at which what is read now can have been written (Unix seconds)."""
        if self.small_window:
            # It is read at some ten kilobytes a second, so that a burst waits in the BFF, and in order.
            return opening.asked_at
        begun, over = self._stalled
        return min(begun, now - LAG_SECONDS) if now < over + LAG_SECONDS else now - LAG_SECONDS

    def _said_goodbye(self, life: Life, reason: str) -> None:
        self.counts[f"bye: {reason}"] += 1
        if reason == "access_revoked":
            life.ended = "bye: access_revoked"
        elif reason == "token_expired" and self.renew:
            self._token = self.renew()

    def turn_page(self, at: float) -> list[Life]:
        """Hands out the lives so far to be judged. What the view shows goes on in a life that begins here.

        Args:
            at: when it was found to be the same as a fresh snapshot (Unix seconds).
        """
        judged, life = list(self.lives), self.life
        self.lives = []
        if life is not None:
            judged[-1] = copy.copy(life)
            # The same object goes on: a stream under way writes into it.
            life.begun = life.received[-1].opening if life.received else life.begun
            life.received, life.start, life.cursor, life.asked = [], dict(life.state), life.position, (at, at)
            self.lives = [life]
        return judged


@dataclass
class Stranger:
    """Somebody of another organisation, who tries whatever there is, and must never be given anything.

    Args:
        actor: with a token of their own.
        own: the organisation that they are in.
        victim: a view of the other one, whose cursors and assets they know.
        urls: the BFF processes.
        seed: of what they try.
    """

    actor: Actor
    own: str
    victim: Viewer
    urls: tuple[str, ...]
    seed: str
    tries: int = 0
    complaints: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Tries until cancelled."""
        dice = random.Random(self.seed)
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._try(dice)
            await asyncio.sleep(dice.uniform(0.2, 1.0))

    async def _try(self, dice: random.Random) -> None:
        theirs = f"/api/v1/organizations/{self.victim.watcher.organization_id}/calendar"
        life = self.victim.life
        known: dict[str, Any] = {"cursor": life.position} if life else {}
        async with httpx.AsyncClient(
            base_url=dice.choice(self.urls),
            headers={"Authorization": f"Bearer {self.actor.token}"},
            timeout=CONNECT_SECONDS,
            verify=TLS,
        ) as http:
            way = dice.randrange(4)
            if way == 0:
                await self._expect_nothing(http, theirs, window())
            elif way == 1:
                await self._expect_nothing(http, f"{theirs}/stream", known)
            elif way == 2:
                await self._expect_nothing(
                    http, f"{theirs}/stream", known | {"section": dice.choice(["planes", "residences"])}
                )
            else:
                ticket = await http.post("/api/v1/stream-tickets", json={"organization_id": self.own})
                if ticket.status_code == httpx.codes.OK:
                    del http.headers["Authorization"]
                    await self._expect_nothing(
                        http, f"{theirs}/stream", known | {"ticket": ticket.json()["data"]["ticket"]}
                    )

    async def _expect_nothing(self, http: httpx.AsyncClient, path: str, query: dict[str, Any]) -> None:
        self.tries += 1
        async with http.stream("GET", path, params=query) as answer:
            if answer.status_code < httpx.codes.BAD_REQUEST:
                self.complaints.append(f"stranger: {path} {query} was answered {answer.status_code}")
