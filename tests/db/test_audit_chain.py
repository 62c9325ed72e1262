"""The chain over the audit log: what was changed, removed, slipped in or cut off is found."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.actors import (
    Connection,
    Organization,
    as_service,
    as_user,
    connect,
    make_organization,
    refused,
    rpc,
)
from tests.db.auditing import (
    NOTHING_BEFORE,
    entries,
    export,
    first_fault,
    hand_over,
    record,
    seal,
    verify,
)
from tests.db.booking import at, book, cancel

WRITERS = 8
ACTS_EACH = 40


@contextmanager
def unguarded(db: Connection) -> Iterator[None]:
    """What the tables' owner can do: take the guards away, and put them back."""
    for table in ("public.audit_logs", "app.audit_chain"):
        db.execute(f"alter table {table} disable trigger append_only".encode())
    try:
        yield
    finally:
        for table in ("public.audit_logs", "app.audit_chain"):
            db.execute(f"alter table {table} enable always trigger append_only".encode())


@pytest.fixture
def sealed(database: str, organization: Organization) -> Organization:
    """An organisation with some history, all of it sealed."""
    with as_user(database, organization.member) as member:
        cancel(member, book(member, organization.assets["planes"], at(3), at(3, 12), notes="Ñandú 🛩 'x'"))
    hand_over(
        database,
        record(organization, organization.member, request_body={"b": 1.10, "a": "=2+2", "é": None},
               user_agent="=cmd|'/c calc'!A1", ip_address="2001:db8::1", error_message=""),
        record(organization, organization.owner, user_agent="", created_at="2026-01-01T00:00:00+02:00"),
    )  # fmt: skip
    while seal(database):
        pass
    return organization


def test_an_auditor_recomputes_the_chain_from_the_export_alone(
    database: str, db: Connection, sealed: Organization
) -> None:
    rows = export(database, sealed)
    assert first_fault(sealed.id, rows) is None
    assert [row["action"] for row in rows[-1:]] == ["export"]
    assert {row["id"] for row in rows} == {str(entry["id"]) for entry in entries(db, sealed.id)}
    with as_user(database, sealed.owner) as owner:
        head = rpc(owner, "audit_chain_head", p_organization_id=sealed.id)
    assert (str(head["position"]), head["hash"]) == (rows[-1]["position"], rows[-1]["hash"])
    rows[3]["action"] = "forged"
    assert first_fault(sealed.id, rows) == "4: changed"


def test_entries_are_sealed_in_the_order_of_their_time(database: str, sealed: Organization) -> None:
    rows = export(database, sealed)
    # The one that came late, of long ago, was sealed with its batch.
    times = [row["created_at"] for row in rows if row["sealed_at"] == rows[0]["sealed_at"]]
    assert len(times) > 5
    assert times == sorted(times)


def test_an_intact_chain_is_verified_in_ranges(database: str, sealed: Organization) -> None:
    whole = verify(database, sealed)
    assert (whole["intact"], whole["problem"], whole["next_position"]) == (True, None, None)
    assert whole["checked"] == whole["sealed"] == whole["head"]["position"] > 15
    position: int | None = 1
    checked = 0
    while position is not None:
        part = verify(database, sealed, p_from=position, p_limit=4)
        assert part["intact"]
        checked += part["checked"]
        position = part["next_position"]
    assert checked == whole["sealed"]


COLUMN_CHANGES = {
    "id": "gen_random_uuid()",
    "created_at": "created_at + interval '1 microsecond'",
    "user_id": "gen_random_uuid()",
    "organization_id": "gen_random_uuid()",
    "action": "'x'",
    "resource_type": "'x'",
    "resource_id": "gen_random_uuid()",
    "ip_address": "'10.9.8.7'",
    "user_agent": "'x'",
    "request_method": "'x'",
    "request_path": "'x'",
    "request_body": "'1'",
    "response_status": "599",
    "error_message": "'x'",
    "duration_ms": "1.001",
    "metadata": "metadata || '{\"x\": 1}'",
}


