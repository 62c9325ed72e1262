"""Whether what the BFF needs is there; asked for at most once a second, whoever asks."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from bff import __version__
from bff.schemas.health import Check, Checks, Health

CACHED_FOR: Final = 1.0  # seconds
# A part that needs longer than this to say hello is not there.
TIMEOUT: Final = 2.0  # seconds


def service_headers(secret_key: str) -> dict[str, str]:
    """The headers that make Supabase's gateway take a request as the service's."""
    if secret_key.startswith("sb_"):
        return {"apikey": secret_key}
    # The older kind of key is itself a JWT, and PostgREST wants to see it.
    return {"apikey": secret_key, "Authorization": f"Bearer {secret_key}"}


class HealthMonitor:
    """Asks database, auth and Realtime.

    Args:
        client: Pool to ask with; belongs to the caller.
        url: The project's address.
        secret_key: Service key: the check must not depend on anyone's token.
        relay_status: What the relay says of its connection to Realtime, with a key `status`.

    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        secret_key: str,
        relay_status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = service_headers(secret_key)
        self._relay_status = relay_status
        self._lock = asyncio.Lock()
        self._last: Health | None = None
        self._asked_at = float("-inf")  # monotonic seconds

    async def check(self) -> Health:
        """The present state, at most a second old."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._asked_at >= CACHED_FOR:
                self._last = await self._ask()
                self._asked_at = time.monotonic()
            return self._last

    async def _ask(self) -> Health:
        # Through REST, as every request goes: a database that only its own port can reach is of no use here.
        database, auth = await asyncio.gather(
            self._get("/rest/v1/organizations?select=id&limit=1"), self._get("/auth/v1/health")
        )
        realtime = self._realtime()
        if "fail" in (database.status, auth.status):
            status: Any = "unhealthy"
        else:
            status = "healthy" if realtime.status == "pass" else "degraded"
        return Health(
            status=status,
            timestamp=datetime.now(UTC),
            version=__version__,
            checks=Checks(database=database, auth=auth, realtime=realtime),
        )

    async def _get(self, path: str) -> Check:
        started_at = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT):
                response = await self._client.get(self._url + path, headers=self._headers)
            message = "" if response.is_success else f"It answers {response.status_code}."
        except TimeoutError:
            message = "No answer in time."
        except httpx.HTTPError:
            message = "It cannot be reached."
        latency = round((time.perf_counter() - started_at) * 1000, 2)
        return Check(status="fail" if message else "pass", latency=latency, message=message)

    def _realtime(self) -> Check:
        status = str(self._relay_status().get("status"))
        if status == "up":
            return Check(status="pass", latency=0.0, message="")
        return Check(
            status="fail", latency=0.0, message=f"The relay's connection is {status}; it reads the log."
        )
