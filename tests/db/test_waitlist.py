"""The waiting list: what comes free goes to the first who may have it, once, and for half an hour."""

from functools import partial

import pytest

from tests.actors import Actor, Connection, Organization, as_user, refused, rpc
from tests.db.approving import join, make_rule, make_tier, status_of
from tests.db.booking import Json, Watcher, at, book, cancel, hold, preview
from tests.db.racing import race
from tests.db.waiting import accept, end_offer, entry_of, offer_all, standing, wait


@pytest.fixture
def taken(owner: Connection, plane: str) -> Json:
    """The owner's booking of the day after tomorrow."""
    return book(owner, plane, at(2), at(3))


def test_whoever_waits_gets_the_time_when_it_comes_free(
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
    watcher: Watcher,
) -> None:
    entry = wait(member, organization, plane, 2, p_guest_count=3)
    assert (entry["status"], entry["hold_id"], entry["passed_over_violations"]) == ("waiting", None, [])
    cancel(owner, taken)
    offered = entry_of(db, entry)
    assert offered["status"] == "offered"
    assert offered["hold_id"] is not None
    half_an_hour = db.execute(
        "select offer_expires_at - updated_at = interval '30 minutes' as half, updated_at = now() as same"
        " from public.waitlist_entries where id = %s",
        [entry["id"]],
    ).fetchone()
    assert half_an_hour is not None
    assert half_an_hour["half"]
    with refused("CONFLICT", 409):
        book(owner, plane, at(2), at(3))
    booking = accept(member, entry)
    assert (booking["status"], booking["title"], booking["guest_count"]) == ("approved", "Wish", 3)
    row = entry_of(db, entry)
    assert (row["status"], str(row["reservation_id"]), row["hold_id"]) == ("accepted", booking["id"], None)
    assert [event["type"] for event in watcher.events()] == ["reservation_canceled", "reservation_created"]


def test_nobody_waits_for_what_is_free_or_refused_or_waited_for_already(
    db: Connection, organization: Organization, member: Connection, plane: str, taken: Json
) -> None:
    assert taken["status"] == "approved"
    with refused("INVALID_STATE", 409) as failures:
        wait(member, organization, plane, 7)
    assert failures[0].details["reason"] == "slot_free"
    wait(member, organization, plane, 2)
    with refused("INVALID_STATE", 409) as failures:
        wait(member, organization, plane, 2)
    assert failures[0].details["reason"] == "already_waiting"
    with refused("VALIDATION_ERROR", 400):
        wait(member, organization, plane, 2, p_end_date=at(2))
    make_rule(
        db, organization, rule_type="lead_time", conditions='{"min_hours": 240}', effect="deny", name="Notice"
    )
    with refused("RULE_VIOLATION", 422) as failures:
        wait(member, organization, plane, 2, p_start_date=at(2, 12))
    assert [violation["code"] for violation in failures[0].details["violations"]] == ["lead_time"]


def test_the_stronger_tier_comes_first_and_within_it_who_came_first(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
) -> None:
    family = make_tier(db, organization, "Family", 1)
    cousin = join(db, organization, "cousin", "member", family)
    with as_user(database, organization.manager) as manager, as_user(database, cousin) as strong:
        entries = [wait(each, organization, plane, 2) for each in (member, manager, strong)]
        first, second, stronger = entries
        cancel(owner, taken)
        assert standing(db, first, second, stronger) == ["waiting", "waiting", "offered"]
        end_offer(db, stronger)
        assert offer_all(database) >= 1
        assert standing(db, first, second, stronger) == ["offered", "waiting", "expired"]
        rpc(member, "leave_waitlist", p_entry_id=first["id"])
        assert standing(db, first, second, stronger) == ["canceled", "offered", "expired"]


def test_an_offer_that_has_expired_cannot_be_accepted_and_the_next_writer_passes_it_on(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
) -> None:
    with as_user(database, organization.manager) as manager:
        first, second = wait(member, organization, plane, 2), wait(manager, organization, plane, 2)
        cancel(owner, taken)
        end_offer(db, first)
        with refused("INVALID_STATE", 409) as failures:
            accept(member, first)
        assert failures[0].details["reason"] == "offer_expired"
        # Somebody who never waited does not slip in between.
        with refused("CONFLICT", 409):
            book(owner, plane, at(2), at(3))
        offer_all(database)
        assert standing(db, first, second) == ["expired", "offered"]
        with refused("CONFLICT", 409):
            book(owner, plane, at(2), at(3))


