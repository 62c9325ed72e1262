"""Point-in-time recovery of a stack's database, as on Supabase: a base backup, and what was written since."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from tests.harness import RunningStack, stopped, wait_until

# Of the running server alone; a copy with them would not start, or begin with what it must not know.
NOT_COPIED = ("postmaster.pid", "postmaster.opts", "pg_wal", "pg_replslot")

RECOVERY = """
restore_command = 'cp "{archive}/%f" "%p"'
recovery_target_name = '{point}'
recovery_target_action = 'promote'
# Nobody looks at the past while it is still being replayed.
hot_standby = off
"""


@dataclass(frozen=True)
class BaseBackup:
    """A copy of the data folder from which recovery begins."""

    folder: Path
    data: Path


def take_base_backup(stack: RunningStack, folder: Path) -> BaseBackup:
    """Copies the database while it runs."""
    with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
        data = Path(_value(admin, "show data_directory"))
        admin.execute("select pg_backup_start('rehearsal', fast => true)")
        _copy(data, folder, NOT_COPIED)
        label = _value(admin, "select labelfile from pg_backup_stop(wait_for_archive => false)")
    (folder / "backup_label").write_text(label)
    for name in ("pg_wal", "pg_replslot"):
        (folder / name).mkdir(mode=0o700)
    _give(folder, data)
    return BaseBackup(folder, data)


def name_this_moment(stack: RunningStack, point: str) -> None:
    """A moment to which the database can be restored."""
    with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
        admin.execute("select pg_create_restore_point(%s)", [point])


def restore(stack: RunningStack, backup: BaseBackup, point: str) -> None:
    """The database goes back to that moment; whatever else of Supabase runs, runs on."""
    archive = backup.folder.with_name("archive")
    with psycopg.connect(stack.admin_database_url, autocommit=True) as admin:
        admin.execute("select pg_switch_wal()")
    _copy(backup.data / "pg_wal", archive)
    _give(archive, backup.data)
    # The supervisor would start it again at once, on the data that has to go.
    with stopped(stack.process.pid):
        died = stack.kill("postgres", signal.SIGINT)
        wait_until(lambda: _is_over(died), what="Postgres ended")
        owner = backup.data.stat()
        shutil.rmtree(backup.data)
        _copy(backup.folder, backup.data)
        (backup.data / "recovery.signal").touch()
        with (backup.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(RECOVERY.format(archive=archive, point=point))
        _give(backup.data, owner)
    stack.wait_ready("postgres", died=died)


def _value(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _is_over(pid: int) -> bool:
    # The supervisor, which stands still, has not taken its leave of it.
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _copy(source: Path, target: Path, without: tuple[str, ...] = ()) -> None:
    shutil.copytree(source, target, ignore=lambda folder, _: without if Path(folder) == source else ())
    target.chmod(0o700)


def _give(folder: Path, like: Path | os.stat_result) -> None:
    """The files to whom Postgres runs as."""
    owner = like.stat() if isinstance(like, Path) else like
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
