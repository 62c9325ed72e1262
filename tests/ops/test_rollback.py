"""Each migration goes down and up again, where somebody has lived; and the command that does it."""

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.conninfo
import pytest

from ops.database import connect
from ops.rollback import NOTHING, SCRIPTS, RollbackError, Step, plan, take_back
from stack.migrations import apply_pending
from tests.actors import as_user, make_organization
from tests.actors import connect as connect_rows
from tests.db.booking import at, book
from tests.db.catalogue import SCHEMA_FILE, listing
from tests.harness import ROOT, RunningStack, running_stack, scratch_directory
from tests.ops.lived_in import SEED, live_in
from tests.ops.migrating import MIGRATIONS, VERSIONS, Rows, differing, go_up, lost_by, new_database, rows_of

# The schema before rules, approvals, maintenance and series came; bookings stay.
FIRST_WHOLE = "20261122000290"
BEFORE_OCCUPANCY = "20261122000200"
README = SCRIPTS / "README.md"
# Every table that there is by then has rows in the test.
FILLED_TO = "20261128000449"


@pytest.fixture(scope="module")
def bare_stack() -> Iterator[RunningStack]:
    """A stack whose template has not seen a migration."""
    with scratch_directory() as directory:
        (directory / "supabase" / "migrations").mkdir(parents=True)
        settings = {"STACK_SUPABASE_DIR": str(directory / "supabase"), "STACK_SEED": "false"}
        with running_stack(directory / "stack", **settings) as running:
            yield running


@pytest.fixture(scope="module")
def listings(bare_stack: RunningStack) -> dict[str, str]:
    """By version, the catalogue as its migration leaves it; under NOTHING, as the first one finds it."""
    with new_database(bare_stack) as database:
        found = {NOTHING: listing(database)}
        for version in VERSIONS:
            go_up(database, version)
            found[version] = listing(database)
    return found


@pytest.fixture
def lived_in(stack: RunningStack) -> Iterator[str]:
    """A migrated database with data in it."""
    with new_database(stack) as database:
        with connect_rows(database) as db:
            live_in(db, database)
        yield database


def read(database: str) -> Rows:
    with connect_rows(database) as db:
        return rows_of(db)


def run(database: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ops.rollback", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database},
        stdin=stdin,
        capture_output=True,
        text=True,
    )


def assert_usable(database: str) -> None:
    """A new organisation books, and one time is booked once."""
    with connect_rows(database) as db:
        organization = make_organization(db)
    with as_user(database, organization.member) as member:
        booking = book(member, organization.assets["planes"], at(5), at(6))
        assert booking["status"] == "approved"
        with pytest.raises(psycopg.Error, match="CONFLICT"):
            book(member, organization.assets["planes"], at(5), at(6))


def test_every_script_belongs_to_a_migration() -> None:
    assert {path.name for path in SCRIPTS.glob("*.sql")} - {path.name for path in MIGRATIONS} == set()


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda path: path.stem)
def test_every_migration_has_a_script_that_says_what_it_loses(migration: Path) -> None:
    script = SCRIPTS / migration.name
    assert script.exists(), f"write ops/rollback/{migration.name}, as ops/rollback/README.md says"
    text = script.read_text()
    assert text.startswith(f"-- Takes back {migration.name}.\n")
    assert Step("", script).loses
    for setting in ("lock_timeout", "statement_timeout"):
        assert re.search(rf"^set local {setting} = '\d+m?s';$", text, re.MULTILINE), f"sets no {setting}"
    outside_bodies = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    own = re.findall(
        r"^\s*(?:begin|commit|rollback|set (?!local\b|constraints\b))[^;\n]*;", outside_bodies, re.MULTILINE
    )
    assert own == [], "the transaction is the command's, and a setting must end with it"


def test_every_migration_goes_down_up_and_down_again_on_seeded_data(
    bare_stack: RunningStack, listings: dict[str, str]
) -> None:
    with new_database(bare_stack) as database:
        go_up(database)
        with connect_rows(database) as db:
            live_in(db, database)
        before = read(database)
        empty = [name for name, rows in before.items() if not rows and f" {name} " in listings[FILLED_TO]]
        assert empty == [], "what is empty proves nothing: put a row into tests/ops/lived_in.py"
        for earlier, migration in reversed(list(zip([NOTHING, *VERSIONS], MIGRATIONS, strict=False))):
            before = _down_up_and_down(database, migration, earlier, listings, before)
        assert go_up(database) == [path.name for path in MIGRATIONS]
        assert listing(database) == SCHEMA_FILE.read_text()
        with connect_rows(database) as db:
            db.execute(SEED.read_bytes())
        assert_usable(database)


