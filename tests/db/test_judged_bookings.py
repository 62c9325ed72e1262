"""Every path to a booking is judged by the rules: made, previewed, moved, cancelled and brought back."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.actors import Connection, Organization, RefusedError, as_user, connect, make_asset, refused, rpc
from tests.db.approving import decide, make_rule, requests_of, status_of
from tests.db.booking import Json, at, book, cancel, change, preview, restore, utc, wait_for_lock
from tests.db.racing import race


@pytest.fixture
def rule(db: Connection, organization: Organization) -> Callable[..., str]:
    """Adds a rule that denies: its type, its conditions, further columns."""

    def add(rule_type: str, conditions: Json, **columns: Any) -> str:
        values = {"effect": "deny", "name": rule_type, **columns}
        return make_rule(db, organization, rule_type=rule_type, conditions=json.dumps(conditions), **values)

    return add


def codes(failure: RefusedError) -> list[str]:
    return [violation["code"] for violation in failure.details["violations"]]


def limit_notice(db: Connection, organization: Organization, hours: int) -> None:
    """The default tier's members give notice."""
    db.execute(
        "insert into public.tier_rules (tier_id, organization_id, min_cancellation_notice_hours)"
        " values (%s, %s, %s)",
        [organization.tier, organization.id, hours],
    )


def test_a_refusal_names_every_rule_and_what_is_in_the_way(
    member: Connection, manager: Connection, plane: str, rule: Callable[..., str]
) -> None:
    taken = book(manager, plane, at(2), at(2, 12))
    rule("duration", {"max_minutes": 60})
    rule("lead_time", {"min_hours": 2000})
    with refused("RULE_VIOLATION", 422) as failures:
        book(member, plane, at(2), at(3))
    assert sorted(codes(failures[0])) == ["duration_too_long", "lead_time"]
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [taken["id"]]
    with refused("RULE_VIOLATION", 422) as failures:
        book(member, plane, at(5), at(6))
    assert "conflicts" not in failures[0].details


