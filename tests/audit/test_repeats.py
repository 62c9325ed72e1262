"""Refusals that repeat: what is a record of its own, what is counted, and that nobody makes it many."""

import uuid
from typing import Any

import pytest

from bff.audit.repeats import OF_ONE, SEVERAL, SINGLY, WINDOW_SECONDS, Refusal, Repeats

Fields = dict[str, Any]
ME = Refusal("7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d", "update_tier", "FORBIDDEN")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repeats(clock: Clock) -> Repeats:
    return Repeats(keys=40, singly=1000, clock=clock)


def fields(number: int, **more: Any) -> Fields:
    return {
        "id": str(uuid.UUID(int=number)),
        "created_at": f"2026-11-28T12:00:{number:02}+00:00",
        "action": "update_tier",
        "resource_id": "r",
        "response_status": 403,
        "metadata": {"request_id": f"r-{number}", "code": "FORBIDDEN", "process": 7},
        **more,
    }


def singles(repeats: Repeats, refusal: Refusal, count: int) -> int:
    return sum(repeats.take(refusal, fields(number)) for number in range(count))


def test_the_first_few_are_records_and_the_rest_is_one_at_the_end_of_the_minute(
    repeats: Repeats, clock: Clock
) -> None:
    assert singles(repeats, ME, SINGLY + 20) == SINGLY
    clock.now = WINDOW_SECONDS - 1
    assert list(repeats.due()) == []
    clock.now = WINDOW_SECONDS
    [record] = repeats.due()
    assert uuid.UUID(record.pop("id")).int > SINGLY + 20
    first, last = (fields(number)["created_at"] for number in (SINGLY, SINGLY + 19))
    metadata = {"request_id": None, "code": "FORBIDDEN", "process": 7, "who": ME.who}
    assert record == {
        **{name: value for name, value in fields(0).items() if name != "id"},
        "created_at": first,
        "metadata": {**metadata, "count": 20, "first": first, "last": last},
    }
    assert list(repeats.due(everything=True)) == []
    assert singles(repeats, ME, 1) == 1, "another minute"


def test_of_what_repeats_stays_what_all_have_in_common(repeats: Repeats) -> None:
    singles(repeats, ME, SINGLY)
    for number, more in enumerate([{"resource_id": "a"}, {"resource_id": "b"}, {"resource_id": "a"}]):
        repeats.take(ME, fields(number, request_body={"x": {"y": 1, "z": number}}, **more))
    [record] = repeats.due(everything=True)
    assert record["resource_id"] is None
    assert record["request_body"] == {"x": {"y": 1, "z": None}}
    assert record["response_status"] == 403


def test_what_did_not_repeat_leaves_no_count(repeats: Repeats) -> None:
    singles(repeats, ME, SINGLY)
    assert list(repeats.due(everything=True)) == []


def test_others_actions_and_reasons_are_told_apart(repeats: Repeats) -> None:
    others = [ME, ME._replace(who="192.0.2.1"), ME._replace(action="delete_tier"), ME._replace(code="MFA")]
    assert [singles(repeats, each, SINGLY + 1) for each in others] == [SINGLY] * 4
    assert len(list(repeats.due(everything=True))) == 4


def test_one_address_that_is_refused_everything_makes_few_records(repeats: Repeats, clock: Clock) -> None:
    count = sum(singles(repeats, ME._replace(action=f"a-{number}"), 50) for number in range(150))
    assert count == (OF_ONE + 1) * SINGLY
    clock.now = WINDOW_SECONDS
    records = list(repeats.due())
    assert len(records) == OF_ONE + 1
    assert count + sum(each["metadata"]["count"] for each in records) == 150 * 50
    assert records[-1]["action"] == SEVERAL
    assert records[-1]["metadata"]["who"] == ME.who


def test_however_many_addresses_ask_there_are_few_keys_and_nothing_goes_uncounted(
    repeats: Repeats,
) -> None:
    for number in range(5000):
        singles(repeats, ME._replace(who=f"2001:db8:{number:x}::/64"), 1)
    assert len(repeats._windows) == 41
    [last] = repeats.due(everything=True)
    assert (last["action"], last["metadata"]["who"]) == (SEVERAL, None)
    assert last["metadata"]["count"] == 5000 - 40 - SINGLY
    assert not repeats._keys_of


def test_all_together_are_no_more_records_than_there_may_be(clock: Clock) -> None:
    repeats = Repeats(keys=1000, singly=30, clock=clock)
    others = [ME._replace(who=str(number)) for number in range(50)]
    assert sum(singles(repeats, each, 3) for each in others) == 30
    assert sum(each["metadata"]["count"] for each in repeats.due(everything=True)) == 120
    clock.now = WINDOW_SECONDS
    assert singles(repeats, ME, 1) == 1
