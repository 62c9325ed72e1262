"""What `/api/metrics` says, parsed by prometheus-client's own parser."""

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Metered:
    """One scrape."""

    kinds: dict[str, str]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def get(self, name: str, **labels: object) -> float:
        """One sample; 0 where there is none with these labels, for it appears with the first count."""
        return self.samples.get((name, frozenset((key, str(value)) for key, value in labels.items())), 0.0)

    def labels(self, name: str, label: str) -> set[str]:
        """All values that a label has."""
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}


def parse(text: str) -> Metered:
    """A scrape's text; the same sample twice would be an error of the exposition."""
    families = list(text_string_to_metric_families(text))
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, key
            samples[key] = sample.value
    return Metered({family.name: family.type for family in families}, samples)


def scrape(url: str, token: str | None = None) -> Metered:
    """What a BFF says now."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    response = httpx.get(f"{url}/api/metrics", headers=headers, timeout=20).raise_for_status()
    assert response.headers["content-type"].startswith("text/plain; version=")
    return parse(response.text)
