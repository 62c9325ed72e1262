"""How a call reaches Supabase: deadlines, a place of its own, a circuit breaker, and retries within a budget.

docs/resilience.md says what callers see of each fault.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Protocol, Self
from urllib.parse import urlsplit

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from bff.breaker import Breaker, CircuitOpenError, Finding
from bff.errors import ApiError, BadGatewayError, ServiceUnavailableError, UpstreamTimeoutError, spread
from bff.gate import Gate, NoPlaceError
from bff.pool import Answer, ConnectionFailedError, MalformedAnswerError, Pool
from bff.upstream import judge
from bff.waiting import waiting

log = structlog.get_logger(__name__)

Part = Literal["rest", "auth", "storage"]
# Method, target, headers, body.
Message = tuple[str, str, list[tuple[str, str]], bytes | None]

RETRIED: Final = frozenset({"SERVICE_UNAVAILABLE", "TIMEOUT"})
MAX_RETRIES: Final = 3
# PostgREST: the requested page begins behind the last row.
RANGE_NOT_SATISFIABLE: Final = 416
# Retries that may be made at once before the ratio counts: a quiet service would have earned none.
RETRY_RESERVE: Final = 10.0
# Of the places at a part, those that one caller may have: four whose calls all hang take everything.
SHARES: Final = 4
# Calls at once to Auth, and to Storage, which have pools of their own.
OTHER_PLACES: Final = 20
# What is asked of a part to see whether it is there, with the publishable key alone. REST says that this is
# forbidden, and so has asked Postgres; to refuse is to answer.
PROBES: Final[Mapping[Part, str]] = {
    "rest": "/rest/v1/organizations?select=id&limit=0",
    "auth": "/auth/v1/health",
    "storage": "/storage/v1/status",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds.

    Attributes:
        attempt: For one call to Supabase.
        request: For the whole request, retries and their pauses included.
        retry_base: Longest pause before the first retry; doubles with each.
        retry_cap: Longest pause at all.

    """

    attempt: float = 5.0
    request: float = 10.0
    retry_base: float = 1.0
    retry_cap: float = 10.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an outage may cost.

    Attributes:
        connections: To REST at once: no more than its pool has for this process, or a caller's share of them
            may be all that there is.
        queue: Calls that may wait for one.
        queue_seconds: How long they may.
        retry_ratio: Retries for each call, on average.
        failures: In a row, that open a circuit.
        probe_pause: Seconds between two probes of an open one.

    """

    connections: int = 8
    queue: int = 200
    queue_seconds: float = 1.0
    retry_ratio: float = 0.2
    failures: int = 5
    probe_pause: float = 1.0


class Watch(Protocol):
    """What is told of it, to be measured."""

    def circuit(self, part: str, *, is_open: bool) -> None:
        """The part's circuit is open, or closed, from now on."""

    def refused(self, part: str, reason: Literal["circuit", "queue"]) -> None:
        """A call was not sent."""

    def retried(self, part: str, *, allowed: bool) -> None:
        """A call is sent again, or is not because the budget is used up."""


class NotSentError(ServiceUnavailableError):
    """503 at once: nothing was sent, and to try again within this request would help nobody."""


class RetryBudget:
    """Retries as a share of calls, so that an outage is not multiplied.

    A token bucket, as Finagle's RetryBudget (https://finagle.github.io/blog/2016/02/08/retry-budgets) and
    gRPC's retry throttling (A6) are: each call pays in a fraction, each retry takes out one.

    Args:
        ratio: Paid in by each call; 0.2 allows a retry for every five.
        reserve: Most that is kept, and what there is at first.

    """

    def __init__(self, ratio: float, reserve: float = RETRY_RESERVE) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._tokens = reserve

    def deposit(self) -> None:
        """A call is made that is no retry."""
        self._tokens = min(self._reserve, self._tokens + self._ratio)

    @property
    def allows(self) -> bool:
        """Whether a retry may be made."""
        return self._tokens >= 1

    def withdraw(self) -> None:
        """A retry is made."""
        self._tokens -= 1


@dataclass(frozen=True, slots=True)
class _Guard:
    gate: Gate
    breaker: Breaker
    budget: RetryBudget


