"""Counts in a real Redis: shared, and each request in one step."""

import asyncio

import pytest
import redis.asyncio
from limits.storage import RedisStorage

from bff.limits.limiter import Limiter, Names
from bff.limits.link import Link
from bff.limits.policies import NAMES, Policies
from bff.limits.shared import COUNT, SharedWindows
from bff.limits.windows import Charge
from bff.metrics import Metrics
from tests.limits.linking import PATIENT, SCRIPTS, linked, policy, seen, until

ACQUIRE = RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW


async def test_of_two_hundred_requests_at_once_by_two_processes_exactly_the_allowed_hundred_pass(
    shared_url: str,
) -> None:
    charge = Charge(policy("api", 100), "hundred")
    async with linked(shared_url) as one, linked(shared_url) as other:
        processes = (SharedWindows(one), SharedWindows(other))
        asked = [process.take([charge]) for _ in range(100) for process in processes]
        answers = [standing for [standing] in await asyncio.gather(*asked)]
    passed = [each for each in answers if each.allowed]
    assert len(passed) == 100
    assert sorted(each.remaining for each in passed) == list(range(100))
    assert all(each.remaining == 0 and 0 < each.reset <= 60 for each in answers if not each.allowed)


async def test_requests_of_one_moment_share_one_exchange(shared_url: str) -> None:
    exchanges: list[float] = []
    link = Link(shared_url, PATIENT, SCRIPTS, on_answer=exchanges.append)
    await link.find()
    windows = SharedWindows(link)
    charges = [
        [Charge(policy("api", 10), str(number)), Charge(policy("booking", 10), str(number))]
        for number in range(50)
    ]
    await asyncio.gather(*(windows.take(each) for each in charges))
    assert len(exchanges) == 1
    await link.aclose()


async def test_a_request_that_one_policy_refuses_counts_under_none_at_no_moment(shared_url: str) -> None:
    api, booking = Charge(policy("api", 5), "refused"), Charge(policy("booking", 2), "refused")
    async with linked(shared_url) as link:
        windows = SharedWindows(link)
        # The reader's request comes in the very moment in which twenty bookings are refused.
        *bookings, [read] = await asyncio.gather(
            *(windows.take([api, booking]) for _ in range(22)), windows.take([api])
        )
        assert [[each.allowed for each in standings] for standings in bookings] == (
            [[True, True]] * 2 + [[True, False]] * 20
        )
        assert (read.allowed, read.remaining) == (True, 5 - 2 - 1)


# Of a window of 1,000 s: previous and current count, and the seconds that each lives on; None is no key.
STATES = [
    (previous, previous_life, current, current_life)
    for previous, previous_life in ((None, 0), (3, 155), (7, 455), (10, 855))
    for current, current_life in ((None, 0), (0, 1_455), (4, 1_955), (9, 1_105), (10, 855), (3, 255))
]


@pytest.mark.parametrize("amount", [1, 4, 10])
async def test_the_script_decides_and_counts_as_that_of_the_library_limits_does(
    inside: redis.asyncio.Redis, amount: int
) -> None:
    window = 1_000
    library, ours = (inside.register_script(source) for source in (ACQUIRE, COUNT.source))
    passed = 0
    for number, (previous, previous_life, current, current_life) in enumerate(STATES):
        pairs = [
            (f"{{{name}{amount}:{number}}}/-1", f"{{{name}{amount}:{number}}}") for name in ("theirs", "ours")
        ]
        for before, now in pairs:
            for key, count, life in ((before, previous, previous_life), (now, current, current_life)):
                if count is not None:
                    await inside.set(key, count, ex=life)
        theirs = await library(keys=pairs[0], args=(amount, window, 1))
        [[has_room, *counts]] = await ours(keys=pairs[1], args=(amount, window))
        assert bool(has_room) == bool(theirs)
        left = [[int(await inside.get(key) or 0) for key in pair] for pair in pairs]
        assert left[0] == left[1] == [counts[0], counts[2]]
        lives = [[max(await inside.ttl(key), 0) for key in pair] for pair in pairs]
        assert lives[1] == pytest.approx(lives[0], abs=30)
        passed += has_room
    assert 0 < passed < len(STATES)


async def test_a_window_that_is_over_lets_in_again_and_slides_until_then(shared_url: str) -> None:
    charge = Charge(policy("api", 4, window=1), "sliding")
    async with linked(shared_url) as link:
        windows = SharedWindows(link)
        for remaining in (3, 2, 1, 0):
            [standing] = await windows.take([charge])
            assert (standing.allowed, standing.remaining) == (True, remaining)
        [refused] = await windows.take([charge])
        assert not refused.allowed
        assert 0 < refused.reset <= 1

        async def is_let_in() -> bool:
            # Asked all the while: what is refused does not prolong the wait.
            [standing] = await windows.take([charge])
            return standing.allowed

        await until(is_let_in)


async def test_keys_run_out_by_themselves_and_hold_nothing_of_who_asked(shared_url: str) -> None:
    policies = Policies(dict.fromkeys(NAMES, 7), 11, 10)
    async with linked(shared_url) as link:
        limiter = Limiter(policies, Names("a secret"), Metrics().limits, link)
        [account] = policies.under("auth", "account")
        await limiter.take([limiter.charge(account, "anna@example.com")])
    async with redis.asyncio.Redis.from_url(shared_url, decode_responses=True) as inside:
        found = [key async for key in inside.scan_iter("*auth-account:7:11*")]
        assert len(found) == 1
        assert "anna" not in found[0]
        assert 0 < await inside.pttl(found[0]) <= 22_000


async def test_without_redis_by_choice_a_process_counts_by_itself_up_to_the_whole_amount() -> None:
    policies = Policies(dict.fromkeys(NAMES, 4), 60, 10)
    limiter = Limiter(policies, Names("a secret"), Metrics().limits)
    [auth] = policies.under("auth", "address")
    answers = [await limiter.take([limiter.charge(auth, "192.0.2.1")]) for _ in range(5)]
    assert seen([standing for [standing] in answers]) == [(True, False)] * 4 + [(False, False)]
    assert await limiter.check() == ("pass", 0.0, "REDIS_URL is not set: each process counts by itself.")
