"""The database goes back in time while calendars are open: the rehearsal of ops/runbooks/restore.md."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.actors import Connection, Organization, connect, make_organization
from tests.conftest import token_signer
from tests.harness import ROOT, RunningBff, RunningStack, running_bff, running_stack, scratch_directory
from tests.relay.calendar import apply, book, by_id, cancel, restrict, slot, snapshot, state_of
from tests.relay.client import Sent, parse, watch
from tests.relay.fakes import until
from tests.relay.restoring import name_this_moment, restore, take_base_backup

POINT = "before_the_mistake"
RUNBOOK = ROOT / "ops" / "runbooks" / "restore.md"
# The database recovers, all parts connect again, and each client waits a moment before it does.
PATIENCE_SECONDS = 90.0

Json = dict[str, Any]


@pytest.fixture(scope="module")
def own_stack() -> Iterator[RunningStack]:
    """A stack whose database may go back in time."""
    with scratch_directory() as directory, running_stack(directory / "stack", STACK_SEED="false") as running:
        yield running


@pytest.fixture(scope="module")
def own_bff(own_stack: RunningStack) -> Iterator[RunningBff]:
    """Two workers that live through all of it."""
    settings = {"BFF_WORKERS": "2", "TMPDIR": str(own_stack.directory)}
    with running_bff(own_stack.env, own_stack.directory / "bff.log", **settings) as running:
        yield running


@dataclass
class View:
    """A calendar view: a snapshot, the stream from there, a new snapshot after each `reset`."""

    http: httpx.AsyncClient
    organization: str
    shown: dict[str, Json] = field(default_factory=dict)
    cursor: str = ""
    seen: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)

    async def look(self) -> None:
        """Shows a fresh snapshot."""
        calendar = await snapshot(self.http, self.organization)
        self.shown, self.cursor = by_id(calendar), calendar["cursor"]

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follows while the block lasts; takes up again from its cursor whatever ends a stream."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
                await self._read()
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        path = f"/api/v1/organizations/{self.organization}/calendar/stream"
        timeout = httpx.Timeout(10, read=None)
        async with self.http.stream(
            "GET", path, headers={"Last-Event-ID": self.cursor}, timeout=timeout
        ) as response:
            response.raise_for_status()
            async for frame in parse(response):
                if frame.event == "reset":
                    self.resets.append(frame.data["reason"])
                    await self.look()
                    return
                self._take(frame)

    def _take(self, frame: Sent) -> None:
        if frame.id is not None:
            self.cursor = frame.id
        if frame.event.startswith("reservation_"):
            self.seen.append(title_of(frame))
            self.shown = apply(self.shown, [frame])

    @property
    def titles(self) -> list[str]:
        return sorted(each["title"] for each in self.shown.values())


def title_of(frame: Sent) -> str:
    title: str = state_of(frame)["title"]
    return title


def shows(view: View, titles: list[str]) -> Callable[[], bool]:
    return lambda: view.titles == titles


@dataclass
class House:
    """An organisation whose people have a calendar open, and what they do."""

    people: Organization
    _url: str
    _clients: contextlib.AsyncExitStack

    async def client(self, role: str = "owner") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.people.actor(role).token}"}
        client = httpx.AsyncClient(base_url=self._url, headers=headers, timeout=20)
        return await self._clients.enter_async_context(client)

    async def view(self, role: str = "owner") -> View:
        """A view of its own that has just fetched the calendar."""
        view = View(await self.client(role), self.people.id)
        await view.look()
        return view


@pytest.fixture
def own_db(own_stack: RunningStack) -> Iterator[Connection]:
    with connect(own_stack.database_url) as connection:
        yield connection


@pytest.fixture
async def house(own_stack: RunningStack, own_bff: RunningBff, own_db: Connection) -> AsyncIterator[House]:
    people = make_organization(own_db, signer=token_signer(own_stack))
    async with contextlib.AsyncExitStack() as clients:
        yield House(people, own_bff.url, clients)


async def send(client: httpx.AsyncClient, asset: str, title: str, when: Json, key: str) -> httpx.Response:
    return await client.post(
        "/api/v1/reservations",
        json={"asset_id": asset, "title": title, **when},
        headers={"Idempotency-Key": key},
    )


async def test_after_a_restore_every_view_shows_the_truth_and_those_of_before_it_lose_nothing(
    own_stack: RunningStack, house: House, own_db: Connection
) -> None:
    plane, owner = house.people.assets["planes"], await house.client()
    restrict(own_db, house.people, ["planes"])
    one = await book(owner, plane, "one")
    await book(owner, house.people.assets["residences"], "hidden")
    older = await house.view()
    backup = take_base_backup(own_stack, own_stack.directory.parent / "backup")
    kept, lost = (slot(), str(uuid.uuid4())), (slot(), str(uuid.uuid4()))
    made = await send(owner, plane, "kept", *kept)
    early = await house.view()
    name_this_moment(own_stack, POINT)

    make_a_plane_of(own_db, house.people.assets["residences"])
    limited = await house.view("viewer")
    assert limited.titles == ["hidden", "kept", "one"]
    ahead, overtaken, open_ = await house.view(), await house.view(), await house.view()
    async with watch(owner, house.people.id) as stream, open_.following():
        async with ahead.following(), overtaken.following():
            assert (await send(owner, plane, "lost", *lost)).status_code == 201
            await cancel(owner, one["id"])
            for view in (ahead, overtaken, open_):
                await until(shows(view, ["hidden", "kept", "lost"]))
        own_db.close()

        await asyncio.to_thread(restore, own_stack, backup, POINT)
        with connect(own_stack.database_url) as db:
            # As many changes of rights as were lost.
            make_a_plane_of(db, house.people.assets["watercraft"])
            db.execute(statement_of_the_runbook())

        # Nobody has booked since: the log is shorter than what these views have seen.
        await until(shows(open_, ["hidden", "kept", "one"]), PATIENCE_SECONDS)
        async with ahead.following():
            await until(shows(ahead, ["hidden", "kept", "one"]))
        async with limited.following():
            await until(shows(limited, ["kept", "one"]))
        await stream.until(lambda: stream.frames[-1].event == "reset")

        titles = [f"new {number}" for number in range(4)]
        for title in titles:
            await book(owner, plane, title)
        truth = sorted(["hidden", "kept", "one", *titles])
        for view in (ahead, overtaken, early, older):
            async with view.following():
                await until(shows(view, truth))
        await until(shows(open_, truth))
        await stream.until(lambda: [title_of(frame) for frame in stream.changes][-4:] == titles)
        assert not stream.ended
    for view in (ahead, overtaken):
        assert view.resets == ["cursor_unknown"]
    # Once more where it was back before the runbook's statement.
    assert open_.resets in (["cursor_unknown"], ["cursor_unknown"] * 2)
    assert limited.resets == ["access_changed"]
    assert (early.resets, early.seen) == ([], titles)
    assert (older.resets, older.seen) == ([], ["kept", *titles])
    fresh = await house.view()
    for view in (ahead, overtaken, early, older, open_):
        assert view.shown == fresh.shown

    # A request that is sent again: done anew where it is gone, answered as before where it stands.
    again = await send(owner, plane, "kept", *kept)
    assert (again.status_code, again.json()["data"]["id"]) == (201, made.json()["data"]["id"])
    assert (await send(owner, plane, "lost", *lost)).status_code == 201


def make_a_plane_of(db: Connection, asset: str) -> None:
    db.execute("update public.assets set section = 'planes' where id = %s", [asset])


def statement_of_the_runbook() -> bytes:
    (statement,) = re.findall(r"^```sql\n(.*?)^```", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    return str(statement).encode()
