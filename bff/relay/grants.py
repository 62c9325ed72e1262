"""Who may have a stream open, asked of the database in batches: at opening, each minute, and on a hint."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from bff.relay.admission import away
from bff.relay.batch import Batch
from bff.relay.frames import FRAMES
from bff.relay.hub import Hub
from bff.relay.log import Grant, GrantRequest
from bff.relay.pages import UnavailableError
from bff.relay.sse import Stream

log = structlog.get_logger(__name__)

Ask = Callable[[Sequence[GrantRequest]], Awaitable[Sequence[Grant]]]

# The database's reason where the operator does without streams at present.
SWITCHED_OFF: Final = "switched_off"
# Requests in one call.
BATCH_SIZE = 500
# A bulk change of members comes as many hints; they are asked about together.
HINT_SECONDS = 0.02
# A hint that could not be followed is taken up again after this.
RETRY_SECONDS = 1.0


class Grants:
    """Asks for grants, and takes them back.

    Args:
        ask: asks the database.
        hub: holds the open streams.
        interval: seconds after which all open grants are asked again.
    """

    def __init__(self, ask: Ask, hub: Hub, interval: float = 60.0) -> None:
        self._ask = ask
        self._hub = hub
        self._interval = interval
        self._batch = Batch(ask, BATCH_SIZE)
        self._hints: dict[str, set[str] | None] = {}
        self._hinted = asyncio.Event()
        self._changes = 0

    async def ask(self, request: GrantRequest) -> Grant:
        """The database's answer for a stream that is to be opened.

        Raises:
            UnavailableError: it cannot be asked.
        """
        for _ in range(3):
            changes = self._changes
            if request.ticket_id is not None and request in self._batch:
                return Grant(granted=False, reason="ticket_spent")
            grant = await self._batch.ask(request)
            # A hint that came meanwhile may have been about this grant, and found no stream to be told.
            if changes == self._changes or not grant.granted:
                break
            request = request._replace(ticket_id=None)
        return grant

    def changed(self, organization_id: str, user_id: str | None) -> None:
        """A hint: the access of one user, or of anyone in the organisation, may have changed."""
        self.distrust()
        self._note(organization_id, None if user_id is None else {user_id})
        self._hinted.set()

    def distrust(self) -> None:
        """Something happened that an answer under way may not know of: those who wait for one ask again."""
        self._changes += 1

    def _note(self, organization_id: str, users: set[str] | None) -> None:
        noted = self._hints.get(organization_id, set())
        self._hints[organization_id] = None if noted is None or users is None else noted | users

    async def run(self) -> None:
        """Ask again for ever: all each interval, those hinted at once."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._hinted.wait()
                    await asyncio.sleep(HINT_SECONDS)
            except TimeoutError:
                due = loop.time() + self._interval
                # Open streams stay open while the database is away; the token's end bounds how long.
                with contextlib.suppress(UnavailableError):
                    await self.review(self._streams())
            self._hinted.clear()
            hints, self._hints = self._hints, {}
            for organization_id, users in hints.items():
                try:
                    await self.review(self._streams(organization_id, users))
                except UnavailableError:
                    self._note(organization_id, users)
                    loop.call_later(RETRY_SECONDS, self._hinted.set)

    def _streams(self, organization_id: str | None = None, users: set[str] | None = None) -> list[Stream]:
        streams = [each for each in self._hub.streams(organization_id) if isinstance(each, Stream)]
        return [each for each in streams if users is None or each.request.user_id in users]

    async def review(self, streams: Sequence[Stream]) -> None:
        """Ask again for open streams; one after the other, so that no older answer overtakes a newer one.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        requests = list({stream.request: None for stream in streams})
        for begin in range(0, len(requests), BATCH_SIZE):
            part = requests[begin : begin + BATCH_SIZE]
            answers = dict(zip(part, await self._ask(part), strict=True))
            for stream in streams:
                if stream.request in answers and not stream.ended:
                    self._apply(stream, answers[stream.request])

    def _apply(self, stream: Stream, grant: Grant) -> None:
        if not grant.granted:
            if grant.reason == SWITCHED_OFF:
                stream.end(FRAMES.bye(SWITCHED_OFF, away()))
            else:
                stream.end(FRAMES.bye("access_revoked"))
            return
        shown = stream.filter
        if grant.mark == shown.mark:
            return
        self._hub.regrant(stream, grant.sections, grant.mark)
        if stream.filter.outdated(shown.mark):
            self._hub.counts.resets["access_changed"] += 1
            stream.push(FRAMES.reset("access_changed"))
