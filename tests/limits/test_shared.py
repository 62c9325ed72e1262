"""Counts in a real Redis, which all processes share."""

import asyncio

import redis.asyncio
from limits import RateLimitItem

from bff.limits.limiter import Limiter, Names
from bff.limits.policies import NAMES, Policies
from bff.metrics import Metrics
from tests.limits.watched import Shared, policy, seen, until, watched


async def test_of_two_hundred_requests_at_once_by_two_processes_exactly_the_allowed_hundred_pass(
    shared_url: str,
) -> None:
    charge = (policy("api", 100), "hundred")
    async with watched(shared_url) as one, watched(shared_url) as other:
        processes = (Shared(one), Shared(other))
        asked = [process.take(charge) for _ in range(100) for process in processes]
        answers = [standing for [standing] in await asyncio.gather(*asked)]
        answers += await processes[0].take(charge)
    assert sum(each.allowed for each in answers) == 100
    assert all(each.remaining == 0 and 0 < each.reset <= 60 for each in answers if not each.allowed)


async def test_who_asks_one_after_the_other_is_told_exactly_what_is_left_and_when_there_is_more(
    shared_url: str,
) -> None:
    charge = (policy("api", 3), "one after the other")
    async with watched(shared_url) as server:
        answers = [each for _ in range(4) for each in await Shared(server).take(charge)]
    assert [(each.remaining, each.allowed) for each in answers] == [
        (2, True),
        (1, True),
        (0, True),
        (0, False),
    ]
    # From the first on: a window begins with it.
    assert all(50 < each.reset <= 60 for each in answers)
    assert sorted((each.reset for each in answers), reverse=True) == [each.reset for each in answers]


async def test_a_request_that_one_policy_refuses_counts_under_none(shared_url: str) -> None:
    api, booking = policy("api", 5), policy("booking", 3)
    async with watched(shared_url) as server:
        windows = Shared(server)

        async def ask(who: str, *policies: RateLimitItem) -> list[tuple[bool, int]]:
            standings = await windows.take(*((each, who) for each in policies))
            return [(each.allowed, each.remaining) for each in standings]

        asked = [await ask("refused by the narrower", api, booking) for _ in range(5)]
        let_in = [[(True, 4), (True, 2)], [(True, 3), (True, 1)], [(True, 2), (True, 0)]]
        assert asked == [*let_in, *[[(True, 2), (False, 0)]] * 2]
        assert await ask("refused by the narrower", api) == [(True, 5 - 3 - 1)]
        for _ in range(5):
            await ask("refused by the wider", api)
        for _ in range(4):
            assert await ask("refused by the wider", api, booking) == [(False, 0), (True, 3)]


async def test_of_bookings_at_once_as_many_pass_as_the_narrower_policy_allows_and_the_wider_has_counted_those(
    shared_url: str,
) -> None:
    api, booking = (policy("api", 100), "at once"), (policy("booking", 30), "at once")
    async with watched(shared_url) as one, watched(shared_url) as other:
        processes = (Shared(one), Shared(other))
        asked = [process.take(api, booking) for _ in range(40) for process in processes]
        answers = await asyncio.gather(*asked)
        assert sum(all(each.allowed for each in standings) for standings in answers) == 30
        [left] = await processes[0].take(api)
        assert left.remaining == 100 - 30 - 1


async def test_where_requests_compete_for_the_last_of_the_wider_amount_the_narrower_counts_at_most_those(
    shared_url: str,
) -> None:
    api, booking = (policy("api", 10), "compete"), (policy("booking", 9), "compete")
    async with watched(shared_url) as server:
        windows = Shared(server)
        for _ in range(5):
            await windows.take(api)
        answers = await asyncio.gather(*(windows.take(api, booking) for _ in range(9)))
        assert sum(all(each.allowed for each in standings) for standings in answers) == 5
        # Of a booking that was refused then, one may be counted; of those that come later, none.
        [_, before] = await windows.take(api, booking)
        assert 0 <= before.remaining <= 4
        for _ in range(5):
            [_, after] = await windows.take(api, booking)
        assert after.remaining == before.remaining


async def test_a_window_that_is_over_lets_in_again_and_slides_until_then(shared_url: str) -> None:
    charge = (policy("api", 4, window=1), "sliding")
    async with watched(shared_url) as server:
        windows = Shared(server)
        for remaining in (3, 2, 1, 0):
            [standing] = await windows.take(charge)
            assert (standing.allowed, standing.remaining) == (True, remaining)
        [refused] = await windows.take(charge)
        assert not refused.allowed
        assert 0 < refused.reset <= 1

        async def is_let_in() -> bool:
            # Asked all the while: what is refused does not prolong the wait.
            [standing] = await windows.take(charge)
            return standing.allowed

        await until(is_let_in)


async def test_keys_run_out_by_themselves_and_hold_nothing_of_who_asked(shared_url: str) -> None:
    policies = Policies(dict.fromkeys(NAMES, 7), 11, 10)
    async with watched(shared_url) as server:
        limiter = Limiter(policies, Names("a secret"), Metrics().limits, server)
        [account] = policies.under("auth", "account")
        await limiter.take([limiter.charge(account, "anna@example.com")])
    async with redis.asyncio.Redis.from_url(shared_url, decode_responses=True) as inside:
        found = [key async for key in inside.scan_iter("*auth-account*7/11*")]
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
