"""Who might see what, and when: kept by the database itself, at commit, whoever changed it."""

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.actors import SECTIONS, Connection

# Deferred, so that a row is written while its transaction commits, and dated by a trigger that the row itself
# defers: behind the event log's, which may wait seconds for another commit while nothing has changed yet.
JOURNAL = """
create schema prove;
create table prove.journal (
    place bigint generated always as identity primary key,
    at timestamptz not null,
    kind text not null,
    organization_id uuid not null,
    subject uuid not null,
    state jsonb
);
create table prove.pruned (organization_id uuid, seq bigint, event jsonb, primary key (organization_id, seq));
create function prove.note() returns trigger language plpgsql security definer set search_path = '' as $$
declare
    v_row jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
    insert into prove.journal (at, kind, organization_id, subject, state)
    values (
        clock_timestamp(), tg_argv[0], (v_row ->> 'organization_id')::uuid, (v_row ->> tg_argv[1])::uuid,
        case when tg_op <> 'DELETE' then v_row end
    );
    return null;
end;
$$;
create function prove.date() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    update prove.journal set at = clock_timestamp() where place = new.place;
    return null;
end;
$$;
create constraint trigger dated after insert on prove.journal
    deferrable initially deferred for each row execute function prove.date();
create constraint trigger zz_journal after insert or update or delete on public.organization_members
    deferrable initially deferred for each row execute function prove.note('member', 'user_id');
create constraint trigger zz_journal after insert or update or delete on public.tiers
    deferrable initially deferred for each row execute function prove.note('tier', 'id');
create constraint trigger zz_journal after insert or update or delete on public.assets
    deferrable initially deferred for each row execute function prove.note('asset', 'id');
"""
READ = """
select extract(epoch from at)::float as at, kind, organization_id::text, subject::text, state
from prove.journal order by at, place
"""
ALL = frozenset(SECTIONS)
# How long after its journal row a change may still be invisible: the rest of its commit.
COMMIT_SECONDS = 1.0


@dataclass(frozen=True)
class Rights:
    """Who may see what from `at` (Unix seconds) on."""

    at: float = 0.0
    members: Mapping[tuple[str, str], tuple[str, str | None]] = field(default_factory=dict)
    """(organisation, user) -> role, tier."""
    tiers: Mapping[tuple[str, str], tuple[frozenset[str], bool]] = field(default_factory=dict)
    """(organisation, tier) -> sections, whether it is the default one."""
    assets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(organisation, asset) -> section."""

    def sections(self, organization_id: str, user_id: str) -> frozenset[str]:
        """The sections that a user may see there: none, for those who are no members."""
        role, tier = self.members.get((organization_id, user_id), ("", None))
        if role in ("owner", "admin", "manager"):
            return ALL
        if not role:
            return frozenset()
        for (organization, each), (sections, is_default) in self.tiers.items():
            if organization == organization_id and (each == tier or (tier is None and is_default)):
                return sections
        return frozenset()

    def sees(self, organization_id: str, user_id: str, assets: Sequence[str]) -> bool:
        """Whether all of these are assets of that organisation that the user may see."""
        sections = self.sections(organization_id, user_id)
        return all(self.assets.get((organization_id, asset)) in sections for asset in assets)

    def sections_of(self, organization_id: str) -> dict[str, str]:
        """The section of each asset of an organisation."""
        return {asset: section for (each, asset), section in self.assets.items() if each == organization_id}

    def changed(self, row: Mapping[str, Any]) -> "Rights":
        """The rights after a row of the journal."""
        key, state = (row["organization_id"], row["subject"]), row["state"]
        if row["kind"] == "member":
            value: Any = state and (state["role"], state["tier_id"])
            return replace(self, at=row["at"], members=_put(self.members, key, value))
        if row["kind"] == "tier":
            shown = state and state["sections"]
            value = state and (ALL if shown is None else frozenset(shown), bool(state["is_default"]))
            return replace(self, at=row["at"], tiers=_put(self.tiers, key, value))
        return replace(self, at=row["at"], assets=_put(self.assets, key, state and state["section"]))


def _put(known: Mapping[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    rest = {each: known[each] for each in known if each != key}
    return {**rest, key: value} if value else rest


class Journal:
    """The rights over time."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.rights = [Rights()]
        for row in rows:
            self.rights.append(self.rights[-1].changed(row))

    def between(self, begin: float, end: float) -> Iterator[Rights]:
        """The rights in force at any time from `begin` to `end` (Unix seconds)."""
        first = bisect.bisect_right(self.rights, begin - COMMIT_SECONDS, key=lambda each: each.at)
        for rights in self.rights[max(0, first - 1) :]:
            if rights.at > end:
                return
            yield rights

    def after(self, time: float) -> Sequence[Rights]:
        """The changes after a time, and first what held then."""
        first = bisect.bisect_right(self.rights, time, key=lambda each: each.at)
        return self.rights[max(0, first - 1) :]


def keep_journal(db: Connection) -> None:
    """Has the database keep its journal, in a schema of its own. For a stack of the run's own only."""
    db.execute(JOURNAL.encode())
