"""Grafana's dashboards, as code: `make dashboards` writes ops/grafana/dashboards/*.json.

A panel is its title, its unit and its queries; where it stands is counted. Each metric must be in
docs/metrics.md or among the exporters' (tests/ops/promql.py); tests/monitoring runs each query in Prometheus.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

FOLDER: Final = Path(__file__).parent / "grafana" / "dashboards"
COLUMNS: Final = 24  # Grafana's grid
HEIGHT: Final = 8
# As in alerts.yml: health checks and scrapes would hide what users see.
USERS: Final = 'path!~"/api/(live|health|metrics)"'
STREAM: Final = "/api/v1/organizations/.+/calendar/stream"
REQUESTS: Final = f'path!~"/api/(live|health|metrics)|{STREAM}"'
WINDOW: Final = "$__rate_interval"
CONTAINER: Final = 'container_label_com_docker_compose_service="bff"'
TROUBLE: Final = 'service="bff", level=~"warning|error|critical"'
DISK: Final = 'fstype!~"tmpfs|overlay|ramfs|squashfs"'


@dataclass(frozen=True)
class Query:
    """One line of a panel: PromQL, or LogQL for Loki, and its legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A picture, half as wide as the page unless it says otherwise."""

    title: str
    unit: str
    queries: Sequence[Query]
    about: str = ""
    kind: Literal["timeseries", "stat", "logs", "table"] = "timeseries"
    width: int = 12
    stacked: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page of panels."""

    uid: str
    title: str
    panels: Sequence[Panel]


def quantiles(metric: str, selector: str, by: str = "") -> list[Query]:
    """The median, the 95th and the 99th percentile of a histogram."""
    labels = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        Query(
            f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{selector}}}[{WINDOW}])))",
            f"{legend}P{q * 100:g}",
        )
        for q in (0.5, 0.95, 0.99)
    ]


def rate(metric: str, by: str = "", selector: str = "") -> Query:
    """A counter's increase a second, added up over processes and hosts."""
    grouping = f" by ({by})" if by else ""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",")) if by else ""
    return Query(f"sum{grouping} (rate({metric}{{{selector}}}[{WINDOW}]))", legend)


API: Final = Dashboard(
    "reservepty-api",
    "API",
    [
        Panel("Requests a second", "reqps", [rate("http_requests_total", "", USERS)], kind="stat", width=6),
        Panel(
            "Errors in the last hour",
            "percentunit",
            [Query("bff:error_ratio:rate1h")],
            "The objective is 0.1 % (ops/prometheus/alerts.yml).",
            kind="stat",
            width=6,
        ),
        Panel(
            "95th percentile",
            "s",
            [Query("bff:request_duration_seconds:p95_10m")],
            "The aim is 200 ms; streams are not counted.",
            kind="stat",
            width=6,
        ),
        Panel(
            "Active users",
            "short",
            [Query("sum(active_users)")],
            "At most; docs/metrics.md.",
            kind="stat",
            width=6,
        ),
        Panel("Requests by status", "reqps", [rate("http_requests_total", "status", USERS)], stacked=True),
        Panel("Requests by route", "reqps", [rate("http_requests_total", "method, path", USERS)]),
        Panel(
            "Errors (5xx) by route",
            "reqps",
            [rate("http_requests_total", "method, path, status", f'{USERS}, status=~"5.."')],
        ),
        Panel(
            "Refusals (4xx) by status",
            "reqps",
            [rate("http_requests_total", "status", f'{USERS}, status=~"4.."')],
            "499 is a client that left before its answer began.",
        ),
        Panel("Time until the answer begins", "s", quantiles("http_request_duration_seconds", REQUESTS)),
        Panel(
            "P95 by route",
            "s",
            quantiles("http_request_duration_seconds", REQUESTS, "path")[1:2],
        ),
        Panel("P50 by route", "s", quantiles("http_request_duration_seconds", REQUESTS, "path")[:1]),
        Panel("P99 by route", "s", quantiles("http_request_duration_seconds", REQUESTS, "path")[2:]),
    ],
)

