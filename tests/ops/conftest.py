"""What several tests of the operator's files read."""

from pathlib import Path

import pytest

from tests.ops import promql


@pytest.fixture(scope="session")
def known_metrics(root: Path) -> dict[str, frozenset[str]]:
    """Every metric that a dashboard or an alert may look at, with its labels."""
    return {
        **promql.documented(root / "docs/metrics.md"),
        **promql.recorded(root / "ops/prometheus/alerts.yml"),
        **promql.OF_EXPORTERS,
    }