@pytest.mark.parametrize("column", COLUMN_CHANGES)
def test_whatever_is_changed_of_an_entry_is_found(
    database: str, db: Connection, sealed: Organization, column: str
) -> None:
    with unguarded(db):
        changed = db.execute(
            f"""
            update public.audit_logs set {column} = {COLUMN_CHANGES[column]}
            where id = (select entry_id from app.audit_chain where chain_id = %s and position = 5)
            """.encode(),
            [sealed.id],
        )
    assert changed.rowcount == 1
    problem = verify(database, sealed)["problem"]
    assert (problem["kind"], problem["position"]) == (
        "missing_entry" if column == "id" else "changed_entry", 5,
    )  # fmt: skip


TAMPERINGS: dict[str, tuple[str, str, int | None]] = {
    "an entry is removed": (
        """
        delete from public.audit_logs where id =
            (select entry_id from app.audit_chain where chain_id = %(org)s and position = 4)
        """,
        "missing_entry",
        4,
    ),
    "a link is removed": (
        "delete from app.audit_chain where chain_id = %(org)s and position = 4",
        "missing_link",
        4,
    ),
    "the first link is removed": (
        "delete from app.audit_chain where chain_id = %(org)s and position = 1",
        "missing_link",
        1,
    ),
    "entry and link are removed": (
        """
        with gone as (
            delete from app.audit_chain where chain_id = %(org)s and position = 6 returning entry_id
        )
        delete from public.audit_logs where id in (select entry_id from gone)
        """,
        "missing_link",
        6,
    ),
    "a link's hash is changed": (
        "update app.audit_chain set hash = sha256('x') where chain_id = %(org)s and position = 4",
        "changed_entry",
        4,
    ),
    "a link names another before it": (
        "update app.audit_chain set previous_hash = sha256('x') where chain_id = %(org)s and position = 4",
        "broken_link",
        4,
    ),
    "a link says another time": (
        """
        update app.audit_chain set sealed_at = sealed_at - interval '1 year'
        where chain_id = %(org)s and position = 4
        """,
        "changed_entry",
        4,
    ),
    "the end is removed": (
        "delete from app.audit_chain where chain_id = %(org)s and position > 7",
        "missing_link",
        8,
    ),
    "an entry is slipped in": (
        """
        insert into public.audit_logs (organization_id, action, created_at)
        values (%(org)s, 'forged', now() - interval '1 day')
        """,
        "unlinked_entry",
        None,
    ),
    "an entry was removed before it was sealed": (
        "insert into app.audit_unsealed values (%(org)s, now(), gen_random_uuid())",
        "missing_entry",
        None,
    ),
    "a sealed entry waits again": (
        """
        insert into app.audit_unsealed (chain_id, created_at, entry_id)
        select chain_id, now(), entry_id from app.audit_chain where chain_id = %(org)s and position = 4
        """,
        "stalled",
        None,
    ),
    "another organisation's entry waits here": (
        """
        insert into app.audit_unsealed (chain_id, created_at, entry_id)
        select %(org)s, created_at, id from public.audit_logs where organization_id is null limit 1
        """,
        "stalled",
        None,
    ),
    "nobody has sealed for long": (
        """
        update app.audit_unsealed set waiting_since = now() - interval '11 minutes' where chain_id = %(org)s
        """,
        "stalled",
        None,
    ),
    "the head is moved": (
        "update app.audit_heads set position = position - 1 where chain_id = %(org)s",
        "beyond_head",
        0,
    ),
    "the head is another": (
        "update app.audit_heads set hash = sha256('x') where chain_id = %(org)s",
        "beyond_head",
        0,
    ),
}


def test_a_networks_mask_is_part_of_what_is_sealed(
    database: str, db: Connection, sealed: Organization
) -> None:
    with unguarded(db):
        changed = db.execute(
            """
            update public.audit_logs set ip_address = set_masklen(ip_address, 8)
            where organization_id = %s and ip_address is not null
            """,
            [sealed.id],
        )
    assert changed.rowcount == 1
    assert verify(database, sealed)["problem"]["kind"] == "changed_entry"


