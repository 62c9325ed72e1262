"""Two who decide, cancel, leave or expire at once: what comes of it, some order would have brought too."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.actors import Connection, RefusedError, as_service, connect, rpc
from tests.db.approving import Act, House, ask, asked, decide, remove, requests_of, rule_of, status_of, submit
from tests.db.booking import Json, at, cancel, insert_booking
from tests.db.racing import race
from tests.db.test_approvals_over_time import time_out
from tests.harness import wait_until


def outcome_of(action: Callable[[], Any]) -> Any:
    """What the action answers, or the refusal's code and reason."""
    try:
        return action()
    except psycopg.Error as error:
        if error.sqlstate != "PGRST":
            raise
        failure = RefusedError(error)
        return failure.code, (failure.details or {}).get("reason")


def one_after_the_other(
    db: Connection, first: Connection, act: Callable[[], Any], second: Connection, react: Callable[[], Any]
) -> Any:
    """Acts in a transaction of `first` that commits once `react` waits for it; answers what `react` did."""
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            act()
            reaction = pool.submit(outcome_of, react)
            pid = second.info.backend_pid
            wait_until(
                lambda: db.execute("select 1 where cardinality(pg_blocking_pids(%s)) > 0", [pid]).fetchone(),
                what="the second one waits",
            )
        return reaction.result(timeout=20)


def test_two_who_approve_at_once_make_a_quorum_of_two(db: Connection, house: House, act: Act) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    for day in range(5, 13, 2):
        booking = ask(db, house.organization, rule, start=at(day), end=at(day + 1))
        assert race([partial(decide, act(name), booking) for name in ("ana", "luis")]) == {"done": 2}
        assert status_of(db, booking) == "approved"


def test_of_two_last_approvals_at_once_one_approves_and_the_other_comes_late(
    db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="quorum", quorum=2, users=("ana", "luis", "manager"))
    booking = ask(db, house.organization, rule)
    decide(act("ana"), booking)
    answer = one_after_the_other(
        db,
        act("luis"),
        partial(decide, act("luis"), booking),
        act("manager"),
        partial(decide, act("manager"), booking),
    )
    assert answer == ("INVALID_STATE", "status")
    row = db.execute("select approved_by::text from public.reservations where id = %s", [booking["id"]])
    assert row.fetchone() == {"approved_by": house.people["luis"].id}


