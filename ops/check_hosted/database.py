"""What only the database can tell: the migrations applied, users' functions, the schedule.

Asked in a read-only transaction of a read-only session, over the direct connection or the session pooler.
"""

from collections.abc import Iterator
from typing import Any, Final

import psycopg

from ops.check_hosted.checks import some
from ops.check_hosted.expected import Expected
from ops.check_hosted.report import Finding, failed, passed, unknown
from ops.database import connect

# Long for a look into the catalogue, and short for a project that is in trouble.
STATEMENT_MS: Final = 5000
# Without a run for so long a job does not run: the one that is due least often is so each hour.
STALE: Final = "2 hours"


def findings(url: str | None, expected: Expected, *, development: bool) -> Iterator[Finding]:
    """The checks, or that no address was given for them."""
    if not url:
        for name in ("migrations", "functions", "schedule"):
            yield unknown(f"database: {name}", "give DATABASE_URL, the session pooler's or the direct one")
        return
    try:
        with connect(url) as connection:
            connection.read_only = True
            connection.execute(f"set local statement_timeout = {STATEMENT_MS}")
            yield from _migrations(connection, expected)
            yield from _functions(connection, expected)
            yield from _schedule(connection, expected, development=development)
            yield from _runs(connection, expected)
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
    calls = {each: sum(each in command for command in commands) for each in expected.scheduled}
    missing = [each for each, jobs in calls.items() if not jobs]
    twice = [each for each, jobs in calls.items() if jobs > 1]
    if missing:
        yield failed(name, f"nothing calls {some(missing)}: lay the schedule of docs/deployment.md")
    elif twice:
        reason = (
            f"two jobs call {some(twice)}: keep the names of docs/deployment.md, cron.unschedule the others"
        )
        yield failed(name, reason)
    else:
        yield passed(name, f"{len(expected.scheduled)} functions are called")


def _runs(connection: psycopg.Connection[Any], expected: Expected) -> Iterator[Finding]:
    """How the last run of each job of ours went; without pg_cron there is nothing to say."""
    name = "database: runs of the schedule"
    if not _exists(connection, "cron.job_run_details"):
        return
    # Of the role that owns the jobs only: for others row level security hides them.
    rows = connection.execute(
        "select j.command, d.status, coalesce(d.return_message, ''), d.start_time < now() - %s::interval"
        " from cron.job j left join lateral (select * from cron.job_run_details r"
        " where r.jobid = j.jobid and r.status in ('succeeded', 'failed')"
        " order by r.runid desc limit 1) d on true where j.active",
        [STALE],
    ).fetchall()
    ours = [row for row in rows if any(each in str(row[0]) for each in expected.scheduled)]
    wrong = [f"{_called(row[0])}: {_first_line(row[2])}" for row in ours if row[1] == "failed"]
    stale = [_called(row[0]) for row in ours if row[1] == "succeeded" and row[3]]
    never = [_called(row[0]) for row in ours if row[1] is None]
    if wrong:
        yield failed(name, f"the last run failed: {some(wrong)}")
    elif stale:
        yield failed(name, f"none in {STALE}: {some(stale)}: is pg_cron's worker running?")
    elif never:
        yield unknown(name, f"none yet: {some(never)}; ask again in {STALE}")
    else:
        yield passed(name, "the last of each succeeded")


def _called(command: object) -> str:
    """The function that a job calls, by which the guide's schedule names it."""
    return str(command).rpartition("public.")[2].partition("(")[0]


def _first_line(message: object) -> str:
    return str(message).partition("\n")[0][:100]
