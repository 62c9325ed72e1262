"""Files whose process is gone, and what can be saved of those that are damaged; blocks."""

from pathlib import Path

import structlog

from bff.audit.keeper import AuditConfig, Counts
from bff.audit.spool import DamagedError, InUseError, Spool, SpoolError, new_path, paths, rename_damaged

log = structlog.get_logger(__name__)


class Orphans:
    """Finds and saves them, for the disk's thread.

    Args:
        config: where they are.
        counts: kept up to date.
    """

    def __init__(self, config: AuditConfig, counts: Counts) -> None:
        self._config = config
        self._counts = counts
        self.unopened: frozenset[Path] = frozenset()
        """Those that the disk does not let us open."""

    def find(self, ours: set[Path]) -> list[tuple[Spool, int, int]]:
        """Those but `ours`, opened, with their records and bytes."""
        found = []
        unopened = set()
        for path in paths(self._config.folder, self._config.project):
            if path in ours:
                continue
            try:
                spool = Spool(path, self._config.sync, self._config.max_bytes)
            except InUseError:
                continue
            except SpoolError as error:
                unopened.add(path)
                if path not in self.unopened:
                    log.error("audit_spool_unopened", file=path.name, error=str(error))  # noqa: TRY400
                continue
            except DamagedError as error:
                self._give_up(rename_damaged(path), str(error))
                continue
            try:
                records, used = spool.count(), spool.used_bytes
            except DamagedError:
                try:
                    spool, records, used = self.move_readable(spool)
                except SpoolError:
                    # No room now: tried again when its turn comes.
                    records, used = 1, 0
            if records:
                found.append((spool, records, used))
            else:
                spool.close()
        self.unopened = frozenset(unopened)
        return found

    def move_readable(self, spool: Spool) -> tuple[Spool, int, int]:
        """Another file with what can be read of this one, its records and bytes; this one is put aside.

        Raises:
            SpoolError: no other can be written.
        """
        rescued = Spool(
            new_path(self._config.folder, self._config.project), self._config.sync, self._config.max_bytes
        )
        try:
            rescued.append([row.record for row in spool.readable()])
        except BaseException:
            rescued.close()
            raise
        count = rescued.count()
        if spool.is_gone:
            spool.forget()
            self._counts.damaged += 1
        else:
            self._give_up(spool.set_aside(), f"{count} records could be read")
        return rescued, count, rescued.used_bytes

    def _give_up(self, path: Path, error: str) -> None:
        self._counts.damaged += 1
        log.error("audit_spool_damaged", file=path.name, error=error)
