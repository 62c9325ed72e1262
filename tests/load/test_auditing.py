"""The comparison of the audit with what was asked finds nothing in an honest log, and whatever is not so."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.actors import Actor, Connection, Organization
from tests.harness import RunningStack, running_bff
from tests.load.auditing import compare, drain, inherit, read_entries
from tests.load.tally import Entries, Tally, differences
from tests.relay.calendar import slot

BOOKINGS = "/api/v1/reservations"


def asked() -> Tally:
    tally = Tally()
    for operation, status, times in (
        ("read_calendar", 200, 50),
        ("read_calendar", 429, 2),
        ("create_reservation", 201, 10),
        ("create_reservation", 409, 3),
        ("update_reservation", 200, 4),
        ("cancel_reservation", 200, 2),
        ("stream_calendar", 200, 5),
    ):
        for _ in range(times):
            tally.begin(operation)
            tally.end(operation, status)
    return tally


def entries() -> Entries:
    return Entries(asked().recorded, asked().changed)


def test_a_log_of_what_was_asked_has_no_differences() -> None:
    assert differences(asked(), entries()) == []
    assert asked().recorded.total() == 2 + 10 + 3 + 4 + 2
    assert ("read_calendar", "200") not in asked().recorded


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda log: log.recorded.subtract([("create_reservation", "409")]),
            "create_reservation 409: 3 made, 2 in the log",
        ),
        (
            lambda log: log.recorded.update([("create_reservation", "201")]),
            "create_reservation 201: 10 made, 11 in the log",
        ),
        (
            lambda log: log.recorded.update([("read_calendar", "200")]),
            "read_calendar 200: 0 made, 1 in the log",
        ),
        (
            lambda log: log.changed.subtract([("insert", "reservations")]),
            "insert reservations: 10 made, 9 in the log",
        ),
        (lambda log: log.changed.update([("delete", "assets")]), "delete assets: 0 made, 1 in the log"),
    ],
    ids=["a lost record", "one too many", "a read that needs none", "a lost row", "a row of nobody's"],
)
def test_each_difference_is_found(spoil: Callable[[Entries], None], said: str) -> None:
    log = entries()
    spoil(log)
    assert differences(asked(), log) == [said]


def test_a_request_that_broke_off_may_be_in_the_log_once_more_and_need_not() -> None:
    tally = asked()
    tally.begin("create_reservation")
    assert tally.unanswered == {"create_reservation": 1}
    assert differences(tally, entries()) == []
    log = entries()
    log.recorded.update([("create_reservation", "499")])
    log.changed.update([("insert", "reservations"), ("insert", "reservation_details")])
    assert differences(tally, log) == []
    log.recorded.update([("create_reservation", "499")])
    assert differences(tally, log) == ["create_reservation 499: 0 made, 2 in the log"]


def test_a_tally_is_read_as_it_was_written(tmp_path: Path) -> None:
    tally = asked()
    tally.begin("cancel_reservation")
    tally.write(tmp_path / "tally.json")
    assert Tally.read(tmp_path / "tally.json") == tally


def test_the_log_of_a_real_office_agrees_with_what_was_asked_of_it(
    stack: RunningStack, office: Organization, live_db: Connection, tmp_path: Path
) -> None:
    tally, spool = Tally(), tmp_path / "audit"
    before = read_entries(live_db, [office.id])
    with (
        running_bff(stack.env, tmp_path / "bff.log", AUDIT_SPOOL_DIR=str(spool)) as bff,
        httpx.Client(base_url=bff.url, timeout=20) as http,
    ):

        def ask(who: Actor, operation: str, status: int, method: str, path: str, **options: Any) -> Any:
            headers = {"Authorization": f"Bearer {who.token}", **options.pop("headers", {})}
            tally.begin(operation)
            response = http.request(method, path, headers=headers, **options)
            tally.end(operation, response.status_code)
            assert response.status_code == status, response.text
            return response.json().get("data")

        booking = {"asset_id": office.assets["planes"], "title": "Trip", **slot()}
        window = {"from": "2027-01-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}
        calendar = f"/api/v1/organizations/{office.id}/calendar"
        made = ask(office.member, "create_reservation", 201, "POST", BOOKINGS, json=booking)
        ask(office.member, "create_reservation", 409, "POST", BOOKINGS, json=booking)
        for _ in range(8):
            # Five of them are records, the others a count at the process' end.
            ask(office.viewer, "create_reservation", 403, "POST", BOOKINGS, json=booking)
        ask(office.member, "read_calendar", 200, "GET", calendar, params=window)
        one, match = f"{BOOKINGS}/{made['id']}", {"If-Match": f'"{made["version"]}"'}
        ask(office.member, "update_reservation", 200, "PATCH", one, headers=match, json={"title": "Other"})
        ask(office.member, "update_reservation", 412, "PATCH", one, headers=match, json={"title": "Third"})
        ask(office.member, "cancel_reservation", 200, "POST", f"{one}/cancel", json={"reason": "Rain."})
        drain(bff)
    assert inherit(stack, spool, tmp_path / "heir.log") == []
    found = compare(stack.database_url, [office.id], tally, before)
    assert found.wrong == []
    assert (found.made, found.recorded) == (13, 13)
    assert found.changes == found.changed > 0
    assert found.links == found.entries
    assert not [each for each in found.broken if office.id in each]

    one_more = deepcopy(tally)
    one_more.begin("update_reservation")
    one_more.end("update_reservation", 200)
    assert len(compare(stack.database_url, [office.id], one_more, before).wrong) == 2
