"""Calls with httpx that end in time and fit into memory; its own timeouts are for each read, not for all."""

import asyncio
from typing import Any

import httpx


async def fetch(
    client: httpx.AsyncClient, method: str, url: str, *, seconds: float, limit: int, **options: Any
) -> httpx.Response:
    """The complete response.

    Args:
        client: To ask with.
        method: As in RFC 9110.
        url: As the client takes it.
        seconds: For all of it.
        limit: Most bytes of the body.
        options: As for `client.build_request`.

    Raises:
        httpx.HTTPError: No answer, none in time, or one that is compressed unasked, or too large.

    """
    request = client.build_request(method, url, **options)
    # A few KB of a compressed answer may stand for gigabytes.
    request.headers["Accept-Encoding"] = "identity"
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(request, stream=True)
            try:
                content = await _read(response, limit)
            finally:
                await response.aclose()
    except TimeoutError:
        raise httpx.ReadTimeout("no complete answer in time", request=request) from None
    return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)


def read_json(response: httpx.Response) -> Any:
    """The body as JSON.

    Raises:
        ValueError: It is none, or is nested deeper than can be read.

    """
    try:
        return response.json()
    except RecursionError:
        raise ValueError("nested too deeply") from None


async def _read(response: httpx.Response, limit: int) -> bytes:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise httpx.DecodingError("compressed", request=response.request)
    content = bytearray()
    # Nothing is decoded, with no encoding; and what a transport has read already is taken too.
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > limit:
            raise httpx.DecodingError("too large", request=response.request)
    return bytes(content)
