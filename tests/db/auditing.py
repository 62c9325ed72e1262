"""The audit log in the tests: what it says, its chain, and an auditor who recomputes it from an export."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from tests.actors import Actor, Connection, Organization, as_service, as_user, rpc

Json = dict[str, Any]
# The columns of an export, in order; those from `id` on are what an entry's digest covers.
COLUMNS = (
    "position",
    "hash",
    "previous_hash",
    "sealed_at",
    "id",
    "created_at",
    "user_id",
    "organization_id",
    "action",
    "resource_type",
    "resource_id",
    "ip_address",
    "user_agent",
    "request_method",
    "request_path",
    "request_body",
    "response_status",
    "error_message",
    "duration_ms",
    "metadata",
)
DIGESTED = COLUMNS[4:]
# Of a row that is changed, entries do not tell these.
UNTOLD = ("version", "updated_at")
NOTHING_BEFORE = "0" * 64


def entries(db: Connection, organization_id: str | None, **columns: Any) -> list[Json]:
    """The entries of an organisation (None: the platform's), oldest first, with these values in columns."""
    where = " and ".join(["organization_id is not distinct from %s", *(f"{name} = %s" for name in columns)])
    query = f"select * from public.audit_logs where {where} order by created_at, id"
    return db.execute(query.encode(), [organization_id, *columns.values()]).fetchall()


def record(organization: Organization | None = None, actor: Actor | None = None, **fields: Any) -> Json:
    """A request's record, as the BFF hands it over."""
    return {
        "id": str(uuid.uuid4()),
        "created_at": "2024-11-28T10:00:00.123456Z",
        "user_id": actor and actor.id,
        "organization_id": organization and organization.id,
        "action": "reservations.create",
        "request_method": "POST",
        "request_path": "/api/v1/reservations",
        "response_status": 201,
        "duration_ms": 12.5,
        "metadata": {"request_id": uuid.uuid4().hex},
        **fields,
    }


def hand_over(database: str, *records: Any) -> Json:
    """record_requests."""
    return hand_over_text(database, json.dumps(records))


def hand_over_text(database: str, records: str) -> Json:
    """record_requests, of JSON as it is."""
    with as_service(database) as service:
        row = service.execute("select public.record_requests(%s) as answer", [records]).fetchone()
    assert row is not None
    answer: Json = row["answer"]
    return answer


def seal(database: str, limit: int = 10_000) -> int:
    """seal_audit_logs."""
    with as_service(database) as service:
        return int(rpc(service, "seal_audit_logs", p_limit=limit))


def verify(database: str, organization: Organization, **arguments: Any) -> Json:
    """verify_audit_chain by an admin."""
    with as_user(database, organization.admin) as admin:
        answer: Json = rpc(admin, "verify_audit_chain", p_organization_id=organization.id, **arguments)
    return answer


def export(database: str, organization: Organization, **arguments: Any) -> list[Json]:
    """All rows of an export by an admin, page after page."""
    rows: list[Json] = []
    with as_user(database, organization.admin) as admin:
        page: Json = {"next": 0, "export_id": None}
        while page["next"] is not None:
            page = rpc(
                admin,
                "export_audit_logs",
                p_organization_id=organization.id,
                p_export_id=page["export_id"],
                p_after=page["next"],
                **arguments,
            )
            rows += [dict(zip(COLUMNS, row, strict=True)) for row in page["rows"]]
    return rows


def rows_retold(db: Connection, organization_id: str, table: str) -> dict[str, Json]:
    """The rows of a table as the entries tell them: those that are there, by id, as they would be now."""
    rows: dict[str, Json] = {}
    for entry in entries(db, organization_id, resource_type=table):
        told, row_id = entry["metadata"], str(entry["resource_id"])
        if entry["action"] == "insert":
            assert row_id not in rows
            rows[row_id] = dict(told["new"])
            continue
        for name, value in told["old"].items():
            assert rows[row_id][name] == value or name in UNTOLD, (table, row_id, name)
        if entry["action"] == "delete":
            del rows[row_id]
        else:
            rows[row_id].update(told["new"])
    return {row_id: _told(row) for row_id, row in rows.items()}


def rows_now(db: Connection, organization_id: str, table: str) -> dict[str, Json]:
    """The rows of a table, in the same form."""
    with db.transaction():
        db.execute("set local timezone = 'UTC'")
        found = db.execute(
            f"select to_jsonb(t) as row from public.{table} t where t.organization_id = %s".encode(),
            [organization_id],
        ).fetchall()
    return {row["row"]["id"]: _told(row["row"]) for row in found}


def _told(row: Json) -> Json:
    return {name: value for name, value in row.items() if name not in UNTOLD}


def first_fault(chain_id: str, rows: Sequence[Json], before: str = NOTHING_BEFORE) -> str | None:
    """What an auditor finds wrong with the rows of an export, from docs/audit.md and nothing of ours."""
    for place, row in enumerate(rows, start=1):
        digest = _sha256("reservepty.audit.entry.1", *(row[name] for name in DIGESTED))
        link = [chain_id, row["position"], row["sealed_at"], row["previous_hash"], digest]
        if row["position"] != str(place):
            return f"{place}: missing"
        if row["previous_hash"] != before:
            return f"{place}: broken"
        if row["hash"] != _sha256("reservepty.audit.link.1", *link):
            return f"{place}: changed"
        before = row["hash"]
    return None


def _sha256(kind: str, *values: str | None) -> str:
    text = kind + "\n" + "".join(_field(value) for value in values)
    return hashlib.sha256(text.encode()).hexdigest()


def _field(value: str | None) -> str:
    return "-\n" if value is None else f"{len(value.encode())}:{value}\n"
