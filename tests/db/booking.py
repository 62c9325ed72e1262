"""Booking in the tests of the database: times, calls in a line, and what a calendar does with events."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.actors import Connection, Organization, as_service, as_user, rpc
from tests.harness import wait_until

Json = dict[str, Any]


def at(day: int, hour: int = 10, minute: int = 0) -> datetime:
    """That many days from today, at this hour UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=day, hours=hour, minutes=minute)


def utc(time: datetime) -> str:
    """As the database prints a time."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def book(connection: Connection, asset: str, start: datetime, end: datetime, **arguments: Any) -> Json:
    """create_reservation; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    booking: Json = rpc(
        connection,
        "create_reservation",
        **{"p_asset_id": asset, "p_title": "Trip", "p_start_date": start, "p_end_date": end, **named},
    )
    return booking


def change(connection: Connection, booking: Json, *, version: int | None = None, **changes: Any) -> Json:
    """update_reservation with these changes."""
    prepared = {key: utc(value) if isinstance(value, datetime) else value for key, value in changes.items()}
    changed: Json = rpc(
        connection,
        "update_reservation",
        p_reservation_id=booking["id"],
        p_changes=prepared,
        p_expected_version=version,
    )
    return changed


def cancel(connection: Connection, booking: Json, **arguments: Any) -> Json:
    """cancel_reservation."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    canceled: Json = rpc(connection, "cancel_reservation", p_reservation_id=booking["id"], **named)
    return canceled


def insert_booking(
    db: Connection, organization: Organization, asset: str, start: datetime, end: datetime, **columns: Any
) -> Json:
    """A row written as the dashboard writes one; `columns` replace or add columns."""
    values = {
        "organization_id": organization.id,
        "asset_id": asset,
        "user_id": organization.member.id,
        "title": "By hand",
        "start_date": start,
        "end_date": end,
        "status": "approved",
        **columns,
    }
    places = ", ".join(["%s"] * len(values))
    row = db.execute(
        f"insert into public.reservations ({', '.join(values)}) values ({places}) returning *",
        list(values.values()),
    ).fetchone()
    assert row is not None
    return {**row, "id": str(row["id"])}


def fetch_calendar(connection: Connection, organization_id: str, **arguments: Any) -> Json:
    """calendar() over a window that holds whatever the tests book; `arguments` without their `p_`.

    Without the stream's cursor, which is the log's and a mark.
    """
    named = {
        "p_from": at(-30),
        "p_to": at(300),
        **{f"p_{name}": value for name, value in arguments.items()},
    }
    calendar: Json = rpc(connection, "calendar", p_organization_id=organization_id, **named)
    assert calendar.pop("stream_cursor").startswith(f"{calendar['cursor']}-")
    return calendar


def fetch_events(conninfo: str, organization_id: str, cursor: str | None, limit: int = 500) -> Json:
    """events_since for one organisation."""
    with as_service(conninfo) as service:
        request = [{"organization_id": organization_id, "cursor": cursor}]
        answer: Json = rpc(service, "events_since", p_requests=request, p_limit=limit)[0]
    return answer


def apply_events(calendar: Json, events: Sequence[Json]) -> Json:
    """What a calendar client makes of a snapshot and the events after it."""
    shown = {key: {row["id"]: row for row in calendar[key]} for key in ("reservations", "maintenance")}
    for event in events:
        subject, _, change = event["type"].partition("_")
        rows = shown["maintenance" if subject == "maintenance" else "reservations"]
        state = event["payload"][subject]
        if change == "canceled":
            assert rows.pop(state["id"], None) is not None, "canceled what was not shown"
        else:
            assert (change == "updated") == (state["id"] in rows)
            rows[state["id"]] = state
    return {
        key: sorted(rows.values(), key=lambda row: (row["start_date"], row["id"]))
        for key, rows in shown.items()
    }


class Watcher:
    """Takes a snapshot of a calendar; tells whether it and the later events make the calendar of now."""

    def __init__(self, conninfo: str, organization: Organization) -> None:
        self._conninfo = conninfo
        self._organization = organization
        self._snapshot = self._fetch()

    def _fetch(self) -> Json:
        with as_user(self._conninfo, self._organization.manager) as manager:
            return fetch_calendar(manager, self._organization.id)

    def events(self) -> list[Json]:
        """The events since the snapshot, after the check that they lead from it to a fresh one."""
        events: list[Json] = []
        cursor, has_more = self._snapshot["cursor"], True
        while has_more:
            answer = fetch_events(self._conninfo, self._organization.id, cursor)
            assert answer["status"] == "ok"
            events += answer["events"]
            cursor, has_more = events[-1]["cursor"] if events else cursor, answer["has_more"]
        fresh = self._fetch()
        assert {**apply_events(self._snapshot, events), "cursor": answer["cursor"]} == fresh
        first = int(self._snapshot["cursor"].split("-")[0]) + 1
        assert [event["seq"] for event in events] == list(range(first, first + len(events)))
        return events


def state(booking: Json) -> Json:
    """What the calendar and the events show of a booking, and no more."""
    shown = (
        "id",
        "asset_id",
        "user_id",
        "title",
        "start_date",
        "end_date",
        "status",
        "guest_count",
        "version",
    )
    return {key: booking[key] for key in shown}


def restore(connection: Connection, booking: Json, **arguments: Any) -> Json:
    """restore_reservation."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    restored: Json = rpc(connection, "restore_reservation", p_reservation_id=booking["id"], **named)
    return restored


def preview(connection: Connection, asset: str, start: datetime, end: datetime, **arguments: Any) -> Json:
    """preview_reservation; `arguments` without their `p_`."""
    named = {f"p_{name}": value for name, value in arguments.items()}
    seen: Json = rpc(
        connection,
        "preview_reservation",
        **{"p_asset_id": asset, "p_title": "Trip", "p_start_date": start, "p_end_date": end, **named},
    )
    return seen


def hold(connection: Connection, asset: str, start: datetime, end: datetime) -> Json:
    """create_hold."""
    held: Json = rpc(connection, "create_hold", p_asset_id=asset, p_start_date=start, p_end_date=end)
    return held


def expire_hold(db: Connection, hold_id: Any) -> None:
    """The hold's time is over, as when the clock passes it: what occupies the asset is still there, expired.

    The update alone would take that away, which nothing does when time passes.
    """
    with db.transaction():
        query = "select asset_id, occupied, kind, source_id from app.occupancy where source_id = %s"
        row = db.execute(query, [hold_id]).fetchone()
        assert row is not None
        db.execute("update public.reservations set hold_expires_at = now() where id = %s", [hold_id])
        db.execute(
            "insert into app.occupancy (asset_id, occupied, kind, source_id, expires_at)"
            " values (%(asset_id)s, %(occupied)s, %(kind)s, %(source_id)s, now())",
            row,
        )


def occupied(db: Connection, asset: str) -> int:
    """How many rows take the asset's time."""
    row = db.execute("select count(*) as n from app.occupancy where asset_id = %s", [asset]).fetchone()
    assert row is not None
    return int(row["n"])


def wait_for_lock(db: Connection, connection: Connection) -> None:
    """Until what runs on `connection` waits for a lock."""
    pid = connection.info.backend_pid
    wait_until(
        lambda: db.execute(
            "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'", [pid]
        ).fetchone(),
        what="a connection waits for a lock",
    )
