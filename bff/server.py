"""One serving process: our own listening socket, and a server that says farewell to the streams."""

import asyncio
import contextlib
import os
import signal
import socket

import structlog
import uvicorn
from starlette.applications import Starlette

from bff.descriptors import raise_file_limit
from bff.protocol import Bounds, Protocol
from bff.relay import Relay
from bff.relay.sse import FAREWELL_SECONDS
from bff.settings import Settings

log = structlog.get_logger(__name__)

# With 128, two thousand clients that come at once after a restart are not all served within six seconds.
BACKLOG = 4096
# Bytes the kernel takes ahead of the reader: without it, megabytes for each stuck one before it shows.
NOTSENT_LOWAT = 32 * 1024
# Seconds that a reader may be stuck, by default (RELAY_STALL_SECONDS).
STALL_SECONDS = 20.0
# Seconds beyond that and the farewell until the kernel ends a connection that acknowledges nothing; a dead
# one would be held for a quarter of an hour. Linux counts a reader without room as dead: any sooner, and it
# ended a stuck reader without the `reset`. We look once a second, and the kernel began to count before us.
USER_TIMEOUT_MARGIN = 5.0
# Seconds of silence before the link is probed, between probes, and probes without an answer.
KEEPALIVE = (20, 5, 3)
# Seconds for farewells and requests under way at the end. A supervisor kills after ten as a rule, our parent
# of workers after nine, and what follows may take two more: Realtime is waited for to close its connection.
GRACE = 6
# Seconds at the end for connections that were just accepted to bring their first request, and how often one
# looks. uvicorn closes them unheard, and their clients cannot know whether they may ask again.
LINGER = 1.0
GLANCE = 0.02
# What chunks of a few bytes each add to a body, and what a body's own end may hold.
WIRE_FACTOR = 8
WIRE_SLACK = 64 * 1024
# A head that is complete is refused by the application, in its own words; with this much it need not be.
HEAD_FACTOR = 2
# What a worker says to its parent once it serves.
READY = b"+"


class Server(uvicorn.Server):
    """uvicorn's server; its shutdown says goodbye to the streams before it waits for connections to close.

    Args:
        config: uvicorn's.
        lifeline: a socket whose other end the parent of several workers holds. It is told when we serve; when
            it ends, so has the parent, and nobody but us can end this process.
    """

    def __init__(self, config: uvicorn.Config, lifeline: socket.socket | None = None) -> None:
        super().__init__(config)
        self._lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        await super().startup(sockets)
        for each in sockets or []:
            host, port, *_ = each.getsockname()
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            log.info("listening", url=url, pid=os.getpid())
        if self._lifeline is not None:
            with contextlib.suppress(OSError):
                self._lifeline.send(READY)
            asyncio.get_running_loop().add_reader(self._lifeline.fileno(), self._parent_gone)

    def _parent_gone(self) -> None:
        # The parent never writes: to be readable is to have ended.
        assert self._lifeline is not None  # noqa: S101 - for mypy; only then is this called
        asyncio.get_running_loop().remove_reader(self._lifeline.fileno())
        log.warning("parent_gone", pid=os.getpid())
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let the hub say `bye`, then end as uvicorn does.

        uvicorn itself calls the lifespan's shutdown only when all connections are closed, and open streams
        would never close.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in self._connections():
            connection.retire()
        relay: Relay | None = self.lifespan.state.get("relay")
        if relay is not None:
            await relay.drain()
        await self._hear_out()
        self.config.timeout_graceful_shutdown = max(1, int(deadline - loop.time()))
        await super().shutdown(sockets)
        log.info("stopped", pid=os.getpid())

    async def _hear_out(self) -> None:
        """Wait a moment for the requests of connections that were accepted just before the end."""
        for _ in range(round(LINGER / GLANCE)):
            if not any(each.is_unheard for each in self._connections()):
                return
            await asyncio.sleep(GLANCE)

    def _connections(self) -> list[Protocol]:
        return [each for each in self.server_state.connections if isinstance(each, Protocol)]


def listen(host: str, port: int, stall: float = STALL_SECONDS) -> socket.socket:
    """A listening socket whose options the connections inherit; what a platform lacks is left out.

    Args:
        host: where to listen.
        port: where to listen; 0 is any free one.
        stall: seconds after which we end a stuck reader ourselves.

    Raises:
        OSError: the address cannot be listened on.
    """
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, proto)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle, interval, count = KEEPALIVE
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_NOTSENT_LOWAT", NOTSENT_LOWAT),
        ("TCP_USER_TIMEOUT", round((stall + FAREWELL_SECONDS + USER_TIMEOUT_MARGIN) * 1000)),
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", count),
    ):
        if (option := getattr(socket, name, None)) is not None:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_TCP, option, value)
    listener.bind(address)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def bounds_of(settings: Settings) -> Bounds:
    """What one connection may take."""
    return Bounds(
        connections=settings.max_connections,
        head_bytes=HEAD_FACTOR * (settings.max_url_bytes + settings.max_header_bytes),
        head_seconds=settings.header_seconds,
        body_bytes=WIRE_FACTOR * settings.max_body_bytes + WIRE_SLACK,
        body_seconds=settings.body_seconds,
        write_seconds=settings.write_seconds,
    )


def serve(
    app: Starlette, settings: Settings, listener: socket.socket, lifeline: socket.socket | None = None
) -> None:
    """Serve until SIGTERM, SIGINT, SIGHUP or the parent's end; returns when all is closed.

    SIGHUP is a closed terminal's; under `nohup` it stays ignored, and workers have it blocked.

    Args:
        app: what answers.
        settings: the process' settings.
        listener: see `listen`; closed at the end.
        lifeline: see `Server`.
    """
    raise_file_limit()
    config = uvicorn.Config(
        app,
        http=Protocol.within(bounds_of(settings)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=GRACE,
    )
    server = Server(config, lifeline)
    # uvicorn raises the signal again when it has ended; so it ends with 0, and a signal that comes before
    # uvicorn listens to it is not lost.
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, server.handle_exit)
    with listener:
        server.run(sockets=[listener])
