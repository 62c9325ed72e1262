"""Faults on demand: what tests turn at `/_control`, to do to a client what the real Realtime does to it."""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

# A message held back for reordering goes out alone when no other follows within this time.
REORDER_SECONDS = 0.25


class Knobs(BaseModel):
    """What holds until it is turned again."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    drop: bool | int | float = Field(
        default=False,
        description="Broadcasts lost without a word: true all, an integer the next n, a fraction that part.",
    )
    seed: int | None = Field(default=None, description="Seed of the probability, for a repeatable run.")
    delay_ms: int = Field(default=0, ge=0, description="Every broadcast is late by this much, in order.")
    duplicate: bool = Field(default=False, description="Every broadcast is sent twice.")
    reorder: bool = Field(
        default=False, description="Broadcasts that follow closely change places, by pairs."
    )
    rate_limit: int | None = Field(
        default=None, ge=0, description="Broadcasts a second; those beyond are lost without a word."
    )
    silent: bool = Field(
        default=False, description="Sockets stay open and hear nothing more, not even answers to heartbeats."
    )
    refuse_connects: bool | int = Field(
        default=False, description="Handshakes are refused: true with 503, an integer with that status."
    )
    refuse_joins: bool | str = Field(
        default=False, description="Joins are refused: true as unauthorised, a string with that reason."
    )
    refusal_delay_ms: int = Field(
        default=0, ge=0, description="Refused joins are answered this late (the real server: about 5000)."
    )
    cold_join_ms: int = Field(
        default=0, ge=0, description="A channel misses what is sent this soon after its join's answer."
    )
    relisten_ms: int = Field(
        default=0,
        ge=0,
        description="Cut off from the database, it listens again this late; what is sent meanwhile is lost.",
    )


class Commands(BaseModel):
    """What happens once, now."""

    model_config = ConfigDict(extra="forbid")

    reset: bool = Field(default=False, description="All knobs back to normal, before the others are turned.")
    close: int | None = Field(
        default=None, ge=1000, le=4999, description="Closes all sockets with this code."
    )
    expire_tokens: bool = Field(default=False, description="Every channel's token counts as expired.")
    close_channels: bool = Field(
        default=False, description="Every channel gets a `phx_close` for no reason; the sockets stay open."
    )
    mute: bool = Field(
        default=False,
        description="The sockets of now stay open and hear nothing more, as after a tenant's shutdown.",
    )


class Faults:
    """Stands between a published broadcast and its delivery, and does what the knobs say."""

    def __init__(self) -> None:
        self.knobs = Knobs()
        self.dropped = 0
        self._random = random.Random()  # noqa: S311 - faults, not secrets
        self._held: Callable[[], None] | None = None
        self._release: asyncio.TimerHandle | None = None
        self._late: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0.0
        self._sent_this_second = 0

    def turn(self, knobs: Knobs) -> None:
        """Puts new knobs into force."""
        self.knobs = knobs
        if knobs.seed is not None:
            self._random.seed(knobs.seed)

    def submit(self, deliver: Callable[[], None]) -> None:
        """Delivers at once, later, twice, in another order or never."""
        if self._is_lost():
            self.dropped += 1
            return
        if not self.knobs.reorder:
            self._let_go()
            self._repeat(deliver)
        elif self._held is None:
            self._held = deliver
            self._release = asyncio.get_running_loop().call_later(REORDER_SECONDS, self._let_go)
        else:
            self._repeat(deliver)
            self._let_go()

    def _is_lost(self) -> bool:
        knobs = self.knobs
        if knobs.rate_limit is not None:
            now = asyncio.get_running_loop().time()
            if now - self._second >= 1:
                self._second, self._sent_this_second = now, 0
            self._sent_this_second += 1
            if self._sent_this_second > knobs.rate_limit:
                return True
        if isinstance(knobs.drop, bool):
            return knobs.drop
        if isinstance(knobs.drop, float):
            return self._random.random() < knobs.drop
        if knobs.drop > 0:
            knobs.drop -= 1
            return True
        return False

    def _let_go(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        if self._held is not None:
            held, self._held = self._held, None
            self._repeat(held)

    def _repeat(self, deliver: Callable[[], None]) -> None:
        for _ in range(2 if self.knobs.duplicate else 1):
            self._delay(deliver)

    def _delay(self, deliver: Callable[[], None]) -> None:
        if not self.knobs.delay_ms and not self._late:
            deliver()
            return
        due = asyncio.get_running_loop().time() + self.knobs.delay_ms / 1000
        # A shorter delay than that of the one before must not overtake it.
        self._late.append((max(due, self._late[-1][0]) if self._late else due, deliver))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._late[0][0], self._deliver_due)

    def _deliver_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._late and self._late[0][0] <= loop.time():
            self._late.popleft()[1]()
        if self._late:
            self._timer = loop.call_at(self._late[0][0], self._deliver_due)
