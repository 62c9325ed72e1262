"""Pure ASGI middleware that knows each path by one spelling."""

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from bff.errors import NotFoundError

# RFC 3986, 2.2: an encoded delimiter is not the delimiter. The server has decoded it by now, and the router
# would find /api/metrics under /api%2fmetrics, where a proxy that goes by paths found nothing to refuse.
_ENCODED_DELIMITER: Final = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)


class PlainPaths:
    """Refuses targets with an encoded slash or backslash as paths that do not exist."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and _ENCODED_DELIMITER.search(scope.get("raw_path") or b""):
            raise NotFoundError("There is no such path.")
        await self.app(scope, receive, send)
