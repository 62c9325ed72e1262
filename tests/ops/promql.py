"""The names in a PromQL expression, for tests that hold them against what is there.

Not a parser: Prometheus itself reads each expression in tests/monitoring. This only has to see every name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.ops.files import read_yaml

STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
MATCHERS = re.compile(r"\{[^}]*\}")
RANGES = re.compile(r"\[[^\]]*\]")
GROUPS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
NAME = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
WORDS = {
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
}
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")
# Labels that Prometheus adds to whatever it scrapes.
OF_PROMETHEUS = frozenset({"job", "instance", "le"})
# What the exporters of ops/compose.yaml and Prometheus itself bring, with the labels that we look at.
OF_EXPORTERS: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate"}),
    "probe_success": frozenset(),
    "probe_duration_seconds": frozenset(),
    "probe_ssl_earliest_cert_expiry": frozenset(),
    "node_filesystem_avail_bytes": frozenset({"fstype", "mountpoint"}),
    "node_filesystem_size_bytes": frozenset({"fstype", "mountpoint"}),
    "container_memory_working_set_bytes": frozenset({"container_label_com_docker_compose_service"}),
    "container_spec_memory_limit_bytes": frozenset({"container_label_com_docker_compose_service"}),
    "container_cpu_usage_seconds_total": frozenset({"container_label_com_docker_compose_service"}),
    # Supabase's own.
    "pg_stat_database_num_backends": frozenset(),
    "max_connections_connection_count": frozenset(),
}


@dataclass(frozen=True)
class Names:
    """Metrics, and labels by which they are chosen or grouped."""

    metrics: frozenset[str]
    labels: frozenset[str]


def names(expression: str) -> Names:
    """All names of an expression."""
    text = STRINGS.sub('""', expression)
    labels = {
        label
        for matchers in MATCHERS.findall(text)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)
    }
    text = RANGES.sub("", MATCHERS.sub("", text))
    labels |= {label.strip() for group in GROUPS.findall(text) for label in group.split(",")} - {""}
    text = GROUPS.sub(" ", text)
    found = {name for name in NAME.findall(text) if name.lower() not in WORDS}
    return Names(frozenset(found), frozenset(labels))


def documented(page: Path) -> dict[str, frozenset[str]]:
    """The metrics of docs/metrics.md as Prometheus stores them, with their labels."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) *\|", page.read_text(), re.MULTILINE)
    known: dict[str, frozenset[str]] = {}
    for name, kind, listed in rows:
        labels = frozenset(listed.split(", ")) if listed else frozenset()
        for suffix in OF_HISTOGRAMS if kind == "histogram" else ("",):
            known[name + suffix] = labels
    return known


def recorded(rules: Path) -> dict[str, frozenset[str]]:
    """The names that recording rules make; they keep no label of ours."""
    groups = read_yaml(rules)["groups"]
    return {rule["record"]: frozenset() for group in groups for rule in group["rules"] if "record" in rule}


def unknown(expression: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """The metrics that nobody exports, and labels that none of the expression's metrics has."""
    found = names(expression)
    missing = sorted(found.metrics - known.keys())
    carried = frozenset().union(*(known.get(name, frozenset()) for name in found.metrics))
    return missing + sorted(found.labels - carried - OF_PROMETHEUS)
