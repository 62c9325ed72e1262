"""Whether what the BFF needs is there; asked for a few times a second at most, whoever asks."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

import httpx

from bff import __version__
from bff.bounded import fetch
from bff.schemas.health import Check, Checks, Health

# The two together stay below a second: so old is what is told at most, and so soon an outage is said.
CACHED_FOR: Final = 0.3  # seconds
# A part that needs longer than this to say hello is not there. They are asked side by side.
TIMEOUT: Final = 0.6  # seconds
# What is asked for is a row or a sentence.
ANSWER_BYTES: Final = 65_536


class Limiter(Protocol):
    """What the health check asks of the limiter of requests, whose cache is Redis."""

    async def check(self) -> tuple[Literal["pass", "fail"], float, str]:
        """Whether its cache answers, after how many milliseconds, and what there is to say."""
        ...


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
        limiter: Whose cache is asked; None where each process limits for itself.

    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        secret_key: str,
        relay_status: Callable[[], Mapping[str, Any]],
        limiter: Limiter | None = None,
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = service_headers(secret_key)
        self._relay_status = relay_status
        self._limiter = limiter
        self._last: Health | None = None
        self._asked_at = float("-inf")  # monotonic seconds
        self._asking: asyncio.Task[Health] | None = None

    async def check(self) -> Health:
        """The present state, at most a second old."""
        if self._last is not None and time.monotonic() - self._asked_at < CACHED_FOR:
            return self._last
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        # Shared: the one who goes away must not cancel it for the others, nor have them begin anew.
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        """Ends a check that is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> Health:
        # From when it is asked: an answer that takes long is old when it comes.
        asked_at = time.monotonic()
        # Through REST, as every request goes: a database that only its own port can reach is of no use here.
        database, auth, cache = await asyncio.gather(
            self._get("/rest/v1/organizations?select=id&limit=1"), self._get("/auth/v1/health"), self._cache()
        )
        realtime = self._realtime()
        status: Literal["healthy", "degraded", "unhealthy"] = "healthy"
        if "fail" in (database.status, auth.status):
            status = "unhealthy"
        elif "fail" in (cache.status, realtime.status):
            status = "degraded"
        self._last = Health(
            status=status,
            timestamp=datetime.now(UTC),
            version=__version__,
            checks=Checks(database=database, auth=auth, cache=cache, realtime=realtime),
        )
        self._asked_at = asked_at
        return self._last

    async def _cache(self) -> Check:
        if self._limiter is None:
            return Check(status="pass", latency=0.0, message="There is none; each process limits for itself.")
        started_at = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT):
                status, latency, message = await self._limiter.check()
        except TimeoutError:
            return Check(status="fail", latency=_since(started_at), message="No answer in time.")
        return Check(status=status, latency=round(latency, 2), message=message)

    async def _get(self, path: str) -> Check:
        started_at = time.perf_counter()
        try:
            response = await fetch(
                self._client,
                "GET",
                self._url + path,
                headers=self._headers,
                seconds=TIMEOUT,
                limit=ANSWER_BYTES,
            )
            message = "" if response.is_success else f"It answers {response.status_code}."
        except httpx.TimeoutException:
            message = "No answer in time."
        except httpx.HTTPError:
            message = "It cannot be reached."
        return Check(status="fail" if message else "pass", latency=_since(started_at), message=message)

    def _realtime(self) -> Check:
        status = str(self._relay_status().get("status"))
        if status == "up":
            return Check(status="pass", latency=0.0, message="")
        if status == "off":
            return Check(status="pass", latency=0.0, message="Switched off; the relay reads the log.")
        return Check(
            status="fail", latency=0.0, message=f"The relay's connection is {status}; it reads the log."
        )


def _since(started_at: float) -> float:
    return round((time.perf_counter() - started_at) * 1000, 2)
