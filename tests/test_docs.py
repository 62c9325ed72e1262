"""What is written about settings and metrics is what they are."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from bff.metrics import Metrics
from bff.settings import Settings, settings_page, variables


def test_the_settings_page_is_the_printed_one(root: Path) -> None:
    assert (root / "docs/settings.md").read_text() == settings_page(), (
        "python -m bff.settings > docs/settings.md"
    )


def test_each_setting_is_in_the_example_with_its_default(root: Path) -> None:
    lines = [line.lstrip("# ") for line in (root / ".env.example").read_text().splitlines()]
    given = dict(line.split("=", 1) for line in lines if "=" in line)
    expected = {variables(field)[0]: field for field in Settings.model_fields.values()}
    assert set(given) == set(expected)
    for name, field in expected.items():
        if not field.is_required() and field.default not in (None, ()):
            assert given[name] == str(field.default), name


def test_secrets_have_no_default(root: Path) -> None:
    for field in Settings.model_fields.values():
        if "secret" in str(field.annotation).lower():
            assert field.is_required() or field.default is None
    assert "sb_secret_" not in (root / ".env.example").read_text()


def test_each_test_that_a_page_names_exists(root: Path) -> None:
    named = {
        (page.name, name)
        for page in (root / "docs").rglob("*.md")
        for name in re.findall(r"`(test_\w+)`", page.read_text())
    }
    sources = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^(?:async )?def (test_\w+)\(", sources, re.MULTILINE))
    known |= {path.stem for path in (root / "tests").rglob("test_*.py")}
    assert named
    assert [(page, name) for page, name in sorted(named) if name not in known] == []


def test_the_page_of_metrics_names_each_with_its_kind_and_its_labels(root: Path) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) *\|", (root / "docs/metrics.md").read_text(), re.MULTILINE
    )
    written = {name: (kind, tuple(labels.split(", ")) if labels else ()) for name, kind, labels in rows}
    served = {}
    for collector in Metrics()._registry._collector_to_names:
        assert isinstance(collector, MetricWrapperBase)
        suffix = "_total" if collector._type == "counter" else ""
        served[collector._name + suffix] = (collector._type, tuple(collector._labelnames))
    assert written == served