@pytest.mark.parametrize("name", TAMPERINGS)
def test_it_is_found_that(database: str, db: Connection, sealed: Organization, name: str) -> None:
    statement, kind, position = TAMPERINGS[name]
    before = verify(database, sealed)
    assert before["intact"]
    with unguarded(db):
        assert db.execute(statement.encode(), {"org": sealed.id}).rowcount > 0
    answer = verify(database, sealed)
    assert not answer["intact"]
    assert answer["next_position"] is None
    assert answer["problem"]["kind"] == kind
    assert answer["problem"]["position"] == (before["sealed"] if position == 0 else position)


def test_the_first_fault_is_told_and_its_entry(database: str, db: Connection, sealed: Organization) -> None:
    row = db.execute(
        "select entry_id::text as id from app.audit_chain where chain_id = %s and position = 3", [sealed.id]
    ).fetchone()
    with unguarded(db):
        db.execute(
            "update public.audit_logs set action = 'x' where id in"
            " (select entry_id from app.audit_chain where chain_id = %s and position in (3, 9))",
            [sealed.id],
        )
    assert row is not None
    assert verify(database, sealed)["problem"] == {
        "kind": "changed_entry", "position": 3, "entry_id": row["id"],
    }  # fmt: skip
    # A range is judged for itself.
    assert verify(database, sealed, p_from=4, p_limit=3)["intact"]
    assert verify(database, sealed, p_from=4, p_limit=6)["problem"]["position"] == 9


def test_only_a_known_head_proves_that_the_end_was_cut_off(
    database: str, db: Connection, sealed: Organization
) -> None:
    with as_user(database, sealed.owner) as owner:
        known = rpc(owner, "audit_chain_head", p_organization_id=sealed.id)
    assert verify(database, sealed, p_known_head=known)["intact"]
    with unguarded(db):
        db.execute(
            """
            with gone as (
                delete from app.audit_chain where chain_id = %(org)s and position > 7 returning entry_id
            )
            delete from public.audit_logs where id in (select entry_id from gone)
            """,
            {"org": sealed.id},
        )
        db.execute("delete from public.audit_logs l where organization_id = %s and not exists"
                   " (select from app.audit_chain c where c.entry_id = l.id)", [sealed.id])  # fmt: skip
        db.execute("delete from app.audit_unsealed where chain_id = %s", [sealed.id])
        db.execute(
            """
            update app.audit_heads h set position = 7, hash = c.hash
            from app.audit_chain c
            where h.chain_id = %(org)s and c.chain_id = h.chain_id and c.position = 7
            """,
            {"org": sealed.id},
        )
    assert verify(database, sealed)["intact"]
    assert verify(database, sealed, p_known_head=known)["problem"]["kind"] == "truncated"
    other = {"position": 7, "hash": "ab" * 32}
    assert verify(database, sealed, p_known_head=other)["problem"]["kind"] == "rewritten"
    nothing = {"position": 0, "hash": NOTHING_BEFORE}
    assert verify(database, sealed, p_known_head=nothing)["intact"]


def seal_and_hear(database: str, about: Organization) -> list[str]:
    """Seals, as the schedule does; what the log of the database says about one chain."""
    told: list[str] = []
    with connect(database) as connection:
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        connection.execute("select public.seal_audit_logs()")
    return [line for line in told if about.id in line]


@pytest.mark.parametrize(
    "head",
    ["position = position - 1", "position = 9223372036854775807", "position = -5"],
)
def test_a_broken_chain_stops_no_other_and_can_be_exported(
    database: str, db: Connection, sealed: Organization, head: str
) -> None:
    other = make_organization(db)
    db.execute(f"update app.audit_heads set {head} where chain_id = %s".encode(), [sealed.id])
    db.execute("update public.organizations set ruc = '3' where id in (%s, %s)", [sealed.id, other.id])
    assert seal_and_hear(database, sealed) == [f"the audit chain {sealed.id} cannot be continued"]
    assert verify(database, other)["intact"]
    assert db.execute("select from app.audit_unsealed where chain_id = %s", [other.id]).rowcount == 1
    assert first_fault(sealed.id, export(database, sealed)) is None
    assert not verify(database, sealed)["intact"]
    # What could not be sealed waits until somebody has put the head right.
    db.execute(
        """
        update app.audit_heads h
        set position = (select max(c.position) from app.audit_chain c where c.chain_id = h.chain_id)
        where h.chain_id = %s
        """,
        [sealed.id],
    )
    assert seal_and_hear(database, sealed) == []
    assert verify(database, sealed)["intact"]