RELAY: Final = Dashboard(
    "reservepty-relay",
    "Streams and relay",
    [
        Panel("Open streams", "short", [Query("sum(relay_streams)")], kind="stat", width=6),
        Panel(
            "Every process hears Realtime",
            "bool_yes_no",
            [Query("min(relay_feed_up)")],
            kind="stat",
            width=6,
        ),
        Panel(
            "Every process can read the log",
            "bool_yes_no",
            [Query("min(relay_log_up)")],
            kind="stat",
            width=6,
        ),
        Panel("P95 from commit to frame", "s", [Query("relay:lag_seconds:p95_5m")], kind="stat", width=6),
        Panel("Open streams by host", "short", [Query("relay_streams", "{{instance}}")]),
        Panel("Lag from commit to frame", "s", quantiles("relay_lag_seconds", "")),
        Panel(
            "Events published, and those that Realtime had not brought",
            "ops",
            [
                Query(f"sum(rate(relay_events_published_total[{WINDOW}]))", "published"),
                Query(f"sum(rate(relay_events_from_log_total[{WINDOW}]))", "gaps filled from the log"),
                Query(f"sum(rate(relay_duplicate_events_total[{WINDOW}]))", "came again"),
            ],
        ),
        Panel(
            "Realtime, by host",
            "bool_yes_no",
            [
                Query("relay_feed_up", "{{instance}}"),
                Query("relay_realtime_wanted", "{{instance}} is to hear it"),
            ],
        ),
        Panel(
            "Connections to Realtime begun in an hour",
            "short",
            [Query("sum by (instance) (increase(relay_realtime_lives_total[1h]))", "{{instance}}")],
            "Reconnects are all but the first of each process.",
        ),
        Panel("Resets by reason", "ops", [rate("relay_resets_total", "reason")]),
        Panel("Refusals by reason", "ops", [rate("relay_refusals_total", "reason")]),
        Panel("Being opened, and waiting", "short", [Query("relay_openings", "{{instance}}")]),
        Panel("Waiting for slow readers", "bytes", [Query("relay_backlog_bytes", "{{instance}}")]),
        Panel(
            "Calls to the database",
            "ops",
            [
                Query(f"sum(rate(relay_log_reads_total[{WINDOW}]))", "log reads"),
                Query(f"sum(rate(relay_grant_calls_total[{WINDOW}]))", "calls for grants"),
                Query(f"sum(rate(relay_grants_asked_total[{WINDOW}]))", "grants asked"),
            ],
        ),
        Panel("Organisations with open streams", "short", [Query("relay_organizations", "{{instance}}")]),
    ],
)

BOOKINGS: Final = Dashboard(
    "reservepty-bookings",
    "Bookings",
    [
        Panel(
            "Bookings made in a day",
            "short",
            [Query('sum(increase(booking_operations_total{operation="create", status="success"}[1d]))')],
            kind="stat",
            width=8,
        ),
        Panel(
            "Conflicts among attempts to book",
            "percentunit",
            [
                Query(
                    'sum(increase(booking_operations_total{operation="create", status="conflict"}[1d]))'
                    ' / sum(increase(booking_operations_total{operation="create"}[1d]))'
                )
            ],
            kind="stat",
            width=8,
        ),
        Panel(
            "Failed in a day",
            "short",
            [Query('sum(increase(booking_operations_total{status="failed"}[1d]))')],
            kind="stat",
            width=8,
        ),
        Panel("By status", "ops", [rate("booking_operations_total", "status")], stacked=True),
        Panel("By operation", "ops", [rate("booking_operations_total", "operation")], stacked=True),
        Panel(
            "Refused by rules or rights, by operation",
            "ops",
            [rate("booking_operations_total", "operation", 'status="refused"')],
        ),
        Panel(
            "Failed, by operation", "ops", [rate("booking_operations_total", "operation", 'status="failed"')]
        ),
    ],
)

