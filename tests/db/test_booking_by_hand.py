"""What the dashboard writes by hand: nothing is lost by it, and nothing given away twice."""

import pytest

from tests.actors import Connection, Organization, refused
from tests.db.approving import status_of
from tests.db.booking import Json, at, book, cancel, hold, occupied, preview, utc
from tests.db.waiting import accept, entry_of, standing, wait


@pytest.fixture
def offer(
    db: Connection, organization: Organization, member: Connection, owner: Connection, plane: str
) -> Json:
    """What the member was offered of the day after tomorrow."""
    taken = book(owner, plane, at(2), at(3))
    entry = wait(member, organization, plane, 2)
    cancel(owner, taken)
    return entry_of(db, entry)


@pytest.mark.parametrize("minutes", [-1, 60])
def test_a_hold_ends_when_the_dashboard_says(
    db: Connection, member: Connection, manager: Connection, plane: str, minutes: int
) -> None:
    held = hold(member, plane, at(2), at(3))
    db.execute(
        "update app.occupancy set expires_at = now() + interval '1 minute' where source_id = %s", [held["id"]]
    )
    db.execute(
        "update public.reservations set hold_expires_at = now() + make_interval(mins => %s) where id = %s",
        [minutes, held["id"]],
    )
    row = db.execute(
        "select count(*) filter (where o.expires_at = r.hold_expires_at) as same, count(*) as found"
        " from app.occupancy o join public.reservations r on r.id = o.source_id where r.id = %s",
        [held["id"]],
    ).fetchone()
    assert row == ({"same": 0, "found": 0} if minutes < 0 else {"same": 1, "found": 1})
    if minutes < 0:
        book(manager, plane, at(2), at(3))
        with refused("NOT_FOUND", 404):
            book(member, plane, at(2), at(3), hold_id=held["id"])
    else:
        with refused("CONFLICT", 409):
            book(manager, plane, at(2), at(3))
        book(member, plane, at(2), at(3), hold_id=held["id"])
    assert occupied(db, plane) == 1


@pytest.mark.parametrize("status", ["canceled", "approved", "completed"])
def test_an_offer_ends_with_its_hold_whatever_becomes_of_that(
    db: Connection, member: Connection, offer: Json, status: str
) -> None:
    db.execute("update public.reservations set status = %s where id = %s", [status, offer["hold_id"]])
    assert standing(db, offer) == ["waiting" if status == "canceled" else "accepted"]
    with refused("INVALID_STATE", 409):
        accept(member, offer)
    assert status_of(db, {"id": offer["hold_id"]}) == status


def test_an_offer_whose_hold_was_moved_by_hand_is_of_its_own_time(
    db: Connection, member: Connection, manager: Connection, plane: str, offer: Json
) -> None:
    db.execute(
        "update public.reservations set start_date = %s, end_date = %s where id = %s",
        [at(5), at(6), offer["hold_id"]],
    )
    other = book(manager, plane, at(2), at(2, 12))
    with refused("CONFLICT", 409) as failures:
        accept(member, offer)
    assert [conflict["id"] for conflict in failures[0].details["conflicts"]] == [other["id"]]
    cancel(manager, other)
    assert accept(member, offer)["start_date"] == utc(offer["start_date"])
    assert occupied(db, plane) == 1


def test_a_booking_made_a_hold_by_hand_is_one(
    db: Connection, member: Connection, manager: Connection, plane: str
) -> None:
    booking = book(member, plane, at(2), at(3))
    db.execute("update public.reservations set status = 'hold' where id = %s", [booking["id"]])
    with refused("CONFLICT", 409) as failures:
        book(manager, plane, at(2), at(3))
    assert [conflict["kind"] for conflict in failures[0].details["conflicts"]] == ["hold"]
    assert preview(member, plane, at(2), at(3), hold_id=booking["id"])["outcome"] == "approved"
    assert book(member, plane, at(2), at(3), hold_id=booking["id"])["hold_expires_at"] is None