def test_whom_the_rules_refuse_now_is_passed_over_with_the_reason(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
) -> None:
    with as_user(database, organization.manager) as manager:
        first = wait(member, organization, plane, 2)
        make_rule(
            db,
            organization,
            rule_type="max_open",
            conditions='{"max": 1}',
            effect="deny",
            name="One at a time",
        )
        second = wait(manager, organization, plane, 2)
        book(member, organization.assets["residences"], at(9), at(10))
        cancel(owner, taken)
        row = entry_of(db, first)
        assert row["status"] == "waiting"
        assert [violation["code"] for violation in row["passed_over_violations"]] == ["max_open"]
        assert standing(db, second) == ["offered"]


def test_a_displaced_booking_heads_the_list(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
) -> None:
    principals = make_tier(db, organization, "Principals", 1, can_override=True)
    db.execute(
        "update public.organization_members set tier_id = %s where user_id = %s",
        [principals, organization.owner.id],
    )
    with as_user(database, organization.manager) as manager:
        booking = book(member, plane, at(2), at(3))
        waiting = wait(manager, organization, plane, 2)
        stronger = book(owner, plane, at(2), at(3), displace=True)
        assert status_of(db, booking) == "displaced"
        # Notice was given for what was displaced, and is not asked for once more.
        make_rule(
            db,
            organization,
            rule_type="lead_time",
            conditions='{"min_hours": 240}',
            effect="deny",
            name="Notice",
        )
        cancel(owner, stronger)
        listed = rpc(member, "list_waitlist", p_organization_id=organization.id)
        assert [(entry["status"], entry["displaced_reservation_id"]) for entry in listed["items"]] == [
            ("offered", booking["id"])
        ]
        assert standing(db, waiting) == ["waiting"]
        again = accept(member, listed["items"][0])
        assert (again["status"], again["title"]) == ("approved", booking["title"])


def test_two_cancellations_at_once_make_one_offer(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
) -> None:
    for day in range(2, 7):
        bookings = [book(owner, plane, at(day), at(day, 16)), book(owner, plane, at(day, 16), at(day + 1))]
        entry = wait(member, organization, plane, day)
        with as_user(database, organization.owner) as one, as_user(database, organization.owner) as other:
            race([partial(cancel, each, row) for each, row in zip((one, other), bookings, strict=True)])
        assert standing(db, entry) == ["offered"]
        holds = db.execute(
            "select from public.reservations where asset_id = %s and status = 'hold' and start_date = %s",
            [plane, at(day)],
        ).rowcount
        assert holds == 1


def test_an_offer_is_accepted_once(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
) -> None:
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    with as_user(database, organization.member) as one, as_user(database, organization.member) as other:
        outcomes = race([partial(accept, each, entry) for each in (one, other)])
    assert outcomes == {"done": 1, "INVALID_STATE": 1}
    assert standing(db, entry) == ["accepted"]


def test_an_offer_is_accepted_or_declined_and_not_both(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
) -> None:
    for day in range(2, 6):
        booking = book(owner, plane, at(day), at(day + 1))
        entry = wait(member, organization, plane, day)
        cancel(owner, booking)
        with as_user(database, organization.member) as one, as_user(database, organization.manager) as other:
            outcomes = race(
                [partial(accept, one, entry), partial(rpc, other, "leave_waitlist", p_entry_id=entry["id"])]
            )
        assert outcomes == {"done": 1, "INVALID_STATE": 1}
        row = entry_of(db, entry)
        taken = db.execute(
            "select from app.occupancy where asset_id = %s and occupied && tstzrange(%s, %s)",
            [plane, at(day), at(day + 1)],
        ).rowcount
        assert (row["status"], taken) in {("accepted", 1), ("canceled", 0)}


def test_a_form_of_ones_own_does_not_throw_an_offer_away(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str, taken: Json
) -> None:
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    hold(member, plane, at(5), at(6))
    assert standing(db, entry) == ["offered"]
    assert accept(member, entry)["status"] == "approved"


def test_the_offers_hold_may_be_confirmed_like_any_other(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str, taken: Json
) -> None:
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    held = str(entry_of(db, entry)["hold_id"])
    assert preview(member, plane, at(2), at(3), hold_id=held)["outcome"] == "approved"
    booking = book(member, plane, at(2), at(3), hold_id=held)
    row = entry_of(db, entry)
    assert (row["status"], str(row["reservation_id"])) == ("accepted", booking["id"])


def test_an_offer_that_needs_approval_becomes_a_pending_booking(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str, taken: Json
) -> None:
    entry = wait(member, organization, plane, 2)
    make_rule(db, organization)
    cancel(owner, taken)
    booking = accept(member, entry)
    assert booking["status"] == "pending"
    assert len(booking["approvals"]) == 1


