"""How a caller stands, in headers.

`X-RateLimit-*` as half the web has them, and `RateLimit` and `RateLimit-Policy` of
draft-ietf-httpapi-ratelimit-headers-11 (May 2026): lists of structured fields (RFC 9651), a member for each
policy that counted the request.
"""

import math
from collections.abc import Sequence

from bff.limits.windows import Standing


def render(standings: Sequence[Standing], now: float) -> list[tuple[bytes, bytes]]:
    """The headers of an answer.

    Args:
        standings: Under each policy; at least one.
        now: Unix seconds.
    """
    speaker = tightest(standings)
    return [
        (b"x-ratelimit-limit", b"%d" % speaker.quota),
        (b"x-ratelimit-remaining", b"%d" % speaker.remaining),
        (b"x-ratelimit-reset", b"%d" % math.ceil((now + speaker.reset) * 1000)),
        (b"ratelimit", ", ".join(map(_limit, standings)).encode()),
        (b"ratelimit-policy", ", ".join(map(_policy, standings)).encode()),
    ]


def tightest(standings: Sequence[Standing]) -> Standing:
    """The one that the single-valued headers speak of: who refused, else who has the least left."""
    return min(standings, key=lambda each: (each.allowed, each.remaining, -each.reset))


def retry_after(standings: Sequence[Standing]) -> int:
    """Whole seconds after which none of those who refused would, at least one."""
    return max([1, *(math.ceil(each.reset) for each in standings if not each.allowed)])


def _limit(standing: Standing) -> str:
    return f'"{standing.policy}";r={standing.remaining};t={math.ceil(standing.reset)}'


def _policy(standing: Standing) -> str:
    if standing.window is None:
        return f'"{standing.policy}";q={standing.quota};qu="concurrent-requests"'
    return f'"{standing.policy}";q={standing.quota};w={standing.window}'
