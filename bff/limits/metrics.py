"""What is measured of the limits."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds. A Redis nearby answers within a millisecond; after REDIS_TIMEOUT it is not waited for.
SECONDS: Final = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)


class LimitMetrics:
    """Counts what the limiter and its Redis tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._children: dict[tuple[str, bool, bool], Counter] = {}
        self._requests = Counter(
            "rate_limit_requests_total",
            "Requests by the limits that counted or refused them, and whether for all processes.",
            ["policy", "outcome", "counted"],
            registry=registry,
        )
        self._exchanges = Histogram(
            "rate_limit_redis_seconds",
            "Requests counted in Redis, and what else it is asked.",
            buckets=SECONDS,
            registry=registry,
        )
        self._losses = Counter(
            "rate_limit_redis_losses_total", "Redis failed, or did not answer in time.", registry=registry
        )
        self._shared = Gauge(
            "rate_limit_shared",
            "Whether every process counts in Redis.",
            registry=registry,
            multiprocess_mode="livemin",
        )

    def counted(self, policy: str, *, allowed: bool, shared: bool) -> None:
        """A request came under a rate limit.

        Args:
            policy: its name.
            allowed: whether it was let in.
            shared: whether it was counted in Redis, for all processes.
        """
        key = (policy, allowed, shared)
        if (found := self._children.get(key)) is None:
            outcome, counted = "allowed" if allowed else "refused", "shared" if shared else "local"
            found = self._children[key] = self._requests.labels(policy, outcome, counted)
        found.inc()

    def answered(self, seconds: float) -> None:
        """Redis took so long for what one request asks of it."""
        self._exchanges.observe(seconds)

    def lost(self) -> None:
        """Redis has failed, or not answered in time."""
        self._losses.inc()

    def shared(self, *, is_shared: bool) -> None:
        """Whether this process counts in Redis from now on."""
        self._shared.set(is_shared)
