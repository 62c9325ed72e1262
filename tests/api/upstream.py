"""A Supabase that fails as told, on a real socket, and the shipped app in front of it."""

import asyncio
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
import jwt
from starlette.types import Receive, Scope, Send

from bff.app import create_app
from bff.settings import Settings
from tests.harness import GENEROUS_LIMITS

# What the BFF asks to see whether REST is there.
PROBE = "/rest/v1/organizations?select=id&limit=0"
SECRET = "a shared secret of thirty-two and more characters"
USER = "7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d"
GENEROUS: dict[str, Any] = {name.lower(): amount for name, amount in GENEROUS_LIMITS.items()}
Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
T = TypeVar("T")


def answer(status: int, body: Any, **headers: str) -> Behaviour:
    """Answers with JSON (or with the bytes given)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    message = (
        f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(content)}\r\n{lines}\r\n".encode() + content
    )

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(message)

    return behave


def raw(message: bytes, *, close: bool = False) -> Behaviour:
    """Sends these bytes, whatever they are."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(message)
        await writer.drain()
        if close:
            writer.close()

    return behave


async def hang(_: asyncio.StreamWriter) -> None:
    """Never answers."""


class AuditLog:
    """What `record_requests` writes to: each id once. `then` is played in place of the answer, if set."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.received = 0
        self.calls = 0
        self.is_away = False
        self.then: Behaviour | None = None

    def take(self, records: list[dict[str, Any]]) -> Behaviour:
        """The answer to a batch; written is what was not known."""
        self.calls += 1
        if self.is_away:
            return answer(503, {"code": "PGRST002", "message": "no"})
        self.received += len(records)
        fresh = {each["id"]: each for each in records if each["id"] not in self.records}
        self.records.update(fresh)
        receipt = {"written": len(fresh), "known": len(records) - len(fresh), "refused": []}
        return self.then or answer(200, receipt)

    def requests(self) -> list[str]:
        """The ids of the requests that were recorded, in the order of writing."""
        return [each["metadata"]["request_id"] for each in self.records.values()]


class Pool:
    """Connections to a database, as PostgREST's are: a call that is given up keeps its own until it is done.

    Args:
        size: Calls that have one; further ones wait.
        is_slow: Whether a call, told by its head, is done only at `end`.

    """

    def __init__(self, size: int, is_slow: Callable[[str], bool]) -> None:
        self._places = asyncio.Semaphore(size)
        self._is_slow = is_slow
        self._end = asyncio.Event()
        self._works: set[asyncio.Task[None]] = set()
        self.slow = 0

    async def work(self, head: str) -> None:
        """One call's statement."""
        work = asyncio.create_task(self._work(head))
        self._works.add(work)
        work.add_done_callback(self._works.discard)
        await asyncio.shield(work)

    def end(self) -> None:
        """What is slow is done, or canceled by its `statement_timeout`."""
        self._end.set()

    async def _work(self, head: str) -> None:
        async with self._places:
            if self._is_slow(head):
                self.slow += 1
                await self._end.wait()


class Upstream:
    """Plays the behaviours in order, then the last one for ever; counts the requests to REST and Auth.

    Probes of REST have a behaviour of their own, and are counted by themselves; so have Storage and what Auth
    says of its health, by which it is probed. Whatever the relay and the health check ask gets an empty list;
    records of requests go to `audit_log`. Probes and users' calls to REST take turns at `pool`, if there is
    one.
    """

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.audit_log: AuditLog | None = None
        self.reset()

    def reset(self) -> None:
        """Behaves as a new one does, and has counted nothing."""
        self.behaviours: list[Behaviour] = [answer(200, {})]
        self.probe: Behaviour = answer(401, {"code": "42501", "message": "", "details": None, "hint": None})
        self.storage: Behaviour = answer(200, [])
        self.auth_health: Behaviour = answer(200, {})
        self.probes = 0
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.pool: Pool | None = None

    def token(self, **claims: Any) -> str:
        """An access token of this project."""
        return token(self.url, **claims)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.lower().split("\r\n")
                length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                await self._behave(head, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _behave(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        _, target, _ = head.split(" ", 2)
        if target == PROBE and "sb_secret" not in head:
            self.probes += 1
            await self._at_database(head)
            await self.probe(writer)
            return
        if target.startswith("/storage/v1/"):
            await self.storage(writer)
            return
        if target == "/auth/v1/health":
            await self.auth_health(writer)
            return
        if self.audit_log is not None and target == "/rest/v1/rpc/record_requests":
            assert "apikey: sb_secret" in head
            await self.audit_log.take(json.loads(body)["p_records"])(writer)
            return
        if "sb_secret_x" in head or not target.startswith(("/rest/v1/", "/auth/v1/")):
            await answer(200, [])(writer)
            return
        self.requests.append(target)
        self.heads.append(head)
        if target.startswith("/rest/v1/"):
            await self._at_database(head)
        behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        await behave(writer)

    async def _at_database(self, head: str) -> None:
        if self.pool is not None:
            await self.pool.work(head)


@asynccontextmanager
async def failing_supabase() -> AsyncIterator[Upstream]:
    """An `Upstream` on a free port."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()


@contextmanager
def aside(server: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """A server that runs on a thread of its own, and so answers while the test waits for a process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    manager = server()
    try:
        yield asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(20)
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def token(issuer: str, **claims: Any) -> str:
    """An HS256 access token that the app in front of `issuer` takes."""
    body = {
        "iss": f"{issuer}/auth/v1",
        "sub": USER,
        "aud": "authenticated",
        "role": "authenticated",
        "exp": int(time.time()) + 600,
        **claims,
    }
    return jwt.encode(body, SECRET, "HS256")


@asynccontextmanager
async def app_before(url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The shipped app with its lifespan run, in this process; the client is signed in."""
    async with contextlib.AsyncExitStack() as held:
        spool = held.enter_context(tempfile.TemporaryDirectory())
        defaults = {**GENEROUS, "retry_base": 0.01, "log_level": "CRITICAL", "audit_spool_dir": spool}
        app = create_app(
            Settings(
                supabase_url=url,
                supabase_publishable_key="sb_publishable_x",
                supabase_secret_key="sb_secret_x",
                supabase_jwt_secret=SECRET,
                **{**defaults, **settings},
            )
        )
        state = await held.enter_async_context(app.router.lifespan_context(app))

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            # As uvicorn does: each request gets a copy of the lifespan's state.
            scope["state"] = dict(state or {})
            await app(scope, receive, send)

        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=with_state),
            base_url="http://bff",
            headers={"Authorization": f"Bearer {token(url)}"},
        ) as client:
            yield client
