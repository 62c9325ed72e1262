"""Connections to Supabase: one aiohttp session to one origin, shared by all requests.

Why not httpx: docs/decisions/aiohttp-to-supabase.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

# Bytes read at once.
PIECE_BYTES: Final = 64 * 1024
# Servers close idle connections, node after 5 s; one that is used at that very moment loses its request.
IDLE_SECONDS: Final = 4.0


class ConnectionFailedError(Exception):
    """No connection, or one that broke before the answer was complete."""


class MalformedAnswerError(Exception):
    """What came back is not HTTP, is compressed though nobody asked for it, or is too large."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; names of headers are looked up whatever their case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is of the 200s."""
        return 200 <= self.status < 300


class Pool:
    """Connections to one origin, for as long as the context is open.

    Deadlines are the caller's, and so is how many calls run at once. Cancelling one closes its connection.

    Args:
        url: Any URL of the origin.
        answer_bytes: Largest answer that is read.

    """

    def __init__(self, url: str, answer_bytes: int) -> None:
        self._answer_bytes = answer_bytes
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            # One origin, many callers: a cookie would be carried from one to the next.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=[hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT],
            # Nobody asks for compressed answers: a few KB of one may stand for gigabytes.
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], content: bytes | None
    ) -> Answer:
        """Sends a request and returns the complete answer.

        Args:
            method: As in RFC 9110.
            target: Path and query, percent-encoded.
            headers: Without Host and Content-Length.
            content: The body, or None.

        Raises:
            ConnectionFailedError: The request may or may not have been carried out.
            MalformedAnswerError: The answer is not HTTP, is compressed or too large.

        """
        url = URL(self._origin + target, encoded=True)
        try:
            async with self._session.request(
                method, url, headers=CIMultiDict(headers), data=content, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await self._read(response))
        except aiohttp.ClientResponseError as error:
            raise MalformedAnswerError(type(error).__name__) from None
        except aiohttp.ClientError as error:
            raise ConnectionFailedError(type(error).__name__) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        encoding = response.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
        if encoding != "identity":
            raise MalformedAnswerError("compressed")
        content = bytearray()
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            content += piece
            if len(content) > self._answer_bytes:
                raise MalformedAnswerError("too large")
        return bytes(content)
