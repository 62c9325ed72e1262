"""Who is let in: refused with a time to come back, counted by reason, before memory or time run out."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bff.relay.admission import FULL_SECONDS, RETRY_SECONDS, Admission, Limits, Refusal, resident_bytes, trim
from tests.logs import captured_logs
from tests.relay.fakes import until


def refusal(admission: Admission, user: str = "ana") -> Refusal:
    with pytest.raises(Refusal) as caught:
        admission.enter(user)
    return caught.value


def drain(admission: Admission) -> None:
    admission.draining = True


def grow(admission: Admission) -> None:
    admission.enter("luis")
    admission.look(0.0)


def lag(admission: Admission) -> None:
    admission.lag = 2.0


def open_two(admission: Admission) -> None:
    admission.enter("ana")
    admission.enter("luis")


def open_one(admission: Admission) -> None:
    admission.enter("ana")


@pytest.mark.parametrize(
    ("reason", "bring_about", "limits", "between"),
    [
        ("draining", drain, Limits(), RETRY_SECONDS),
        ("full", open_two, Limits(streams=2), FULL_SECONDS),
        ("too_many", open_one, Limits(streams_per_user=1), RETRY_SECONDS),
        ("memory", grow, Limits(streams=10, resident_bytes=1_000), FULL_SECONDS),
        ("busy", lag, Limits(lag_seconds=2.0), RETRY_SECONDS),
    ],
)
def test_whoever_finds_no_room_is_told_when_to_come_back_each_at_another_time(
    reason: str, bring_about: Callable[[Admission], None], limits: Limits, between: tuple[int, int]
) -> None:
    admission = Admission(limits)
    bring_about(admission)
    refusals = [refusal(admission) for _ in range(200)]
    assert {each.reason for each in refusals} == {reason}
    seconds = {each.retry_after for each in refusals}
    assert seconds == set(range(between[0], between[1] + 1))
    assert admission.status()["refused"] == {reason: 200}


def test_a_stream_that_closed_makes_room() -> None:
    admission = Admission(Limits(streams=1, streams_per_user=1))
    admission.enter("ana")
    assert refusal(admission).reason == "too_many"
    assert refusal(admission, "luis").reason == "full"
    admission.leave("ana")
    admission.enter("luis")
    assert refusal(admission, "ana").reason == "full"


@dataclass
class Memory:
    """A process' memory, some of which the allocator keeps."""

    used: int = 0
    kept: int = 0
    queued: int = 0
    trims: int = 0
    now: float = 0.0

    def resident(self) -> int:
        return self.used + self.kept

    def trim(self) -> None:
        self.trims += 1
        self.kept = 0

    def admission(self, limits: Limits) -> Admission:
        return Admission(limits, self.resident, lambda: self.now, lambda: self.queued, self.trim)


def test_a_process_that_stays_big_when_its_streams_have_gone_locks_nobody_out() -> None:
    memory = Memory(used=2_000)
    admission = memory.admission(Limits(streams=100, resident_bytes=1_000))
    for number in range(6):
        admission.enter(f"user-{number}")
    admission.look(0.0)
    assert refusal(admission).reason == "memory"
    admission.leave("user-0")
    admission.enter("ana")
    assert refusal(admission).reason == "memory"
    admission.leave("ana")
    memory.queued = 100_000_000
    assert refusal(admission).reason == "memory"
    for number in range(1, 6):
        admission.leave(f"user-{number}")
    memory.queued = 0
    admission.enter("ana")


def test_what_the_allocator_keeps_is_given_back_before_anybody_is_refused_and_said_once() -> None:
    memory = Memory(kept=2_000)
    admission = memory.admission(Limits(streams=1, resident_bytes=1_000))
    with captured_logs() as logs:
        admission.look(0.0)
    assert (memory.trims, admission.resident, logs) == (1, 0, [])
    memory.used = 1_500
    with captured_logs() as logs:
        for _ in range(8):
            memory.now += 0.25
            admission.look(0.0)
    assert memory.trims == 3
    assert [(each["event"], each["log_level"]) for each in logs] == [("memory_limit_reached", "error")]


