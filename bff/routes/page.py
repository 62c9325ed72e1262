"""The calendar's page, for development and demo: a fixed set of files, and what the page has to know.

It is no part of the API and of its document: an app of one's own takes its place, and where no folder is set
there is no such path.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from bff.state import Request

# What the build writes. Nothing else of the folder is ever read, whatever a path may ask for.
FILES: Final = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it was at start; the ETag is a digest of what it holds (RFC 9110, 8.8.3)."""

    body: bytes
    media_type: str
    policy: str

    async def __call__(self, request: Request) -> Response:
        """200, or 304 for whoever has it already."""
        # Names the policy too: a 304 must not keep an older one alive.
        digest = hashlib.sha256(self.body + self.policy.encode()).hexdigest()[:32]
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": self.policy, "ETag": f'"{digest}"'}
        sent = ",".join(request.headers.getlist("if-none-match")).split(",")
        if headers["ETag"] in (tag.strip().removeprefix("W/") for tag in sent):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def routes(directory: Path, supabase_url: str, publishable_key: str) -> list[Route]:
    """`/calendar`, its files, and `config.json` with what the page needs to sign in.

    Args:
        directory: Where the build put the files.
        supabase_url: As the browser reaches it.
        publishable_key: Supabase's key that anyone may have.

    Raises:
        OSError: A file is not there.

    """
    policy = _policy(supabase_url)
    files = {
        name: PageFile((directory / name).read_bytes(), media_type, policy)
        for name, media_type in FILES.items()
    }
    config = {"supabaseUrl": supabase_url.rstrip("/"), "supabasePublishableKey": publishable_key}
    files["config.json"] = PageFile(json.dumps(config).encode(), "application/json", policy)
    return list(_routes(files))


def _routes(files: dict[str, PageFile]) -> Iterable[Route]:
    yield Route("/calendar", files.pop("index.html").__call__)
    for name, file in files.items():
        yield Route(f"/calendar/{name}", file.__call__)


def _policy(supabase_url: str) -> str:
    # Nothing inline, nothing from elsewhere: the page holds the session, so no foreign script may run in it.
    supabase = urlsplit(supabase_url)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {supabase.scheme}://{supabase.netloc}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
