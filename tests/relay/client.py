"""A client of the stream: httpx, and a parser of server-sent events of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True)
class Sent:
    """One frame as the browser would hand it out."""

    event: str
    data: dict[str, Any]
    id: str | None = None
    retry: int | None = None


async def parse(response: httpx.Response) -> AsyncIterator[Sent]:
    """The frames of a response (WHATWG HTML, 9.2.6)."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line:
            if "data" in fields:
                retry = int(fields["retry"]) if "retry" in fields else None
                yield Sent(fields["event"], json.loads(fields["data"]), fields.get("id"), retry)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


@dataclass
class Watching:
    """An open stream and what came over it."""

    response: httpx.Response
    frames: list[Sent] = field(default_factory=list)
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        try:
            async for frame in parse(self.response):
                self.frames.append(frame)
                self._news.set()
        except httpx.TransportError:
            pass
        finally:
            self.ended = True
            self._news.set()

    async def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        """Waits for a condition on what came."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def get(self, event: str, seconds: float = 20.0) -> Sent:
        """The first frame of that name."""
        await self.until(lambda: any(frame.event == event for frame in self.frames), seconds)
        return next(frame for frame in self.frames if frame.event == event)

    @property
    def changes(self) -> list[Sent]:
        return [frame for frame in self.frames if frame.event.startswith(("reservation_", "maintenance_"))]

    @property
    def cursor(self) -> str:
        return next(frame.id for frame in reversed(self.frames) if frame.id is not None)


@asynccontextmanager
async def watch(client: httpx.AsyncClient, organization: str, **options: Any) -> AsyncIterator[Watching]:
    """Opens the stream, which must be granted, and reads it in the background; `options` are httpx's."""
    url = f"/api/v1/organizations/{organization}/calendar/stream"
    async with client.stream("GET", url, timeout=httpx.Timeout(10, read=None), **options) as response:
        if response.status_code != 200:
            raise AssertionError(f"{response.status_code}: {(await response.aread()).decode()}")
        watching = Watching(response)
        reading = asyncio.create_task(watching.read())
        try:
            await watching.get("ready")
            yield watching
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
