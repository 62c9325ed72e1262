"""`python -m ops.verify_audit [--heads FILE]`: verifies every chain of the audit log, changes nothing.

From the first link to the last, the platform's chain too, against the heads that an earlier run has printed.
Prints the heads of today, to be kept where the dashboard's users cannot change them; what is wrong goes to
standard error. Exit code 0: all chains are intact; 1: one is not; 2: it could not be asked.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from ops.database import connect

# Links a call: about a second's work, so that none of them holds anything up.
RANGE: Final = 25_000
STATEMENT_MS: Final = 60_000
HEAD: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\t(\d{1,18})\t([0-9a-f]{64})")

# From one to the next by the indexes: of a large log only the chains are read. Whatever has an entry, a link,
# a head or something that waits has a chain, even if its organisation is gone or the rest was removed.
CHAINS: Final = """
with recursive of_entries as (
    (select l.organization_id as id from public.audit_logs l where l.organization_id is not null
     order by l.organization_id limit 1)
    union all
    select (select l.organization_id from public.audit_logs l where l.organization_id > e.id
            order by l.organization_id limit 1)
    from of_entries e where e.id is not null
), of_links as (
    (select c.chain_id as id from app.audit_chain c order by c.chain_id limit 1)
    union all
    select (select c.chain_id from app.audit_chain c where c.chain_id > k.id order by c.chain_id limit 1)
    from of_links k where k.id is not null
)
select app.chain_of(null)::text
union select id::text from of_entries where id is not null
union select id::text from of_links where id is not null
union select chain_id::text from app.audit_heads
union select chain_id::text from app.audit_unsealed
union select id::text from public.organizations
order by 1
"""


class HeadsError(Exception):
    """The file of heads is not one that this command has printed."""


@dataclass(frozen=True)
class Head:
    """Where a chain ended: its last position, and that link's hash in hexadecimal."""

    position: int
    hash: str


@dataclass(frozen=True)
class Finding:
    """What came of one chain; `problem` is null where it is intact, or one of the kinds of docs/audit.md."""

    chain_id: str
    head: Head
    checked: int
    problem: Mapping[str, Any] | None


def read_heads(path: Path) -> dict[str, Head]:
    """The heads in a file, by their chains.

    Raises:
        HeadsError: a line is something else.
        OSError: it cannot be read.
    """
    heads = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        match = HEAD.fullmatch(line)
        if match is None:
            raise HeadsError(
                f"{path}, line {number}: a chain, a position and a hash are expected, with tabs between"
            )
        heads[match[1]] = Head(int(match[2]), match[3])
    return heads


def verify(url: str, known: Mapping[str, Head]) -> Iterator[Finding]:
    """Reads each chain to its end, those too of which only a head is known.

    Raises:
        psycopg.Error: the database does not answer, refuses, or takes too long.
    """
    with connect(url, autocommit=True) as connection:
        connection.read_only = True
        connection.execute(f"set statement_timeout = {STATEMENT_MS}")
        chains = {str(row[0]) for row in connection.execute(CHAINS)}
        for chain_id in sorted(chains | known.keys()):
            yield _read(connection, chain_id, known.get(chain_id))


def _read(connection: psycopg.Connection, chain_id: str, known: Head | None) -> Finding:
    head = None if known is None else Jsonb({"position": known.position, "hash": known.hash})
    position: int | None = 1
    checked = 0
    while position is not None:
        row = connection.execute(
            "select app.check_chain(%s::uuid, %s::bigint, %s, %s)", [chain_id, position, RANGE, head]
        ).fetchone()
        assert row is not None  # noqa: S101 - a function answers one row
        answer: Mapping[str, Any] = row[0]
        checked += answer["checked"]
        position = answer["next_position"]
    ended = Head(answer["head"]["position"], answer["head"]["hash"])
    return Finding(chain_id, ended, checked, answer["problem"])


def report(findings: Iterable[Finding], known: Mapping[str, Head]) -> bool:
    """Prints heads and what is wrong as it is found; whether all was intact.

    Of a broken chain the head that was known stays the one to keep.
    """
    count, links, broken = 0, 0, 0
    for finding in findings:
        count += 1
        links += finding.checked
        keep: Head | None = finding.head
        if finding.problem is not None:
            broken += 1
            keep = known.get(finding.chain_id)
            where = "" if finding.problem["position"] is None else f" at {finding.problem['position']}"
            entry = "" if finding.problem["entry_id"] is None else f", entry {finding.problem['entry_id']}"
            sys.stderr.write(f"BROKEN {finding.chain_id}: {finding.problem['kind']}{where}{entry}\n")
        if keep is not None:
            sys.stdout.write(f"{finding.chain_id}\t{keep.position}\t{keep.hash}\n")
    sys.stderr.write(f"{count} chains, {links} links, {broken} broken\n")
    return not broken


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="DATABASE_URL=… python -m ops.verify_audit")
    parser.add_argument("--heads", type=Path, help="what an earlier run has printed")
    parsed = parser.parse_args(arguments)
    url = environment.get("DATABASE_URL")
    if not url:
        parser.error("whose audit log? Set DATABASE_URL, role postgres")
    try:
        known = {} if parsed.heads is None else read_heads(parsed.heads)
        return 0 if report(verify(url, known), known) else 1
    except (HeadsError, OSError, psycopg.Error) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
