"""Whatever is sent to the booking functions, around the BFF too, is answered in their own words."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.actors import Connection, Organization, RefusedError, make_organization
from tests.db.booking import at, book, hold

# The statement's own types, as PostgREST casts them; {} is where a strange value goes.
STRANGE: dict[str, list[Any]] = {
    "uuid": [None, str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))],
    "text": [None, "", " ", "x" * 100_000, "%s", "\u202e\U0001f6e9", "'; --"],
    "integer": [None, -(2**31), 2**31 - 1, -1, 0],
    "boolean": [None],
    "text[]": [None, "{}", "{approved,null}", "{nothing}"],
    "timestamp with time zone": [
        None,
        "infinity",
        "-infinity",
        "4714-11-24 00:00:00+00 BC",
        "294276-12-31 23:59:59.999999+00",
        "1970-01-01T00:00:00Z",
        "2199-12-31T23:59:59.999999Z",
    ],
    "jsonb": [
        None,
        "null",
        "0",
        "1e999",
        "true",
        '"start_date"',
        "[]",
        "{}",
        "[null]",
        "[[]]",
        '{"rule_ids": null, "reason": null}',
        '{"rule_ids": "x", "reason": 7}',
        '{"rule_ids": [null], "reason": "x"}',
        '{"rule_ids": [], "reason": "x"}',
        '{"rule_ids": ["00000000-0000-0000-0000-000000000000"], "reason": "x"}',
        '{"start_date": 1e400, "end_date": [], "asset_id": {}, "guest_count": "99999999999", "guests": 0}',
        '{"start_date": "2031-01-01T00:00:00+99:99", "guest_count": 1e9}',
        '{"guest_count": 1.5, "metadata": [], "notes": {}, "title": 7}',
        '{"guests": [{"name": null}, {"name": 1, "email": {}}, 7, null]}',
        '[{"name": "x", "email": "no"}, {"nom": "x"}, 1, null]',
        '{"a": ' * 500 + "1" + "}" * 500,
        json.dumps(["x"] * 51),
        json.dumps({"x": "y" * 20_000}),
    ],
}
FUNCTIONS = [
    "create_reservation", "preview_reservation", "update_reservation", "cancel_reservation",
    "restore_reservation", "create_hold", "release_hold", "list_reservations", "check_availability",
    "asset_availability", "join_waitlist", "accept_waitlist_offer", "leave_waitlist", "list_waitlist",
]  # fmt: skip


def parameters(db: Connection, function: str) -> dict[str, str]:
    """Each parameter of the function and its type, from the catalogue."""
    rows = db.execute(
        """
        select a.name, format_type(t.type, null) as type
        from pg_proc p
        cross join unnest(p.proargnames[1:p.pronargs]) with ordinality as a(name, place)
        join unnest(p.proargtypes::oid[]) with ordinality as t(type, place) using (place)
        where p.pronamespace = 'public'::regnamespace and p.proname = %s
        """,
        [function],
    ).fetchall()
    assert rows, function
    return {row["name"]: row["type"] for row in rows}


def calls(types: dict[str, str], usual: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The usual call with one parameter strange, and one with all of them null."""
    known = {name: value for name, value in usual.items() if name in types}
    yield dict.fromkeys(types)
    for name, sort in types.items():
        for value in STRANGE[sort]:
            yield {**known, name: value}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_input_is_too_strange(
    db: Connection,
    organization: Organization,
    member: Connection,
    plane: str,
    function: str,
) -> None:
    stranger = make_organization(db)
    booking, held = book(member, plane, at(2), at(3)), hold(member, plane, at(5), at(6))
    usual = {
        "p_organization_id": organization.id,
        "p_asset_id": plane,
        "p_reservation_id": booking["id"],
        "p_hold_id": held["id"] if function == "release_hold" else None,
        "p_entry_id": booking["id"],
        "p_title": "Trip",
        "p_start_date": at(8),
        "p_end_date": at(9),
        "p_changes": "{}",
    }
    types = parameters(db, function)
    foreign = {"p_organization_id": stranger.id, "p_asset_id": stranger.assets["planes"]}
    wrong = []
    for values in [*calls(types, usual), *calls(types, {**usual, **foreign})]:
        named = ", ".join(f"{name} => %({name})s::{types[name]}" for name in values)
        try:
            with member.transaction(force_rollback=True):
                member.execute(f"select to_jsonb(f) from public.{function}({named}) as f".encode(), values)
        except psycopg.Error as error:
            if error.sqlstate != "PGRST" or RefusedError(error).code == "INTERNAL_ERROR":
                wrong.append(({name: str(value)[:60] for name, value in values.items()}, str(error)))
    assert not wrong
