"""Which port each child listens on."""

import random
import socket

from stack.errors import StackError
from stack.settings import Settings

# Below the ephemeral ports, one of which an outgoing connection can take while a child is being restarted.
CANDIDATES = range(20000, 32768)


class PortTakenError(StackError):
    """A port that a setting names is in use."""


def choose_ports(settings: Settings, before: dict[str, int], *, with_redis: bool) -> dict[str, int]:
    """The port of each child: the one that its setting names, else the last run's, else any that is free.

    Args:
        settings: the stack's.
        before: the ports of the last run; kept where they are free, so that a client finds the stack again.
        with_redis: whether there is one to be run.

    Raises:
        PortTakenError: a port that a setting names is in use, or named twice.
    """
    settings_by_child = {
        "postgres": ("STACK_DB_PORT", settings.db_port),
        "lite": ("STACK_REST_PORT", settings.rest_port),
        "realtime": ("STACK_REALTIME_PORT", settings.realtime_port),
        "gateway": ("STACK_PORT", settings.port),
    }
    if with_redis:
        settings_by_child["redis"] = ("STACK_REDIS_PORT", settings.redis_port)
    chosen: dict[str, int] = {}
    for child, (setting, port) in settings_by_child.items():
        if not port:
            continue
        if port in chosen.values() or not is_free(port):
            raise PortTakenError(f"port {port} is in use: set {setting} to another one (0: any free port)")
        chosen[child] = port
    for child in settings_by_child:
        if child not in chosen:
            chosen[child] = _any_port(before.get(child), set(chosen.values()))
    return chosen


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback interface."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _any_port(preferred: int | None, taken: set[int]) -> int:
    # Not in order: stacks that start at the same time must not all try the same one.
    candidates = random.sample(CANDIDATES, len(CANDIDATES))
    for port in [preferred, *candidates] if preferred else candidates:
        if port not in taken and is_free(port):
            return port
    raise PortTakenError(f"no port of {CANDIDATES.start} to {CANDIDATES.stop - 1} is free")
