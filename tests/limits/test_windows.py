"""Sliding windows of one process, with a clock that the tests set."""

import pytest

from bff.limits.headers import render, retry_after, tightest
from bff.limits.policies import Failure, Policy
from bff.limits.windows import Charge, LocalWindows, Standing, Window, standing

WINDOW = 60


def policy(name: str = "api", amount: int = 3) -> Policy:
    return Policy(name, "user", frozenset({"other"}), Failure.LOCAL, amount, WINDOW)


class Clock:
    def __init__(self) -> None:
        self.now = 6_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def windows(clock: Clock) -> LocalWindows:
    return LocalWindows(clock)


def take(windows: LocalWindows, *charges: Charge) -> list[Standing]:
    return windows.take(charges, [charge.policy.amount for charge in charges])


def asks(windows: LocalWindows, times: int, key: str = "anna") -> list[bool]:
    return [take(windows, Charge(policy(), key))[0].allowed for _ in range(times)]


def test_as_many_pass_as_the_policy_allows_and_each_subject_by_itself(windows: LocalWindows) -> None:
    assert asks(windows, 5) == [True, True, True, False, False]
    assert asks(windows, 1, "ben") == [True]


def test_the_window_slides_so_a_new_minute_is_no_new_amount(windows: LocalWindows, clock: Clock) -> None:
    clock.now += WINDOW - 1
    assert asks(windows, 3) == [True] * 3
    clock.now += 2  # a second of the next window: 59 of 60 parts of the three still count
    assert asks(windows, 3) == [True, False, False]
    clock.now += 2 * WINDOW
    assert asks(windows, 4) == [True, True, True, False]


def test_what_is_refused_does_not_prolong_the_wait(windows: LocalWindows, clock: Clock) -> None:
    asks(windows, 3)
    refused = take(windows, Charge(policy(), "anna"))[0]
    for _ in range(100):
        again = take(windows, Charge(policy(), "anna"))[0]
        assert (again.allowed, again.reset) == (False, refused.reset)
    clock.now += refused.reset + 0.001
    assert asks(windows, 2) == [True, False]


def test_a_request_counts_under_all_of_its_policies_or_under_none(windows: LocalWindows) -> None:
    api, booking = Charge(policy("api", 5), "anna"), Charge(policy("booking", 2), "anna")
    for left in ((4, 1), (3, 0)):
        assert tuple(each.remaining for each in take(windows, api, booking)) == left
    refused = take(windows, api, booking)
    assert [(each.policy, each.allowed, each.remaining) for each in refused] == [
        ("api", True, 3),
        ("booking", False, 0),
    ]
    assert take(windows, api)[0].remaining == 2


def test_what_a_subject_asks_under_one_policy_takes_nothing_of_another(windows: LocalWindows) -> None:
    for _ in range(3):
        take(windows, Charge(policy("api", 5), "anna"))
    booking = take(windows, Charge(policy("api", 5), "anna"), Charge(policy("booking", 2), "anna"))
    assert [(each.allowed, each.remaining) for each in booking] == [(True, 1), (True, 1)]


def test_memory_is_bounded_however_many_ask(clock: Clock) -> None:
    windows = LocalWindows(clock, max_keys=100)
    for number in range(1_000):
        asks(windows, 1, f"address {number}")
    assert len(windows) == 100
    clock.now += WINDOW
    for number in range(1_000):
        asks(windows, 1, f"other {number}")
    assert len(windows) == 200
    clock.now += 2 * WINDOW
    asks(windows, 1)
    assert len(windows) == 1


@pytest.mark.parametrize(
    ("window", "remaining", "reset"),
    [
        (Window(0, 0, 12.0), 10, 0.0),
        (Window(0, 4, 12.0), 6, 12.0),
        (Window(10, 0, 60.0), 0, 0.0),
        (Window(10, 0, 57.0), 1, 3.0),
        (Window(10, 5, 30.0), 0, 0.0),
        (Window(10, 5, 31.0), 0, 1.0),
        (Window(1, 3, 30.0), 7, 30.0),
    ],
    ids=["none", "now", "all-before", "some-before", "both", "both-later", "less-than-one-before"],
)
def test_remaining_and_reset_say_what_would_be_let_in_and_when_one_more(
    window: Window, remaining: int, reset: float
) -> None:
    found = standing(policy(amount=10), 10, window, allowed=True, shared=True)
    assert found.remaining == remaining
    assert found.reset == pytest.approx(reset)


def test_who_refused_speaks_in_the_headers_else_who_has_the_least_left() -> None:
    api = Standing("api", 100, 60, 7, 20.5, allowed=True)
    booking = Standing("booking", 30, 60, 9, 1.2, allowed=True)
    assert tightest([booking, api]) == api
    refused = Standing("booking", 30, 60, 9, 1.2, allowed=False)
    assert tightest([api, refused]) == refused
    assert retry_after([api, refused]) == 2
    assert retry_after([Standing("api", 1, 60, 0, 0.0, allowed=False)]) == 1
    assert render([api, Standing("streams", 10, None, 0, 3, allowed=False)], 1_000.25) == [
        (b"x-ratelimit-limit", b"10"),
        (b"x-ratelimit-remaining", b"0"),
        (b"x-ratelimit-reset", b"1003250"),
        (b"ratelimit", b'"api";r=7;t=21, "streams";r=0;t=3'),
        (b"ratelimit-policy", b'"api";q=100;w=60, "streams";q=10;qu="concurrent-requests"'),
    ]
