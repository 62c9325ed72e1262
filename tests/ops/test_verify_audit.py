"""The command that verifies every chain: what is intact, what is not, and what only a kept head tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import verify_audit
from ops.verify_audit import Head, main, read_heads
from tests.actors import Connection, Organization, connect, make_organization
from tests.db.auditing import NOTHING_BEFORE, hand_over, record, seal
from tests.db.test_audit_chain import unguarded
from tests.harness import RunningStack
from tests.ops.migrating import new_database

PLATFORM = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def office(stack: RunningStack) -> Iterator[tuple[str, Connection, Organization]]:
    """A database of its own, since chains are broken here, and an organisation with a sealed history."""
    with new_database(stack) as database, connect(database) as db:
        organization = make_organization(db)
        hand_over(database, *(record(organization, organization.member) for _ in range(30)))
        while seal(database):
            pass
        yield database, db, organization


def run(database: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit code, the heads and what is said about chains."""
    code = main(arguments, {"DATABASE_URL": database})
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_chain_is_read_to_its_end_and_its_head_is_printed(
    office: tuple[str, Connection, Organization],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    database, db, organization = office
    # Several calls a chain, as with more links than one call reads.
    monkeypatch.setattr(verify_audit, "RANGE", 7)
    links = db.execute("select chain_id::text, count(*) as n from app.audit_chain group by 1").fetchall()
    code, heads, said = run(database, capsys)
    assert code == 0
    kept = tmp_path / "heads"
    kept.write_text(heads)
    assert {chain: head.position for chain, head in read_heads(kept).items()} == {
        row["chain_id"]: row["n"] for row in links
    }
    assert {PLATFORM, organization.id} <= {row["chain_id"] for row in links}
    assert said == f"{len(links)} chains, {sum(row['n'] for row in links)} links, 0 broken\n"
    # Nothing was written about it, and the same heads are good for the next time.
    assert run(database, capsys, "--heads", str(kept)) == (0, heads, said)


def test_a_change_in_the_last_of_many_ranges_is_found_and_the_head_that_was_kept_stays(
    office: tuple[str, Connection, Organization],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    database, db, organization = office
    monkeypatch.setattr(verify_audit, "RANGE", 7)
    kept = tmp_path / "heads"
    kept.write_text(run(database, capsys)[1])
    hand_over(database, record(organization, organization.member))
    seal(database)
    row = db.execute(
        """
        select position, entry_id::text from app.audit_chain
        where chain_id = %s order by position desc limit 1
        """,
        [organization.id],
    ).fetchone()
    assert row is not None
    with unguarded(db):
        db.execute("update public.audit_logs set action = 'x' where id = %s", [row["entry_id"]])
    code, heads, said = run(database, capsys, "--heads", str(kept))
    assert code == 1
    assert f"BROKEN {organization.id}: changed_entry at {row['position']}, entry {row['entry_id']}\n" in said
    assert heads == kept.read_text()
    assert organization.id not in run(database, capsys)[1]


def test_a_chain_that_was_removed_altogether_is_missed_by_its_head(
    office: tuple[str, Connection, Organization], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    database, db, organization = office
    kept = tmp_path / "heads"
    kept.write_text(run(database, capsys)[1])
    position = read_heads(kept)[organization.id].position
    with unguarded(db):
        db.execute("delete from public.organizations where id = %s", [organization.id])
        db.execute("delete from public.audit_logs where organization_id = %s", [organization.id])
        for table in ("app.audit_chain", "app.audit_heads", "app.audit_unsealed"):
            db.execute(f"delete from {table} where chain_id = %s".encode(), [organization.id])
    seal(database)
    assert run(database, capsys)[0] == 0
    code, _, said = run(database, capsys, "--heads", str(kept))
    assert code == 1
    assert f"BROKEN {organization.id}: truncated at {position}\n" in said


def test_entries_of_which_all_else_was_removed_are_a_chain_still(
    office: tuple[str, Connection, Organization], capsys: pytest.CaptureFixture[str]
) -> None:
    database, db, organization = office
    with unguarded(db):
        db.execute("delete from public.organizations where id = %s", [organization.id])
        for table in ("app.audit_chain", "app.audit_heads", "app.audit_unsealed"):
            db.execute(f"delete from {table} where chain_id = %s".encode(), [organization.id])
    code, _, said = run(database, capsys)
    assert code == 1
    assert f"BROKEN {organization.id}: unlinked_entry, entry " in said


def test_what_it_cannot_ask_is_neither_intact_nor_broken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres?connect_timeout=2"
    assert run(nowhere, capsys)[0] == 2
    kept = tmp_path / "heads"
    kept.write_text(f"{PLATFORM}\t7\t{NOTHING_BEFORE}\n{PLATFORM} 7\n")
    code, _, said = run(nowhere, capsys, "--heads", str(kept))
    assert (code, "line 2" in said) == (2, True)
    assert run(nowhere, capsys, "--heads", str(tmp_path / "none"))[0] == 2
    with pytest.raises(SystemExit) as ended:
        main([], {})
    assert ended.value.code == 2


def test_heads_are_read_as_they_are_printed(tmp_path: Path) -> None:
    kept = tmp_path / "heads"
    kept.write_text(f"{PLATFORM}\t7\t{NOTHING_BEFORE}\n")
    assert read_heads(kept) == {PLATFORM: Head(7, NOTHING_BEFORE)}
