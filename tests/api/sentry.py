"""A Sentry that takes envelopes, on a real socket, and fails as told (develop.sentry.dev/sdk/envelopes)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.api.upstream import Behaviour, answer

TAKEN = answer(200, {"id": "0"})


class Sentry:
    """Plays the behaviours in order, then the last one for ever; keeps what it was sent before it behaves."""

    def __init__(self) -> None:
        self.port = 0
        self.behaviours: list[Behaviour] = [TAKEN]
        self.envelopes: list[str] = []
        """As sent, unzipped."""

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.port}/1"

    @property
    def events(self) -> list[dict[str, Any]]:
        """What came in envelopes as events, in order."""
        found = []
        for envelope in self.envelopes:
            _, *items = [json.loads(line) for line in envelope.splitlines() if line]
            pairs = zip(items[::2], items[1::2], strict=True)
            found += [body for head, body in pairs if head["type"] == "event"]
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.lower().split("\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
                body = await reader.readexactly(length)
                packing = [line[18:] for line in lines if line.startswith("content-encoding: ")]
                packed = httpx.Response(200, headers={"content-encoding": packing[0]}, content=body)
                self.envelopes.append(packed.text)
                behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                await behave(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def sentry() -> AsyncIterator[Sentry]:
    """A `Sentry` on a free port."""
    running = Sentry()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