def test_a_rule_that_asks_for_approval_makes_the_booking_pending_with_its_requests(
    db: Connection, member: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    asked = make_rule(db, organization)
    booking = book(member, plane, at(2), at(3))
    assert (booking["status"], booking["approved_at"]) == ("pending", None)
    assert [(request["rule_id"], request["status"]) for request in booking["approvals"]] == [
        (asked, "pending")
    ]
    with refused("CONFLICT", 409) as failures:
        book(manager, plane, at(2), at(3))
    assert [found["code"] for found in failures[0].details["violations"]] == ["custom"]
    approved = decide(manager, booking)
    assert (approved["status"], approved["approved_by"]) == ("approved", organization.manager.id)


def test_nobody_who_may_approve_refuses_the_booking(
    db: Connection, owner: Connection, plane: str, organization: Organization
) -> None:
    make_rule(db, organization, approval_type="specific_users", approver_user_ids=[organization.manager.id])
    db.execute(
        "delete from public.organization_members where organization_id = %s and role <> 'owner'",
        [organization.id],
    )
    with refused("NO_ELIGIBLE_APPROVER", 422):
        book(owner, plane, at(2), at(3))


def test_an_override_is_kept_with_the_booking_and_only_shown_with_its_details(
    database: str,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
    rule: Callable[..., str],
) -> None:
    broken = rule("duration", {"max_minutes": 60}, overridable_by=["manager"])
    wish = {"rule_ids": [broken], "reason": "The board travels"}
    with refused("FORBIDDEN", 403) as failures:
        book(member, plane, at(2), at(3), override=wish)
    assert failures[0].details == {"reason": "not_overridable", "rule_id": broken}
    booking = book(manager, plane, at(2), at(3), override=wish)
    [kept] = booking["overrides"]
    assert (kept["rule_id"], kept["rule_version"], kept["reason"], kept["overridden_by"], kept["code"]) == (
        broken,
        1,
        "The board travels",
        organization.manager.id,
        "duration_too_long",
    )
    with as_user(database, organization.viewer) as viewer:
        assert "overrides" not in rpc(viewer, "get_reservation", p_reservation_id=booking["id"])
    with refused("RULE_VIOLATION", 422):
        change(manager, booking, end_date=at(4))
    moved: Json = rpc(
        manager,
        "update_reservation",
        p_reservation_id=booking["id"],
        p_changes={"end_date": utc(at(4))},
        p_override=wish,
    )
    assert [found["rule_id"] for found in moved["overrides"]] == [broken]
    with refused("VALIDATION_ERROR", 400):
        rpc(
            manager,
            "update_reservation",
            p_reservation_id=booking["id"],
            p_changes={"title": "x"},
            p_override=wish,
        )


def test_maintenance_and_conflicts_are_never_set_aside(
    db: Connection, owner: Connection, plane: str, organization: Organization
) -> None:
    window = db.execute(
        "insert into public.maintenance_windows (organization_id, asset_id, title, start_date, end_date)"
        " values (%s, %s, 'Engine', %s, %s) returning id::text",
        [organization.id, plane, at(2), at(4)],
    ).fetchone()
    assert window is not None
    db.execute("update public.tiers set can_override = true, priority = 1 where id = %s", [organization.tier])
    with refused("CONFLICT", 409) as failures:
        book(owner, plane, at(3), at(5), displace=True)
    assert failures[0].details["conflicts"] == [
        {
            "kind": "maintenance",
            "id": window["id"],
            "title": "Engine",
            "start_date": utc(at(2)),
            "end_date": utc(at(4)),
        }
    ]
    assert failures[0].details["displaceable"] is False
    assert failures[0].details["alternatives"]


def test_two_assets_at_once_against_one_quota_leave_one_booking(
    database: str, member: Connection, organization: Organization, plane: str, rule: Callable[..., str]
) -> None:
    rule("quota", {"amount": 1, "unit": "count", "period": "year", "scope": "organization"})
    boat = organization.assets["watercraft"]
    with as_user(database, organization.member) as second:
        for day in range(2, 22, 4):
            outcomes = race(
                [
                    partial(book, member, plane, at(day), at(day + 1)),
                    partial(book, second, boat, at(day), at(day + 1)),
                ]
            )
            assert outcomes == {"done": 1, "RULE_VIOLATION": 1}
            rows = member.execute(
                "select id::text from public.reservations where organization_id = %s and status = 'approved'",
                [organization.id],
            ).fetchall()
            assert len(rows) == 1
            cancel(member, rows[0])


def test_a_member_who_is_removed_while_waiting_for_the_lock_books_nothing(
    db: Connection,
    member: Connection,
    manager: Connection,
    organization: Organization,
    plane: str,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with manager.transaction():
            book(manager, plane, at(5), at(6))
            answer = pool.submit(book, member, plane, at(2), at(3))
            wait_for_lock(db, member)
            db.execute("delete from public.organization_members where user_id = %s", [organization.member.id])
        with refused("NOT_FOUND", 404):
            answer.result(timeout=20)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update public.assets set is_active = false where id = %(asset)s", "INVALID_STATE"),
        ("update public.assets set capacity = 1 where id = %(asset)s", "VALIDATION_ERROR"),
        (
            (
                "update public.organization_members set role = 'viewer'"
                " where user_id = %(member)s and organization_id = %(organization)s"
            ),
            "FORBIDDEN",
        ),
        ("update public.tiers set sections = '{residences}' where id = %(tier)s", "NOT_FOUND"),
    ],
)
def test_what_changes_while_a_booking_waits_is_looked_at_again(
    database: str,
    db: Connection,
    member: Connection,
    organization: Organization,
    plane: str,
    statement: str,
    code: str,
) -> None:
    values = {
        "asset": plane,
        "member": organization.member.id,
        "tier": organization.tier,
        "organization": organization.id,
    }
    with connect(database) as holder, ThreadPoolExecutor(1) as pool:
        with holder.transaction():
            holder.execute("select app.lock_assets(array[%s]::uuid[])", [plane])
            answer = pool.submit(book, member, plane, at(2), at(3), guest_count=3)
            wait_for_lock(db, member)
            db.execute(statement, values)
        with refused(code):
            answer.result(timeout=20)


def test_a_preview_is_the_same_judgement_and_writes_nothing(
    db: Connection,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
    rule: Callable[..., str],
) -> None:
    taken = book(manager, plane, at(2), at(3))
    broken = rule("duration", {"max_minutes": 60})
    asked = make_rule(db, organization)
    tables = (
        "public.reservations",
        "public.reservation_details",
        "public.approval_requests",
        "public.calendar_events",
        "app.occupancy",
        "app.idempotency_keys",
    )
    counts = "select " + ", ".join(f'(select count(*) from {name}) as "{name}"' for name in tables)
    before = db.execute(counts).fetchone()
    with member.transaction():
        member.execute("set transaction read only")
        refusal = preview(member, plane, at(2), at(3))
        pending = preview(member, plane, at(5), at(5, 11))
        conflict = preview(member, plane, at(2), at(2, 11))
        locks = member.execute(
            "select count(*) as n from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'"
        ).fetchone()
    assert locks == {"n": 0}
    assert db.execute(counts).fetchone() == before
    assert refusal["outcome"] == "refused"
    assert [(found["ruleId"], found["effect"]) for found in refusal["violations"]] == [
        (broken, "deny"),
        (asked, "require_approval"),
    ]
    assert [found["id"] for found in refusal["conflicts"]] == [taken["id"]]
    assert (pending["outcome"], [entry["rule_id"] for entry in pending["approvals"]]) == ("pending", [asked])
    assert (conflict["outcome"], len(conflict["alternatives"])) == ("conflict", 3)
    with refused("VALIDATION_ERROR", 400):
        preview(member, plane, at(3), at(2))


