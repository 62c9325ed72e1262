"""An nginx of the test's own, run with the configuration that the documentation recommends."""

import contextlib
import os
import re
import shutil
import signal
import ssl
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from tests.certificates import make_certificate
from tests.harness import ROOT, free_port, stop, tail, wait_until

CONFIGURATION = ROOT / "ops" / "nginx.conf"


@dataclass(frozen=True)
class RunningNginx:
    """An nginx process, and where it answers over TLS."""

    url: str
    process: subprocess.Popen[bytes]
    trust: ssl.SSLContext
    log: Path
    """Where it writes both its logs."""

    def reload(self) -> None:
        """Has it read its configuration anew, as `nginx -s reload` does."""
        os.kill(self.process.pid, signal.SIGHUP)


class Addressed(Protocol):
    """Whatever answers at a URL."""

    @property
    def url(self) -> str:
        """Its base."""


@contextmanager
def running_nginx(directory: Path, *bffs: Addressed, **changes: str) -> Iterator[RunningNginx]:
    """nginx in front of BFF processes, on a free port, yielded when it answers.

    Args:
        directory: an empty folder for its files.
        bffs: what stands behind it.
        changes: values of directives that the test needs otherwise (seconds rather than minutes); each stands
            in the file once.
    """
    certificate, key = make_certificate(directory)
    port = free_port()
    text = CONFIGURATION.read_text()
    for directive, value in changes.items():
        text, found = re.subn(rf"^(\s*{directive}) .*;$", rf"\1 {value};", text, flags=re.MULTILINE)
        assert found == 1, f"{directive} is in {CONFIGURATION.name} {found} times"
    text = string.Template(text).safe_substitute(
        BFF_ADDRESS="; server ".join(bff.url.removeprefix("http://") for bff in bffs),
        HTTPS_PORT=f"127.0.0.1:{port}",
        TLS_CERTIFICATE=certificate,
        TLS_KEY=key,
    )
    (configuration := directory / "nginx.conf").write_text(text)
    log, url = directory / "nginx.log", f"https://127.0.0.1:{port}"
    # What says where it runs, not how, and so is not in the file.
    place = f"daemon off; pid {directory}/nginx.pid;"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [_binary(), "-e", "stderr", "-p", str(directory), "-c", str(configuration), "-g", place],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    trust = ssl.create_default_context(cafile=str(certificate))

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with {process.returncode}: {tail(log)}")
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/api/live", verify=trust).status_code == httpx.codes.OK
        return False

    try:
        wait_until(answers, what="nginx ready")
        yield RunningNginx(url, process, trust, log)
    finally:
        stop(process)


def _binary() -> str:
    # Distributions put it where only root looks.
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError("nginx is not installed: apt-get install nginx")
    return found