@pytest.mark.parametrize("table", ["app.audit_heads", "app.audit_unsealed"])
def test_a_chain_that_somebody_holds_locked_stops_no_other(
    database: str, db: Connection, sealed: Organization, table: str
) -> None:
    other = make_organization(db)
    db.execute("update public.organizations set ruc = '5' where id in (%s, %s)", [sealed.id, other.id])
    # The SQL editor, with a transaction that nobody ends.
    with connect(database) as editor, editor.transaction(force_rollback=True):
        editor.execute(f"select from {table} where chain_id = %s for update".encode(), [sealed.id])
        assert seal_and_hear(database, sealed) == [f"the audit chain {sealed.id} is held locked"]
        left = db.execute("select from app.audit_unsealed where chain_id = %s", [other.id])
        assert left.rowcount == 0
        assert verify(database, other)["intact"]
    assert seal_and_hear(database, sealed) == []
    answer = verify(database, sealed)
    assert (answer["intact"], answer["unsealed"]) == (True, 0)


def test_what_is_put_among_the_waiting_by_hand_stops_no_chain(
    database: str, db: Connection, sealed: Organization
) -> None:
    other = make_organization(db)
    for chain, source in (
        (sealed, "select entry_id as id from app.audit_chain where chain_id = %(sealed)s and position = 4"),
        # One that still waits for its own chain, and comes first here.
        (sealed, "select entry_id as id from app.audit_unsealed where chain_id = %(other)s limit 1"),
    ):
        db.execute(
            f"""
            insert into app.audit_unsealed (chain_id, created_at, entry_id)
            select %(chain)s, '2000-01-01', s.id from ({source}) s
            """.encode(),
            {"chain": chain.id, "sealed": sealed.id, "other": other.id},
        )
    db.execute("update public.organizations set ruc = '3' where id = %s", [sealed.id])
    told = seal_and_hear(database, sealed)
    assert told == [f"2 entries waited for the audit chain {sealed.id} that are not to be sealed there"]
    for office in (sealed, other):
        answer = verify(database, office)
        assert (answer["intact"], answer["unsealed"]) == (True, 0), answer
        rows = export(database, office)
        assert first_fault(office.id, rows) is None
        assert {row["id"] for row in rows} == {str(entry["id"]) for entry in entries(db, office.id)}


def test_an_entry_that_was_linked_into_another_chain_is_missed_in_its_own(
    database: str, db: Connection, sealed: Organization
) -> None:
    other = make_organization(db)
    seal(database)
    db.execute("update public.organizations set ruc = '3' where id = %s", [other.id])
    db.execute(
        """
        insert into app.audit_chain (chain_id, position, entry_id, sealed_at, previous_hash, hash)
        select %s, 1000000, entry_id, now(), '', '' from app.audit_unsealed where chain_id = %s
        """,
        [sealed.id, other.id],
    )
    seal(database)
    assert verify(database, other)["problem"]["kind"] == "unlinked_entry"


def test_it_is_told_since_when_entries_wait_and_late_records_have_not_waited_long(
    database: str, db: Connection, organization: Organization
) -> None:
    while seal(database):
        pass
    assert verify(database, organization)["unsealed_since"] is None
    while seal(database):
        pass
    hand_over(database, record(organization, organization.member, created_at="2024-01-01T00:00:00Z"))
    waiting = db.execute(
        "select app.utc(waiting_since) as since from app.audit_unsealed where chain_id = %s",
        [organization.id],
    ).fetchall()
    answer = verify(database, organization)
    assert (answer["intact"], answer["unsealed"]) == (True, 1)
    assert [{"since": answer["unsealed_since"]}] == waiting


