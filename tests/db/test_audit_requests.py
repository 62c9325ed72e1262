"""Records of requests: each written once, each judged for itself, none in a stranger's log."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.actors import (
    Actor,
    Connection,
    Organization,
    add_member,
    as_anonymous,
    as_service,
    as_user,
    make_asset,
    make_organization,
    make_user,
    refused,
)
from tests.db.auditing import entries, hand_over, hand_over_text, record
from tests.db.booking import at, book
from tests.db.racing import race


def stored(db: Connection, sent: dict[str, Any]) -> dict[str, Any]:
    """The entry of a record."""
    row = db.execute("select * from public.audit_logs where id = %s", [sent["id"]]).fetchone()
    assert row is not None
    return row


def test_a_record_is_written_as_it_was_told(
    database: str, db: Connection, organization: Organization, plane: str
) -> None:
    sent = record(
        organization,
        organization.member,
        resource_type="assets",
        resource_id=plane,
        ip_address="2001:db8::1",
        user_agent="Agent/1",
        request_body={"title": "[redacted]"},
        error_message="No.",
        duration_ms=12.3456,
    )
    assert hand_over(database, sent) == {"written": 1, "known": 0, "refused": []}
    entry = stored(db, sent)
    told = {
        key: str(value)
        for key, value in entry.items()
        if key not in ("metadata", "created_at", "request_body")
    }
    assert told == {
        **{key: str(sent[key]) for key in told},
        "duration_ms": "12.346",
    }
    assert entry["created_at"].isoformat() == "2024-11-28T10:00:00.123456+00:00"
    assert entry["request_body"] == sent["request_body"]
    assert entry["metadata"] == {**sent["metadata"], "source": "request"}


def test_only_id_time_and_action_are_needed(database: str, db: Connection) -> None:
    least = {"id": str(uuid.uuid4()), "created_at": "2024-11-28T10:00:00Z", "action": "auth.refused"}
    assert hand_over(database, least)["written"] == 1
    nulls = {
        **record(),
        **dict.fromkeys(set(record()) - set(least)),
        "ip_address": None,
        "request_body": None,
    }
    assert hand_over(database, nulls)["written"] == 1
    assert stored(db, least)["metadata"] == stored(db, nulls)["metadata"] == {"source": "request"}


def test_a_record_sent_twice_is_one_entry(database: str, db: Connection, organization: Organization) -> None:
    sent = record(organization, organization.member)
    fresh = record(organization, organization.member)
    assert hand_over(database, sent, sent)["written"] == 1
    # Whatever it says the second time: the first word stands.
    assert hand_over(database, {**sent, "action": "other"}, fresh) == {
        "written": 1,
        "known": 1,
        "refused": [],
    }
    assert stored(db, sent)["action"] == sent["action"]
    assert hand_over(database, sent, fresh) == {"written": 0, "known": 2, "refused": []}


def test_many_who_send_the_same_at_once_write_each_once(
    database: str, db: Connection, organization: Organization
) -> None:
    batch = [record(organization, organization.member) for _ in range(300)]
    orders = [batch, batch[::-1], batch[100:] + batch[:100], batch[200:] + batch[:200]]
    answers: list[dict[str, Any]] = []
    assert race([lambda order=order: answers.append(hand_over(database, *order)) for order in orders]) == {  # type: ignore[misc]
        "done": len(orders)
    }
    assert sum(answer["written"] for answer in answers) == len(batch)
    assert sum(answer["known"] for answer in answers) == len(batch) * 3
    assert len(entries(db, organization.id, action=batch[0]["action"])) == len(batch)


FAULTS: list[tuple[str, Any]] = [
    ("id: missing", {"id": None}),
    ("id: not_a_uuid", {"id": "x"}),
    ("id: not_a_string", {"id": 5}),
    ("created_at: missing", {"created_at": None}),
    ("created_at: not_a_time", {"created_at": "yesterday"}),
    ("created_at: not_a_time", {"created_at": "infinity"}),
    ("created_at: not_a_time", {"created_at": "2026-02-30T00:00:00Z"}),
    ("created_at: not_a_time", {"created_at": "2026-02-20T00:00:00"}),
    ("created_at: out_of_range", {"created_at": "0001-01-01T00:00:00Z"}),
    ("created_at: in_the_future", {"created_at": "2199-01-01T00:00:00Z"}),
    ("created_at: not_a_string", {"created_at": 1764324000}),
    ("user_id: not_a_uuid", {"user_id": "anna"}),
    ("organization_id: not_a_uuid", {"organization_id": "'; drop table audit_logs; --"}),
    ("resource_id: not_a_string", {"resource_id": {}}),
    ("action: missing", {"action": None}),
    ("action: empty", {"action": ""}),
    ("action: too_long", {"action": "x" * 101}),
    ("resource_type: too_long", {"resource_type": "x" * 101}),
    ("resource_type: not_a_string", {"resource_type": ["x"]}),
    ("ip_address: not_an_address", {"ip_address": "unknown"}),
    ("ip_address: not_an_address", {"ip_address": "fe80::1%eth0"}),
    ("ip_address: a_network", {"ip_address": "10.0.0.0/8"}),
    ("ip_address: a_network", {"ip_address": "2001:db8::/64"}),
    ("ip_address: a_network", {"ip_address": "2001:db8::/127"}),
    ("ip_address: a_network", {"ip_address": "10.1.2.3/31"}),
    ("user_agent: too_long", {"user_agent": "x" * 1001}),
    ("user_agent: not_a_string", {"user_agent": True}),
    ("request_method: too_long", {"request_method": "x" * 21}),
    ("request_path: too_long", {"request_path": "/" * 2049}),
    ("error_message: too_long", {"error_message": "x" * 2001}),
    ("response_status: not_a_status", {"response_status": 1000}),
    ("response_status: not_a_status", {"response_status": -1}),
    ("response_status: not_a_status", {"response_status": 200.5}),
    ("response_status: not_a_status", {"response_status": "200"}),
    ("duration_ms: not_a_number", {"duration_ms": "fast"}),
    ("duration_ms: out_of_range", {"duration_ms": -0.1}),
    ("duration_ms: out_of_range", {"duration_ms": 1e12}),
    ("metadata: not_an_object", {"metadata": []}),
    ("metadata: too_long", {"metadata": {"x": "x" * 16_400}}),
    ("request_body: too_long", {"request_body": "x" * 65_600}),
    ("record: not_storable", {"user_agent": "a\0b"}),
    ("record: not_storable", {"metadata": {"deep": [{"\0": 1}]}}),
    ("record: not_storable", {"user_agent": "\ud800"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "fields"), FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_record_is_refused_by_itself(
    database: str, db: Connection, organization: Organization, reason: str, fields: dict[str, Any]
) -> None:
    good = [record(organization, organization.member) for _ in range(2)]
    bad = record(organization, organization.member, **fields)
    answer = hand_over(database, good[0], bad, good[1])
    assert (answer["written"], answer["known"]) == (2, 0)
    assert [(fault["index"], fault["reason"]) for fault in answer["refused"]] == [(1, reason)]
    assert answer["refused"][0]["id"] == (None if bad["id"] is None else str(bad["id"]))
    assert len(entries(db, organization.id, action=good[0]["action"])) == 2


@pytest.mark.parametrize("element", ["5", "null", '"x"', "[]", "1e999999", "{}"])
def test_what_is_no_record_is_refused_by_itself(
    database: str, organization: Organization, element: str
) -> None:
    good = json.dumps(record(organization, organization.member))
    answer = hand_over_text(database, f"[{element}, {good}]")
    assert (answer["written"], [fault["index"] for fault in answer["refused"]]) == (1, [0])


@pytest.mark.parametrize("records", ["5", "{}", '"x"', "null", "[" + ",".join(["{}"] * 2001) + "]"])
def test_what_is_no_batch_is_refused(database: str, records: str) -> None:
    with refused("VALIDATION_ERROR", 400):
        hand_over_text(database, records)


@pytest.mark.parametrize(("minutes", "reason"), [(8, None), (12, "created_at: in_the_future")])
def test_clocks_may_differ_a_little_but_nobody_did_anything_tomorrow(
    database: str, organization: Organization, minutes: int, reason: str | None
) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    answer = hand_over(database, record(organization, organization.member, created_at=ahead))
    assert [fault["reason"] for fault in answer["refused"]] == ([reason] if reason else [])


def test_a_request_does_not_pass_for_the_entry_of_a_row(
    database: str, db: Connection, organization: Organization
) -> None:
    forged = {
        "source": "row", "session_user": "postgres", "role": "none", "transaction": "7", "old": {"name": "a"},
        "new": {"name": "b"}, "claimed_organization_id": organization.id,
    }  # fmt: skip
    sent = record(organization, organization.member, metadata={**forged, "code": "CONFLICT"})
    hand_over(database, sent)
    assert stored(db, sent)["metadata"] == {"source": "request", "code": "CONFLICT"}


def test_an_empty_batch_is_nothing(database: str) -> None:
    assert hand_over(database) == {"written": 0, "known": 0, "refused": []}


def test_the_longest_that_is_allowed_is_written(database: str, organization: Organization) -> None:
    longest = record(
        organization, organization.member, action="x" * 100, resource_type="ñ" * 100, user_agent="ñ" * 1000,
        request_path="ñ" * 2048, error_message="🛩" * 2000, request_method="x" * 20,
        request_body={"x": "x" * 65_000}, metadata={"x": "x" * 16_000}, duration_ms=999_999_999,
    )  # fmt: skip
    assert hand_over(database, longest)["written"] == 1


@pytest.mark.parametrize("role", ["owner", "anonymous"])
def test_only_the_service_hands_records_over(database: str, organization: Organization, role: str) -> None:
    person = as_anonymous(database) if role == "anonymous" else as_user(database, organization.owner)
    with person as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select public.record_requests('[]')")


@pytest.fixture
def stranger(db: Connection) -> Actor:
    """The owner of another office."""
    return make_organization(db).owner


def test_a_stranger_does_not_fill_another_offices_log(
    database: str, db: Connection, organization: Organization, stranger: Actor
) -> None:
    before = entries(db, organization.id)
    claims = [
        record(organization, stranger, response_status=404),
        record(None, stranger, resource_id=organization.assets["planes"]),
        record(organization, None, response_status=401),
        record(organization, None, metadata={"claimed_organization_id": "forged"}),
    ]
    assert hand_over(database, *claims)["written"] == len(claims)
    assert entries(db, organization.id) == before
    for claim in claims:
        entry = stored(db, claim)
        assert entry["organization_id"] is None
        assert entry["metadata"]["claimed_organization_id"] == organization.id


def test_what_nobody_claims_has_no_claim(database: str, db: Connection, stranger: Actor) -> None:
    sent = record(
        None, stranger, metadata={"claimed_organization_id": "forged"}, resource_id=str(uuid.uuid4())
    )
    hand_over(database, sent)
    assert "claimed_organization_id" not in stored(db, sent)["metadata"]


def test_who_was_a_member_once_is_recorded_there(
    database: str, db: Connection, organization: Organization
) -> None:
    former = make_user(db, "former")
    add_member(db, organization.id, former, "member", None)
    db.execute("delete from public.organization_members where user_id = %s", [former.id])
    sent = record(organization, former)
    hand_over(database, sent)
    assert str(stored(db, sent)["organization_id"]) == organization.id


def things(db: Connection, organization: Organization, member: Connection) -> dict[str, str]:
    """Ids of what belongs to the organisation."""
    found = {
        "asset": organization.assets["planes"],
        "tier": organization.tier,
        "reservation": str(book(member, organization.assets["planes"], at(3), at(3, 12))["id"]),
        "organization": organization.id,
    }
    gone = make_asset(db, organization.id, "planes", "Gone")
    db.execute("delete from public.assets where id = %s", [gone])
    return {**found, "what was deleted": gone}


def test_the_organisation_is_found_by_what_the_request_was_about(
    database: str, db: Connection, organization: Organization, member: Connection
) -> None:
    for name, thing in things(db, organization, member).items():
        sent = record(None, organization.member, resource_id=thing)
        hand_over(database, sent)
        assert str(stored(db, sent)["organization_id"]) == organization.id, name


def test_what_a_request_claimed_is_no_evidence_of_where_a_thing_belongs(
    database: str, db: Connection, organization: Organization, stranger: Actor
) -> None:
    thing = str(uuid.uuid4())
    # Whoever names a thing first does not own it.
    hand_over(database, record(organization, organization.member, resource_id=thing))
    later = record(None, organization.member, resource_id=thing)
    hand_over(database, later)
    assert stored(db, later)["organization_id"] is None
    assert stored(db, later)["metadata"].keys() == {"source", "request_id"}
    assert str(stranger.id) != organization.member.id


def test_request_and_rows_are_joined_by_the_requests_id(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    member.execute("select set_config('request.headers', %s, false)", ['{"x-request-id": "joined-1"}'])
    booking = book(member, plane, at(3), at(3, 12))
    sent = record(
        organization, organization.member, metadata={"request_id": "joined-1"}, resource_id=booking["id"]
    )
    hand_over(database, sent)
    found = db.execute("select metadata ->> 'source' as source from public.audit_logs"
                       " where metadata ->> 'request_id' = 'joined-1'").fetchall()  # fmt: skip
    assert sorted(row["source"] for row in found) == ["request", "row", "row"]


def test_a_record_of_the_service_itself_is_nobodys(database: str, db: Connection) -> None:
    sent = record()
    with as_service(database) as service:
        service.execute("select public.record_requests(%s)", [json.dumps([sent])])
    assert stored(db, sent)["user_id"] is None
