"""Applies supabase/migrations as the Supabase CLI does: in order, each file once, in one transaction."""

import re
from pathlib import Path

import psycopg

from stack.errors import StackError

FILE_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.+)\.sql")  # the Supabase CLI's naming

HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
    version text primary key, statements text[], name text
);
"""


class MigrationError(StackError):
    """Postgres refused a file of SQL; nothing of that file is in the database."""


def apply_pending(conninfo: str, supabase_dir: Path, *, until: str | None = None) -> list[str]:
    """Apply the migrations that are not yet recorded, in the order of their names.

    Args:
        conninfo: the database, as the role that shall own what the migrations make.
        supabase_dir: the folder that holds `migrations/`.
        until: the version of the last one to apply; None is all.

    Returns:
        The names of the files that were applied.

    Raises:
        MigrationError: says file, line and Postgres's reason. The files before it stay applied.
    """
    applied = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(HISTORY)
        known = {
            row[0] for row in connection.execute("select version from supabase_migrations.schema_migrations")
        }
        for path in sorted((supabase_dir / "migrations").glob("*.sql")):
            match = FILE_NAME.fullmatch(path.name)
            if match is None:
                raise MigrationError(f"{path}: a migration's name is <version>_<name>.sql")
            if until is not None and match["version"] > until:
                break
            if match["version"] in known:
                continue
            with connection.transaction():
                run_file(connection, path)
                connection.execute(
                    "insert into supabase_migrations.schema_migrations (version, name, statements)"
                    " values (%s, %s, %s)",
                    (match["version"], match["name"], [path.read_text()]),
                )
            # A file's plain `set` must not reach the next one: on the next start that one may run alone.
            connection.execute("reset all")
            applied.append(path.name)
    return applied


def run_file(connection: psycopg.Connection, path: Path) -> None:
    """Run a file of SQL as it stands: many statements, no parameters.

    Raises:
        MigrationError: says file, line and Postgres's reason.
    """
    sql = path.read_text()
    try:
        connection.execute(sql.encode())
    except psycopg.Error as error:
        position = int(error.diag.statement_position or 0)
        where = f"{path}:{sql.count(chr(10), 0, position) + 1}" if position else str(path)
        context = f"\n{error.diag.context}" if error.diag.context else ""
        raise MigrationError(
            f"{where}: {error.diag.message_primary or error} ({error.sqlstate}){context}"
        ) from error
