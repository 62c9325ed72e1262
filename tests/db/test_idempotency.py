"""A request that is sent twice is done once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.actors import Connection, Organization, as_user, make_user, refused
from tests.db.booking import at, book, cancel, insert_booking
from tests.harness import wait_until


def bookings(db: Connection, asset: str) -> int:
    row = db.execute("select count(*) as n from public.reservations where asset_id = %s", [asset]).fetchone()
    assert row is not None
    return int(row["n"])


def test_a_repeated_create_gets_the_first_answer(member: Connection, db: Connection, plane: str) -> None:
    first = book(member, plane, at(2), at(3), notes="Once", idempotency_key="one")
    cancel(member, first)
    assert book(member, plane, at(2), at(3), notes="Once", idempotency_key="one") == first
    assert bookings(db, plane) == 1


def test_a_repeated_cancel_gets_the_first_answer(member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3))
    first = cancel(member, booking, reason="Rain", idempotency_key="one")
    assert cancel(member, booking, reason="Rain", idempotency_key="one") == first
    with refused("INVALID_STATE", 409):
        cancel(member, booking, reason="Rain", idempotency_key="two")


def test_a_key_is_for_one_body(member: Connection, plane: str) -> None:
    booking = book(member, plane, at(2), at(3), idempotency_key="one")
    with refused("IDEMPOTENCY_KEY_REUSED", 422):
        book(member, plane, at(2), at(3), notes="Another", idempotency_key="one")
    # Another route has keys of its own.
    assert cancel(member, booking, idempotency_key="one")["status"] == "canceled"


def test_a_key_is_for_one_person(
    database: str, organization: Organization, member: Connection, plane: str
) -> None:
    first = book(member, plane, at(2), at(3), idempotency_key="one")
    with as_user(database, organization.manager) as manager:
        second = book(manager, plane, at(4), at(5), idempotency_key="one")
    assert first["id"] != second["id"]


def test_the_same_instant_in_another_zone_is_the_same_body(member: Connection, plane: str) -> None:
    one = book(member, plane, at(2), at(3), idempotency_key="one")
    member.execute("set timezone = 'America/Panama'")
    assert book(member, plane, at(2), at(3), idempotency_key="one") == one


def test_an_error_stores_nothing(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    taken = insert_booking(db, organization, plane, at(2), at(3))
    with refused("CONFLICT", 409):
        book(member, plane, at(2), at(3), idempotency_key="one")
    db.execute("delete from public.reservations where id = %s", [taken["id"]])
    assert book(member, plane, at(2), at(3), idempotency_key="one")["status"] == "approved"


def test_a_second_request_waits_for_the_first_and_gets_its_answer(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    with as_user(database, organization.member) as second, ThreadPoolExecutor(1) as pool:
        with member.transaction():
            first = book(member, plane, at(2), at(3), idempotency_key="one")
            answer = pool.submit(book, second, plane, at(2), at(3), idempotency_key="one")
            _wait_for_lock(db, second)
        assert answer.result(timeout=20) == first
    assert bookings(db, plane) == 1


def test_a_second_request_goes_ahead_when_the_first_failed(
    database: str, db: Connection, organization: Organization, member: Connection, plane: str
) -> None:
    with as_user(database, organization.member) as second, ThreadPoolExecutor(1) as pool:
        with member.transaction(force_rollback=True):
            book(member, plane, at(2), at(3), idempotency_key="one")
            answer = pool.submit(book, second, plane, at(2), at(3), idempotency_key="one")
            _wait_for_lock(db, second)
        assert answer.result(timeout=20)["status"] == "approved"
    assert bookings(db, plane) == 1


def _wait_for_lock(db: Connection, connection: Connection) -> None:
    pid = connection.info.backend_pid
    wait_until(
        lambda: db.execute(
            "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'", [pid]
        ).fetchone(),
        what="the second request waits",
    )


def test_a_day_later_the_key_is_new_and_the_old_answers_are_gone(
    member: Connection, db: Connection, organization: Organization, plane: str
) -> None:
    book(member, plane, at(2), at(3), idempotency_key="one")
    book(member, plane, at(4), at(5), idempotency_key="two")
    db.execute(
        "update app.idempotency_keys set created_at = now() - interval '25 hours' where user_id = %s",
        [organization.member.id],
    )
    with refused("CONFLICT", 409):
        book(member, plane, at(2), at(3), idempotency_key="one")
    book(member, plane, at(6), at(7), idempotency_key="one")
    keys = db.execute(
        "select key from app.idempotency_keys where user_id = %s", [organization.member.id]
    ).fetchall()
    assert keys == [{"key": "one"}]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_a_length(member: Connection, plane: str, key: str) -> None:
    with refused("VALIDATION_ERROR", 400):
        book(member, plane, at(2), at(3), idempotency_key=key)


def test_a_token_that_outlives_its_user_is_refused(database: str, db: Connection, plane: str) -> None:
    person = make_user(db, "gone")
    db.execute("delete from auth.users where id = %s", [person.id])
    with as_user(database, person) as ghost:
        for action in (book, cancel):
            arguments = (plane, at(2), at(3)) if action is book else ({"id": plane},)
            with refused("UNAUTHORIZED", 401):
                action(ghost, *arguments, idempotency_key="one")