def test_what_the_dashboard_frees_is_offered_by_the_schedule_and_by_two_at_once_only_once(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str, taken: Json
) -> None:
    entry = wait(member, organization, plane, 2)
    db.execute("delete from public.reservations where id = %s", [taken["id"]])
    assert standing(db, entry) == ["waiting"]
    assert race([partial(offer_all, database) for _ in range(2)]) == {"done": 2}
    assert standing(db, entry) == ["offered"]
    end_offer(db, entry)
    assert race([partial(offer_all, database) for _ in range(2)]) == {"done": 2}
    assert standing(db, entry) == ["expired"]


def test_what_has_begun_is_waited_for_no_longer(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str, taken: Json
) -> None:
    assert taken["status"] == "approved"
    entry = wait(member, organization, plane, 2)
    db.execute(
        "update public.waitlist_entries set start_date = now() - interval '1 hour' where id = %s",
        [entry["id"]],
    )
    offer_all(database)
    assert standing(db, entry) == ["expired"]


@pytest.mark.parametrize("leaving", ["removed", "deleted"])
def test_whoever_leaves_waits_for_nothing_and_keeps_nothing_from_others(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
    leaving: str,
) -> None:
    with as_user(database, organization.manager) as manager:
        first, second = wait(member, organization, plane, 2), wait(manager, organization, plane, 2)
        cancel(owner, taken)
        assert standing(db, first, second) == ["offered", "waiting"]
        leaver: Actor = organization.member
        if leaving == "removed":
            rpc(owner, "remove_member", p_organization_id=organization.id, p_user_id=leaver.id)
            assert standing(db, first) == ["canceled"]
        else:
            db.execute("delete from auth.users where id = %s", [leaver.id])
        offer_all(database)
        assert standing(db, second) == ["offered"]


def test_to_release_the_offers_hold_is_to_decline(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str, taken: Json
) -> None:
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    rpc(member, "release_hold", p_hold_id=str(entry_of(db, entry)["hold_id"]))
    assert standing(db, entry) == ["canceled"]


def test_whose_offer_maintenance_takes_goes_on_waiting(
    database: str,
    db: Connection,
    organization: Organization,
    member: Connection,
    owner: Connection,
    plane: str,
    taken: Json,
) -> None:
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    arguments = {"p_asset_id": plane, "p_title": "Engine", "p_start_date": at(1), "p_end_date": at(4)}
    with as_user(database, organization.admin) as admin:
        window = rpc(admin, "create_maintenance", **arguments, p_resolution="cancel")
        assert standing(db, entry) == ["waiting"]
        rpc(admin, "cancel_maintenance", p_maintenance_id=window["id"])
    assert standing(db, entry) == ["offered"]


def test_maintenance_puts_whom_it_cancels_at_the_head_of_the_list(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    with as_user(database, organization.admin) as admin:
        window = rpc(
            admin,
            "create_maintenance",
            p_asset_id=plane,
            p_title="Engine",
            p_start_date=at(1),
            p_end_date=at(4),
            p_resolution="cancel",
            p_reason="Engine",
        )
        assert status_of(db, booking) == "canceled"
        rpc(admin, "cancel_maintenance", p_maintenance_id=window["id"])
    listed = rpc(member, "list_waitlist", p_organization_id=organization.id)
    assert [entry["status"] for entry in listed["items"]] == ["offered"]


def test_lists_are_ones_own_or_a_managers(
    organization: Organization, member: Connection, manager: Connection, plane: str, taken: Json
) -> None:
    assert taken["status"] == "approved"
    entry = wait(member, organization, plane, 2)
    mine = rpc(manager, "list_waitlist", p_organization_id=organization.id)
    assert mine == {"items": [], "total": 0}
    everyones = rpc(
        manager,
        "list_waitlist",
        p_organization_id=organization.id,
        p_scope="all",
        p_asset_id=plane,
        p_status="waiting",
    )
    assert (everyones["total"], everyones["items"]) == (1, [entry])
    with refused("FORBIDDEN", 403):
        rpc(member, "list_waitlist", p_organization_id=organization.id, p_scope="all")
    with refused("VALIDATION_ERROR", 400):
        rpc(member, "list_waitlist", p_organization_id=organization.id, p_scope="some", p_status="none")


def test_no_list_grows_without_end(
    organization: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    book(owner, plane, at(2), at(30))
    for day in range(2, 22):
        wait(member, organization, plane, day)
    with refused("INVALID_STATE", 409) as failures:
        wait(member, organization, plane, 23)
    assert failures[0].details == {"reason": "waitlist_limit", "limit": 20}
