"""Questions of the same moment share a call, and only so many calls are under way."""

import asyncio
from collections.abc import Sequence

from bff.relay.batch import MAX_CALLS, Batch
from tests.relay.fakes import until


class Database:
    """Answers a question with itself, once it is let go on."""

    def __init__(self) -> None:
        self.running = 0
        self.peak = 0
        self.sizes: list[int] = []
        self.may_answer = asyncio.Event()

    async def ask(self, questions: Sequence[int]) -> Sequence[int]:
        self.sizes.append(len(questions))
        self.running += 1
        self.peak = max(self.peak, self.running)
        await self.may_answer.wait()
        self.running -= 1
        return questions


async def test_no_more_calls_than_allowed_are_under_way_however_many_questions_come_at_once() -> None:
    database = Database()
    batch = Batch(database.ask, 10)
    asking = [asyncio.create_task(batch.ask(number)) for number in range(200)]
    await until(lambda: database.running == MAX_CALLS)
    # What waits is asked by the next call; who comes now waits with it, and the same is asked once.
    assert 199 in batch
    late = [asyncio.create_task(batch.ask(number)) for number in (199, 200)]
    database.may_answer.set()
    async with asyncio.timeout(20):
        assert await asyncio.gather(*asking, *late) == [*range(200), 199, 200]
    assert database.peak == MAX_CALLS
    assert sum(database.sizes) == 201
    assert max(database.sizes) == 10