class Exchange:
    """Calls to the parts of Supabase, each guarded by itself: a dead Storage closes no bookings.

    Args:
        pool: Connections to the project; belongs to the caller.
        url: The project's address.
        publishable_key: What probes are made with.
        timing: Deadlines and pauses.
        bounds: See there.
        watch: Is told what happens.
        on_outage: Called when a circuit opens, with the part.

    """

    def __init__(
        self,
        pool: Pool,
        url: str,
        publishable_key: str,
        timing: Timing,
        bounds: Bounds,
        watch: Watch,
        on_outage: Callable[[Part], None] = lambda _: None,
    ) -> None:
        self.timing = timing
        self._pool = pool
        self._base = urlsplit(url).path.rstrip("/")
        self._key = publishable_key
        self._watch = watch
        self._on_outage = on_outage
        self._guards: dict[Part, _Guard] = {part: self._guard(part, bounds) for part in PROBES}

    def _guard(self, part: Part, bounds: Bounds) -> _Guard:
        places = bounds.connections if part == "rest" else OTHER_PLACES

        async def probe() -> Finding:
            return await self._probe(part)

        def changed(is_open: bool) -> None:
            self._changed(part, is_open=is_open)

        self._watch.circuit(part, is_open=False)
        return _Guard(
            Gate(places, max(1, places // SHARES), bounds.queue, bounds.queue_seconds),
            Breaker(probe, bounds.failures, bounds.probe_pause, changed),
            RetryBudget(bounds.retry_ratio),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for guard in self._guards.values():
            await guard.breaker.aclose()

    async def send(
        self,
        part: Part,
        caller: str,
        message: Message,
        to_error: Callable[[Answer], ApiError],
        *,
        safe: bool,
        deadline: float,
    ) -> Answer:
        """Sends a message; where `safe`, again after a passing failure.

        Args:
            part: Of Supabase.
            caller: Whose call it is; callers take turns where there are too many calls.
            message: Method, target, headers, body.
            to_error: What an unsuccessful answer stands for.
            safe: Calling it twice does no more than once.
            deadline: Of the whole request, in seconds of `time.perf_counter`.

        Raises:
            ApiError: The answer is an error, or there is none.

        """
        guard = self._guards[part]
        guard.budget.deposit()

        async def attempt() -> Answer:
            return await self._attempt(part, caller, message, to_error, deadline)

        try:
            return await attempt()
        except ApiError as error:
            if not safe or not self._may_retry(part, error):
                raise
            failed = [error]

        # tenacity comes in only now: it costs 0.1 ms a call, and nearly every call passes at once.
        async def again() -> Answer:
            if failed:
                raise failed.pop()
            return await attempt()

        def note(state: RetryCallState) -> None:
            guard.budget.withdraw()
            self._watch.retried(part, allowed=True)
            _log_retry(state)

        timing = self.timing
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: self._may_retry(part, error)),
            # Full jitter, so that those who failed together do not return together.
            wait=wait_random_exponential(timing.retry_base, timing.retry_cap),
            stop=stop_after_attempt(1 + MAX_RETRIES) | stop_before_delay(deadline - time.perf_counter()),
            before_sleep=note,
            reraise=True,
        )
        return await retrying(again)

    def _may_retry(self, part: Part, error: BaseException) -> bool:
        is_passing = isinstance(error, ApiError) and error.code in RETRIED
        if not is_passing or isinstance(error, NotSentError):
            return False
        if not self._guards[part].budget.allows:
            self._watch.retried(part, allowed=False)
            return False
        return True

    async def _attempt(
        self,
        part: Part,
        caller: str,
        message: Message,
        to_error: Callable[[Answer], ApiError],
        deadline: float,
    ) -> Answer:
        guard = self._guards[part]
        gate, breaker = guard.gate, guard.breaker
        self._admit(part, breaker)
        try:
            with waiting():
                await gate.enter(caller, deadline - time.perf_counter())
        except NoPlaceError:
            # All places are taken for as long as one may wait: whoever has them may be waiting for nothing.
            breaker.suspect(caller)
            self._watch.refused(part, "queue")
            raise NotSentError(retry_after=spread()) from None
        try:
            # It may have opened while we waited.
            admitted = self._admit(part, breaker)
            answer = await self._ask(caller, message, breaker, admitted, deadline)
        finally:
            gate.leave(caller)
        if answer.is_success or answer.status == RANGE_NOT_SATISFIABLE:
            return answer
        raise to_error(answer)

    def _admit(self, part: Part, breaker: Breaker) -> tuple[int, int]:
        try:
            return breaker.admit()
        except CircuitOpenError as error:
            self._watch.refused(part, "circuit")
            raise NotSentError(retry_after=spread(error.retry_after)) from None

    async def _ask(
        self, caller: str, message: Message, breaker: Breaker, admitted: tuple[int, int], deadline: float
    ) -> Answer:
        try:
            seconds = min(self.timing.attempt, deadline - time.perf_counter())
            with waiting():
                async with asyncio.timeout(seconds):
                    answer = await self._pool.request(*message)
        except TimeoutError:
            breaker.timed_out(admitted, caller)
            raise UpstreamTimeoutError from None
        except MalformedAnswerError as error:
            log.warning("upstream_unreadable", error=str(error))
            raise BadGatewayError from None
        except ConnectionFailedError as error:
            breaker.failed(admitted)
            # The database may have done the work nonetheless.
            log.warning("upstream_unreachable", error=str(error))
            raise ServiceUnavailableError from None
        match judge(answer):
            case "away":
                breaker.failed(admitted)
            case "late":
                breaker.timed_out(admitted, caller)
            case "doubtful":
                breaker.suspect(caller)
            case "there":
                breaker.answered()
        return answer

    async def _probe(self, part: Part) -> Finding:
        """Beside the gate: with all its places taken it could not ask."""
        try:
            answer = await self._pool.request("GET", self._base + PROBES[part], [("apikey", self._key)], None)
        except (MalformedAnswerError, ConnectionFailedError):
            return "away"
        verdict = judge(answer)
        return "away" if verdict == "doubtful" else verdict

    def _changed(self, part: Part, *, is_open: bool) -> None:
        log.warning("circuit_opened" if is_open else "circuit_closed", part=part)
        self._watch.circuit(part, is_open=is_open)
        if is_open:
            self._on_outage(part)


def _log_retry(state: RetryCallState) -> None:
    outcome = state.outcome.exception() if state.outcome else None
    log.warning("upstream_retry", error=str(outcome), pause_ms=round(state.upcoming_sleep * 1000))
