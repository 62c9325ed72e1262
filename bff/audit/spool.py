"""One file of records on disk: SQLite in WAL mode, locked for as long as its process lives.

Why SQLite: docs/decisions/audit-spool.md. What is in a transaction when the process is killed is there wholly
or not at all; the lock goes with the process, so a file that can be opened is one that nobody writes to.
Everything here blocks, and is for one thread at a time.
"""

import hashlib
import os
import sqlite3
import uuid
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

# What SQLite calls them. Both survive a `kill -9`; `full` waits for the disk at each commit and survives a
# power cut too, after which `normal` lacks what was written in the last moments and is otherwise intact.
Sync = Literal["normal", "full"]

# Another form of the file gets another suffix: during a deploy neither version reads what it does not know.
SUFFIX: Final = ".requests1.db"
DAMAGED: Final = ".damaged"
# Names of one project's files in a folder that another project's BFF uses too, in hexadecimal digits.
PROJECT_DIGITS: Final = 12
PAGE_BYTES: Final = 4096
# The log beside the file is cut to this after a checkpoint.
JOURNAL_BYTES: Final = 4 * 1024 * 1024
# Records in damaged pages that are looked for one by one before the rest is given up.
SEARCHED: Final = 20_000
_UNREADABLE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class InUseError(Exception):
    """Another process has the file, and lives."""


class SpoolError(Exception):
    """The disk is full, or does not take or give what it should. Nothing of the call was done."""


class DamagedError(Exception):
    """The file is not what SQLite left behind."""


class Row(NamedTuple):
    """A record in the order of its arrival; `record` is JSON, or what is left of it where not `intact`."""

    seq: int
    record: bytes
    intact: bool = True


