"""A circuit breaker before one part of Supabase: while that is away, callers are told so at once.

Why our own: docs/decisions/circuit-breaker.md.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog

log = structlog.get_logger(__name__)

# A part that needs longer than this for something trivial serves nobody.
PROBE_SECONDS: Final = 1.0
# Callers who must have waited in vain before a probe that is late says anything: one alone may be what it
# waits for, with slow queries on all connections that the part has to its database.
WITNESSES: Final = 2

# `late`: neither an answer nor a failure in time.
Finding = Literal["there", "late", "away"]


class CircuitOpenError(Exception):
    """The part is known to be away; nothing was sent. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("circuit open")
        self.retry_after = retry_after


class Breaker:
    """Closed, until the part is seen to be away; then open, until a probe of our own is answered.

    Failures that only an outage explains (no connection, a gateway's 502) open it after some in a row. A call
    that takes too long may be the fault of one caller's query: it only raises a suspicion, and the probe
    decides; one that is late itself counts only once several callers have waited in vain. No caller is ever
    the one who tries whether the part is back: many at once would be a storm, and one alone would wait for
    the longest deadline.

    Args:
        probe: Asks the part something trivial. Cancelled after `PROBE_SECONDS`; whatever it raises is logged,
            and is no answer.
        failures: In a row, without an answer between them, that open it.
        pause: Seconds between two probes while it is open.
        on_change: Told whether it is open from now on; what it raises is logged.

    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[Finding]],
        failures: int,
        pause: float,
        on_change: Callable[[bool], None],
    ) -> None:
        self._probe = probe
        self._threshold = failures
        self._pause = pause
        self._on_change = on_change
        self._failures = 0
        self._answers = 0
        self._period = 0  # another each time that it opens
        # Who has waited in vain since the last answer; `WITNESSES` of them are enough to know.
        self._witnesses: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.is_open = False

    def admit(self) -> tuple[int, int]:
        """A call is about to be sent; hand what this returns to `failed` or `timed_out`.

        Raises:
            CircuitOpenError: It is not to be sent.

        """
        if self.is_open:
            raise CircuitOpenError(max(1, math.ceil(self._pause)))
        return self._period, self._answers

    def answered(self) -> None:
        """The part answered, whatever it said."""
        self._failures = 0
        self._answers += 1
        self._witnesses.clear()

    def failed(self, admitted: tuple[int, int]) -> None:
        """A call ended in a way that only an outage explains."""
        period, _ = admitted
        # What was sent before an outage and breaks after it says nothing of the present.
        if self.is_open or period != self._period:
            return
        self._failures += 1
        if self._failures >= self._threshold:
            self._open()

    def timed_out(self, admitted: tuple[int, int], caller: str) -> None:
        """A call had no answer in time. Where others had theirs meanwhile, it is that call's own fault."""
        if admitted == (self._period, self._answers):
            self.suspect(caller)

    def suspect(self, caller: str) -> None:
        """A caller waited in vain: find out whether the part is there, unless that is being done."""
        if self.is_open:
            return
        if len(self._witnesses) < WITNESSES:
            self._witnesses.add(caller)
        if self._task is None:
            self._task = asyncio.create_task(self._verify())

    async def aclose(self) -> None:
        """Ends what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _verify(self) -> None:
        finding = await self._ask()
        self._task = None
        if finding == "there":
            self._witnesses.clear()
        elif finding == "away" or len(self._witnesses) >= WITNESSES:
            self._open()

    def _open(self) -> None:
        self.is_open = True
        self._period += 1
        self._failures = 0
        self._witnesses.clear()
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._wait_until_back())
        self._tell()

    async def _wait_until_back(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            if await self._ask() == "there":
                break
        self._task = None
        self.is_open = False
        self._tell()

    async def _ask(self) -> Finding:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await self._probe()
        except TimeoutError:
            return "late"
        except Exception as error:
            # Or the task would end here, and an open circuit with it stay open for ever.
            log.exception("probe_failed", exc_info=error)
            return "away"

    def _tell(self) -> None:
        try:
            self._on_change(self.is_open)
        except Exception as error:
            log.exception("circuit_not_told", exc_info=error)
