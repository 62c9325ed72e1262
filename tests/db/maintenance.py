"""Maintenance in the tests of the database: calls in a line, and what a window occupies."""

from datetime import datetime
from typing import Any

from tests.actors import Connection, Organization, rpc
from tests.db.booking import Json, utc


def schedule(connection: Connection, asset: str, start: datetime, end: datetime, **arguments: Any) -> Json:
    """create_maintenance; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    window: Json = rpc(
        connection,
        "create_maintenance",
        **{"p_asset_id": asset, "p_title": "Check", "p_start_date": start, "p_end_date": end, **named},
    )
    return window


def reschedule(connection: Connection, window: Json, *, version: int | None = None, **changes: Any) -> Json:
    """update_maintenance with these changes."""
    prepared = {key: utc(value) if isinstance(value, datetime) else value for key, value in changes.items()}
    changed: Json = rpc(
        connection,
        "update_maintenance",
        p_maintenance_id=window["id"],
        p_changes=prepared,
        p_expected_version=version,
    )
    return changed


def call_off(connection: Connection, window: Json, **arguments: Any) -> Json:
    """cancel_maintenance."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    canceled: Json = rpc(connection, "cancel_maintenance", p_maintenance_id=window["id"], **named)
    return canceled


def insert_window(
    db: Connection, organization: Organization, asset: str, start: datetime, end: datetime, **columns: Any
) -> Json:
    """A row written as the dashboard writes one."""
    values = {
        "organization_id": organization.id,
        "asset_id": asset,
        "title": "By hand",
        "start_date": start,
        "end_date": end,
        **columns,
    }
    places = ", ".join(["%s"] * len(values))
    row = db.execute(
        f"""
        insert into public.maintenance_windows ({", ".join(values)}) values ({places}) returning *
        """.encode(),
        list(values.values()),
    ).fetchone()
    assert row is not None
    return {**row, "id": str(row["id"])}


def taken_by(db: Connection, window: Json) -> list[tuple[datetime, datetime]]:
    """The time that a window occupies: its pieces, joined where they touch."""
    row = db.execute(
        """
        select array(
            select array[lower(piece), upper(piece)]
            from unnest((select range_agg(occupied) from app.occupancy where source_id = %s)) as piece
        ) as pieces
        """,
        [window["id"]],
    ).fetchone()
    assert row is not None
    return [(begins, ends) for begins, ends in row["pieces"]]
