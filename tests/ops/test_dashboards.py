"""The dashboards show what is measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.dashboards import DASHBOARDS, FOLDER, Panel, is_of_logs, render
from tests.ops.files import read_yaml
from tests.ops.promql import Names, documented, names, unknown

PANELS = [(dashboard.title, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]
IDS = [f"{title}: {panel.title}" for title, panel in PANELS]


def test_the_files_are_those_that_the_code_writes() -> None:
    written = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}
    assert written == {each.uid.removeprefix("reservepty-"): render(each) for each in DASHBOARDS}, (
        "make dashboards"
    )


@pytest.mark.parametrize("panel", [panel for _, panel in PANELS], ids=IDS)
def test_each_query_asks_for_what_is_there(panel: Panel, known_metrics: dict[str, frozenset[str]]) -> None:
    assert panel.queries
    if is_of_logs(panel):
        return
    for query in panel.queries:
        assert unknown(query.expr, known_metrics) == [], query.expr


def test_each_metric_of_ours_is_on_a_dashboard(root: Path) -> None:
    shown = set().union(
        *(
            names(query.expr).metrics
            for _, panel in PANELS
            if not is_of_logs(panel)
            for query in panel.queries
        )
    )
    rules = read_yaml(root / "ops/prometheus/alerts.yml")["groups"]
    for rule in [rule for group in rules for rule in group["rules"]]:
        if rule.get("record") in shown:
            shown |= names(rule["expr"]).metrics
    # Of a histogram its buckets will do.
    wanted = {name for name in documented(root / "docs/metrics.md") if not name.endswith(("_sum", "_count"))}
    assert wanted - shown == set()


def test_no_two_panels_lie_over_each_other_and_all_have_a_source(root: Path) -> None:
    sources = read_yaml(root / "ops/grafana/provisioning/datasources/datasources.yaml")
    known = {source["uid"] for source in sources["datasources"]}
    for path in FOLDER.glob("*.json"):
        taken: set[tuple[int, int]] = set()
        document: dict[str, Any] = json.loads(path.read_text())
        for panel in document["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken
            assert max(x for x, _ in cells) < 24
            taken |= cells
            assert {
                panel["datasource"]["uid"],
                *(each["datasource"]["uid"] for each in panel["targets"]),
            } <= known


@pytest.mark.parametrize(
    ("expression", "metrics", "labels"),
    [
        (
            'sum by (le, path) (rate(a_bucket{status=~"5..", path!="x{y}"}[5m]))',
            {"a_bucket"},
            {"le", "path", "status"},
        ),
        ("a and on (instance) b == 1 unless c offset 5m", {"a", "b", "c"}, {"instance"}),
        ("histogram_quantile(0.95, a:b:p95_5m) > 14.4 * 0.001", {"a:b:p95_5m"}, set()),
        ('predict_linear(a{b="c, d=e"}[6h], 24 * 3600) < 0', {"a"}, {"b"}),
        ("absent(up) or vector(1)", {"up"}, set()),
        ("max_over_time(a[$__rate_interval])", {"a"}, set()),
    ],
)
def test_names_are_found_in_every_place(expression: str, metrics: set[str], labels: set[str]) -> None:
    assert names(expression) == Names(frozenset(metrics), frozenset(labels))


def test_a_metric_that_nobody_exports_and_a_label_that_it_lacks_are_found(
    known_metrics: dict[str, frozenset[str]],
) -> None:
    assert unknown("rate(relay_stream[5m])", known_metrics) == ["relay_stream"]
    assert unknown("sum by (path) (relay_streams)", known_metrics) == ["path"]
    assert unknown('http_requests_total{route="/"}', known_metrics) == ["route"]
