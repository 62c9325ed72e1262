"""The relay of one process: what it is made of, what runs beside the streams, and how a stream is opened."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import structlog

from bff.relay.admission import Admission, Limits, Places, Refusal, away
from bff.relay.cadence import Cadence
from bff.relay.feed import Feed, Message
from bff.relay.frames import FRAMES
from bff.relay.grants import Grants
from bff.relay.hub import Hub
from bff.relay.log import EventLog, Grant, GrantRequest, service_client
from bff.relay.pages import UnavailableError
from bff.relay.pulse import Pulse
from bff.relay.sse import Backlogs, Stream
from bff.relay.tickets import Identity, Tickets
from bff.relay.views import Event, Filter, Frame, ResetReason, position, stamp, unstamp

log = structlog.get_logger(__name__)

# Messages of Realtime that may wait: four seconds of the most that a hosted project may send, some 10 MB of
# memory. Those beyond are lost, and the log makes up for it.
QUEUE_SIZE = 2_000
# Messages handled in one go, and so joined into one write for each stream.
QUEUE_BATCH = 100
# A loop that died of a fault of ours is taken up again after this.
RESTART_SECONDS = 1.0
# How long farewells may take; a connection that has not taken its own by then is aborted.
DRAIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """How the relay runs. Times in seconds.

    Args:
        supabase_url: the project's base URL.
        secret_key: the service key.
        poll_seconds: between two reads of the log while Realtime brings what the log holds.
        fast_poll_seconds: the same while Realtime is down, deaf or just back.
        heartbeat_seconds: between two heartbeats of a stream.
        grant_seconds: between two checks of all open grants.
        ring_size: frames kept for each organisation.
        backlog_bytes: what may wait for a slow reader.
        total_backlog_bytes: what may wait for all of them.
        stall_seconds: how long one write may take.
        limits: who is let in.
        realtime: whether to listen to Realtime; without it the log alone is read.
        headers: sent with every call to the database.
    """

    supabase_url: str
    secret_key: str
    poll_seconds: float = 15.0
    fast_poll_seconds: float = 1.0
    heartbeat_seconds: float = 20.0
    grant_seconds: float = 60.0
    ring_size: int = 256
    backlog_bytes: int = 1024 * 1024
    total_backlog_bytes: int = 64 * 1024 * 1024
    stall_seconds: float = 20.0
    limits: Limits = field(default_factory=Limits)
    realtime: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


class Relay:
    """The relay of one process; see `open_relay`."""

    def __init__(
        self,
        config: RelayConfig,
        event_log: EventLog,
        on_lag: Callable[[float], None],
        places: Places | None = None,
    ) -> None:
        self._config = config
        self._log = event_log
        self._on_lag = on_lag
        self._places = places
        self._queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_SIZE)
        self._poll_now = asyncio.Event()
        self._backlogs = Backlogs(config.backlog_bytes, config.total_backlog_bytes, config.stall_seconds)
        self._admission = Admission(config.limits, queued=lambda: self._backlogs.queued)
        self._streams: set[Stream] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._log_is_down = False
        self.tickets = Tickets(config.secret_key)
        self.hub = Hub(event_log.read, FRAMES, ring_size=config.ring_size, on_publish=self._published)
        self._grants = Grants(event_log.grants, self.hub, config.grant_seconds)
        self._pulse = Pulse(config.heartbeat_seconds, self._backlogs)
        self._cadence = Cadence(config.poll_seconds, config.fast_poll_seconds)
        self.feed = Feed(config.supabase_url, config.secret_key, self._queue, self._feed_changed)

    def status(self) -> Mapping[str, Any]:
        """How the relay is, for health and metrics; `status` is `starting`, `up`, `down`, `deaf` or `off`."""
        counts = self.hub.counts
        return {
            "status": self._realtime_status(),
            "reason": self.feed.reason,
            "log": "down" if self._log_is_down else "up",
            "streams": len(self._streams),
            "backlog_bytes": self._backlogs.queued,
            "organizations": len(self.hub.organizations),
            "events": counts.published,
            "events_from_log": counts.from_log,
            "duplicates": counts.duplicates,
            "resets": counts.resets,
            "lives": self.feed.lives,
            "log_reads": self._log.log_reads,
            "grants": self._log.grants_asked,
            "grant_calls": self._log.grant_calls,
            **self._admission.status(),
        }

    def _realtime_status(self) -> str:
        if not self._config.realtime:
            return "off"
        return "deaf" if self._cadence.deaf and self.feed.state == "up" else self.feed.state

    async def check(self, identity: Identity, organization_id: str) -> None:
        """Whether a stream would be granted now.

        Raises:
            Refusal: it would not.
            UnavailableError: the database cannot be asked.
        """
        await self._granted(_request(identity, organization_id))

    async def open(
        self,
        identity: Identity,
        organization_id: str,
        cursor: str | None = None,
        assets: Iterable[str] | None = None,
        sections: Iterable[str] | None = None,
    ) -> Stream:
        """A stream of the organisation's calendar, ready to be sent as a response.

        Args:
            identity: who asks, verified.
            organization_id: whose calendar.
            cursor: the last that the client has seen; None begins at the log's end.
            assets: ids of the assets to show; None is all.
            sections: the sections to show; None is all.

        Raises:
            Refusal: the user may not, or too many streams are open.
            UnavailableError: the database cannot be asked, or the log not be read.
        """
        self._admission.enter(identity.user_id)
        request = _request(identity, organization_id)
        stream: Stream | None = None
        place: str | None = None
        try:
            # Before the database is asked for anything.
            place = await self._take_place(identity.user_id)
            async with self._admission.opening():
                grant = await self._granted(request)
                shown = Filter(
                    None if assets is None else frozenset(assets),
                    None if sections is None else frozenset(sections),
                    grant.sections,
                    grant.mark,
                )
                stream = self._add(request, identity.expires_at, shown, place)
                # Nothing was awaited since the grant's answer: a hint between would have found no stream.
                self.hub.enter(stream, grant.cursor)
                reason = await self._place(stream, cursor)
        except BaseException:
            if stream is None:
                self._leave(identity.user_id, place)
            else:
                stream.close()
            raise
        resumed = cursor is not None and reason is None
        stands_at = stamp(stream.cursor, shown.mark)
        stream.opening = (FRAMES.ready(stands_at, resumed=resumed, resets=reason is not None, retry=away()),)
        if reason is not None:
            self.hub.counts.resets[reason] += 1
            stream.opening += (FRAMES.reset(reason),)
        return stream

    async def _place(self, stream: Stream, cursor: str | None) -> ResetReason | None:
        """Stands the stream where its client is, unless what that has was read under another access."""
        if cursor is None:
            return await self.hub.place(stream, None)
        cursor, mark = unstamp(cursor)
        if mark and stream.filter.outdated(mark):
            await self.hub.place(stream, None)
            return "access_changed"
        return await self.hub.place(stream, cursor)

    async def _take_place(self, user_id: str) -> str | None:
        if self._places is None:
            return None
        place = await self._places.take(user_id)
        if place is None:
            raise self._admission.too_many()
        return place

    def _leave(self, user_id: str, place: str | None) -> None:
        self._admission.leave(user_id)
        if self._places is not None and place is not None:
            self._places.release(place)

    def _add(self, request: GrantRequest, expires_at: int, shown: Filter, place: str | None) -> Stream:
        stream = Stream(
            self.hub,
            request._replace(ticket_id=None),
            expires_at,
            shown,
            backlogs=self._backlogs,
            on_close=self._closed,
        )
        stream.place = place
        self._streams.add(stream)
        self._all_closed.clear()
        self._pulse.add(stream)
        return stream

    async def _granted(self, request: GrantRequest) -> Grant:
        grant = await self._grants.ask(request)
        if not grant.granted:
            raise Refusal(grant.reason)
        self._admission.check_draining()
        return grant

    def _closed(self, stream: Stream) -> None:
        if stream in self._streams:
            self._streams.discard(stream)
            self._pulse.discard(stream)
            self._leave(stream.request.user_id, stream.place)
            if not self._streams:
                self._all_closed.set()

    def sign_out(
        self, user_id: str, session_id: str | None, scope: Literal["local", "others", "global"]
    ) -> None:
        """End the streams of sessions that have been signed out: this one, the user's others, or all.

        At once, and in this process; others are hinted by the database.
        """
        for stream in tuple(self._streams):
            request = stream.request
            is_this = request.session_id == session_id
            if request.user_id == user_id and (scope == "global" or is_this == (scope == "local")):
                stream.end(FRAMES.bye("access_revoked"))
        self._grants.distrust()

    async def drain(self) -> None:
        """Say goodbye to every stream, and open no more; returns when all are gone or were cut off."""
        self._admission.draining = True
        for stream in tuple(self._streams):
            stream.end(FRAMES.bye("draining", away()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._all_closed.wait()

    def look(self) -> None:
        """Read the log now: somebody says that the database is away."""
        self._poll_now.set()

    # What runs beside the streams

    def _published(self, frames: Sequence[Frame]) -> None:
        now = time.time()
        # An event of a schema ahead of this process may have no such time; clocks may differ.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            for frame in frames:
                occurred_at = datetime.fromisoformat(frame.event["occurred_at"]).timestamp()
                self._on_lag(max(0.0, now - occurred_at))

    def _feed_changed(self, up: bool) -> None:
        self._cadence.feed_changed(up=up)
        self._poll_now.set()

    async def _pump(self) -> None:
        while True:
            messages = [await self._queue.get()]
            while len(messages) < QUEUE_BATCH and not self._queue.empty():
                messages.append(self._queue.get_nowait())
            events: list[Event] = []
            for message in messages:
                try:
                    events += self._heed(message)
                except (KeyError, TypeError, ValueError, AttributeError):
                    # Whoever has SQL may send on this topic. If it stood for an event, the log has that too.
                    log.warning("message_unreadable", kind=message.kind)
            self.hub.publish(events)
            await asyncio.sleep(0)

    def _heed(self, message: Message) -> Sequence[Event]:
        """Does what a message says; answers the event that it brought, if any.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is not of our making.
        """
        kind, payload = message
        organization_id = payload["organization_id"]
        if kind == "access_changed":
            self._grants.changed(organization_id, payload.get("user_id"))
            return ()
        seq = position(payload["cursor"])
        if kind == "read_log":
            self.hub.hint(organization_id, seq)
        elif payload["seq"] != seq:
            raise ValueError("an event whose cursor is another's")
        self._cadence.heard(organization_id, seq)
        return (payload,) if kind == "calendar_event" else ()

    def _set_behind(self, *, behind: bool) -> None:
        """Whether the log cannot be read, so that the streams may be behind; they are told of a change."""
        if behind != self._log_is_down:
            self._log_is_down = behind
            self._pulse.tell_behind(behind=behind)

    async def _poll(self) -> None:
        while True:
            try:
                found = await self.hub.poll()
            except UnavailableError as error:
                if not self._log_is_down:
                    log.warning("event_log_down", error=str(error))
                found = None
                self._set_behind(behind=True)
            else:
                self._set_behind(behind=False)
            if self._cadence.polled(found):
                log.warning("realtime_deaf")
                self.feed.rebuild()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._cadence.delay):
                    await self._poll_now.wait()
            self._poll_now.clear()

    async def run(self) -> None:
        """Everything that the streams need, until cancelled."""
        loops = (
            *((self.feed.run,) if self._config.realtime else ()),
            self._pump,
            self._poll,
            self.hub.mend,
            self._grants.run,
            self._pulse.run,
            self._admission.run,
        )
        async with asyncio.TaskGroup() as group:
            for each in loops:
                group.create_task(_keep_running(each))


async def _keep_running(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:
            # A fault of ours, or a message that is not of our making: the poll makes up for what was lost.
            log.exception("relay_loop_died", loop=getattr(loop, "__qualname__", ""))
            await asyncio.sleep(RESTART_SECONDS)


def _request(identity: Identity, organization_id: str) -> GrantRequest:
    return GrantRequest(
        identity.user_id, organization_id, identity.aal, identity.session_id, identity.ticket_id
    )


@asynccontextmanager
async def open_relay(
    config: RelayConfig,
    on_lag: Callable[[float], None] = lambda _: None,
    places: Places | None = None,
) -> AsyncIterator[Relay]:
    """A relay that runs; at the end it says goodbye to whatever streams are left.

    Args:
        config: how it runs.
        on_lag: told of each event how many seconds after its commit it was written to the streams.
        places: bounds each user's streams over all processes; None where this one is alone.
    """
    async with service_client(config.supabase_url, config.secret_key, config.headers) as client:
        relay = Relay(config, EventLog(client), on_lag, places)
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            await relay.drain()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