def test_one_run_seals_more_than_ten_thousand(database: str, db: Connection) -> None:
    """As come within ten seconds of a busy day; `make bench` has 40,000, and how long they take."""
    office, entries_between = str(uuid.uuid4()), 12_000
    db.execute(
        """
        with written as (
            insert into public.audit_logs (organization_id, action)
            select %s, 'written' from generate_series(1, %s)
            returning organization_id, created_at, id
        )
        insert into app.audit_unsealed (chain_id, created_at, entry_id) select * from written
        """,
        [office, entries_between],
    )
    with as_service(database) as service:
        assert rpc(service, "seal_audit_logs") >= entries_between
    sealed = db.execute("select position from app.audit_heads where chain_id = %s", [office]).fetchall()
    assert sealed == [{"position": entries_between}]


@pytest.mark.parametrize(
    "arguments",
    [
        {"p_from": 0},
        {"p_from": None},
        {"p_limit": 0},
        {"p_limit": 200_001},
        {"p_known_head": {"position": "x", "hash": "ab" * 32}},
        {"p_known_head": {"position": 1, "hash": "short"}},
        {"p_known_head": {}},
        {"p_known_head": {"position": 10**18, "hash": "ab" * 32}},
    ],
)
def test_nonsense_is_refused(database: str, organization: Organization, arguments: dict[str, Any]) -> None:
    with refused("VALIDATION_ERROR", 400):
        verify(database, organization, **arguments)


def test_from_the_link_that_is_to_come_on_there_is_nothing_to_check(
    database: str, sealed: Organization
) -> None:
    answer = verify(database, sealed)
    answer = verify(database, sealed, p_from=answer["sealed"] + 1)
    assert (answer["intact"], answer["checked"], answer["next_position"]) == (True, 0, None)


def test_further_than_that_is_refused_rather_than_called_intact(database: str, sealed: Organization) -> None:
    sealed_by_now = verify(database, sealed)["sealed"]
    with refused("VALIDATION_ERROR", 400) as failures:
        verify(database, sealed, p_from=sealed_by_now + 2)
    assert "from_position" in str(failures[0].details)
    # Unless it is what was kept that is not there any more.
    kept = {"position": sealed_by_now + 5, "hash": "ab" * 32}
    answer = verify(database, sealed, p_from=sealed_by_now + 6, p_known_head=kept)
    assert answer["problem"]["kind"] == "truncated"


def test_a_hole_at_the_end_of_a_range_is_found(database: str, db: Connection, sealed: Organization) -> None:
    with unguarded(db):
        db.execute("delete from app.audit_chain where chain_id = %s and position = 7", [sealed.id])
    answer = verify(database, sealed, p_from=4, p_limit=4)
    assert answer["problem"] == {"kind": "missing_link", "position": 7, "entry_id": None}
    assert (answer["checked"], answer["next_position"]) == (3, None)
    assert verify(database, sealed, p_from=4, p_limit=3)["intact"]


def test_the_platforms_chain_is_the_services_and_the_dashboards(database: str, db: Connection) -> None:
    make_organization(db)
    seal(database)
    with as_service(database) as service:
        answer = rpc(service, "verify_audit_chain", p_organization_id=None)
        head = rpc(service, "audit_chain_head", p_organization_id=None)
    assert answer["intact"]
    assert answer["sealed"] == head["position"] > 0
    row = db.execute("select public.verify_audit_chain(null) as answer").fetchone()
    assert row is not None
    assert row["answer"]["intact"]
    assert entries(db, None, action="verify")


def test_who_verifies_and_exports_is_recorded(database: str, db: Connection, sealed: Organization) -> None:
    verify(database, sealed)
    export(database, sealed, p_action="insert")
    found = entries(db, sealed.id, resource_type="audit_logs")
    assert [(entry["action"], str(entry["user_id"])) for entry in found] == [
        ("verify", sealed.admin.id), ("export", sealed.admin.id),
    ]  # fmt: skip
    assert found[0]["metadata"]["intact"] is True
    assert found[1]["metadata"]["filter"]["action"] == "insert"


