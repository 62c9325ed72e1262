"""Databases between two migrations: how they are made, and what is in them."""

import json
import re
import uuid
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

import psycopg
import psycopg.conninfo
from psycopg import sql

from stack.migrations import apply_pending
from tests.actors import Connection
from tests.harness import ROOT, RunningStack

MIGRATIONS = sorted((ROOT / "supabase" / "migrations").glob("*.sql"))
VERSIONS = [path.name.partition("_")[0] for path in MIGRATIONS]

# A table, or a column of one, as the head of a script names it.
NAMED = re.compile(r"\b((?:app|auth|public|storage)\.\w+)(?:\.(\w+))?\b")

Row = dict[str, Any]
Rows = dict[str, list[Row]]


@contextmanager
def new_database(stack: RunningStack) -> Iterator[str]:
    """A clone of the stack's template, owned by postgres; yields how to connect as that."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {} owner postgres").format(
                sql.Identifier(name), sql.Identifier(stack.env["STACK_TEMPLATE_DATABASE"])
            )
        )
        yield psycopg.conninfo.make_conninfo(stack.database_url, dbname=name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def go_up(database: str, until: str | None = None) -> list[str]:
    """Applies the migrations that are not applied, up to that version; answers their names."""
    return apply_pending(database, ROOT / "supabase", until=until)


def rows_of(db: Connection) -> Rows:
    """Every row of every table that is ours, and of those of Supabase's own that ours refer to."""
    tables = db.execute(
        """
        select c.oid::regclass::text as name, format('%I.%I', n.nspname, c.relname) as full_name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and (
            n.nspname in ('public', 'app')
            or format('%s.%s', n.nspname, c.relname) in ('auth.users', 'storage.buckets', 'storage.objects')
        )
        order by 2
        """
    ).fetchall()
    query = " union all ".join(
        f"select '{each['full_name']}' as name, to_jsonb(t) as row from {each['full_name']} t"
        for each in tables
    )
    rows: Rows = {each["full_name"]: [] for each in tables}
    for found in db.execute(query.encode()):
        rows[found["name"]].append(found["row"])
    return rows


def lost_by(text: str) -> set[str]:
    """The tables and columns that a script says it loses something of."""
    return {".".join(filter(None, match)) for match in NAMED.findall(text)}


def differing(before: Rows, after: Rows, lost: AbstractSet[str]) -> list[str]:
    """The tables whose rows are not those of before, apart from the tables and columns named in `lost`.

    Columns count that are there before and after; so do rows, also those of tables that are gone.
    """
    return [
        name
        for name, rows in before.items()
        if name not in lost
        and rows != after.get(name)
        and _comparable(name, rows, after, lost) != _comparable(name, after.get(name), before, lost)
    ]


def _comparable(name: str, rows: list[Row] | None, other: Rows, lost: AbstractSet[str]) -> list[str] | None:
    if rows is None:
        return None
    columns = set(other[name][0]) if other.get(name) else set()
    return sorted(
        json.dumps({key: row[key] for key in sorted(columns & set(row)) if f"{name}.{key}" not in lost})
        for row in rows
    )
