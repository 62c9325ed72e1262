"""`python -m bff`: our own listening socket, and one or several processes that serve from it.

Plain `uvicorn --factory bff.app:create_app` works too; streams are then cut without a word at the end.
"""

import socket
import sys
from collections.abc import Sequence
from typing import Final

from bff.app import create_app, start_reporting
from bff.server import listen, serve
from bff.settings import SettingsError, load_settings
from bff.workers import supervise

# Seconds for the last reports of the parent of several workers, which has nine of ten behind it by then.
PARENT_FLUSH_SECONDS: Final = 0.5


def main(inherited: Sequence[str] = ()) -> int:
    """The command; its exit code.

    Args:
        inherited: of a worker, the numbers of two files that it has from its parent: what it listens on, and
            its lifeline.
    """
    try:
        settings = load_settings()
        if inherited:
            listener, lifeline = (socket.socket(fileno=int(number)) for number in inherited)
            serve(create_app(settings), settings, listener, lifeline)
            return 0
        listener = listen(settings.host, settings.port, settings.relay_stall_seconds)
        if settings.workers > 1:
            reporter = start_reporting(settings)
            try:
                return supervise(settings.workers, listener)
            finally:
                if reporter is not None:
                    reporter.flush(PARENT_FLUSH_SECONDS)
        serve(create_app(settings), settings, listener)
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
