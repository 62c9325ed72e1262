"""One file of records on disk: SQLite in WAL mode, locked for as long as its process lives.

Why SQLite: docs/decisions/audit-spool.md. What is in a transaction when the process is killed is there wholly
or not at all; the lock goes with the process, so a file that can be opened is one that nobody writes to.
Everything here blocks, and is for one thread at a time.
"""

import hashlib
import os
import shutil
import sqlite3
import uuid
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

from bff.audit.journal import first_page, mend

# What SQLite calls them. Both survive a `kill -9`; `full` waits for the disk at each commit and survives a
# power cut too, after which `normal` lacks what was written in the last moments and is otherwise intact.
Sync = Literal["normal", "full"]

# Another form of the file gets another suffix: during a deploy neither version reads what it does not know.
SUFFIX: Final = ".requests1.db"
DAMAGED: Final = ".damaged"
MENDED: Final = ".mended"
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
        self._log = Path(f"{path}-wal")
        self.is_closed = False
        self._sync: Sync = sync
        self._max_bytes = max_bytes
        self._mended: bytes | None = None
        """What its log should be, if that is damaged. Then nothing may be written, or SQLite cuts the log."""
        self._held: BinaryIO | None = None
        self._begin_again()
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
        # Here we have the lock, so nobody writes to the log; and SQLite has only read it.
        self._mended = self._mend()
        if self._mended is not None:
            return
        self._db.execute("begin immediate")
        self._db.execute(
            "create table if not exists records "
            "(seq integer primary key autoincrement, crc integer not null, record blob not null)"
        )
        self._db.execute("commit")
        if not self.path.exists():
            # Whoever adopts files took it for an abandoned one between its making and our lock.
            raise InUseError(self.path.name)
        self._files = [_identity(self.path), _identity(self._log)]

    def _begin_again(self) -> None:
        """Gives a file that was emptied its first page, or SQLite would remove the log with all records.

        Whoever has the file has written that page before the log; so this is nobody's who just makes one.
        """
        try:
            if self.path.stat().st_size or not self._log.stat().st_size:
                return
            page = first_page(self._log.read_bytes(), PAGE_BYTES)
            if page is None:
                raise DamagedError("it is empty, and its log is not")
            with self.path.open("r+b") as file:
                file.write(page)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error

    def _mend(self) -> bytes | None:
        try:
            return mend(self._log.read_bytes(), PAGE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SpoolError(f"{self._log}: {error.strerror}") from error

    @property
    def is_gone(self) -> bool:
        """Whether somebody has removed the file or its log: what we write has no name, and ends with us."""
        return self._mended is None and self._files != [_identity(self.path), _identity(self._log)]

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
        self._refuse_damage()
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
        self._log.unlink(missing_ok=True)
        self.let_go()

    def count(self) -> int:
        """How many records there are.

        Raises:
            DamagedError: the file cannot be read.
        """
        self._refuse_damage()
        with _translated():
            return int(self._db.execute("select count(*) from records").fetchone()[0])

    def _refuse_damage(self) -> None:
        if self._mended is not None:
            raise DamagedError("frames lie behind damage in the log")

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
        """What can still be read of a damaged file, each record by itself.

        Raises:
            SpoolError: there is no room for the copy that it takes where the log is damaged.
            DamagedError: nor is that copy readable.
        """
        if self._mended is None:
            yield from self._readable()
            return
        copy = self._mended_copy(self._mended)
        try:
            yield from copy.readable()
        finally:
            copy.discard()

    def _mended_copy(self, log: bytes) -> "Spool":
        """The file as it would be without the damage to its log, by a name that nobody adopts."""
        path = self.path.with_name(self.path.name + MENDED)
        try:
            # To close any descriptor of the file drops SQLite's lock on it (POSIX): it stays open.
            self._held = self._held or self.path.open("rb")
            self._held.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(self._held, copy)
            Path(f"{path}-wal").write_bytes(log)
        except OSError as error:
            raise SpoolError(f"{path}: {error.strerror}") from error
        return Spool(path, self._sync, self._max_bytes)

    def _readable(self) -> Iterator[Row]:
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
        """Lets go of the file; one without records is removed, and what is damaged put out of the way."""
        if self._mended is not None:
            self.set_aside()
            return
        try:
            with _translated():
                empty = self._db.execute("select 1 from records limit 1").fetchone() is None
                if empty and not self.is_gone:
                    # While the lock is held: whoever waits for it sees that the file is gone. SQLite leaves
                    # the log of a file that is gone alone.
                    self.path.unlink(missing_ok=True)
                    self._log.unlink(missing_ok=True)
        except (SpoolError, DamagedError, OSError):
            pass
        finally:
            self.let_go()

    def set_aside(self) -> Path:
        """Closes a damaged file and gives it a name by which nobody takes it for a good one."""
        # Before it is closed, when SQLite would cut the log, or remove it by the name that it knows.
        target = rename_damaged(self.path)
        self.let_go()
        return target

    def forget(self) -> None:
        """Closes a file of which somebody has removed a part, and removes the rest: records are copied."""
        for path, ours in zip((self.path, self._log), self._files, strict=True):
            if _identity(path) == ours:
                path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """Closes the file as it is."""
        self.is_closed = True
        self._db.close()
        if self._held is not None:
            self._held.close()

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


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has the name, or None where none has."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SpoolError(f"{path}: {error.strerror}") from error
    return found.st_dev, found.st_ino


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
