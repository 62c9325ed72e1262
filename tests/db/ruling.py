"""Rules in the tests: laying them as an admin does, and asking the judge as the booking functions do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql

from tests.actors import Actor, Connection, Organization, connect

Json = dict[str, Any]
NEW_YORK = ZoneInfo("America/New_York")
PANAMA = ZoneInfo("America/Panama")


def add_row(connection: Connection, table: str, **values: Any) -> Json:
    """Inserts a row into a table of the API and answers it; dicts go as json."""
    row = connection.execute(
        sql.SQL("insert into public.{} ({}) values ({}) returning *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        ),
        [json.dumps(value) if isinstance(value, dict) else value for value in values.values()],
    ).fetchone()
    assert row is not None
    return {**row, "id": str(row.get("id"))}


def add_rule(
    connection: Connection,
    organization: Organization,
    rule_type: str,
    conditions: Json | None = None,
    **columns: Any,
) -> Json:
    """A rule of every tier and asset, unless `columns` say otherwise."""
    values = {
        "organization_id": organization.id,
        "name": rule_type,
        "rule_type": rule_type,
        "conditions": conditions or {},
        **columns,
    }
    return add_row(connection, "tier_booking_rules", **values)


@contextmanager
def bench(conninfo: str, caller: Actor) -> Iterator[Connection]:
    """A connection with the rights of the booking functions and the caller's claims."""
    with connect(conninfo) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps(caller.claims)])
        yield connection


def _ask(connection: Connection, call: str, **values: Any) -> Any:
    row = connection.execute(
        f"""
        select {call} as answer
        from (
            select app.make_case(
                a, %(user)s, %(start)s::timestamptz, %(end)s::timestamptz, '{{}}', %(starts_anew)s) as asked
            from public.assets a where a.id = %(asset)s) c
        """.encode(),
        values,
    ).fetchone()
    assert row is not None
    return row["answer"]


def judge(
    connection: Connection,
    asset: str,
    user: Actor,
    start: datetime,
    end: datetime,
    *,
    starts_anew: bool = True,
) -> list[Json]:
    """The violations of this person's booking, as app.judge finds them."""
    violations: list[Json] = _ask(
        connection,
        "app.judge(c.asked)",
        asset=asset,
        user=user.id,
        start=start,
        end=end,
        starts_anew=starts_anew,
    )
    return violations


def weigh(
    connection: Connection,
    asset: str,
    user: Actor,
    start: datetime,
    end: datetime,
    *,
    override: Any = None,
    ignore_others: bool = False,
) -> Json:
    """The verdict: {outcome, violations, overridden}."""
    verdict: Json = _ask(
        connection,
        "to_jsonb(app.weigh(c.asked, %(override)s, %(ignore_others)s))",
        asset=asset,
        user=user.id,
        start=start,
        end=end,
        starts_anew=True,
        override=None if override is None else json.dumps(override),
        ignore_others=ignore_others,
    )
    return verdict


def codes(violations: list[Json]) -> list[str]:
    """What the violations are, in their order."""
    return [violation["code"] for violation in violations]


def local(zone: ZoneInfo, text: str) -> datetime:
    """'2032-02-29 10:00' in that zone: the first of a repeated hour, in a gap with the offset before it."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)
