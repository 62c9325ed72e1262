"""`python -m bff`: our own listening socket, and a server that says farewell to the streams.

Plain `uvicorn --factory bff.app:create_app` works too; streams are then cut without a word at the end.
"""

import contextlib
import signal
import socket
import sys

import structlog
import uvicorn

from bff.app import create_app
from bff.protocol import Protocol
from bff.relay import Relay
from bff.settings import Settings, SettingsError, load_settings

log = structlog.get_logger(__name__)

# With 128, two thousand clients that come at once after a restart are not all served within six seconds.
BACKLOG = 4096
# Bytes the kernel takes ahead of the reader: without it, megabytes for each stuck one before it shows.
NOTSENT_LOWAT = 32 * 1024
# Milliseconds that sent data may go unacknowledged; a dead link would be held for a quarter of an hour.
USER_TIMEOUT = 15_000
# Seconds of silence before the link is probed, between probes, and probes without an answer.
KEEPALIVE = (20, 5, 3)
# Seconds for requests under way at the end; a supervisor kills after ten as a rule.
GRACE = 8


class Server(uvicorn.Server):
    """uvicorn's server; its shutdown says goodbye to the streams before it waits for connections to close."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        await super().startup(sockets)
        for each in sockets or []:
            host, port, *_ = each.getsockname()
            log.info("listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let the hub say `bye`, then end as uvicorn does.

        uvicorn itself calls the lifespan's shutdown only when all connections are closed, and open streams
        would never close.
        """
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        relay: Relay | None = self.lifespan.state.get("relay")
        if relay is not None:
            await relay.drain()
        await super().shutdown(sockets)
        log.info("stopped")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose options the connections inherit; what a platform lacks is left out."""
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
        ("TCP_USER_TIMEOUT", USER_TIMEOUT),
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


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; returns when all is closed.

    Raises:
        OSError: the address cannot be listened on.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
    )
    # uvicorn raises the signal again when it has ended; with these it ends with 0.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    with listen(settings.host, settings.port) as listener:
        Server(config).run(sockets=[listener])


def main() -> int:
    """The command; its exit code."""
    try:
        settings = load_settings()
        serve(settings)
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
