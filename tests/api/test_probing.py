"""The circuit breaker by itself: what it makes of calls, and of probes that fail, are late, or break."""

import asyncio

import pytest
import structlog

from bff.breaker import Breaker, CircuitOpenError, Finding
from tests.relay.fakes import until


class Part:
    """A part of Supabase whose probes find what they are told, and break where that is an exception."""

    def __init__(self, failures: int = 2) -> None:
        self.finding: Finding | Exception = "away"
        self.probes = 0
        self.changes: list[bool] = []
        self.breaker = Breaker(self._probe, failures, 0.001, self.changes.append)

    async def _probe(self) -> Finding:
        self.probes += 1
        await asyncio.sleep(0)
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding

    async def suspect(self, caller: str) -> None:
        """A call of theirs waits in vain, and has the part probed to the end."""
        probes = self.probes
        self.breaker.timed_out(self.breaker.admit(), caller)
        await until(lambda: self.probes > probes and (self.breaker.is_open or self.is_settled()))

    def is_settled(self) -> bool:
        """Whether nothing is being found out."""
        return self.breaker._task is None

    async def break_down(self) -> None:
        while not self.breaker.is_open:
            self.breaker.failed(self.breaker.admit())


async def test_an_answer_between_failures_keeps_it_closed() -> None:
    part = Part()
    for _ in range(10):
        part.breaker.failed(part.breaker.admit())
        part.breaker.answered()
    assert part.changes == []


async def test_calls_of_before_an_outage_that_break_after_it_do_not_open_it_again() -> None:
    part = Part()
    admitted = part.breaker.admit()
    await part.break_down()
    with pytest.raises(CircuitOpenError):
        part.breaker.admit()
    part.finding = "there"
    await until(lambda: not part.breaker.is_open)
    for _ in range(10):
        part.breaker.failed(admitted)
        part.breaker.timed_out(admitted, "anna")
    assert part.changes == [True, False]
    await part.breaker.aclose()


async def test_a_call_that_waited_in_vain_while_others_were_answered_raises_no_suspicion() -> None:
    part = Part()
    slow = part.breaker.admit()
    part.breaker.answered()
    part.breaker.timed_out(slow, "anna")
    await asyncio.sleep(0)
    assert part.probes == 0
    part.breaker.timed_out(part.breaker.admit(), "anna")
    await until(lambda: part.changes == [True])
    await part.breaker.aclose()


async def test_a_late_probe_counts_once_two_callers_waited_in_vain_and_nobody_was_answered() -> None:
    part = Part()
    part.finding = "late"
    for caller in ("anna", "anna", "anna"):
        await part.suspect(caller)
    part.breaker.answered()
    await part.suspect("ben")
    part.finding = "there"
    await part.suspect("ben")
    part.finding = "late"
    await part.suspect("clara")
    assert part.changes == []
    await part.suspect("ben")
    assert part.changes == [True]
    await part.breaker.aclose()


async def test_a_late_probe_does_not_count_where_others_were_answered_meanwhile() -> None:
    part = Part()
    part.finding = "late"
    await part.suspect("anna")
    part.breaker.suspect("ben")
    part.breaker.answered()
    await until(part.is_settled)
    assert (part.changes, part.probes) == ([], 2)


@pytest.mark.parametrize("suspected", [False, True], ids=["while open", "on suspicion"])
async def test_a_probe_that_breaks_is_logged_and_no_answer_and_is_followed_by_others(
    monkeypatch: pytest.MonkeyPatch, *, suspected: bool
) -> None:
    said = structlog.testing.CapturingLogger()
    monkeypatch.setattr("bff.breaker.log", said)
    part = Part()
    part.finding = RecursionError("nobody foresaw it")
    if suspected:
        await part.suspect("anna")
    else:
        await part.break_down()
    await until(lambda: part.probes > 3)
    assert part.changes == [True]
    assert {call.args for call in said.calls} == {("probe_failed",)}
    part.finding = "there"
    await until(lambda: part.changes == [True, False])
    part.breaker.admit()


async def test_whoever_watches_and_breaks_keeps_no_circuit_open(monkeypatch: pytest.MonkeyPatch) -> None:
    said = structlog.testing.CapturingLogger()
    monkeypatch.setattr("bff.breaker.log", said)
    part = Part()

    def fail(is_open: bool) -> None:
        part.changes.append(is_open)
        raise OSError(28, "No space left on device")

    part.breaker = Breaker(part._probe, 1, 0.001, fail)
    await part.break_down()
    part.finding = "there"
    await until(lambda: part.changes == [True, False])
    part.breaker.admit()
    assert [call.args for call in said.calls] == [("circuit_not_told",)] * 2