def test_a_preview_leaves_out_the_caller_s_own_hold(
    member: Connection, manager: Connection, plane: str
) -> None:
    held = rpc(member, "create_hold", p_asset_id=plane, p_start_date=at(2), p_end_date=at(3))
    assert preview(member, plane, at(2), at(3))["outcome"] == "conflict"
    assert preview(member, plane, at(2), at(3), hold_id=held["id"])["outcome"] == "approved"
    with refused("NOT_FOUND", 404):
        preview(manager, plane, at(2), at(3), hold_id=held["id"])


def test_a_moved_booking_is_judged_with_itself_left_out(
    member: Connection, plane: str, rule: Callable[..., str]
) -> None:
    rule("quota", {"amount": 1, "unit": "count", "period": "year", "scope": "organization"})
    rule("duration", {"max_minutes": 1440})
    booking = book(member, plane, at(2), at(3))
    assert change(member, booking, start_date=at(5), end_date=at(6))["start_date"] == utc(at(5))
    with refused("RULE_VIOLATION", 422) as failures:
        change(member, booking, end_date=at(8))
    assert codes(failures[0]) == ["duration_too_long"]
    assert change(member, booking, title="Another name")["title"] == "Another name"


def test_notice_is_asked_for_anew_only_where_the_start_or_the_asset_changes(
    member: Connection, plane: str, organization: Organization, rule: Callable[..., str]
) -> None:
    booking = book(member, plane, at(2), at(3))
    rule("lead_time", {"min_hours": 240})
    assert change(member, booking, end_date=at(4))["end_date"] == utc(at(4))
    moves: tuple[Json, ...] = ({"start_date": at(2, 11)}, {"asset_id": organization.assets["helicopters"]})
    for changes in moves:
        with refused("RULE_VIOLATION", 422) as failures:
            change(member, booking, **changes)
        assert codes(failures[0]) == ["lead_time"]
    change(member, booking, start_date=at(12), end_date=at(13))


def test_a_changed_time_asks_for_approval_anew(
    db: Connection, member: Connection, manager: Connection, plane: str, organization: Organization
) -> None:
    make_rule(db, organization)
    booking = decide(manager, book(member, plane, at(2), at(3)))
    assert change(member, booking, title="Same time")["status"] == "approved"
    moved = change(member, booking, end_date=at(4))
    assert (moved["status"], moved["approved_by"], moved["approved_at"]) == ("pending", None, None)
    moved = change(member, moved, end_date=at(5))
    assert sorted(request["status"] for request in requests_of(db, moved)) == [
        "pending",
        "voided",
        "voided",
    ]
    db.execute(
        "update public.tier_booking_rules set is_active = false where organization_id = %s", [organization.id]
    )
    assert change(member, moved, end_date=at(6))["status"] == "approved"