def test_what_was_freed_between_what_is_still_used_goes_back_to_the_system() -> None:
    blocks = [bytes(4_000) for _ in range(30_000)]
    still_used = blocks[:: len(blocks) - 1]
    blocks.clear()
    before = resident_bytes()
    trim()
    assert resident_bytes() < before - 50_000_000
    assert len(still_used) == 2


class Opening:
    """One that is under way until it is told to end."""

    def __init__(self, admission: Admission) -> None:
        self.begun = False
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self._run(admission))

    async def _run(self, admission: Admission) -> None:
        async with admission.opening():
            self.begun = True
            await self.end.wait()


async def test_so_many_are_opened_at_once_and_the_others_wait_their_turn() -> None:
    admission = Admission(Limits(openings=2))
    openings = [Opening(admission) for _ in range(5)]
    await until(lambda: admission.status()["openings_waiting"] == 3)
    assert [each.begun for each in openings] == [True, True, False, False, False]
    openings[1].end.set()
    await until(lambda: openings[2].begun)
    assert [each.begun for each in openings] == [True, True, True, False, False]
    for each in openings:
        each.end.set()
    await asyncio.gather(*(each.task for each in openings))
    assert admission.status()["openings"] == 0


async def test_whoever_gives_up_waiting_takes_nobodys_place() -> None:
    admission = Admission(Limits(openings=1))
    first, second, third = (Opening(admission) for _ in range(3))
    await until(lambda: admission.status()["openings_waiting"] == 2)
    # Once while it waits, once when its turn has just come.
    second.task.cancel()
    await asyncio.wait([second.task])
    first.end.set()
    await until(lambda: third.begun)
    third.task.cancel()
    await asyncio.wait([third.task])
    fourth, fifth = Opening(admission), Opening(admission)
    await until(lambda: fourth.begun)
    fourth.end.set()
    await asyncio.wait([fourth.task])
    fifth.task.cancel()
    await asyncio.wait([fifth.task])
    assert admission.status()["openings"] == 0
    assert admission.status()["openings_waiting"] == 0


async def test_whoever_would_wait_too_long_for_those_before_is_refused_at_once() -> None:
    now = 0.0
    admission = Admission(Limits(openings=1, opening_seconds=1.0), clock=lambda: now)
    slow = Opening(admission)
    await until(lambda: slow.begun)
    admission.enter("ana")  # Nothing is known yet of how long it takes.
    now = 100.0
    slow.end.set()
    await slow.task
    running = Opening(admission)
    await until(lambda: running.begun)
    assert refusal(admission).reason == "busy"
    running.end.set()
    await running.task
    admission.enter("ana")


def test_nobody_is_let_in_until_the_event_loop_has_been_in_time_for_a_while() -> None:
    admission = Admission(Limits(lag_seconds=0.5))
    admission.look(2.0)
    for _ in range(2):
        admission.look(0.0)
        assert refusal(admission).reason == "busy"
    admission.look(0.0)
    admission.enter("ana")


async def test_a_loop_that_is_kept_from_its_work_and_the_process_size_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bff.relay.admission.LOOK_SECONDS", 0.01)
    seen: list[float] = []

    class Noting(Admission):
        def look(self, late: float) -> None:
            super().look(late)
            seen.append(late)

    sizes = iter(range(1_000_000))
    admission = Noting(Limits(), resident=lambda: next(sizes))
    looking = asyncio.create_task(admission.run())
    await until(lambda: seen)
    time.sleep(0.5)  # noqa: ASYNC251 - what keeps the loop from its work is the point
    await until(lambda: max(seen) > 0.4)
    assert admission.resident == len(seen)
    looking.cancel()
    await asyncio.wait([looking])


def test_the_process_size_is_what_the_system_says() -> None:
    assert resident_bytes() > 10_000_000