def test_an_export_goes_on_only_for_whom_and_with_what_it_was_begun(
    database: str, db: Connection, sealed: Organization
) -> None:
    with as_user(database, sealed.admin) as admin:
        begun = rpc(admin, "export_audit_logs", p_organization_id=sealed.id, p_action="insert")
        assert {row[8] for row in begun["rows"]} == {"insert"}
        again = {"p_organization_id": sealed.id, "p_export_id": begun["export_id"], "p_after": 0}
        assert rpc(admin, "export_audit_logs", **again, p_action="insert")["rows"] == begun["rows"]
        for wrong in ({}, {"p_action": "update"}):
            with refused("NOT_FOUND", 404):
                rpc(admin, "export_audit_logs", **again, **wrong)
        any_entry = {**again, "p_export_id": begun["rows"][0][4]}
        with refused("NOT_FOUND", 404):
            rpc(admin, "export_audit_logs", **any_entry, p_action="insert")
    with as_user(database, sealed.owner) as owner, refused("NOT_FOUND", 404):
        rpc(owner, "export_audit_logs", **again, p_action="insert")
    assert len(entries(db, sealed.id, action="export")) == 1


def test_an_export_is_bounded_in_rows_and_bytes_and_misses_none(
    database: str, db: Connection, organization: Organization
) -> None:
    body = {"text": "x" * 60_000}
    hand_over(database, *(record(organization, organization.member, request_body=body) for _ in range(70)))
    hand_over(database, *(record(organization, organization.member) for _ in range(1200)))
    with as_user(database, organization.admin) as admin:
        page = rpc(admin, "export_audit_logs", p_organization_id=organization.id)
        assert len(str(page)) < 3_000_000
        assert page["next"] is not None
    rows = export(database, organization)
    assert first_fault(organization.id, rows) is None
    assert len(rows) == len(entries(db, organization.id))


def test_an_export_ends_where_it_began_whatever_is_written_meanwhile(
    database: str, organization: Organization
) -> None:
    hand_over(database, *(record(organization, organization.member) for _ in range(1500)))
    with as_user(database, organization.admin) as admin:
        first = rpc(admin, "export_audit_logs", p_organization_id=organization.id)
        hand_over(database, *(record(organization, organization.member) for _ in range(10)))
        seal(database)
        rest = rpc(admin, "export_audit_logs", p_organization_id=organization.id,
                   p_export_id=first["export_id"], p_after=first["next"])  # fmt: skip
    assert rest["next"] is None
    assert rest["rows"][-1][4] == first["export_id"]


def test_what_commits_late_is_sealed_when_it_is_there(
    database: str, db: Connection, organization: Organization
) -> None:
    with connect(database) as slow, slow.transaction():
        slow.execute("update public.tiers set name = 'Slow' where organization_id = %s", [organization.id])
        db.execute("update public.organizations set ruc = '1' where id = %s", [organization.id])
        # Sealing does not wait for it, and does not pass over it for ever.
        seal(database)
        before = verify(database, organization)
        assert before["intact"]
    assert seal(database) >= 1
    after = verify(database, organization)
    assert after["intact"]
    assert after["sealed"] > before["sealed"]
    rows = export(database, organization)
    assert first_fault(organization.id, rows) is None
    renamed = next(row for row in rows if row["resource_type"] == "tiers" and row["action"] == "update")
    assert renamed["created_at"] < max(row["created_at"] for row in rows[: rows.index(renamed)])


def test_two_who_seal_at_once_do_not_wait_for_each_other(
    database: str, db: Connection, organization: Organization
) -> None:
    seal(database)
    db.execute("update public.organizations set ruc = '2' where id = %s", [organization.id])
    with as_service(database) as first, first.transaction():
        assert rpc(first, "seal_audit_logs") == 1
        with as_service(database) as second:
            second.execute("set lock_timeout = '1ms'")
            assert rpc(second, "seal_audit_logs") == 0
    assert verify(database, organization)["intact"]


def test_a_limit_is_kept_and_the_rest_comes_later(database: str, db: Connection) -> None:
    organization = make_organization(db)
    counts: list[int] = []
    while counts[-1:] != [0]:
        counts.append(seal(database, 7))
    assert len(counts) > 3
    assert max(counts) == 7
    assert verify(database, organization)["intact"]


def backlog(database: str) -> dict[str, float]:
    with as_service(database) as service:
        answer: dict[str, float] = rpc(service, "audit_backlog")
    return answer


