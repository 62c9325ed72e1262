"""Which functions of the migrations the tests have called, counted by Postgres itself (track_functions).

A call that ends in an error counts for nothing there; Postgres' log names the functions that it went through.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

# What the migrations make, but for what extensions bring along.
FUNCTIONS = """
    select n.nspname || '.' || p.proname, l.lanname, string_agg(p.prosrc, ' ')
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    join pg_language l on l.oid = p.prolang
    where n.nspname in ('public', 'app')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    group by 1, 2
"""
CALLED = "select schemaname || '.' || funcname from pg_stat_user_functions where calls > 0"
# Where functions are called that no function calls: policies, views and indexes.
EXPRESSIONS = """
    select concat_ws(' ', qual, with_check) from pg_policies
    union all select definition from pg_views where schemaname in ('public', 'app')
    union all select indexdef from pg_indexes where schemaname in ('public', 'app')
"""


IN_LOG = re.compile(r"(?:PL/pgSQL|SQL) function ([a-z_]+\.[a-z_0-9]+)\(")


@dataclass
class FunctionCoverage:
    """What was called so far, over all databases of the run."""

    called: set[str] = field(default_factory=set)
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    expressions: str = ""

    def add(self, conninfo: str, log: Path) -> None:
        """Counts a database in, before it goes, and what Postgres' log holds, the part put aside too."""
        for part in (log, log.with_suffix(".log.1")):
            if part.exists():
                self.called |= set(IN_LOG.findall(part.read_text(errors="replace")))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            self.called |= {row[0] for row in connection.execute(CALLED)}
            self.sources = {row[0]: (row[1], row[2]) for row in connection.execute(FUNCTIONS)}
            self.expressions = " ".join(row[0] for row in connection.execute(EXPRESSIONS))

    def counted(self) -> dict[str, Any]:
        """All of it, as what one process of a run can send to another."""
        return {"called": sorted(self.called), "sources": self.sources, "expressions": self.expressions}

    def merge(self, counted: Mapping[str, Any]) -> None:
        """Takes in what another process has counted."""
        self.called |= set(counted["called"])
        self.sources = self.sources or {name: tuple(source) for name, source in counted["sources"].items()}
        self.expressions = self.expressions or counted["expressions"]

    def uncalled(self) -> list[str]:
        """The functions that nothing has called.

        Postgres does not count SQL functions that it inlines: those count as called where a called function,
        a policy, a view or an index names them.
        """
        covered = set(self.called)
        text = self.expressions
        known: set[str] = set()
        while covered - known:
            text += " ".join(self.sources[name][1] for name in covered - known if name in self.sources)
            known = set(covered)
            covered |= {
                name
                for name, (language, _) in self.sources.items()
                if language == "sql" and re.search(rf"\b{re.escape(name)}\(", text)
            }
        return sorted(set(self.sources) - covered)


def count_calls(admin_conninfo: str) -> None:
    """Has Postgres count calls, in all sessions."""
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        admin.execute("alter system set track_functions = 'all'")
        admin.execute("select pg_reload_conf()")
