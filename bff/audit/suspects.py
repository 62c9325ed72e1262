"""Finds the record that the database breaks over, among others that it would take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bff.audit.spool import Row, Spool

# So many records failed alone, one after the other: the database refuses all, and none of them is to blame.
SUSPECTS: Final = 20
# A record is to blame when it failed alone so often, and others passed each time after it: once, the database
# may just have come to itself.
STRIKES: Final = 3


class Suspect(NamedTuple):
    """A record that failed alone, and what the database said."""

    spool: Spool
    row: Row
    reason: str


class Suspects:
    """Records that failed alone and are left out until others have passed, or none has."""

    def __init__(self) -> None:
        self._present: list[Suspect] = []
        self._strikes: dict[tuple[Path, int], int] = {}

    def add(self, suspect: Suspect) -> bool:
        """Whether it may be to blame; else so many failed that it is the database, and all are acquitted."""
        self._present.append(suspect)
        if len(self._present) <= SUSPECTS:
            return True
        self._present.clear()
        return False

    def acquit(self) -> str | None:
        """Lets all go, as nothing is there to compare them with; what the last one failed with."""
        reason = self._present[-1].reason if self._present else None
        self._present.clear()
        return reason

    def of(self, spool: Spool) -> list[int]:
        """The `seq` of those in a file."""
        return [each.row.seq for each in self._present if each.spool is spool]

    def forget(self, spool: Spool) -> None:
        """The file is no longer sent from: what could be read of it is in another one."""
        self._present = [each for each in self._present if each.spool is not spool]
        self._strikes = {key: count for key, count in self._strikes.items() if key[0] != spool.path}

    def convict(self) -> Iterator[Suspect]:
        """Others have passed: those to blame; the rest is tried again."""
        present, self._present = self._present, []
        for suspect in present:
            key = suspect.spool.path, suspect.row.seq
            self._strikes[key] = self._strikes.get(key, 0) + 1
            if self._strikes[key] >= STRIKES:
                del self._strikes[key]
                yield suspect
