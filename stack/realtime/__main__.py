"""`python -m stack.realtime`: serves on loopback until SIGTERM, which closes the sockets with 1012."""

import logging
import signal
import sys
from types import FrameType

import uvicorn

from stack.realtime.app import create_app
from stack.realtime.settings import RealtimeSettings

MAX_FRAME_BYTES = 4 * 1024 * 1024
# Sockets are told at once; this bounds the wait for those in the middle of a probe.
SHUTDOWN_SECONDS = 3


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Runs the server with the settings of the environment."""
    # uvicorn raises the signal again when it has shut down; an end that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = RealtimeSettings.model_validate({})
    uvicorn.run(
        create_app(settings),
        host="127.0.0.1",
        port=settings.port,
        # uvicorn's own lines on level info show the query string, and with it the API key.
        log_level="warning",
        access_log=False,
        ws_max_size=MAX_FRAME_BYTES,
        # Deflating anew for each socket costs many times the encoding.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
