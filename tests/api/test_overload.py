"""How many requests may be under way at once, and which of them count."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from bff.errors import ServiceUnavailableError
from bff.overload import Overload
from tests.relay.fakes import until


class Waiting:
    """An application that answers once it is told to."""

    def __init__(self) -> None:
        self.inside = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        self.inside += 1
        try:
            await self.go.wait()
        finally:
            self.inside -= 1


async def receive() -> Message:
    return {"type": "http.disconnect"}


async def send(_: Message) -> None:
    """Takes it."""


def ask(app: Overload, path: str) -> asyncio.Task[None]:
    async def call() -> None:
        await app({"type": "http", "path": path}, receive, send)

    return asyncio.create_task(call())


async def test_beyond_the_most_that_may_be_under_way_requests_are_refused_at_once() -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=3)
    tasks = [ask(app, "/api/v1/me") for _ in range(10)]
    await until(lambda: sum(task.done() for task in tasks) == 7)
    assert waiting.inside == 3
    assert all(isinstance(task.exception(), ServiceUnavailableError) for task in tasks if task.done())
    # One that is cancelled, or fails, gives its place back as well as one that is answered.
    next(task for task in tasks if not task.done()).cancel()
    await until(lambda: waiting.inside == 2)
    tasks.append(ask(app, "/api/v1/me"))
    await until(lambda: waiting.inside == 3)
    waiting.go.set()
    await asyncio.wait(tasks)
    assert waiting.inside == 0
    await ask(app, "/api/v1/me")


@pytest.mark.parametrize("path", ["/api/live", "/api/health", "/api/metrics", "/api/v1/x/calendar/stream"])
async def test_what_watches_the_service_and_what_stays_for_hours_does_not_count(path: str) -> None:
    waiting = Waiting()
    app = Overload(waiting, limit=1)
    tasks = [ask(app, path) for _ in range(5)] + [ask(app, "/api/v1/me")]
    await until(lambda: waiting.inside == 6)
    waiting.go.set()
    await asyncio.gather(*tasks)
