"""How many requests may be under way at once, and which of them count."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from bff.errors import ApiError, ServiceUnavailableError
from bff.overload import Overload
from tests.relay.fakes import until

ME = "/api/v1/me"


class Waiting:
    """An application that reads the body, and answers once it is told to."""

    def __init__(self) -> None:
        self.reading = 0
        self.inside = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        self.reading += 1
        try:
            while (await receive()).get("more_body", False):
                pass
        finally:
            self.reading -= 1
        self.inside += 1
        try:
            await self.go.wait()
        finally:
            self.inside -= 1


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_: Message) -> None:
    """Takes it."""


def ask(
    app: Overload, path: str, caller: str = "192.0.2.1", receive: Receive = receive
) -> asyncio.Task[None]:
    scope = {"type": "http", "path": path, "state": {"principal": None, "client_address": caller}}

    async def call() -> None:
        await app(scope, receive, send)

    return asyncio.create_task(call())


class SlowBody:
    """Comes in two parts, the second one when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self._has_begun = False

    async def __call__(self) -> Message:
        if not self._has_begun:
            self._has_begun = True
            return {"type": "http.request", "body": b"{", "more_body": True}
        await self.go.wait()
        return {"type": "http.request", "body": b"}", "more_body": False}


def is_refused(task: asyncio.Task[None]) -> bool:
    return task.done() and isinstance(task.exception(), ServiceUnavailableError)


async def test_beyond_the_most_that_may_be_under_way_requests_are_refused_at_once() -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=3)
    tasks = [ask(app, ME) for _ in range(50)]
    await until(lambda: sum(map(is_refused, tasks)) == 47)
    assert waiting.inside == 3
    refusals = [each.exception() for each in tasks if is_refused(each)]
    # They do not all come back at once.
    assert len({each.retry_after for each in refusals if isinstance(each, ApiError)}) > 1
    # One that is cancelled, or fails, gives its place back as well as one that is answered.
    next(task for task in tasks if not task.done()).cancel()
    await until(lambda: waiting.inside == 2)
    tasks.append(ask(app, ME))
    await until(lambda: waiting.inside == 3)
    waiting.go.set()
    await asyncio.wait(tasks)
    assert waiting.inside == 0
    await ask(app, ME)


async def test_bodies_on_their_way_refuse_nobody_elses_requests_and_few_of_them_are_one_callers() -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=8)
    bodies = [SlowBody() for _ in range(20)]
    slow = [ask(app, ME, "192.0.2.66", body) for body in bodies]
    await until(lambda: sum(map(is_refused, slow)) == 18)
    assert waiting.reading == 2
    quick = [ask(app, ME, f"192.0.2.{n}") for n in range(8)]
    await until(lambda: waiting.inside == 8)
    # Its body is there, and it counts as any other: there is no room for it.
    bodies[0].go.set()
    await until(lambda: is_refused(slow[0]))
    waiting.go.set()
    await asyncio.gather(*quick)
    bodies[1].go.set()
    await slow[1]
    # All of it is given back.
    waiting.go.clear()
    again = [ask(app, ME, "192.0.2.66") for _ in range(8)]
    await until(lambda: waiting.inside == 8)
    waiting.go.set()
    await asyncio.gather(*again)


async def test_bodies_on_their_way_are_bounded_in_all_and_one_that_is_given_up_makes_room() -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=4)
    slow = [ask(app, ME, f"192.0.2.{n}", SlowBody()) for n in range(6)]
    await until(lambda: sum(map(is_refused, slow)) == 2)
    left = next(each for each in slow if not each.done())
    left.cancel()
    await asyncio.wait([left])
    slow.append(ask(app, ME, "192.0.2.99", SlowBody()))
    await until(lambda: waiting.reading == 4)
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


@pytest.mark.parametrize("path", ["/api/live", "/api/health", "/api/metrics", "/api/v1/x/calendar/stream"])
async def test_what_watches_the_service_and_what_stays_for_hours_does_not_count(path: str) -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=1)
    tasks = [ask(app, path) for _ in range(5)] + [ask(app, ME)]
    await until(lambda: waiting.inside == 6)
    waiting.go.set()
    await asyncio.gather(*tasks)
