"""What is measured of the calls to Supabase."""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

PARTS: Final = ("rest", "auth", "storage")


class UpstreamMetrics:
    """Counts what `bff.exchange.Watch` is told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "upstream_circuit_open",
            "Whether any process' circuit to the part is open.",
            ["part"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._refused = Counter(
            "upstream_refused_total", "Calls that were not sent.", ["part", "reason"], registry=registry
        )
        self._retries = Counter("upstream_retries_total", "Calls sent again.", ["part"], registry=registry)
        self._exhausted = Counter(
            "upstream_retries_refused_total",
            "Calls that were not sent again for want of budget.",
            ["part"],
            registry=registry,
        )

    def circuit(self, part: str, *, is_open: bool) -> None:
        """See `bff.exchange.Watch.circuit`."""
        self._open.labels(part).set(is_open)

    def refused(self, part: str, reason: Literal["circuit", "queue"]) -> None:
        """See `bff.exchange.Watch.refused`."""
        self._refused.labels(part, reason).inc()

    def retried(self, part: str, *, allowed: bool) -> None:
        """See `bff.exchange.Watch.retried`."""
        (self._retries if allowed else self._exhausted).labels(part).inc()
