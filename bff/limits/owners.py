"""Which process holds a lease, and whether it is known to be dead."""

import contextlib
import hashlib
import os
import re
import secrets
import socket
from itertools import count
from pathlib import Path
from typing import Final

# Where a process id means the same process: one start of one machine, and in it one space of ids.
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_IDS: Final = Path("/proc/self/ns/pid")
# Tells this process from those that had its id before.
_NONCE: Final = secrets.token_hex(4)
_NUMBERS: Final = count(1)
_LEASE: Final = re.compile(r"(\w+)\.(\d{1,9})\.(\w+)\.\w+", re.ASCII)


def _here() -> str:
    parts = [socket.gethostname()]
    # Neither is there but on Linux.
    with contextlib.suppress(OSError):
        parts.append(_BOOT.read_text())
    with contextlib.suppress(OSError):
        parts.append(str(_IDS.readlink()))
    return hashlib.blake2b("|".join(parts).encode(), digest_size=6).hexdigest()


class Owner:
    """This process, as a holder of leases."""

    def __init__(self) -> None:
        self._here = _here()
        self._pid = os.getpid()
        self._nonce = _NONCE

    def lease(self) -> str:
        """A name for another one of ours."""
        return f"{self._here}.{self._pid}.{self._nonce}.{next(_NUMBERS):x}"

    def is_dead(self, lease: str) -> bool:
        """Whether a lease is held by nobody: its process was on this machine, and is no more.

        What another machine's process held, or one whose id was given away again, has to run out.
        """
        if not (found := _LEASE.fullmatch(lease)):
            return False
        here, pid, nonce = found.groups()
        if here != self._here:
            return False
        if int(pid) == self._pid:
            return nonce != self._nonce
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
