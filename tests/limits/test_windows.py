"""Sliding windows of one process, with a clock that the tests set."""

import asyncio
import time

import pytest
from limits import RateLimitItem

from bff.limits.headers import render, retry_after, tightest
from bff.limits.windows import BoundedMemory, Standing, Windows
from tests.limits.watched import policy

WINDOW = 60
API = policy("api", 3)


class Clock:
    def __init__(self) -> None:
        self.now = 6_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def windows(clock: Clock) -> Windows:  # noqa: ARG001 - set before anything is counted
    return Windows(BoundedMemory())


async def ask(windows: Windows, *policies: RateLimitItem, key: str = "anna") -> list[Standing]:
    return await windows.take([(each, key) for each in policies])


async def asks(windows: Windows, times: int, key: str = "anna") -> list[bool]:
    return [(await ask(windows, API, key=key))[0].allowed for _ in range(times)]


async def test_as_many_pass_as_the_policy_allows_and_each_subject_by_itself(windows: Windows) -> None:
    assert await asks(windows, 5) == [True, True, True, False, False]
    assert await asks(windows, 1, "ben") == [True]


async def test_of_many_at_once_as_many_pass(windows: Windows) -> None:
    answers = await asyncio.gather(*(ask(windows, API) for _ in range(50)))
    assert sum(each.allowed for [each] in answers) == 3


async def test_the_window_slides_so_a_new_minute_is_no_new_amount(windows: Windows, clock: Clock) -> None:
    clock.now += WINDOW - 1
    assert await asks(windows, 3) == [True] * 3
    clock.now += 2  # a second of the next window: 59 of 60 parts of the three still count
    assert await asks(windows, 3) == [True, False, False]
    clock.now += 2 * WINDOW
    assert await asks(windows, 4) == [True, True, True, False]


async def test_what_is_refused_does_not_prolong_the_wait(windows: Windows, clock: Clock) -> None:
    await asks(windows, 3)
    [refused] = await ask(windows, API)
    for _ in range(100):
        [again] = await ask(windows, API)
        assert (again.allowed, again.reset) == (False, refused.reset)
    clock.now += refused.reset + 0.001
    assert await asks(windows, 2) == [True, False]


async def test_a_request_counts_under_all_of_its_policies_or_under_none(windows: Windows) -> None:
    api, booking = policy("api", 5), policy("booking", 2)
    for left in ((4, 1), (3, 0)):
        assert tuple(each.remaining for each in await ask(windows, api, booking)) == left
    refused = await ask(windows, api, booking)
    assert [(each.policy, each.allowed, each.remaining) for each in refused] == [
        ("api", True, 3),
        ("booking", False, 0),
    ]
    assert (await ask(windows, api))[0].remaining == 2


async def test_what_a_subject_asks_under_one_policy_takes_nothing_of_another(windows: Windows) -> None:
    for _ in range(3):
        await ask(windows, policy("api", 5))
    booking = await ask(windows, policy("api", 5), policy("booking", 2))
    assert [(each.allowed, each.remaining) for each in booking] == [(True, 1), (True, 1)]


async def test_memory_is_bounded_however_many_ask(clock: Clock) -> None:
    memory = BoundedMemory(max_keys=100)
    windows = Windows(memory)
    for number in range(1_000):
        await asks(windows, 1, f"address {number}")
    assert len(memory) == len(memory.storage) == 100
    # Those who asked last are still known.
    assert await asks(windows, 3, "address 999") == [True, True, False]
    clock.now += 2 * WINDOW
    await asks(windows, 1)
    assert len(memory) == len(memory.storage) == 1


async def test_nothing_looks_through_all_keys(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's memory does so in a task at each hit: while Redis is away there may be many."""
    begun: list[object] = []
    monkeypatch.setattr(asyncio, "create_task", begun.append)
    assert await asks(windows, 5) == [True, True, True, False, False]
    assert begun == []


@pytest.mark.parametrize(
    ("before", "now", "left", "remaining", "reset"),
    [
        (0, 0, 12.0, 10, 0.0),
        (0, 4, 12.0, 6, 12.0),
        (0, 4, 60.0, 6, 60.0),
        (10, 0, 60.0, 0, 0.0),
        (10, 0, 57.0, 1, 3.0),
        (10, 5, 30.0, 0, 0.0),
        (10, 5, 31.0, 0, 1.0),
        (1, 3, 30.0, 7, 30.0),
    ],
    ids=[
        "none",
        "now",
        "just-begun",
        "all-before",
        "some-before",
        "both",
        "both-later",
        "less-than-one-before",
    ],
)
async def test_remaining_and_reset_say_what_would_be_let_in_and_when_one_more(
    clock: Clock, before: int, now: int, left: float, remaining: int, reset: float
) -> None:
    memory, item = BoundedMemory(), policy("api", 10)
    clock.now += WINDOW - left
    for key, count in zip(
        memory.sliding_window_keys(item.key_for("anna"), WINDOW, clock.now), (before, now), strict=True
    ):
        if count:
            await memory.incr(key, 2 * WINDOW, count)
    standing = await Windows(memory)._standing((item, "anna"), None)
    assert standing.remaining == remaining
    assert standing.reset == pytest.approx(reset)


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
