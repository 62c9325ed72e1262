"""Takes migrations back, newest first, each by its own script and in a transaction of its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

SCRIPTS = Path(__file__).parent
MIGRATIONS = SCRIPTS.parents[1] / "supabase" / "migrations"
NOTHING = "0"  # as --to: take every migration back

FILE_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.+)\.sql")  # the Supabase CLI's naming
LOSES = re.compile(r"^-- Loses: (?P<text>.*\n(?:-- (?![A-Z][a-z]+: ).*\n)*)", re.MULTILINE)


class RollbackError(Exception):
    """It is not done; the message says why, and what to do. What was taken back before stays taken back."""


@dataclass(frozen=True)
class Step:
    """One migration that is to be taken back."""

    version: str
    script: Path

    @property
    def loses(self) -> str:
        """What the script's head says of the data that goes with it, in one line.

        Raises:
            RollbackError: it says nothing of that.
        """
        match = LOSES.search(self.script.read_text())
        if match is None:
            raise RollbackError(f"{self.script} does not say what it loses: see ops/rollback/README.md")
        return " ".join(match["text"].replace("\n-- ", " ").split())


def plan(
    connection: psycopg.Connection, to: str, *, migrations: Path = MIGRATIONS, scripts: Path = SCRIPTS
) -> list[Step]:
    """What has to be taken back, newest first, so that `to` is the newest migration of the database.

    Args:
        connection: the database, as its role postgres.
        to: a version that is applied there, or NOTHING.
        migrations: the folder of the migrations that the scripts belong to.
        scripts: the folder of the scripts, which are named as their migrations are.

    Raises:
        RollbackError: the database and the checkout do not fit together, or a script is missing.
    """
    applied = _applied(connection)
    if to not in (NOTHING, *applied):
        raise RollbackError(
            f"{to} is not applied here; the newest are {', '.join([*applied][-5:]) or 'none'}"
        )
    known = {match["version"]: match for match in _files(migrations)}
    newest = max(applied, default=NOTHING)
    skipped = [version for version in known if to < version < newest and version not in applied]
    if skipped:
        # A script restores what the migration right before its own has left.
        raise RollbackError(
            f"{newest} is applied, but {', '.join(skipped)} before it is not: apply that first"
        )
    steps = []
    for version in sorted(applied, reverse=True):
        if version <= to:
            break
        if version not in known or known[version]["name"] != applied[version]:
            raise RollbackError(
                f"{version}_{applied[version]} is applied, and not in this checkout: use the one it came from"
            )
        script = scripts / known[version].string
        if not script.exists():
            raise RollbackError(f"{known[version].string} has no script: write {script}")
        steps.append(Step(version, script))
    return steps


def take_back(connection: psycopg.Connection, step: Step) -> None:
    """Run one script and forget that its migration was applied, both or neither.

    Raises:
        RollbackError: Postgres refused something, or the migration is not the newest any more.
    """
    script = step.script.read_text()
    try:
        with connection.transaction():
            connection.execute("set local lock_timeout = '5s'")
            # Whoever applies or takes back at the same time waits here, or at its own insert.
            connection.execute("lock table supabase_migrations.schema_migrations in exclusive mode")
            newest = max(_applied(connection), default=NOTHING)
            if newest != step.version:
                raise RollbackError(f"{newest} is the newest migration now, and no longer {step.version}")
            connection.execute(script.encode())
            connection.execute(
                "delete from supabase_migrations.schema_migrations where version = %s", [step.version]
            )
    except psycopg.errors.LockNotAvailable as error:
        raise RollbackError(f"{step.script.name}: somebody holds what it needs; run it again") from error
    except psycopg.Error as error:
        position = int(error.diag.statement_position or 0)
        where = f"{step.script}:{script.count(chr(10), 0, position) + 1}" if position else str(step.script)
        reason = " ".join(filter(None, (error.diag.message_primary or str(error), error.diag.message_detail)))
        raise RollbackError(
            f"{where}: {reason} ({error.sqlstate}); nothing of this script is done"
        ) from error


def reload_api(connection: psycopg.Connection) -> None:
    """Has PostgREST read the schema anew, as it would by itself on hosted Supabase."""
    connection.execute("notify pgrst, 'reload schema'")


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    try:
        rows = connection.execute(
            "select version, coalesce(name, '') from supabase_migrations.schema_migrations order by version"
        ).fetchall()
    except psycopg.errors.UndefinedTable as error:
        raise RollbackError("nothing was ever applied here by the Supabase CLI") from error
    return dict(rows)


def _files(folder: Path) -> Iterator[re.Match[str]]:
    for path in sorted(folder.glob("*.sql")):
        if match := FILE_NAME.fullmatch(path.name):
            yield match