def _down_up_and_down(
    database: str, migration: Path, earlier: str, listings: dict[str, str], before: Rows
) -> Rows:
    """Answers the rows that are left."""
    step = Step(migration.name.partition("_")[0], SCRIPTS / migration.name)
    lost = lost_by(step.loses)
    unknown = [name for name in lost if ".".join(name.split(".")[:2]) not in before]
    assert not unknown, f"{migration.name} says it loses what there is not"
    with connect(database, autocommit=True) as connection:
        take_back(connection, step)
        assert listing(database) == listings[earlier], f"{migration.name}: down is not where up began"
        down = read(database)
        assert differing(before, down, lost) == [], f"{migration.name}: loses what it does not say"
        assert go_up(database, step.version) == [migration.name]
        assert differing(down, read(database), lost) == [], f"{migration.name}: changes what was kept"
        take_back(connection, step)
    return down


@pytest.mark.parametrize("to", [VERSIONS[-6], FIRST_WHOLE])
def test_the_command_goes_back_to_a_version_and_the_bookings_are_there_when_all_comes_again(
    lived_in: str, to: str
) -> None:
    before = read(lived_in)
    steps = [Step(v, SCRIPTS / m.name) for v, m in zip(VERSIONS, MIGRATIONS, strict=True) if v > to]
    done = run(lived_in, "--to", to, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    taken_back = [line for line in done.stdout.splitlines() if line.startswith("taken back: ")]
    assert taken_back == [f"taken back: {step.script.name}" for step in reversed(steps)]
    assert len(go_up(lived_in)) == len(steps)
    assert listing(lived_in) == SCHEMA_FILE.read_text()
    after = read(lived_in)
    lost = set().union(*(lost_by(step.loses) for step in steps))
    assert differing(before, after, lost) == []
    # Which of them is told of in a script's head: what takes an asset's time must be what it was.
    assert taking_time(after) == taking_time(before)
    assert_usable(lived_in)


def test_on_the_schema_before_the_rules_people_book_again(lived_in: str) -> None:
    assert run(lived_in, "--to", FIRST_WHOLE, "--yes").returncode == 0
    assert_usable(lived_in)


def test_bookings_that_lost_their_time_take_it_again_by_the_statement_that_the_page_gives(
    lived_in: str,
) -> None:
    (statement,) = re.findall(r"^update public\.reservations .*;$", README.read_text(), re.MULTILINE)
    assert run(lived_in, "--to", FIRST_WHOLE, "--yes").returncode == 0
    before = taking_time(read(lived_in))
    assert run(lived_in, "--to", BEFORE_OCCUPANCY, "--yes").returncode == 0
    go_up(lived_in, FIRST_WHOLE)
    assert taking_time(read(lived_in)) == set()
    with connect_rows(lived_in) as db:
        db.execute(statement)
    assert taking_time(read(lived_in)) == before


def taking_time(rows: Rows) -> set[tuple[str, str]]:
    return {
        (row["source_id"], row["occupied"]) for row in rows["app.occupancy"] if row["kind"] == "reservation"
    }


def test_a_dry_run_says_what_would_be_lost_and_does_nothing(lived_in: str) -> None:
    before = read(lived_in)
    done = run(lived_in, "--to", FIRST_WHOLE, "--dry-run")
    assert done.returncode == 0
    assert "20261122000371_series.sql\n    loses public.reservation_series, " in done.stdout
    assert done.stdout.endswith("to take back; nothing was done\n")
    assert read(lived_in) == before
    assert listing(lived_in) == SCHEMA_FILE.read_text()


def test_without_somebody_to_ask_it_wants_a_yes(database: str) -> None:
    done = run(database, "--to", VERSIONS[-2])
    assert (done.returncode, done.stderr) == (
        1,
        "rollback: nobody is here to be asked: read what --dry-run says, then add --yes\n",
    )
    assert listing(database) == SCHEMA_FILE.read_text()


@pytest.mark.parametrize(("typed", "code", "left"), [("yes", 1, 1), (VERSIONS[-2], 0, 0)])
def test_whoever_is_there_has_to_type_the_version(lived_in: str, typed: str, code: int, left: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        done = run(lived_in, "--to", VERSIONS[-2], stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code, done.stderr
    with connect_rows(lived_in) as db:
        query = "select from supabase_migrations.schema_migrations where version = %s"
        assert db.execute(query, [VERSIONS[-1]]).rowcount == left


def test_a_role_that_may_not_is_told_so_without_a_traceback(stack: RunningStack) -> None:
    other = psycopg.conninfo.make_conninfo(stack.database_url, user="authenticator")
    done = run(other, "--to", NOTHING, "--dry-run")
    assert done.returncode == 1
    assert done.stderr.startswith("rollback: permission denied for schema supabase_migrations\n")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two migrations and their scripts, of a history of their own."""
    migrations, scripts = tmp_path / "migrations", tmp_path / "scripts"
    for folder in (migrations, scripts):
        folder.mkdir()
    for version in ("1", "2"):
        (migrations / f"{version}_table.sql").write_text(f"create table public.table_{version} (id int);")
        (scripts / f"{version}_table.sql").write_text(f"drop table public.table_{version};")
    return migrations, scripts


@pytest.fixture
def small(bare_stack: RunningStack, folders: tuple[Path, Path]) -> Iterator[str]:
    """A database with those two."""
    with new_database(bare_stack) as database:
        apply_pending(database, folders[0].parent)
        yield database


def test_what_is_not_applied_cannot_be_gone_back_to(small: str, folders: tuple[Path, Path]) -> None:
    with (
        connect(small, autocommit=True) as connection,
        pytest.raises(RollbackError, match="3 is not applied here; the newest"),
    ):
        plan(connection, "3", migrations=folders[0], scripts=folders[1])


def test_a_database_that_was_never_migrated_is_refused(bare_stack: RunningStack) -> None:
    with new_database(bare_stack) as database, connect(database, autocommit=True) as connection:
        connection.execute("drop table supabase_migrations.schema_migrations")
        with pytest.raises(RollbackError, match="nothing was ever applied here"):
            plan(connection, NOTHING)


def test_a_database_that_is_ahead_of_the_checkout_is_refused(small: str, folders: tuple[Path, Path]) -> None:
    (folders[0] / "2_table.sql").rename(folders[0] / "2_another.sql")
    with (
        connect(small, autocommit=True) as connection,
        pytest.raises(RollbackError, match="2_table is applied, and not in this"),
    ):
        plan(connection, NOTHING, migrations=folders[0], scripts=folders[1])


def test_a_migration_without_a_script_is_refused_before_anything_is_done(
    small: str, folders: tuple[Path, Path]
) -> None:
    (folders[1] / "1_table.sql").unlink()
    with (
        connect(small, autocommit=True) as connection,
        pytest.raises(RollbackError, match=r"1_table\.sql has no script"),
    ):
        plan(connection, NOTHING, migrations=folders[0], scripts=folders[1])


def test_where_a_migration_was_left_out_the_scripts_do_not_fit_and_it_is_refused(
    small: str, folders: tuple[Path, Path]
) -> None:
    with connect(small, autocommit=True) as connection:
        connection.execute("delete from supabase_migrations.schema_migrations where version = '1'")
        with pytest.raises(RollbackError, match="2 is applied, but 1 before it is not"):
            plan(connection, NOTHING, migrations=folders[0], scripts=folders[1])


def test_a_script_that_fails_in_its_middle_changes_nothing_and_says_where(
    small: str, folders: tuple[Path, Path]
) -> None:
    script = folders[1] / "2_table.sql"
    script.write_text(f"{script.read_text()}\ndrop table public.table_3;")
    with connect(small, autocommit=True) as connection:
        first, second = plan(connection, NOTHING, migrations=folders[0], scripts=folders[1])
        with pytest.raises(RollbackError, match=r"2_table\.sql.*table_3.*nothing of this script is done"):
            take_back(connection, first)
        with pytest.raises(RollbackError, match="2 is the newest migration now, and no longer 1"):
            take_back(connection, second)
        assert standing(connection) == (["1", "2"], ["table_1", "table_2"])


def test_what_somebody_else_holds_is_waited_for_no_longer_than_the_script_says(
    small: str, folders: tuple[Path, Path]
) -> None:
    script = folders[1] / "2_table.sql"
    script.write_text(f"set local lock_timeout = '10ms';\n{script.read_text()}")
    with connect(small, autocommit=True) as connection, psycopg.connect(small) as reader:
        reader.execute("select from public.table_2")
        step = plan(connection, "1", migrations=folders[0], scripts=folders[1])[0]
        with pytest.raises(RollbackError, match=r"2_table\.sql: somebody holds what it needs; run it again"):
            take_back(connection, step)
        reader.rollback()
        take_back(connection, step)
        assert standing(connection) == (["1"], ["table_1"])


def test_of_two_who_take_back_the_same_at_once_one_does_it_and_the_other_is_told(
    small: str, folders: tuple[Path, Path]
) -> None:
    with connect(small, autocommit=True) as connection:
        step = plan(connection, "1", migrations=folders[0], scripts=folders[1])[0]
    told: list[str] = []
    together = threading.Barrier(2)

    def take() -> None:
        with connect(small, autocommit=True) as connection:
            together.wait()
            try:
                take_back(connection, step)
            except RollbackError as error:
                told.append(str(error))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["1 is the newest migration now, and no longer 2"]
    with connect(small, autocommit=True) as connection:
        assert standing(connection) == (["1"], ["table_1"])


def standing(connection: psycopg.Connection) -> tuple[list[str], list[str]]:
    """Which migrations count as applied, and which of their tables there are."""
    versions = connection.execute("select version from supabase_migrations.schema_migrations order by 1")
    tables = connection.execute(
        "select relname::text from pg_class where relname ~ '^table_' and relkind = 'r' order by 1"
    )
    return [row[0] for row in versions], [row[0] for row in tables]