class Spool:
    """An open file of records.

    Args:
        path: its file; made if need be.
        sync: see `Sync`.
        max_bytes: more than that it never takes on disk, the log beside it apart.

    Raises:
        InUseError: another process has it.
        DamagedError: it cannot be read.
        SpoolError: the disk does not let us.
    """

    def __init__(self, path: Path, sync: Sync, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        with _translated():
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            with _translated():
                self._prepare(sync)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, sync: Sync) -> None:
        # Exclusive before WAL: so there is no memory shared with others, and the lock is held from now on.
        self._db.execute("pragma locking_mode = exclusive")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute(f"pragma synchronous = {sync}")
        self._db.execute(f"pragma journal_size_limit = {JOURNAL_BYTES}")
        self._db.execute(f"pragma max_page_count = {max(8, self._max_bytes // PAGE_BYTES)}")
        self._db.execute("begin immediate")
        self._db.execute(
            "create table if not exists records "
            "(seq integer primary key autoincrement, crc integer not null, record blob not null)"
        )
        self._db.execute("commit")
        if not self.path.exists():
            # Whoever adopts files took it for an abandoned one between its making and our lock.
            raise InUseError(self.path.name)

    def append(self, records: Sequence[bytes]) -> None:
        """Keeps all of them, or none; when it returns they outlive this process.

        Raises:
            SpoolError: there is no room, or the disk refuses.
            DamagedError: the file cannot be read.
        """
        rows = [(zlib.crc32(record), record) for record in records]
        with _translated(), self._transaction():
            self._db.executemany("insert into records (crc, record) values (?, ?)", rows)

    def oldest(self, count: int, but: Collection[int] = ()) -> list[Row]:
        """At most so many records, those without whose `seq` is in `but`.

        Raises:
            DamagedError: some of it cannot be read.
            SpoolError: the disk refuses.
        """
        excluded = ",".join(map(str, but))
        with _translated():
            found = self._db.execute(
                f"select seq, crc, record from records where seq not in ({excluded}) "  # noqa: S608 - numbers
                "order by seq limit ?",
                (count,),
            ).fetchall()
        return [Row(seq, record, zlib.crc32(record) == crc) for seq, crc, record in found]

    def remove(self, seqs: Sequence[int]) -> None:
        """Forgets these records.

        Raises:
            SpoolError: the disk refuses.
            DamagedError: the file cannot be read.
        """
        with _translated(), self._transaction():
            self._db.executemany("delete from records where seq = ?", [(seq,) for seq in seqs])

    def probe(self) -> int:
        """Bytes taken, if the disk takes a write now.

        Raises:
            SpoolError: it does not.
            DamagedError: the file cannot be read.
        """
        with _translated(), self._transaction():
            made = self._db.execute("insert into records (crc, record) values (0, '')")
            self._db.execute("delete from records where seq = ?", (made.lastrowid,))
        return self.used_bytes

    def discard(self) -> None:
        """Closes and removes the file with all that is in it."""
        self.path.unlink(missing_ok=True)
        Path(f"{self.path}-wal").unlink(missing_ok=True)
        self._db.close()

    def count(self) -> int:
        """How many records there are.

        Raises:
            DamagedError: the file cannot be read.
        """
        with _translated():
            return int(self._db.execute("select count(*) from records").fetchone()[0])

    @property
    def used_bytes(self) -> int:
        """What the records take on disk, without pages that are free for others.

        Raises:
            DamagedError: the file cannot be read.
        """
        with _translated():
            pages = self._db.execute("pragma page_count").fetchone()[0]
            free = self._db.execute("pragma freelist_count").fetchone()[0]
        return int(pages - free) * PAGE_BYTES

    def readable(self) -> Iterator[Row]:
        """What can still be read of a damaged file, each record by itself."""
        seq = errors = 0
        while errors < SEARCHED:
            try:
                found = self._db.execute(
                    "select seq, crc, record from records where seq > ? order by seq limit 1", (seq,)
                ).fetchone()
            except sqlite3.DatabaseError:
                errors += 1
                seq += 1
                continue
            if found is None:
                return
            seq, crc, record = found
            if zlib.crc32(record) == crc:
                yield Row(seq, record)

    def close(self) -> None:
        """Lets go of the file; one without records is removed."""
        try:
            with _translated():
                if self._db.execute("select 1 from records limit 1").fetchone() is None:
                    # While the lock is held: whoever waits for it sees that the file is gone. SQLite leaves
                    # the log of a file that is gone alone.
                    self.path.unlink(missing_ok=True)
                    Path(f"{self.path}-wal").unlink(missing_ok=True)
        except (SpoolError, DamagedError, OSError):
            pass
        finally:
            self._db.close()

    def set_aside(self) -> Path:
        """Closes a damaged file and gives it a name by which nobody takes it for a good one."""
        self._db.close()
        return rename_damaged(self.path)

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """All or nothing; a commit that fails is taken back, so that the next one can begin."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None:
                self._db.execute("commit")
        finally:
            if self._db.in_transaction:
                self._db.execute("rollback")


class _translated:  # noqa: N801 - reads as a function
    """SQLite's errors as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        # The extended code's lowest byte is the kind of error.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise InUseError(str(error)) from error
        if code in _UNREADABLE:
            raise DamagedError(str(error)) from error
        raise SpoolError(str(error)) from error


def project_of(supabase_url: str) -> str:
    """What the names of a project's files begin with: records never go to another project's database."""
    return hashlib.sha256(supabase_url.rstrip("/").encode()).hexdigest()[:PROJECT_DIGITS]


def new_path(folder: Path, project: str) -> Path:
    """A file that nobody has."""
    return folder / f"{project}-{uuid.uuid4().hex}{SUFFIX}"


def paths(folder: Path, project: str) -> list[Path]:
    """The project's files, the oldest first."""
    found = []
    for path in folder.glob(f"{project}-*{SUFFIX}"):
        try:
            found.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            # Another process has sent its records meanwhile.
            continue
    return [path for _, path in sorted(found)]


def rename_damaged(path: Path) -> Path:
    """Out of the way, with the log that stands beside it."""
    target = path.with_name(path.name + DAMAGED)
    for suffix in ("-wal", ""):
        try:
            os.replace(f"{path}{suffix}", f"{target}{suffix}")  # noqa: PTH105 - the suffix is not a path's
        except FileNotFoundError:
            continue
    return target
