"""Alerts look at what is measured, say what to do, and are tested both ways (run by tests/monitoring)."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT
from tests.ops.files import read_yaml
from tests.ops.promql import unknown

PROMETHEUS = ROOT / "ops/prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in read_yaml(PROMETHEUS / "alerts.yml")["groups"] for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
TESTED: list[dict[str, Any]] = [
    case
    for path in sorted(PROMETHEUS.glob("*_test.yml"))
    for test in read_yaml(path)["tests"]
    for case in test.get("alert_rule_test", [])
]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = [line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")]
    kept = [
        "".join(each for each in heading.lower() if each.isalnum() or each in " -_") for heading in headings
    ]
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_each_rule_looks_at_what_is_there(
    rule: dict[str, Any], known_metrics: dict[str, frozenset[str]]
) -> None:
    assert unknown(rule["expr"], known_metrics) == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_which_runbook_helps(rule: dict[str, Any], root: Path) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket", "none")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (root / path).exists(), path
    assert not anchor or anchor in anchors(root / path), f"{path} has no heading for #{anchor}"
    assert rule["alert"] in (root / path).read_text(), f"{path} does not name {rule['alert']}"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_test_that_it_fires_and_one_that_it_does_not(rule: dict[str, Any]) -> None:
    kinds = {bool(case["exp_alerts"]) for case in TESTED if case["alertname"] == rule["alert"]}
    # The watchdog is to fire always.
    assert kinds == ({True} if rule["alert"] == "Watchdog" else {True, False})


def test_no_test_is_of_an_alert_that_is_not_there() -> None:
    assert {case["alertname"] for case in TESTED} == {rule["alert"] for rule in ALERTS}


def test_what_pages_has_waited_and_what_waits_is_told_once_by_whatever_caused_it(root: Path) -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] == "none" or "for" in rule, rule["alert"]
    config = read_yaml(root / "ops/alertmanager/alertmanager.yml")
    names = {rule["alert"] for rule in ALERTS}
    for inhibition in config["inhibit_rules"]:
        for matcher in inhibition["source_matchers"] + inhibition["target_matchers"]:
            value = matcher.split('"')[1]
            assert {each.removesuffix(".*") for each in value.split("|")} <= names | {"ErrorBudgetBurns"}
    receivers = {receiver["name"] for receiver in config["receivers"]}
    assert {
        config["route"]["receiver"],
        *(each["receiver"] for each in config["route"]["routes"]),
    } == receivers


def test_while_supabase_is_away_one_alert_pages(root: Path) -> None:
    config = read_yaml(root / "ops/alertmanager/alertmanager.yml")
    [held_back] = [
        each["target_matchers"][0]
        for each in config["inhibit_rules"]
        if each["source_matchers"] == ['alertname = "BffUnhealthy"']
    ]
    names = set(held_back.split('"')[1].split("|"))
    assert names >= {"EventLogDown", "UpstreamCircuitOpen", "ErrorBudgetBurns.*", "AuditDown"}
    # What is more than the outage is told all the same.
    assert not names & {"AuditRecordsLost", "AuditSpoolGrows", "DiskNearlyFull"}
