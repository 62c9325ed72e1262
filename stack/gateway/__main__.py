"""`python -m stack.gateway`."""

import uvicorn

from stack.gateway.app import create_app
from stack.gateway.settings import GatewaySettings

SHUTDOWN_SECONDS = 3  # requests in flight may end; websockets are closed with 1012 at once


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = GatewaySettings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        # On "info" it writes each websocket's query string, and that holds the API key.
        log_level="warning",
        ws_max_size=settings.max_frame_bytes,
        # Compression costs more time than loopback saves.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
    )


if __name__ == "__main__":
    main()