def test_less_of_what_has_begun_needs_no_approval_and_more_of_it_is_refused(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    booking = book(member, plane, at(2), at(4))
    db.execute("update public.reservations set start_date = %s where id = %s", [at(-1), booking["id"]])
    make_rule(db, organization)
    assert change(member, booking, end_date=at(3))["status"] == "approved"
    with refused("RULE_VIOLATION", 422):
        change(member, booking, end_date=at(4))


def test_book_cancel_rebook_does_not_evade_lead_time(
    member: Connection, plane: str, rule: Callable[..., str]
) -> None:
    early = book(member, plane, at(9), at(10))
    rule("lead_time", {"min_hours": 120})
    near: Json = {"start_date": at(2), "end_date": at(3)}
    with refused("RULE_VIOLATION", 422):
        change(member, early, **near)
    far = book(member, plane, at(12), at(13))
    cancel(member, far)
    with refused("RULE_VIOLATION", 422):
        book(member, plane, at(2), at(3))
    # What is undone stood already when it was cancelled.
    assert restore(member, far)["status"] == "approved"


@pytest.mark.parametrize(("days", "hours", "late"), [(2, 24 * 10, True), (30, 24 * 10, False)])
def test_a_tier_s_notice_binds_its_members_and_not_managers(
    db: Connection,
    member: Connection,
    manager: Connection,
    plane: str,
    organization: Organization,
    days: int,
    hours: int,
    late: bool,
) -> None:
    limit_notice(db, organization, hours)
    booking = book(member, plane, at(days), at(days + 1))
    if late:
        for attempt in (
            partial(cancel, member, booking),
            partial(change, member, booking, start_date=at(days, 12)),
            partial(change, member, booking, asset_id=organization.assets["helicopters"]),
        ):
            with refused("RULE_VIOLATION", 422) as failures:
                attempt()
            [violation] = failures[0].details["violations"]
            assert (violation["ruleType"], violation["overridable"], violation["params"]["min_hours"]) == (
                "cancellation_notice",
                False,
                hours,
            )
        change(member, booking, end_date=at(days + 2))
        assert cancel(manager, booking)["status"] == "canceled"
        cancel(manager, book(manager, plane, at(days), at(days + 1)))
    else:
        assert cancel(member, booking)["status"] == "canceled"


def test_a_request_may_be_withdrawn_without_notice(
    db: Connection, member: Connection, plane: str, organization: Organization
) -> None:
    limit_notice(db, organization, 1000)
    make_rule(db, organization)
    booking = book(member, plane, at(2), at(3))
    assert cancel(member, booking)["status"] == "canceled"
    assert [request["status"] for request in requests_of(db, booking)] == ["voided"]


def test_a_booking_back_to_back_needs_the_turnaround_between(
    db: Connection, member: Connection, organization: Organization
) -> None:
    jet = make_asset(db, organization.id, "planes", "Jet", turnaround_minutes=60)
    book(member, jet, at(2, 10), at(2, 12))
    with refused("CONFLICT", 409) as failures:
        book(member, jet, at(2, 12), at(2, 14))
    assert {"start_date": utc(at(2, 13)), "end_date": utc(at(2, 15))} in failures[0].details["alternatives"]
    book(member, jet, at(2, 13), at(2, 14))
    with refused("CONFLICT", 409):
        book(member, jet, at(2, 8), at(2, 9, 30))
    book(member, jet, at(2, 8), at(2, 9))


def test_an_asset_s_new_zone_moves_nothing(db: Connection, member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    db.execute("update public.assets set timezone = 'Asia/Tokyo' where id = %s", [plane])
    seen = rpc(member, "get_reservation", p_reservation_id=booking["id"])
    assert seen == {**booking, "time_zone": "Asia/Tokyo"}
    with refused("CONFLICT", 409):
        book(member, plane, at(2), at(3))
    book(member, plane, at(3), at(4))


def test_an_asset_that_was_deleted_and_restored_gives_no_taken_slot_back(
    db: Connection, member: Connection, manager: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    cancel(member, booking)
    db.execute("update public.assets set deleted_at = now() where id = %s", [plane])
    with refused("NOT_FOUND", 404):
        restore(member, booking)
    db.execute("update public.assets set deleted_at = null where id = %s", [plane])
    book(manager, plane, at(2, 12), at(4))
    with refused("CONFLICT", 409):
        restore(member, booking)
    with refused("CONFLICT", 409):
        db.execute("update public.reservations set status = 'approved' where id = %s", [booking["id"]])


@pytest.mark.parametrize(
    "time", ["2031-03-01T10:00:00", "tomorrow", "2031-02-30T10:00:00Z", "infinity", None, 7]
)
def test_times_that_are_none_change_nothing(member: Connection, plane: str, time: Any) -> None:
    booking = book(member, plane, at(2), at(3))
    with refused("VALIDATION_ERROR", 400):
        change(member, booking, start_date=time)


def test_the_previous_backend_s_call_goes_on_working(member: Connection, plane: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        rpc(member, "create_reservation", p_asset=plane)
    named = {
        "p_asset_id": plane,
        "p_title": "Trip",
        "p_start_date": at(2),
        "p_end_date": at(3),
        "p_guest_count": None,
        "p_notes": None,
        "p_metadata": None,
        "p_guests": None,
        "p_idempotency_key": "old",
    }
    booking = rpc(member, "create_reservation", **named)
    assert rpc(member, "create_reservation", **named) == booking
    assert status_of(member, booking) == "approved"
