"""Each route once, as somebody would call it who knows the ids; docs/access.md says what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# In cells of the table of rows.
READ, INSERT, UPDATE, DELETE = "riud"


@dataclass(frozen=True)
class Call:
    """A call of a route.

    `$names` in the query and the body, and the names in `path`, stand for ids of the scene; `$day3` is the
    third of some days to come.

    Attributes:
        operation: Method and path as they are declared.
        access: The function of docs/access.md that it calls; or a line of the table of rows, with `letter`.
        path: By parameter.
        done: The status where it is done, if another than the declared one.

    """

    operation: str
    access: str
    letter: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] | None = None
    body: Any = None
    done: int | None = None


V1 = "/api/v1"
ORG = f"{V1}/organizations/{{org}}"
BOOKING = {"asset_id": "$asset", "title": "Mine", "start_date": "$day1", "end_date": "$day2"}
PERIOD = {"from": "$day1", "to": "$day28"}


def of(name: str, **others: str) -> Mapping[str, str]:
    """The path's `{id}`."""
    return {"id": name, **others}


# In this order: what takes something away comes behind what needs it.
CALLS: tuple[Call, ...] = (
    Call(f"GET {V1}/me", "me"),
    Call(f"PATCH {V1}/me", "`profiles`, one's own", UPDATE, body={"first_name": "New"}),
    Call(f"GET {V1}/organizations", "me"),
    Call(f"POST {V1}/organizations", "create_organization", body={"legal_name": "One more"}),
    Call(f"GET {ORG}", "get_organization"),
    Call(f"PATCH {ORG}", "update_organization", body={"ruc": "1-2-3"}),
    Call(f"GET {ORG}/stats", "organization_stats"),
    Call(f"GET {ORG}/members", "list_members"),
    Call(
        f"PATCH {ORG}/members/{{user}}", "update_member", path={"user": "colleague"}, body={"role": "manager"}
    ),
    Call(f"GET {ORG}/invitations", "list_invitations"),
    Call(f"POST {ORG}/invitations", "create_invitation", body={"email": "newer@example.test"}),
    Call(f"DELETE {ORG}/invitations/{{id}}", "revoke_invitation", path=of("invitation")),
    Call(f"POST {V1}/invitations/accept", "accept_invitation", body={"token": "no such token"}),
    Call(f"GET {ORG}/tiers", "list_tiers"),
    Call(f"POST {ORG}/tiers", "create_tier", body={"name": "New", "priority": 77}),
    Call(f"PATCH {ORG}/tiers/{{id}}", "update_tier", path=of("spare_tier"), body={"name": "Renamed"}),
    Call(f"DELETE {ORG}/tiers/{{id}}", "delete_tier", path=of("spare_tier")),
    Call(f"GET {ORG}/rules", "list_rules"),
    Call(
        f"POST {ORG}/rules",
        "create_rule",
        body={"name": "Notice", "rule_type": "lead_time", "conditions": {"min_hours": 2}},
    ),
    Call(f"PATCH {ORG}/rules/{{id}}", "update_rule", path=of("rule"), body={"is_active": False}),
    Call(f"DELETE {ORG}/rules/{{id}}", "delete_rule", path=of("rule")),
    Call(f"GET {ORG}/blackouts", "list_blackouts"),
    Call(
        f"POST {ORG}/blackouts",
        "create_blackout",
        body={"start_date": "2031-01-01", "end_date": "2031-01-02"},
    ),
    Call(f"PATCH {ORG}/blackouts/{{id}}", "update_blackout", path=of("blackout"), body={"reason": "Paint"}),
    Call(f"DELETE {ORG}/blackouts/{{id}}", "delete_blackout", path=of("blackout")),
    Call(f"GET {ORG}/holidays", "list_holidays"),
    Call(f"POST {ORG}/holidays", "create_holiday", body={"name": "Feast", "date": "2031-07-16"}),
    Call(f"PATCH {ORG}/holidays/{{id}}", "update_holiday", path=of("holiday"), body={"name": "Feast"}),
    Call(f"DELETE {ORG}/holidays/{{id}}", "delete_holiday", path=of("holiday")),
    Call(f"GET {ORG}/assets", "search_assets"),
    Call(f"POST {ORG}/assets", "`assets`", INSERT, body={"section": "planes", "name": "New"}),
    Call(f"GET {V1}/assets/{{id}}", "`assets`", READ, path=of("asset")),
    Call(f"GET {V1}/assets/{{id}}", "`assets`, in a section that the tier hides", READ, path=of("hidden")),
    Call(f"PATCH {V1}/assets/{{id}}", "`assets`", UPDATE, path=of("asset"), body={"name": "Renamed"}),
    Call(
        f"PATCH {V1}/assets/{{id}}",
        "`assets`, in a section that the tier hides",
        UPDATE,
        path=of("hidden"),
        body={"name": "Renamed"},
    ),
    Call(f"POST {V1}/assets/{{id}}/restore", "`assets`, archived", UPDATE, path=of("archived")),
    Call(f"DELETE {V1}/assets/{{id}}", "`assets`, archived", UPDATE, path=of("archived")),
    Call(
        f"POST {ORG}/assets/bulk", "bulk_assets", body={"mode": "partial", "operations": [{"op": "nothing"}]}
    ),
    Call(
        f"GET {V1}/assets/{{id}}/availability",
        "asset_availability",
        path=of("asset"),
        query={"start": "$day3", "end": "$day4"},
    ),
    Call(
        f"POST {V1}/assets/{{id}}/photos/upload-url",
        "plan_photo_upload",
        path=of("asset"),
        body={"content_type": "image/png", "size": 1000},
    ),
    # Nothing was uploaded there: whoever may register a photo is told so.
    Call(
        f"POST {V1}/assets/{{id}}/photos",
        "`asset_photos`",
        INSERT,
        path=of("asset"),
        body={"path": "$photo_path"},
        done=400,
    ),
    Call(f"GET {V1}/assets/{{id}}/photos", "`asset_photos`", READ, path=of("asset")),
    Call(
        f"PATCH {V1}/photos/{{id}}", "`asset_photos`", UPDATE, path=of("asset_photo"), body={"caption": "x"}
    ),
    Call(f"DELETE {V1}/photos/{{id}}", "`asset_photos`", DELETE, path=of("asset_photo")),
    Call(f"POST {V1}/reservations/preview", "preview_reservation", body=BOOKING),
    Call(f"POST {V1}/reservations", "create_reservation", body=BOOKING),
    Call(f"GET {ORG}/reservations", "list_reservations"),
    Call(f"GET {V1}/reservations/{{id}}", "get_reservation", path=of("booking")),
    Call(
        f"GET {V1}/reservations/{{id}}",
        "`reservations`, in a section that the tier hides",
        READ,
        path=of("hidden_booking"),
    ),
    Call(
        f"PATCH {V1}/reservations/{{id}}", "update_reservation", path=of("booking"), body={"title": "Renamed"}
    ),
    Call(f"POST {V1}/reservations/{{id}}/restore", "restore_reservation", path=of("canceled_booking")),
    Call(
        f"POST {V1}/reservations/{{id}}/decision",
        "decide_reservation",
        path=of("pending"),
        body={"decision": "approve"},
    ),
    Call(f"GET {ORG}/calendar", "calendar", query=PERIOD),
    Call(f"GET {ORG}/calendar/stream", "calendar"),
    Call(f"POST {V1}/stream-tickets", "calendar", body={"organization_id": "$org"}),
    Call(
        f"POST {V1}/series",
        "create_series",
        body={**BOOKING, "start_date": "$day10", "end_date": "$day11", "rrule": "FREQ=WEEKLY;COUNT=2"},
    ),
    Call(f"GET {V1}/series/{{id}}", "get_series", path=of("series")),
    Call(
        f"PATCH {V1}/series/{{id}}",
        "update_series",
        path=of("series"),
        query={"scope": "all"},
        body={"title": "Renamed"},
    ),
    Call(f"DELETE {V1}/series/{{id}}", "cancel_series", path=of("series"), query={"scope": "all"}),
    Call(
        f"POST {V1}/reservations/{{id}}/cancel",
        "cancel_reservation",
        path=of("pending"),
        body={"reason": "x"},
    ),
    Call(f"GET {ORG}/waitlist", "list_waitlist"),
    Call(
        f"POST {ORG}/waitlist",
        "join_waitlist",
        body=BOOKING,
    ),
    Call(f"POST {V1}/waitlist/{{id}}/accept", "accept_waitlist_offer", path=of("offered")),
    Call(f"DELETE {V1}/waitlist/{{id}}", "leave_waitlist", path=of("waiting")),
    Call(f"GET {V1}/assets/{{id}}/maintenance", "`maintenance_windows`", READ, path=of("asset")),
    Call(
        f"POST {V1}/assets/{{id}}/maintenance",
        "create_maintenance",
        path=of("asset"),
        body={"title": "Check", "start_date": "$day20", "end_date": "$day21"},
    ),
    Call(f"GET {V1}/maintenance/{{id}}", "get_maintenance", path=of("maintenance")),
    Call(
        f"GET {V1}/maintenance/{{id}}",
        "`maintenance_windows`, in a section that the tier hides",
        READ,
        path=of("hidden_maintenance"),
    ),
    Call(
        f"PATCH {V1}/maintenance/{{id}}", "update_maintenance", path=of("maintenance"), body={"title": "New"}
    ),
    Call(f"DELETE {V1}/maintenance/{{id}}", "cancel_maintenance", path=of("maintenance")),
    Call(f"DELETE {V1}/holds/{{id}}", "release_hold", path=of("hold")),
    Call(
        f"POST {V1}/holds",
        "create_hold",
        body={"asset_id": "$asset", "start_date": "$day5", "end_date": "$day6"},
    ),
    Call(f"GET {ORG}/approvals", "list_approvals"),
    Call(f"GET {V1}/approval-delegations", "list_approval_delegations", query={"organization_id": "$org"}),
    Call(
        f"POST {V1}/approval-delegations",
        "create_approval_delegation",
        body={"organization_id": "$org", "delegate_id": "$colleague", "ends_at": "$in_a_week"},
    ),
    Call(f"DELETE {V1}/approval-delegations", "delete_approval_delegation", query={"id": "$delegation"}),
    Call(f"GET {ORG}/reports/utilization", "utilization_report", query=PERIOD),
    Call(f"GET {ORG}/audit-logs", "list_audit_logs"),
    Call(f"GET {ORG}/audit-logs/verify", "verify_audit_chain"),
    Call(f"GET {ORG}/exports/audit.csv", "export_audit_logs"),
    Call(f"DELETE {ORG}/members/{{user}}", "remove_member", path={"user": "colleague"}),
    # The living one is not to be brought back.
    Call(f"POST {ORG}/restore", "restore_organization"),
    Call(f"DELETE {ORG}", "delete_organization"),
)
# Supabase Auth decides there, by the caller's own session: tests/api/test_auth_relay.py.
ACCOUNTS = f"{V1}/auth/"


def fill(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with its `$names` replaced."""
    if isinstance(value, dict):
        return {name: fill(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, ids) for each in value]
    return ids[value[1:]] if isinstance(value, str) and value.startswith("$") else value
