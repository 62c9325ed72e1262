"""A client's address is the peer's, or what a trusted proxy says of it; never what the client itself says."""

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bff.addresses import client_address

PROXIES = ["10.0.0.0/8", "fd00::1"]


async def address_of(peer: str | None, *forwarded: str) -> str:
    """What the application learns of a client that connects from `peer` with these X-Forwarded-For lines."""
    learned: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 (ASGI)
        learned.append(client_address(scope))

    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope = {"type": "http", "client": None if peer is None else (peer, 40_000), "headers": headers}
    # No message is read or sent.
    await ProxyHeadersMiddleware(app, PROXIES)(scope, None, None)  # type: ignore[arg-type]
    return learned[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["'; drop table audit_logs; --"], "unknown"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("fd00::1", ["[2001:db8::A]:443"], "2001:db8::a"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, [], "unknown"),
    ],
)
async def test_only_a_trusted_proxy_speaks_for_the_client(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    assert await address_of(peer, *forwarded) == expected
