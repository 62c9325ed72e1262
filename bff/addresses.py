"""Where a request comes from: the peer, or what the proxies named in the settings say of it."""

import ipaddress
from typing import Final

from starlette.types import Scope

UNKNOWN: Final = "unknown"


def client_address(scope: Scope) -> str:
    """The client's IP address in its one canonical spelling, or `unknown`.

    To be asked behind uvicorn's `ProxyHeadersMiddleware`, which has put what a trusted proxy says of the
    client into `scope["client"]`, unchecked: a client may have sent anything as `X-Forwarded-For`.
    """
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        # A socket that serves both families shows IPv4 peers as ::ffff:a.b.c.d; a zone is local to our host.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return str(address)
