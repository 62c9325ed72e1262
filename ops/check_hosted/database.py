"""What only the database can tell: the migrations applied, users' functions, the schedule.

Asked in a read-only transaction of a read-only session, over the direct connection or the session pooler.
"""

from collections.abc import Iterator
from typing import Any, Final

import psycopg

from ops.check_hosted.checks import some
from ops.check_hosted.expected import Expected
from ops.check_hosted.report import Finding, failed, passed, unknown

CONNECT_SECONDS: Final = 10
# Long for a look into the catalogue, and short for a project that is in trouble.
STATEMENT_MS: Final = 5000


def findings(url: str | None, expected: Expected, *, development: bool) -> Iterator[Finding]:
    """The checks, or that no address was given for them."""
    if not url:
        for name in ("migrations", "functions", "schedule"):
            yield unknown(f"database: {name}", "give DATABASE_URL, the session pooler's or the direct one")
        return
    try:
        # Supabase's pooler takes no `options`, and prepared statements would outlive us there.
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS, prepare_threshold=None) as connection:
            connection.read_only = True
            connection.execute(f"set local statement_timeout = {STATEMENT_MS}")
            yield from _migrations(connection, expected)
            yield from _functions(connection, expected)
            yield from _schedule(connection, expected, development=development)
    except psycopg.Error as error:
        yield failed("database: an answer", f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _exists(connection: psycopg.Connection[Any], relation: str) -> bool:
    row = connection.execute("select to_regclass(%s)", [relation]).fetchone()
    return row is not None and row[0] is not None


def _migrations(connection: psycopg.Connection[Any], expected: Expected) -> Iterator[Finding]:
    name = "database: migrations"
    if not _exists(connection, "supabase_migrations.schema_migrations"):
        yield failed(name, "none was applied: supabase db push")
        return
    rows = connection.execute("select version from supabase_migrations.schema_migrations").fetchall()
    applied = {str(row[0]) for row in rows}
    missing, strange = set(expected.versions) - applied, applied - set(expected.versions)
    if missing:
        yield failed(name, f"not applied: {some(missing)}: supabase db push, before the BFF that needs them")
    elif strange:
        yield failed(
            name, f"applied, and not in this checkout: {some(strange)}: is it older than the project?"
        )
    else:
        yield passed(name, f"all {len(applied)}, the last is {max(applied)}")


def _functions(connection: psycopg.Connection[Any], expected: Expected) -> Iterator[Finding]:
    name = "database: functions"
    rows = connection.execute(
        "select proname, has_function_privilege('anon', oid, 'execute')"
        " from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace"
        # Extensions may have been put there by hand; they are not ours to judge.
        " and not exists (select from pg_catalog.pg_depend d where d.objid = pg_proc.oid and d.deptype = 'e')"
    ).fetchall()
    there = {str(row[0]) for row in rows}
    missing = expected.functions - there
    if missing:
        yield failed(name, f"missing: {some(missing)}: supabase db push")
    else:
        yield passed(name, f"all {len(expected.functions)} are there")
    callable_by_all = {str(row[0]) for row in rows if row[1]}
    name = "database: anon may call no function"
    if callable_by_all:
        yield failed(name, f"it may call {some(callable_by_all)}: revoke execute from public and anon")
    else:
        yield passed(name)


def _schedule(
    connection: psycopg.Connection[Any], expected: Expected, *, development: bool
) -> Iterator[Finding]:
    name = "database: schedule"
    if not _exists(connection, "cron.job"):
        reason = "pg_cron is not there: enable it, and lay the schedule of docs/deployment.md"
        yield unknown(name, "no pg_cron in a development project") if development else failed(name, reason)
        return
    commands = [str(row[0]) for row in connection.execute("select command from cron.job where active")]
    missing = [each for each in expected.scheduled if not any(each in command for command in commands)]
    if missing:
        yield failed(name, f"nothing calls {some(missing)}: lay the schedule of docs/deployment.md")
    else:
        yield passed(name, f"{len(expected.scheduled)} functions are called")
