"""A project as the checks see it: its address, its keys, and a client that can only read."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx

TIMEOUT: Final = 10.0  # seconds for one answer; a project that was paused takes some to wake


class WriteError(Exception):
    """A check tried to send what may change something."""


def _only_reads(request: httpx.Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise WriteError(f"{request.method} {request.url.path}")


@dataclass
class Project:
    """A Supabase project.

    Args:
        url: its address, without a slash at the end.
        publishable_key: what goes along with users' requests (`sb_publishable_…`, or the older anon key).
        secret_key: the service key (`sb_secret_…`, or the older service_role key).
        development: an embedded or local one, in which mail is not confirmed and nothing is scheduled.
    """

    url: str
    publishable_key: str
    secret_key: str = field(repr=False)
    development: bool = False

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, timeout=TIMEOUT, event_hooks={"request": [_only_reads]}
        )

    def get(self, path: str, *, secret: bool = False, **headers: str) -> httpx.Response:
        """GET as the service or as nobody.

        Raises:
            httpx.HTTPError: there was no answer.
        """
        return self._client.get(path, headers={**self.key_headers(secret=secret), **headers})

    def key_headers(self, *, secret: bool) -> dict[str, str]:
        """The headers by which Supabase's gateway knows the caller."""
        key = self.secret_key if secret else self.publishable_key
        if key.startswith("sb_"):
            return {"apikey": key}
        # The older kind of key is itself a JWT, and PostgREST wants to see it.
        return {"apikey": key, "Authorization": f"Bearer {key}"}

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()


def body_of(response: httpx.Response) -> Any:
    """The JSON of an answer, or None where it is none."""
    try:
        return response.json()
    except ValueError:
        return None
