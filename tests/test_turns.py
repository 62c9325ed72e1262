"""Those of one key wait for each other, those of another do not, and nothing is left of either."""

import asyncio

import pytest

from bff.turns import Turns


async def test_one_key_is_held_by_one_at_a_time_and_in_order() -> None:
    turns, told, go_on = Turns(), list[str](), asyncio.Event()

    async def hold(key: str, name: str) -> None:
        async with turns.of(key):
            told.append(f"{name} begins")
            await go_on.wait()
            told.append(f"{name} ends")

    async with asyncio.TaskGroup() as group:
        for key, name in (("ana", "first"), ("ana", "second"), ("ben", "other")):
            group.create_task(hold(key, name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == ["first begins", "other begins"]
        go_on.set()
    assert told == [
        "first begins",
        "other begins",
        "first ends",
        "other ends",
        "second begins",
        "second ends",
    ]
    assert len(turns) == 0


async def test_whoever_gives_up_waiting_leaves_nothing_and_blocks_nobody() -> None:
    turns = Turns()
    async with turns.of("ana"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), turns.of("ana"):
                pytest.fail("both hold it")
        assert len(turns) == 1
    async with turns.of("ana"):
        assert len(turns) == 1
    assert len(turns) == 0