LIMITS: Final = Dashboard(
    "reservepty-limits",
    "Limits, audit and Supabase",
    [
        Panel(
            "Every process counts in Redis",
            "bool_yes_no",
            [Query("min(rate_limit_shared)")],
            kind="stat",
            width=6,
        ),
        Panel("Audit records find their way", "bool_yes_no", [Query("min(audit_up)")], kind="stat", width=6),
        Panel("Records that wait", "short", [Query("sum(audit_spool_records)")], kind="stat", width=6),
        Panel(
            "Records lost, refused or damaged in a day",
            "short",
            [Query('sum(increase(audit_records_total{outcome=~"lost|refused|damaged"}[1d]))')],
            kind="stat",
            width=6,
        ),
        Panel(
            "Refused by limits, by policy",
            "reqps",
            [rate("rate_limit_requests_total", "policy", 'outcome="refused"')],
        ),
        Panel(
            "Counted by each process alone",
            "reqps",
            [rate("rate_limit_requests_total", "policy", 'counted="local"')],
            "While Redis is away, or where none is set.",
        ),
        Panel("Redis, for one request", "s", quantiles("rate_limit_redis_seconds", "")),
        Panel("Redis given up", "ops", [rate("rate_limit_redis_losses_total", "instance")]),
        Panel("Audit records by outcome", "ops", [rate("audit_records_total", "outcome")]),
        Panel(
            "Audit spool",
            "bytes",
            [
                Query("audit_spool_bytes", "{{instance}}"),
                Query("audit_spool_limit_bytes", "{{instance}} at most"),
            ],
        ),
        Panel(
            "Longest wait to be sealed",
            "s",
            [Query("max(audit_unsealed_seconds)")],
            "Sealing is due every ten seconds.",
        ),
        Panel("Entries that wait to be sealed", "short", [Query("max(audit_unsealed_entries)")]),
        Panel("Age of the record that waits longest", "s", [Query("audit_oldest_seconds", "{{instance}}")]),
        Panel("Audit records that wait", "short", [Query("audit_spool_records", "{{instance}}")]),
        Panel(
            "Audit files that cannot be opened",
            "short",
            [Query("audit_spool_unopened_files", "{{instance}}")],
        ),
        Panel(
            "Supabase taken for away",
            "bool_yes_no",
            [Query("upstream_circuit_open", "{{instance}} {{part}}")],
        ),
        Panel("Calls not sent", "ops", [rate("upstream_refused_total", "part, reason")]),
        Panel(
            "Retries, and those for which there was no budget",
            "ops",
            [
                Query(f"sum by (part) (rate(upstream_retries_total[{WINDOW}]))", "{{part}}"),
                Query(
                    f"sum by (part) (rate(upstream_retries_refused_total[{WINDOW}]))",
                    "{{part}} without budget",
                ),
            ],
        ),
    ],
)

