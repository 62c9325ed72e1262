"""Several processes behind one socket: which there are, and connections to a chosen one of them."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpx
import psutil

from tests.actors import Actor, Organization
from tests.harness import RunningBff, RunningStack, free_port, running_module, wait_until
from tests.relay.calendar import book
from tests.relay.client import Watching, watch

# What the command line of a worker holds: ours, and those of plain uvicorn.
MARKS = ("-m bff", "spawn_main")
# Seconds: a worker imports everything anew, on a busy machine.
START_SECONDS = 90.0


def workers(bff: RunningBff) -> set[int]:
    """The process ids of the workers, whether they serve yet or not."""
    found = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(bff.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if any(mark in " ".join(child.cmdline()) for mark in MARKS):
                    found.add(child.pid)
    return found


def ended(pid: int) -> bool:
    """Whether the process is gone, or waits only for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def listens(bff: RunningBff) -> bool:
    """Whether the process still listens on any port."""
    connections = psutil.Process(bff.process.pid).net_connections("tcp")
    return any(each.status == psutil.CONN_LISTEN for each in connections)


def connections_of(bff: RunningBff, pid: int) -> list[object]:
    """Connections that one of its processes has accepted on its port."""
    port = int(bff.url.rpartition(":")[2])
    return [
        each
        for each in psutil.Process(pid).net_connections("tcp")
        if each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
    ]


@contextmanager
def only(bff: RunningBff, pid: int) -> Iterator[None]:
    """While the block lasts, no other worker takes connections."""
    with contextlib.ExitStack() as held:
        for other in workers(bff) - {pid}:
            process = psutil.Process(other)
            process.suspend()
            held.callback(process.resume)
        yield


def serves(bff: RunningBff, pid: int) -> bool:
    """Whether that worker answers."""
    with only(bff, pid), contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{bff.url}/api/live", timeout=0.5).status_code == httpx.codes.OK
    return False


def wait_for_workers(bff: RunningBff, count: int = 2, *, gone: frozenset[int] = frozenset()) -> list[int]:
    """Waits until `count` workers serve, none of them of `gone`; their ids."""

    def all_serve() -> list[int] | None:
        found = workers(bff)
        ready = len(found) == count and not found & gone and all(serves(bff, pid) for pid in found)
        return sorted(found) if ready and workers(bff) == found else None

    pids: list[int] = wait_until(all_serve, seconds=START_SECONDS, what=f"{count} workers")
    return pids


@contextmanager
def plain_uvicorn(stack: RunningStack, count: int = 2, **settings: str) -> Iterator[RunningBff]:
    """`uvicorn --workers`, which knows nothing of ours but the application."""
    port, log = str(free_port()), stack.directory / "uvicorn.log"
    url = f"http://127.0.0.1:{port}"
    arguments = [
        *("--factory", "bff.app:create_app", "--workers", str(count), "--port", port),
        *("--timeout-graceful-shutdown", "1", "--no-access-log"),
    ]
    env = {**stack.env, "AUDIT_SPOOL_DIR": str(stack.directory / f"audit-{port}"), **settings}
    with running_module("uvicorn", f"{url}/api/live", env, log, arguments) as process:
        yield RunningBff(url, process, log)


def client_of(bff: RunningBff, actor: Actor) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=bff.url, headers={"Authorization": f"Bearer {actor.token}"}, timeout=20)


@asynccontextmanager
async def stream_at(
    bff: RunningBff, pid: int, office: Organization, cursor: str | None = None
) -> AsyncIterator[Watching]:
    """A stream at that worker."""
    headers = {} if cursor is None else {"Last-Event-ID": cursor}
    async with contextlib.AsyncExitStack() as held:
        client = await held.enter_async_context(client_of(bff, office.viewer))
        with only(bff, pid):
            stream = await held.enter_async_context(watch(client, office.id, headers=headers))
        yield stream


@asynccontextmanager
async def streams_at(
    bff: RunningBff, pids: Sequence[int], office: Organization
) -> AsyncIterator[list[Watching]]:
    """A stream at each of these workers."""
    async with contextlib.AsyncExitStack() as opened:
        yield [await opened.enter_async_context(stream_at(bff, pid, office)) for pid in pids]


async def book_at_any(bff: RunningBff, office: Organization, title: str) -> None:
    """A booking by the member, at whichever worker takes it."""
    async with client_of(bff, office.member) as member:
        await book(member, office.assets["planes"], title)
