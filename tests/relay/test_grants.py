"""Who may have a stream open is asked in batches, and asked again; a lost hint costs a minute at most."""

import asyncio
from collections.abc import Sequence

import pytest

from bff.relay.frames import FRAMES
from bff.relay.grants import Grants
from bff.relay.hub import Hub
from bff.relay.log import Grant, GrantRequest
from bff.relay.pages import UnavailableError
from bff.relay.sse import Backlogs, Stream
from bff.relay.views import Filter
from tests.relay.fakes import EMPTY, FakeLog, until

ORG = "org-1"
PLANES = frozenset({"planes"})


class Database:
    """Answers every request with the same grant, or fails."""

    def __init__(self) -> None:
        self.grant = Grant(granted=True, sections=PLANES, cursor=EMPTY, mark="aaaa0001")
        self.fault: Exception | None = None
        self.calls: list[list[GrantRequest]] = []

    async def ask(self, requests: Sequence[GrantRequest]) -> list[Grant]:
        self.calls.append(list(requests))
        if self.fault is not None:
            raise self.fault
        return [self.grant] * len(requests)


class Notes(Stream):
    """A stream that remembers what it was given."""

    def __init__(self, hub: Hub, user: str, shown: Filter) -> None:
        request = GrantRequest(user, ORG, "aal1", None)
        super().__init__(hub, request, 0, shown, backlogs=Backlogs(1, 1, 1), on_close=lambda _: None)
        self.taken: list[bytes] = []
        hub.enter(self, EMPTY)

    def push(self, chunk: bytes) -> None:
        self.taken.append(chunk)


@pytest.fixture
def hub() -> Hub:
    return Hub(FakeLog().read, FRAMES)


async def test_opens_of_the_same_moment_share_a_call(hub: Hub) -> None:
    database = Database()
    grants = Grants(database.ask, hub)
    requests = [GrantRequest(f"user-{number % 10}", ORG, "aal1", None) for number in range(50)]
    assert await asyncio.gather(*map(grants.ask, requests)) == [database.grant] * 50
    assert [len(call) for call in database.calls] == [10]


async def test_a_ticket_is_asked_about_once_also_when_it_comes_twice_at_once(hub: Hub) -> None:
    database = Database()
    grants = Grants(database.ask, hub)
    request = GrantRequest("user", ORG, "aal1", None, "ticket")
    answers = await asyncio.gather(grants.ask(request), grants.ask(request))
    assert [answer.reason for answer in answers] == ["", "ticket_spent"]
    assert database.calls == [[request]]


async def test_what_a_hint_makes_be_asked_again_does_not_spend_the_ticket_again(hub: Hub) -> None:
    database = Database()
    grants = Grants(database.ask, hub)
    request = GrantRequest("user", ORG, "aal1", None, "ticket")
    asking = asyncio.create_task(grants.ask(request))
    await asyncio.sleep(0)
    grants.changed(ORG, None)
    assert (await asking).granted
    assert database.calls == [[request], [request._replace(ticket_id=None)]]


@pytest.mark.parametrize("fault", [UnavailableError(), RuntimeError("a fault of ours")])
async def test_a_call_that_fails_however_leaves_nobody_waiting(hub: Hub, fault: Exception) -> None:
    database = Database()
    database.fault = fault
    async with asyncio.timeout(5):
        with pytest.raises(UnavailableError):
            await Grants(database.ask, hub).ask(GrantRequest("user", ORG, "aal1", None))


async def test_another_mark_resets_the_streams_limited_to_sections_though_the_hint_was_lost(
    hub: Hub,
) -> None:
    database = Database()
    limited, whole = (
        Notes(hub, "member", Filter(granted=PLANES, mark="aaaa0001")),
        Notes(hub, "asking", Filter(mark="ffff0001")),
    )
    grants = Grants(database.ask, hub)
    await grants.review([limited])
    database.grant = Grant(granted=True, sections=PLANES, cursor=EMPTY, mark="aaaa0002")
    await grants.review([limited])
    await grants.review([limited])
    database.grant = Grant(granted=True, sections=None, cursor=EMPTY, mark="ffff0003")
    await grants.review([whole])
    assert limited.taken == [FRAMES.reset("access_changed")]
    assert whole.taken == []
    assert (limited.filter.mark, whole.filter.mark) == ("aaaa0002", "ffff0003")


async def test_open_grants_are_asked_again_each_interval(hub: Hub) -> None:
    database = Database()
    stream = Notes(hub, "member", Filter(granted=PLANES, mark="aaaa0001"))
    running = asyncio.create_task(Grants(database.ask, hub, interval=0.01).run())
    database.grant = Grant(granted=True, sections=PLANES, cursor=EMPTY, mark="aaaa0002")
    await until(lambda: stream.taken)
    database.fault = UnavailableError()
    await until(lambda: len(database.calls) > 5)
    database.fault = None
    database.grant = Grant(granted=False, reason="not_member")
    await until(lambda: stream.ended)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
