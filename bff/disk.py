"""Room on disk that is taken before it is needed."""

import os
from collections.abc import Iterable
from pathlib import Path


def allocate(paths: Iterable[Path], size: int) -> None:
    """Makes the files where they are not, and gives each its blocks on disk, filled with zeros.

    A file that is mapped into memory and has no blocks yet gets them when it is written to; where the disk is
    full by then, the kernel ends the process (SIGBUS).

    Args:
        paths: of the files; what they hold stays.
        size: bytes of each.

    Raises:
        OSError: there is no room, or no such folder.
    """
    for path in paths:
        with path.open("ab") as file:
            # Not on every platform; without it all is as it was.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