@pytest.mark.parametrize(("first", "second"), [("approve", "reject"), ("reject", "approve")])
def test_of_an_approval_and_a_rejection_at_once_the_first_counts(
    db: Connection, house: House, act: Act, first: str, second: str
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    answer = one_after_the_other(
        db,
        act("manager"),
        partial(decide, act("manager"), booking, first),
        act("admin"),
        partial(decide, act("admin"), booking, second),
    )
    assert answer == ("INVALID_STATE", "status")
    assert status_of(db, booking) == {"approve": "approved", "reject": "rejected"}[first]


def test_a_cancellation_beats_the_approval_that_comes_after_it(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    answer = one_after_the_other(
        db,
        act("member"),
        partial(cancel, act("member"), booking),
        act("manager"),
        partial(decide, act("manager"), booking),
    )
    assert answer == ("INVALID_STATE", "status")
    assert status_of(db, booking) == "canceled"
    assert requests_of(db, booking)[0]["status"] == "voided"


def test_what_was_approved_a_moment_ago_is_cancelled_as_approved(
    db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    answer = one_after_the_other(
        db,
        act("manager"),
        partial(decide, act("manager"), booking),
        act("member"),
        partial(cancel, act("member"), booking),
    )
    assert (answer["status"], answer["approved_by"]) == ("canceled", house.people["manager"].id)
    assert requests_of(db, booking)[0]["status"] == "approved"


def expire_by(service: Connection) -> Json:
    done: Json = rpc(service, "expire_approvals")
    return done


def expire_into(results: list[Json], service: Connection) -> None:
    results.append(expire_by(service))


def test_expiry_leaves_alone_what_is_being_approved(
    database: str, db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    time_out(db, booking)
    with as_service(database) as service:
        with act("manager").transaction():
            decide(act("manager"), booking)
            assert expire_by(service)["escalated"] == 0
        assert expire_by(service)["escalated"] == 0
    assert status_of(db, booking) == "approved"
    assert requests_of(db, booking)[0]["escalated_at"] is None


def test_an_approval_that_comes_after_the_expiry_is_refused(
    database: str, db: Connection, house: House, act: Act
) -> None:
    booking = ask(db, house.organization, rule_of(db, house))
    with as_service(database) as service:
        time_out(db, booking)
        expire_by(service)
        time_out(db, booking)
        answer = one_after_the_other(
            db, service, partial(expire_by, service), act("manager"), partial(decide, act("manager"), booking)
        )
    assert answer == ("INVALID_STATE", "status")
    assert status_of(db, booking) == "rejected"


def test_two_runs_of_the_expiry_at_once_do_each_booking_once(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, timeout_hours=1)
    assets = [house.organization.assets[section] for section in ("planes", "helicopters", "watercraft")]
    bookings = [
        ask(db, house.organization, rule, asset=asset, start=at(day), end=at(day + 1))
        for asset in assets
        for day in (5, 8)
    ]
    results: list[Json] = []
    with as_service(database) as one, as_service(database) as two:
        for kind in ("escalated", "rejected"):
            time_out(db, *bookings)
            results.clear()
            race([partial(expire_into, results, each) for each in (one, two)])
            # What one was at work on, the other left to the next run.
            results.append(expire_by(one))
            assert sum(result[kind] for result in results) == len(bookings)
    assert {status_of(db, booking) for booking in bookings} == {"rejected"}


def test_an_approver_who_is_removed_while_approving_is_either_heard_or_dropped(
    database: str, db: Connection, house: House, act: Act
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana", "luis"))
    booking = ask(db, house.organization, rule)
    with connect(database) as dashboard:
        one_after_the_other(
            db,
            act("luis"),
            partial(decide, act("luis"), booking),
            dashboard,
            partial(remove, dashboard, house.organization, house.people["luis"]),
        )
        (request,) = requests_of(db, booking)
        assert (request["status"], house.names(asked(request))) == ("pending", {"ana"})
        answer = one_after_the_other(
            db,
            dashboard,
            partial(remove, dashboard, house.organization, house.people["ana"]),
            act("ana"),
            partial(decide, act("ana"), booking),
        )
    assert answer == ("FORBIDDEN", "not_approver")
    (request,) = requests_of(db, booking)
    assert (request["status"], house.names(asked(request))) == ("pending", {"owner"})


def test_two_approvers_who_leave_at_once_leave_no_booking_approved(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="all_principals")
    bookings = [ask(db, house.organization, rule, start=at(day), end=at(day + 1)) for day in (5, 7, 9)]
    with connect(database) as one, connect(database) as two:
        outcomes = race(
            [
                partial(remove, one, house.organization, house.people["ana"]),
                partial(remove, two, house.organization, house.people["luis"]),
            ]
        )
    assert outcomes == {"done": 2}
    for booking in bookings:
        assert status_of(db, booking) == "pending"
        assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}


def test_an_approver_who_leaves_while_a_booking_is_submitted_is_not_waited_for(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    plane = house.organization.assets["planes"]
    booking = insert_booking(db, house.organization, plane, at(5), at(6), status="pending")
    with connect(database) as one, connect(database) as two:
        one_after_the_other(
            db,
            one,
            partial(submit, one, booking, rule),
            two,
            partial(remove, two, house.organization, house.people["ana"]),
        )
    assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}


def test_a_booking_that_asks_someone_who_is_just_leaving_is_to_be_sent_again(
    database: str, db: Connection, house: House
) -> None:
    rule = rule_of(db, house, approval_type="specific_users", users=("ana",))
    plane = house.organization.assets["planes"]
    booking = insert_booking(db, house.organization, plane, at(5), at(6), status="pending")
    with connect(database) as one, one.transaction():
        remove(one, house.organization, house.people["ana"])
        answer = outcome_of(partial(submit, db, booking, rule))
    assert answer == ("SERVICE_UNAVAILABLE", None)
    submit(db, booking, rule)
    assert house.names(asked(requests_of(db, booking)[0])) == {"owner"}