PROCESSES: Final = Dashboard(
    "reservepty-processes",
    "Processes and logs",
    [
        Panel("Up", "bool_yes_no", [Query('up{job="bff"}', "{{instance}}")], kind="stat", width=6),
        Panel("Processes", "short", [Query("sum(bff_processes)")], kind="stat", width=6),
        Panel("Healthy", "bool_yes_no", [Query('min(probe_success{job="health"})')], kind="stat", width=6),
        Panel(
            "Nothing missing",
            "bool_yes_no",
            [Query('min(probe_success{job="wholeness"})')],
            kind="stat",
            width=6,
        ),
        Panel(
            "Memory",
            "bytes",
            [
                Query(f"container_memory_working_set_bytes{{{CONTAINER}}}", "used"),
                Query(f"container_spec_memory_limit_bytes{{{CONTAINER}}}", "limit"),
            ],
        ),
        Panel(
            "CPU",
            "short",
            [Query(f"sum(rate(container_cpu_usage_seconds_total{{{CONTAINER}}}[{WINDOW}]))", "cores")],
        ),
        Panel(
            "How late the event loop is",
            "s",
            [Query("relay_loop_lag_seconds", "{{instance}}")],
            "Of the most late process; at RELAY_MAX_LAG_SECONDS no stream is opened.",
        ),
        Panel(
            "Processes by host",
            "short",
            [
                Query("bff_processes", "{{instance}}"),
                Query("bff_processes_wanted", "{{instance}}, BFF_WORKERS"),
            ],
        ),
        Panel("Versions that serve", "short", [Query("sum by (version) (bff_build_info)", "{{version}}")]),
        Panel(
            "Disk left",
            "percentunit",
            [
                Query(
                    f"node_filesystem_avail_bytes{{{DISK}}} / node_filesystem_size_bytes{{{DISK}}}",
                    "{{instance}} {{mountpoint}}",
                )
            ],
        ),
        Panel(
            "The public address answers",
            "bool_yes_no",
            [Query('probe_success{job="public"}', "{{instance}}")],
            kind="stat",
            width=6,
        ),
        Panel(
            "Its certificate is good for",
            "s",
            [Query('probe_ssl_earliest_cert_expiry{job="public"} - time()', "{{instance}}")],
            kind="stat",
            width=6,
        ),
        Panel(
            "The database's connections",
            "short",
            [
                Query('sum(pg_stat_database_num_backends{job="supabase"})', "taken"),
                Query('max(max_connections_connection_count{job="supabase"})', "at most"),
            ],
            "Where Supabase's metrics are asked for (docs/deployment.md).",
        ),
        Panel("Time of health checks", "s", [Query('probe_duration_seconds{job="health"}', "{{instance}}")]),
        Panel("Audit: records find room and their way", "bool_yes_no", [Query("min(audit_up)")], kind="stat"),
        Panel("Audit: records by outcome", "ops", [rate("audit_records_total", "outcome")]),
        Panel(
            "Audit: records that wait, and for how long",
            "short",
            [
                Query("sum(audit_spool_records)", "records"),
                Query("max(audit_oldest_seconds)", "seconds, the oldest"),
            ],
        ),
        Panel("Audit: what waits takes on disk", "bytes", [Query("audit_spool_bytes", "{{instance}}")]),
        Panel(
            "Lines of the log that are lost",
            "ops",
            [rate("log_lines_dropped_total", "instance")],
            "Whoever collects the log stalls, or its disk is full.",
        ),
        Panel(
            "Alerts that fire", "short", [Query('ALERTS{alertstate="firing"}', "{{alertname}}")], kind="table"
        ),
        Panel(
            "Warnings and errors by event",
            "short",
            [
                Query(
                    f"sum by (event) (count_over_time({{{TROUBLE}}}[$__auto]))",
                    "{{event}}",
                )
            ],
        ),
        Panel(
            "Log",
            "short",
            [Query(f"{{{TROUBLE}}}")],
            'One request: {service="bff"} | request_id="…"',
            kind="logs",
            width=24,
        ),
    ],
)

DASHBOARDS: Final = (API, RELAY, BOOKINGS, LIMITS, PROCESSES)


def render(dashboard: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    document = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["reservepty"],
        "timezone": "browser",
        "schemaVersion": 41,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": _laid_out(dashboard.panels),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _laid_out(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, and a new row where one does not fit."""
    placed: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        placed.append(
            {"id": number, "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT}, **_panel(panel)}
        )
        x += panel.width
    return placed


def _panel(panel: Panel) -> dict[str, Any]:
    source = (
        {"type": "loki", "uid": "loki"} if is_of_logs(panel) else {"type": "prometheus", "uid": "prometheus"}
    )
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 20} if panel.stacked else {}
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "custom": custom}
    instant = {"instant": True} if panel.kind in ("stat", "table") else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": source,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": source,
                "expr": query.expr,
                "legendFormat": query.legend,
                **instant,
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def is_of_logs(panel: Panel) -> bool:
    """Whether Loki is asked: its queries begin with labels, or look into them."""
    return any("{service=" in query.expr for query in panel.queries)


def main() -> None:
    """Writes the files, and removes those of dashboards that are no more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = {f"{dashboard.uid.removeprefix('reservepty-')}.json": dashboard for dashboard in DASHBOARDS}
    for path in FOLDER.glob("*.json"):
        if path.name not in names:
            path.unlink()
    for name, dashboard in names.items():
        (FOLDER / name).write_text(render(dashboard))


if __name__ == "__main__":
    main()
