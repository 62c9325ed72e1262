"""Prometheus and Alertmanager take our files, and each query of the dashboards is answered about a real BFF.

`make monitoring`. It needs `promtool`, `prometheus` and `amtool`, which neither pip nor npm brings.
"""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.dashboards import DASHBOARDS, is_of_logs
from tests.harness import ROOT, RunningStack, free_port, running_bff, stop, tail, wait_until
from tests.ops.files import read_yaml
from tests.ops.promql import documented

RULES = ROOT / "ops/prometheus"
TOKEN = "a token that only Prometheus knows"
QUERIES = [
    query.expr.replace("$__rate_interval", "1m")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    if not is_of_logs(panel)
    for query in panel.queries
]


def run(*command: str | Path) -> str:
    """What a command prints; it must end with 0."""
    done = subprocess.run(command, cwd=RULES, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_reads_the_rules() -> None:
    assert re.search(r"SUCCESS: \d\d+ rules found", run("promtool", "check", "rules", "alerts.yml"))


@pytest.mark.parametrize("name", sorted(path.name for path in RULES.glob("*_test.yml")))
def test_each_alert_fires_when_it_should_and_only_then(name: str) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", name)


def test_promtool_finds_an_alert_that_fires_too_soon(tmp_path: Path) -> None:
    """The tests above can fail: the same with BffDown's patience taken away."""
    text = (RULES / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(text.replace("== 0\n        for: 1m", "== 0\n        for: 0m"))
    whole = read_yaml(RULES / "alerts_test.yml")
    concerned = [test for test in whole["tests"] if "BffDown" in str(test)][:1]
    (tmp_path / "alerts_test.yml").write_text(json.dumps({**whole, "tests": concerned}))
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "BffDown" in done.stdout + done.stderr


def test_promtool_and_amtool_read_the_configurations(tmp_path: Path) -> None:
    run("promtool", "check", "config", configuration(tmp_path, "bff:8000"))
    run("amtool", "check-config", ROOT / "ops/alertmanager/alertmanager.yml")


def configuration(directory: Path, target: str) -> Path:
    """prometheus.yml for another target, with the token in a file that exists."""
    (token := directory / "token").write_text(TOKEN)
    (of_supabase := directory / "supabase").write_text("")
    text = (RULES / "prometheus.yml").read_text()
    for old, new in (
        ("/run/secrets/metrics_token", str(token)),
        ("/run/secrets/supabase_metrics", str(of_supabase)),
        ("[alerts.yml]", f"[{RULES}/alerts.yml]"),
        ('["bff:8000"]', f'["{target}"]'),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("evaluation_interval: 30s", "evaluation_interval: 1s"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (path := directory / "prometheus.yml").write_text(text)
    return path


@dataclass(frozen=True)
class RunningPrometheus:
    """A Prometheus that watches one BFF."""

    client: httpx.Client

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now."""
        answer = self.client.get("/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result


@pytest.fixture(scope="module")
def prometheus(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPrometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    url, log = f"http://127.0.0.1:{free_port()}", directory / "log"
    with running_bff(stack.env, directory / "bff.log", METRICS_TOKEN=TOKEN, BFF_WORKERS="2") as bff:
        config = configuration(directory, bff.url.removeprefix("http://"))
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    f"--web.listen-address={url.removeprefix('http://')}",
                ],
                env={**os.environ},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        try:
            with httpx.Client(base_url=url, timeout=10) as client:
                running = RunningPrometheus(client)
                wait_until(lambda: scraped_twice(running, process, log), seconds=60, what="two scrapes")
                yield running
        finally:
            stop(process)


def scraped_twice(running: RunningPrometheus, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, tail(log)
    with contextlib.suppress(httpx.TransportError):
        return bool(
            running.client.get("/-/ready").status_code == 200
            and running.query('count_over_time(up{job="bff"}[1m]) > 1 and up{job="bff"} == 1')
        )
    return False


def test_each_query_of_the_dashboards_is_one(prometheus: RunningPrometheus) -> None:
    for query in QUERIES:
        prometheus.query(query)


def test_each_metric_that_has_no_labels_is_there_after_a_scrape(
    prometheus: RunningPrometheus, root: Path
) -> None:
    names = [name for name, labels in documented(root / "docs/metrics.md").items() if not labels]
    assert len(names) > 15
    assert [name for name in names if not prometheus.query(name)] == []


def test_two_workers_are_one_target_that_tells_of_both(prometheus: RunningPrometheus) -> None:
    (series,) = prometheus.query("bff_processes")
    assert series["value"][1] == "2"


def test_each_rule_can_be_evaluated(prometheus: RunningPrometheus) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = prometheus.client.get("/api/v1/rules").json()["data"]["groups"]
        rules: list[dict[str, Any]] = [rule for group in groups for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in rules) else rules

    # The objectives are worked out each thirty seconds.
    rules = wait_until(evaluated, seconds=60, what="an evaluation of all rules")
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    assert firing == {"Watchdog"}