def test_how_far_sealing_is_behind_is_told_by_the_chain_that_waits_longest(
    database: str, db: Connection, sealed: Organization
) -> None:
    # Chains that other tests have broken wait for ever, some seconds by now.
    before = backlog(database)
    # What the spool brings months later is not late for its sealing, which was a moment ago.
    hand_over(database, *(record(sealed, sealed.owner, created_at="2026-01-01T00:00:00Z") for _ in range(3)))
    behind = backlog(database)
    assert behind["unsealed"] == before["unsealed"] + 3
    assert behind["oldest_seconds"] < 600
    # Had nothing been sealed for an hour, they might have waited for as long.
    ago = "update app.audit_heads set sealed_at = sealed_at - interval '1 hour' where chain_id = %s"
    db.execute(ago, [sealed.id])
    assert 3600 <= backlog(database)["oldest_seconds"] < 4200
    while seal(database):
        pass
    assert backlog(database)["unsealed"] == before["unsealed"]


def test_a_chain_that_cannot_be_continued_is_seen_to_fall_behind(
    database: str, db: Connection, sealed: Organization
) -> None:
    before = backlog(database)
    db.execute("update app.audit_heads set position = position - 1 where chain_id = %s", [sealed.id])
    db.execute("update public.organizations set ruc = '4' where id = %s", [sealed.id])
    seal(database)
    behind = backlog(database)
    assert behind["unsealed"] == before["unsealed"] + 1
    db.execute(
        "update app.audit_unsealed set created_at = created_at - interval '1 day' where chain_id = %s",
        [sealed.id],
    )
    db.execute(
        "update app.audit_heads set sealed_at = sealed_at - interval '1 day' where chain_id = %s", [sealed.id]
    )
    assert 86_000 < backlog(database)["oldest_seconds"] < 90_000
    db.execute("delete from app.audit_unsealed where chain_id = %s", [sealed.id])
    db.execute("update app.audit_heads set position = position + 1 where chain_id = %s", [sealed.id])


def write(database: str, office: Organization, asset: str) -> None:
    """Changes an asset again and again, now and then for nothing, and hands over what was requested."""
    with connect(database) as connection:
        for turn in range(ACTS_EACH):
            with connection.transaction(force_rollback=turn % 5 == 4):
                connection.execute("update public.assets set capacity = %s where id = %s", [turn + 1, asset])
                # So that transactions end in another order than they began.
                connection.execute("select pg_sleep(%s)", [0.003 * (turn % 3)])
            if turn % 10 == 0:
                hand_over(database, *(record(office, office.member) for _ in range(5)))


def keep_sealing(database: str, ended: threading.Event) -> None:
    with as_service(database) as service:
        while not ended.is_set():
            rpc(service, "seal_audit_logs", p_limit=20)


def test_while_all_write_and_two_seal_no_entry_is_missing_and_no_chain_breaks(
    database: str, db: Connection, organization: Organization
) -> None:
    offices = (organization, make_organization(db))
    ended = threading.Event()
    with ThreadPoolExecutor(2 * WRITERS) as pool:
        sealers = [pool.submit(keep_sealing, database, ended) for _ in range(2)]
        writers = [
            pool.submit(write, database, office, asset)
            for office in offices
            for asset in office.assets.values()
        ]
        try:
            for writer in writers:
                writer.result(timeout=120)
        finally:
            ended.set()
        for sealer in sealers:
            sealer.result(timeout=60)
    assert len(writers) == WRITERS
    while seal(database):
        pass
    for office in offices:
        answer = verify(database, office)
        assert answer["intact"], answer
        rows = export(database, office)
        assert first_fault(office.id, rows) is None
        assert {row["id"] for row in rows} == {str(entry["id"]) for entry in entries(db, office.id)}
        updates = [row for row in rows if (row["resource_type"], row["action"]) == ("assets", "update")]
        assert len(updates) == WRITERS // 2 * ACTS_EACH * 4 // 5
        left = db.execute("select from app.audit_unsealed where chain_id = %s", [office.id])
        assert left.rowcount == 0
