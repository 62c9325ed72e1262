"""What the audit has of a run once all is sent and sealed, read from the database itself."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from bff.audit.refused import REFUSED
from bff.audit.spool import DAMAGED, paths, project_of
from ops.verify_audit import verify
from tests.actors import Connection, connect
from tests.harness import RunningBff, RunningStack, running_bff, wait_until
from tests.load.tally import Entries, Tally, differences
from tests.metering import scrape

# Everything that a run has left behind; a batch takes tens of milliseconds, and the stack seals every 3 s.
DRAIN_SECONDS = 60.0
SEAL_SECONDS = 120.0

RECORDED: LiteralString = """
select action, response_status::text as second, sum(coalesce((metadata ->> 'count')::int, 1))::int as number
from public.audit_logs where organization_id = any (%s::uuid[]) and metadata ->> 'source' = 'request'
group by 1, 2
"""
CHANGED: LiteralString = """
select action, resource_type as second, count(*)::int as number
from public.audit_logs where organization_id = any (%s::uuid[]) and metadata ->> 'source' = 'row'
group by 1, 2
"""
# Counts have no request of their own.
TWICE: LiteralString = """
select count(*)::int - count(distinct metadata ->> 'request_id')::int as number
from public.audit_logs
where organization_id = any (%s::uuid[]) and metadata ->> 'source' = 'request' and not metadata ? 'count'
"""
STRAY: LiteralString = """
select count(*)::int as number from public.audit_logs l
where l.organization_id = any (%s::uuid[]) and l.metadata ->> 'source' = 'row'
    and l.metadata ->> 'request_id' is not null
    and not exists (
        select from public.audit_logs r
        where r.organization_id = l.organization_id and r.metadata ->> 'source' = 'request'
            and r.metadata ->> 'request_id' = l.metadata ->> 'request_id'
    )
"""
ENTRIES: LiteralString = (
    "select count(*)::int as number from public.audit_logs where organization_id = any (%s::uuid[])"
)
UNSEALED: LiteralString = (
    "select count(*)::int as number from app.audit_unsealed where chain_id = any (%s::uuid[])"
)


@dataclass(frozen=True)
class Audited:
    """What was made, and what the audit has of it.

    Attributes:
        made: requests that must be recorded.
        recorded: those that are, one by one or as a count.
        changes: entries of rows that those requests must have left.
        changed: those that are there.
        unanswered: requests that broke off, of which there may be a record.
        wrong: what does not agree, in words.
        entries: all that the offices' log holds.
        links: of the offices' chains.
        chains: that were read, the platform's too.
        broken: what is wrong with chains, in words.
    """

    made: int
    recorded: int
    changes: int
    changed: int
    unanswered: int
    wrong: list[str]
    entries: int
    links: int
    chains: int
    broken: list[str]


def drain(bff: RunningBff) -> None:
    """Waits until the BFF has handed over what it has recorded; counts of what repeats come at its end.

    Raises:
        TimeoutError: it has not.
    """
    wait_until(
        lambda: scrape(bff.url).get("audit_spool_records") == 0, seconds=DRAIN_SECONDS, what="an empty spool"
    )


def inherit(stack: RunningStack, spool: Path, log: Path) -> list[str]:
    """Has another BFF send what an ended one could not any more; what will never be sent, in words.

    Raises:
        TimeoutError: it does not.
    """
    left = paths(spool, project_of(stack.url))
    if left:
        with running_bff(stack.env, log, AUDIT_SPOOL_DIR=str(spool)):
            wait_until(
                lambda: not any(path.exists() for path in left), seconds=DRAIN_SECONDS, what="an empty spool"
            )
    refused = [path.name for path in spool.iterdir() if path.name == REFUSED or DAMAGED in path.name]
    return [f"{name}: records that the database does not have" for name in sorted(refused)]


def read_entries(db: Connection, organizations: Collection[str]) -> Entries:
    """What the log of these has."""
    recorded, changed = (
        Counter(
            {(row["action"], row["second"]): row["number"] for row in db.execute(query, [[*organizations]])}
        )
        for query in (RECORDED, CHANGED)
    )
    return Entries(recorded, changed)


def compare(database_url: str, organizations: Collection[str], tally: Tally, before: Entries) -> Audited:
    """What the offices' log has of all that was asked of them, once it is sealed; whether chains are intact.

    Args:
        database_url: role postgres.
        organizations: the ids of the offices.
        tally: what was asked of them.
        before: what their log had before.

    Raises:
        TimeoutError: what they have is not sealed in time.
    """
    ids = [*organizations]
    with connect(database_url) as db:
        wait_until(lambda: not _number(db, UNSEALED, ids), seconds=SEAL_SECONDS, what="all entries sealed")
        entries = read_entries(db, ids).since(before)
        wrong = differences(tally, entries)
        if twice := _number(db, TWICE, ids):
            wrong.append(f"{twice:,} requests are recorded more than once")
        if stray := _number(db, STRAY, ids):
            wrong.append(f"{stray:,} entries of rows are of requests that are not recorded")
        total = _number(db, ENTRIES, ids)
    findings = list(verify(database_url, {}))
    return Audited(
        made=tally.recorded.total(),
        recorded=entries.recorded.total(),
        changes=tally.changed.total(),
        changed=entries.changed.total(),
        unanswered=tally.unanswered.total(),
        wrong=wrong,
        entries=total,
        links=sum(each.checked for each in findings if each.chain_id in ids),
        chains=len(findings),
        broken=[f"{each.chain_id}: {each.problem['kind']}" for each in findings if each.problem is not None],
    )


def _number(db: Connection, query: LiteralString, organizations: list[str]) -> int:
    row = db.execute(query, [organizations]).fetchone()
    assert row is not None
    return int(row["number"])
