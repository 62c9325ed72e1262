"""Bounded concurrency with a fair queue, and the budget of retries."""

import asyncio

import pytest

from bff.exchange import RetryBudget
from bff.gate import Gate, NoPlaceError
from tests.relay.fakes import until

LONG = 60.0
SHORT = 0.01


async def waiting(gate: Gate, *callers: str) -> tuple[list[str], list[asyncio.Task[None]]]:
    """Has them wait in this order; answers who was let in, in order, and their tasks."""
    order: list[str] = []

    async def enter(caller: str) -> None:
        await gate.enter(caller, LONG)
        order.append(caller)

    tasks = []
    for caller in callers:
        tasks.append(asyncio.create_task(enter(caller)))
        await asyncio.sleep(0)
    return order, tasks


async def test_callers_take_turns_however_much_one_of_them_asks() -> None:
    gate = Gate(places=1, share=1, queue=10, seconds=LONG)
    await gate.enter("first", LONG)
    order, tasks = await waiting(gate, "greedy", "greedy", "greedy", "modest")
    leaving = "first"
    for n in range(4):
        gate.leave(leaving)
        await until(lambda n=n: len(order) == n + 1)  # type: ignore[misc]
        leaving = order[-1]
    assert order == ["greedy", "modest", "greedy", "greedy"]
    await asyncio.gather(*tasks)


async def test_a_caller_whose_calls_hang_leaves_places_for_the_others() -> None:
    gate = Gate(places=4, share=2, queue=10, seconds=LONG)
    order, tasks = await waiting(gate, "hanging", "hanging", "hanging", "other")
    await until(lambda: order == ["hanging", "hanging", "other"])
    gate.leave("hanging")
    await until(lambda: order[3:] == ["hanging"])
    await asyncio.gather(*tasks)


async def test_beyond_the_queue_one_is_refused_at_once_and_within_it_after_its_time() -> None:
    gate = Gate(places=1, share=1, queue=1, seconds=LONG)
    await gate.enter("a", LONG)
    _, (waits,) = await waiting(gate, "b")
    with pytest.raises(NoPlaceError):
        await gate.enter("c", LONG)
    waits.cancel()
    await asyncio.wait([waits])
    with pytest.raises(NoPlaceError):
        await gate.enter("d", 0.01)
    gate.leave("a")
    await gate.enter("e", LONG)


async def test_in_a_full_queue_the_newest_of_the_longest_gives_way_to_a_caller_with_fewer() -> None:
    gate = Gate(places=1, share=1, queue=4, seconds=LONG)
    await gate.enter("first", LONG)
    order, greedy = await waiting(gate, "greedy", "greedy", "greedy", "greedy")
    _, [modest, other] = await waiting(gate, "modest", "other")
    await asyncio.wait(greedy[2:])
    assert [isinstance(each.exception(), NoPlaceError) for each in greedy[2:]] == [True, True]
    # With one more, these would wait with no fewer than whoever had to go.
    for caller in ("greedy", "modest"):
        with pytest.raises(NoPlaceError):
            await gate.enter(caller, SHORT)
    _, [new] = await waiting(gate, "new")
    await asyncio.wait([greedy[1]])
    with pytest.raises(NoPlaceError):
        await gate.enter("newest", SHORT)
    for leaving, entering in (("first", greedy[0]), ("greedy", modest), ("modest", other), ("other", new)):
        gate.leave(leaving)
        await entering
    assert order == ["greedy"]
    gate.leave("new")
    await gate.enter("last", SHORT)


async def test_one_who_leaves_in_the_moment_that_it_has_to_give_way_takes_no_place_along() -> None:
    gate = Gate(places=1, share=1, queue=2, seconds=LONG)
    await gate.enter("first", LONG)
    _, [_, newest] = await waiting(gate, "greedy", "greedy")
    modest = asyncio.create_task(gate.enter("modest", LONG))
    asyncio.get_running_loop().call_soon(newest.cancel)
    await asyncio.wait([newest])
    for caller in ("first", "greedy"):
        gate.leave(caller)
        await asyncio.sleep(0)
    await modest
    with pytest.raises(NoPlaceError):
        await gate.enter("last", 0.01)
    gate.leave("modest")
    await gate.enter("last", LONG)


async def test_a_place_that_is_given_to_someone_who_just_left_is_not_lost() -> None:
    gate = Gate(places=1, share=1, queue=5, seconds=LONG)
    await gate.enter("a", LONG)
    order, (leaver, next_one) = await waiting(gate, "b", "c")
    gate.leave("a")
    leaver.cancel()
    await next_one
    assert order == ["c"]
    gate.leave("c")
    await gate.enter("d", LONG)


async def test_a_thousand_who_come_and_give_up_leave_every_place_free() -> None:
    gate = Gate(places=3, share=2, queue=100, seconds=0.01)

    async def call(n: int) -> None:
        await gate.enter(str(n % 7), LONG)
        try:
            await asyncio.sleep(0.0001 * (n % 5))
        finally:
            gate.leave(str(n % 7))

    tasks = [asyncio.create_task(call(n)) for n in range(1000)]
    for task in tasks[::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in results} <= {type(None), NoPlaceError, asyncio.CancelledError}
    for each in ("x", "y", "z"):
        await gate.enter(each, 0.01)
    with pytest.raises(NoPlaceError):
        await gate.enter("more", 0.01)


def test_retries_are_a_share_of_calls_once_the_reserve_is_used() -> None:
    budget = RetryBudget(ratio=0.2, reserve=10)
    made = 0
    for _ in range(1000):
        budget.deposit()
        for _ in range(3):
            if budget.allows:
                budget.withdraw()
                made += 1
    assert made == pytest.approx(1000 * 0.2 + 10, abs=2)
