"""A deploy: processes that come and go while clients listen, and a schema that is ahead of the process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from tests.actors import Connection, Organization, TokenSigner, make_organization
from tests.conftest import Client
from tests.harness import RunningBff, RunningStack, running_bff, stop
from tests.relay.calendar import book, restrict, titles
from tests.relay.client import Watching, watch

pytestmark = pytest.mark.usefixtures("knobs_at_rest", "realtime_up")


@contextlib.asynccontextmanager
async def watching(
    bff: RunningBff, office: Organization, cursor: str | None = None
) -> AsyncIterator[Watching]:
    """The viewer's stream at one process."""
    headers = {"Authorization": f"Bearer {office.viewer.token}"}
    if cursor is not None:
        headers["Last-Event-ID"] = cursor
    async with httpx.AsyncClient(base_url=bff.url, headers=headers) as http, watch(http, office.id) as stream:
        yield stream


async def test_a_client_drained_by_one_process_resumes_at_the_other_and_back_and_misses_nothing(
    stack: RunningStack, office: Organization, client: Client
) -> None:
    asset, member = office.assets["planes"], client(office.member)
    log = stack.directory / "bff-deploy.log"
    seen: list[str] = []
    booked: list[str] = []

    async def make(title: str) -> None:
        booked.append(title)
        await book(member, asset, title)

    cursor: str | None = None
    with contextlib.ExitStack() as running:
        present = running.enter_context(running_bff(stack.env, log))
        for turn in ("there", "back"):
            following = running.enter_context(running_bff(stack.env, log))
            async with watching(present, office, cursor) as stream:
                assert stream.frames[0].data["resumed"] is (cursor is not None)
                await make(f"{turn}: before")
                stopping = asyncio.to_thread(stop, present.process)
                code, _ = await asyncio.gather(stopping, make(f"{turn}: during"))
                assert code == 0
                await stream.until(partial(getattr, stream, "ended"))
                bye = stream.frames[-1]
                assert (bye.event, bye.data) == ("bye", {"reason": "draining"})
                assert bye.retry is not None
                seen += [title for _, title in titles(stream)]
                cursor = stream.cursor
            await make(f"{turn}: between")
            present = following
        async with watching(present, office, cursor) as stream:
            await make("the last")
            await stream.until(lambda: len(seen) + len(stream.changes) >= len(booked))
            seen += [title for _, title in titles(stream)]
    assert seen == booked


@contextmanager
def newer_schema(db: Connection) -> Iterator[None]:
    """The log of a migration to come: it knows another type, and its events have another field."""
    (name, rule) = _row(
        db,
        """
        select conname, pg_get_constraintdef(oid) from pg_constraint
        where conrelid = 'public.calendar_events'::regclass and conname = 'calendar_events_type_known'
        """,
    )
    (event_json,) = _row(db, "select pg_get_functiondef('app.event_json'::regproc)")
    newer = event_json.replace("jsonb_build_object(", "jsonb_build_object('weather', 'fine', ", 1)
    assert newer != event_json
    db.execute(f"alter table public.calendar_events drop constraint {name}")
    db.execute(newer)
    try:
        yield
    finally:
        db.execute(event_json)
        db.execute("delete from public.calendar_events where type = 'reservation_reassigned'")
        db.execute(f"alter table public.calendar_events add constraint {name} {rule}")


def _row(db: Connection, query: str) -> tuple[str, ...]:
    row = db.execute(query).fetchone()
    assert row is not None
    return tuple(row.values())


def append(db: Connection, office: Organization, asset: str, *, announce: bool, broken: bool = False) -> None:
    """An event of a type that this process does not know, announced or left for the log to tell.

    A broken one does not say of which asset it is, so that nobody can tell who may see it.
    """
    state = '{"id": "00000000-0000-4000-8000-000000000001", "title": "?", "colour": "blue"}'
    with db.transaction():
        row = db.execute(
            "select app.append_event(%s, 'reservation_reassigned', %s, null, array[%s]::uuid[]) as seq",
            [office.id, state, asset],
        ).fetchone()
        assert row is not None
        if broken:
            db.execute(
                "update public.calendar_events set asset_ids = '{}' where organization_id = %s and seq = %s",
                [office.id, row["seq"]],
            )
        if announce:
            db.execute("select app.announce_events(%s, %s)", [office.id, row["seq"]])


@pytest.mark.parametrize("announce", [True, False], ids=["by Realtime", "by the log"])
async def test_events_of_a_newer_schema_do_not_break_an_older_process(
    client: Client, office: Organization, live_db: Connection, signer: TokenSigner, announce: bool
) -> None:
    restrict(live_db, office, ["planes"])
    other = make_organization(live_db, signer=signer)
    plane, house = office.assets["planes"], office.assets["residences"]
    manager = client(office.manager)
    with newer_schema(live_db):
        async with (
            watch(manager, office.id) as whole,
            watch(client(office.viewer), office.id) as limited,
            watch(client(other.viewer), other.id) as theirs,
        ):
            append(live_db, office, plane, announce=announce)
            append(live_db, office, house, announce=announce)
            append(live_db, office, plane, announce=announce, broken=True)
            await book(manager, plane, "later")
            await book(client(other.member), other.assets["planes"], "theirs")
            for stream in (whole, limited, theirs):
                await stream.get("reservation_created")
    alien, known = "reservation_reassigned", "reservation_created"
    assert names(whole) == ["ready", alien, alien, "reset", known]
    assert whole.changes[0].data["payload"]["reservation"]["colour"] == "blue"
    assert names(limited) == ["ready", alien, "reset", known]
    assert names(theirs) == ["ready", known]


def names(stream: Watching) -> list[str]:
    return [frame.event for frame in stream.frames if frame.event != "heartbeat"]
