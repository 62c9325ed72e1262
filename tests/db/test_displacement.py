"""A stronger tier that asks for it takes the place of weaker bookings, all of them or none."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.actors import Connection, Organization, as_user, make_asset, refused, rpc
from tests.db.approving import decide, join, make_rule, make_tier, requests_of, status_of
from tests.db.booking import Watcher, at, book, cancel, hold, insert_booking, occupied, preview
from tests.db.maintenance import insert_window
from tests.db.racing import race


@pytest.mark.usefixtures("family")
def test_nobody_is_displaced_who_was_not_asked_about(
    db: Connection, member: Connection, owner: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    with refused("CONFLICT", 409) as failures:
        book(owner, plane, at(2), at(3))
    assert failures[0].details["displaceable"] is True
    assert preview(owner, plane, at(2), at(3))["displaceable"] is True
    assert preview(owner, plane, at(2), at(3), displace=True)["outcome"] == "approved"
    assert status_of(db, booking) == "approved"


@pytest.mark.usefixtures("family")
def test_all_that_is_weaker_makes_room_in_one_transaction(
    db: Connection, member: Connection, owner: Connection, plane: str, watcher: Watcher
) -> None:
    first, second = book(member, plane, at(2), at(3)), book(member, plane, at(3), at(4))
    taken = book(owner, plane, at(2, 12), at(3, 12), displace=True)
    assert [status_of(db, row) for row in (first, second, taken)] == ["displaced", "displaced", "approved"]
    assert occupied(db, plane) == 1
    assert [(event["type"], event["payload"]["reservation"]["status"]) for event in watcher.events()][2:] == [
        ("reservation_canceled", "displaced"),
        ("reservation_canceled", "displaced"),
        ("reservation_created", "approved"),
    ]
    with refused("INVALID_STATE", 409):
        rpc(member, "restore_reservation", p_reservation_id=first["id"])


def test_a_pending_booking_is_displaced_with_its_requests(
    db: Connection, family: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    make_rule(db, family, tier_id=family.tier)
    booking = book(member, plane, at(2), at(3))
    assert booking["status"] == "pending"
    book(owner, plane, at(2), at(3), displace=True)
    assert [request["status"] for request in requests_of(db, booking)] == ["voided"]


@pytest.mark.parametrize(
    "reason", ["equal", "begun", "hold", "maintenance", "kept", "no_override", "pending", "one_of_two"]
)
def test_who_may_not_displace_gets_the_conflict(
    database: str, db: Connection, family: Organization, member: Connection, plane: str, reason: str
) -> None:
    booker = family.owner
    booking = None
    if reason == "hold":
        hold(member, plane, at(2), at(3))
    elif reason == "maintenance":
        db.execute(
            "insert into public.maintenance_windows (organization_id, asset_id, title, start_date, end_date)"
            " values (%s, %s, 'Engine', %s, %s)",
            [family.id, plane, at(2), at(3)],
        )
    elif reason == "begun":
        insert_booking(db, family, plane, at(-1), at(3))
    else:
        booking = book(member, plane, at(2), at(3))
    if reason == "equal":
        db.execute(
            "update public.organization_members set tier_id ="
            " (select tier_id from public.organization_members where user_id = %s) where user_id = %s",
            [family.owner.id, family.member.id],
        )
    elif reason == "no_override":
        db.execute("update public.tiers set can_override = false where organization_id = %s", [family.id])
    elif reason == "pending":
        make_rule(db, family)
    elif reason == "kept":
        insert_window(db, family, plane, at(2), at(3, 12), resolution="keep")
    elif reason == "one_of_two":
        insert_booking(db, family, plane, at(3), at(4), user_id=family.owner.id)
    start = at(0, 23, 59) if reason == "begun" else at(2)
    with as_user(database, booker) as stronger, refused("CONFLICT", 409) as failures:
        book(stronger, plane, start, at(3, 12), displace=True)
    assert failures[0].details["displaceable"] is False
    if booking is not None:
        assert status_of(db, booking) == "approved"


def test_a_chain_of_displacements(
    database: str, db: Connection, family: Organization, member: Connection, owner: Connection, plane: str
) -> None:
    cousins = make_tier(db, family, "Cousins", 20, can_override=True)
    cousin = join(db, family, "cousin", tier=cousins)
    weakest = book(member, plane, at(2), at(3))
    with as_user(database, cousin) as middle:
        between = book(middle, plane, at(2), at(4), displace=True)
        strongest = book(owner, plane, at(3), at(5), displace=True)
        assert [status_of(db, row) for row in (weakest, between, strongest)] == [
            "displaced",
            "displaced",
            "approved",
        ]
        with refused("CONFLICT", 409):
            book(middle, plane, at(3), at(5), displace=True)
    # What the last one left free is offered to whoever was displaced from it.
    offer = member.execute(
        "select id from public.reservations where status = 'hold' and asset_id = %s", [plane]
    )
    [row] = offer.fetchall()
    assert book(member, plane, at(2), at(3), hold_id=row["id"])["status"] == "approved"
    assert occupied(db, plane) == 2


def test_two_who_displace_at_once_leave_one_winner(
    database: str, db: Connection, family: Organization, member: Connection, plane: str
) -> None:
    tier = db.execute(
        "select tier_id from public.organization_members where user_id = %s", [family.owner.id]
    ).fetchone()
    assert tier is not None
    uncle = join(db, family, "uncle", tier=str(tier["tier_id"]))
    booking = book(member, plane, at(2), at(3))
    with as_user(database, family.owner) as one, as_user(database, uncle) as two:
        outcomes = race([partial(book, each, plane, at(2), at(3), displace=True) for each in (one, two)])
    assert outcomes == {"done": 1, "CONFLICT": 1}
    assert status_of(db, booking) == "displaced"


@pytest.mark.usefixtures("family")
def test_a_hold_of_the_stronger_is_confirmed_over_the_weaker(
    db: Connection, member: Connection, owner: Connection, plane: str
) -> None:
    held = hold(owner, plane, at(2), at(3))
    booking = book(member, plane, at(3), at(4))
    taken = book(owner, plane, at(2), at(4), hold_id=held["id"], displace=True)
    assert (taken["id"], status_of(db, booking)) == (held["id"], "displaced")


@pytest.mark.usefixtures("family")
def test_whose_turnaround_is_in_the_way_makes_room_too(
    db: Connection, family: Organization, member: Connection, owner: Connection
) -> None:
    jet = make_asset(db, family.id, "planes", "Jet", turnaround_minutes=60)
    before, after = book(member, jet, at(2, 8), at(2, 10)), book(member, jet, at(2, 14, 30), at(2, 16))
    untouched = book(member, jet, at(2, 17), at(2, 18))
    taken = book(owner, jet, at(2, 10, 30), at(2, 14), displace=True)
    assert [status_of(db, row) for row in (before, after, untouched, taken)] == [
        "displaced",
        "displaced",
        "approved",
        "approved",
    ]
    assert occupied(db, jet) == 2


@pytest.mark.parametrize("other", ["cancel", "approve", "leave"])
def test_whoever_is_displaced_at_the_instant_of_another_act_ends_once(
    database: str,
    db: Connection,
    family: Organization,
    member: Connection,
    plane: str,
    other: str,
) -> None:
    if other == "approve":
        make_rule(db, family, tier_id=family.tier)
    for day in range(2, 7):
        booking = book(member, plane, at(day), at(day, 12))
        with as_user(database, family.owner) as one, as_user(database, family.manager) as two:
            acts: dict[str, Callable[[], object]] = {
                "cancel": partial(cancel, two, booking),
                "approve": partial(decide, two, booking),
                "leave": partial(
                    db.execute,
                    "update public.reservations set status = 'canceled' where id = %s",
                    [booking["id"]],
                ),
            }
            outcomes = race([partial(book, one, plane, at(day), at(day, 12), displace=True), acts[other]])
        assert outcomes["done"] >= 1
        assert set(outcomes) <= {"done", "INVALID_STATE"}
        assert status_of(db, booking) in ("displaced", "canceled")
        row = db.execute(
            "select array_agg(distinct r.user_id::text) as users, count(*) as found"
            " from app.occupancy o join public.reservations r on r.id = o.source_id"
            " where o.asset_id = %s and r.start_date = %s",
            [plane, at(day)],
        ).fetchone()
        assert row == {"users": [family.owner.id], "found": 1}
        assert "pending" not in {request["status"] for request in requests_of(db, booking)}
