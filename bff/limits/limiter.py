"""The one limiter: counts in Redis, and by itself where there is none or it is away."""

import hashlib
import ipaddress
from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bff.limits.metrics import LimitMetrics
from bff.limits.policies import Policies, Policy
from bff.limits.redis import AwayError, WatchedRedis
from bff.limits.windows import BoundedMemory, Standing, Windows, in_redis

# Nothing else is keyed with what is derived under this name (HKDF, RFC 5869).
KEY_INFO: Final = b"reservepty rate limits"
# Bytes of a key; two subjects share one once in 2^64 pairs.
KEY_SIZE: Final = 12
# What one subscriber has of IPv6 (RFC 6177): whoever has one address has all of them.
IPV6_PREFIX: Final = 64

Status = Literal["pass", "fail"]


class Names:
    """Turns subjects into keys that say nothing of them to who reads Redis, the same in all processes.

    Args:
        secret: Shared by the processes.
    """

    def __init__(self, secret: str) -> None:
        self._key = HKDF(SHA256(), length=32, salt=None, info=KEY_INFO).derive(secret.encode())

    def key(self, kind: str, value: str) -> str:
        """The key of a subject (keyed BLAKE2b, RFC 7693)."""
        return hashlib.blake2b(f"{kind}:{value}".encode(), key=self._key, digest_size=KEY_SIZE).hexdigest()


def network(address: str) -> str:
    """Of an address what one client has: of IPv6 a whole network."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


class Charge(NamedTuple):
    """One request of a subject under a policy; `key` says nothing of who it is."""

    policy: Policy
    key: str


class Limiter:
    """Counts requests, and says how who asks stands.

    Args:
        policies: What is allowed.
        names: Makes the keys.
        metrics: Told of each request under each policy.
        redis: None where each process counts by itself by choice.
    """

    def __init__(
        self, policies: Policies, names: Names, metrics: LimitMetrics, redis: WatchedRedis | None = None
    ) -> None:
        self.policies = policies
        self._names = names
        self._metrics = metrics
        self._redis = redis
        self._local = Windows(BoundedMemory())
        self._shared = None if redis is None else in_redis(redis.pool)

    def charge(self, policy: Policy, subject: str) -> Charge:
        """A request of the subject: a user's id, an address, or what identifies an account."""
        if policy.subject == "address":
            subject = network(subject)
        return Charge(policy, self._names.key(policy.subject, subject))

    async def take(self, charges: Sequence[Charge]) -> list[Standing]:
        """Counts one request under all of these, or under none where one of them refuses it.

        Open to the local counts where Redis fails, at the part of the amount that the policy's `failure`
        says; so it never raises, and waits for a Redis that fails no longer than its timeout.
        """
        standings = await self._count(charges)
        for each in standings:
            self._metrics.counted(each.policy, allowed=each.allowed, shared=each.shared)
        return standings

    async def _count(self, charges: Sequence[Charge]) -> list[Standing]:
        whole = [(policy.whole, key) for policy, key in charges]
        if self._redis is None or self._shared is None:
            return await self._local.take(whole)
        alone = [(policy.alone, key) for policy, key in charges]
        try:
            standings = await self._redis.ask(partial(self._shared.take, whole))
        except AwayError:
            return await self._local.take(alone)
        if all(each.allowed for each in standings):
            # Or the loss of Redis would be another amount for everybody.
            await self._local.count(alone)
        return standings

    def streams_full(self, retry_after: float) -> Standing:
        """How a user stands who has too many streams open."""
        return Standing("streams", self.policies.streams, None, 0, retry_after, allowed=False)

    async def check(self) -> tuple[Status, float, str]:
        """How the shared counts are: the status, the milliseconds that Redis took, and a sentence.

        To have no Redis is no fault, but said.
        """
        if self._redis is None:
            return "pass", 0.0, "REDIS_URL is not set: each process counts by itself."
        latency, fault = await self._redis.check()
        if fault:
            return "fail", latency, f"{fault} Each process counts by itself."
        return "pass", latency, ""
