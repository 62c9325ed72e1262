"""`python -m tests.relay.terminal MODULE` becomes `python -m MODULE` under the terminal named by TERMINAL."""

import os
import sys

if __name__ == "__main__":
    os.setsid()
    # The first terminal that a session's leader opens is its own.
    os.close(os.open(os.environ["TERMINAL"], os.O_RDWR))
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606 - nothing to quote
