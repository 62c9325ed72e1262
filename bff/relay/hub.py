"""The hub: each organisation's events, once and in order, to each open stream that may see them.

It knows no socket, no database and no clock: the event log is read by an injected callable, frames are
encoded by an injected encoder, and streams are `Subscriber`s that take ready-made chunks. The log is the
truth; what Realtime says is only a hint that comes sooner.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import structlog

from bff.relay.batch import Batch
from bff.relay.organization import Organization, Subscriber
from bff.relay.pages import CursorLostError, Page, ReadLog, UnavailableError
from bff.relay.past import Past
from bff.relay.ring import Ring
from bff.relay.views import Encoder, Event, Filter, Frame, ResetReason, position

log = structlog.get_logger(__name__)

# Organisations asked for in one read of the log: keeps the request and its answer small.
READ_BATCH = 100
# Frames joined into one chunk of a replay, so that a long one never fills a stream's bounds in one write.
REPLAY_CHUNK = 64
# A replay is put together of pieces that begin where the position is a multiple of this, and so are the same
# for all who resume with the same view; that many are kept while anyone resumes, some 10 KB each.
PIECE = 16
MAX_PIECES = 1_024
# Reads in a row that must call a position unknown before it is believed: a commit can be announced a moment
# before it can be read.
DOUBTS = 3


@dataclass(slots=True)
class Counts:
    """What the hub has done since it began."""

    published: int = 0
    from_log: int = 0
    duplicates: int = 0
    resets: Counter[ResetReason] = field(default_factory=Counter)


@dataclass(slots=True)
class Hub:
    """Order, gaps and fan-out for all organisations with open streams.

    Args:
        read: reads the log for several organisations at once.
        encoder: makes the bytes of a frame.
        ring_size: frames kept for each organisation, to serve resumes without the log.
        on_publish: told of each organisation's frames once they are written; must not raise.
    """

    read: ReadLog
    encoder: Encoder
    ring_size: int = 256
    on_publish: Callable[[Sequence[Frame]], None] = lambda _: None
    counts: Counts = field(default_factory=Counts)
    organizations: dict[str, Organization] = field(default_factory=dict)
    _behind: set[str] = field(default_factory=set)
    _found: dict[str, int] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _replays: int = 0
    _pieces: dict[tuple[str, str, Filter], bytes] = field(default_factory=dict)
    _past: Past = field(init=False)
    _catching_up: Batch[str, None] = field(init=False)

    def __post_init__(self) -> None:
        self._past = Past(self.read, self._publish_read)
        self._catching_up = Batch(self._catch_up_each, READ_BATCH)

    def streams(self, organization_id: str | None = None) -> list[Subscriber]:
        """All open streams, or those of one organisation."""
        if organization_id is None:
            return [stream for each in self.organizations.values() for stream in each.streams]
        organization = self.organizations.get(organization_id)
        return list(organization.streams) if organization else []

    # What comes in

    def publish(self, events: Iterable[Event]) -> None:
        """Give the streams those of `events` that are next.

        A later one has the log read first, an earlier one is dropped. The frames of one call are joined, so a
        burst costs each stream one write.
        """
        fresh: dict[str, list[Frame]] = {}
        for event in events:
            organization = self.organizations.get(event["organization_id"])
            if organization is None:
                continue
            seq = event["seq"]
            if seq == organization.seq + 1 and not organization.doubts:
                frame = Frame(event)
                organization.ring.append(frame)
                fresh.setdefault(organization.id, []).append(frame)
            elif seq > organization.seq:
                self.hint(organization.id, seq)
            else:
                self.counts.duplicates += 1
                self._recall(organization, event)
        for organization_id, frames in fresh.items():
            self.counts.published += len(frames)
            self._fan_out(self.organizations[organization_id], frames)
            self.on_publish(frames)

    def _recall(self, organization: Organization, event: Event) -> None:
        """An earlier number with an id that we did not publish: the log may be another one, restored."""
        ours = organization.ring.cursor_at(event["seq"])
        if ours == event["cursor"]:
            return
        if ours is not None:
            # Until the log was asked, the number after ours says nothing: it may follow events that we lack.
            organization.doubts = max(organization.doubts, 1)
        self._look_at(organization.id)

    def hint(self, organization_id: str, seq: int) -> None:
        """Somebody says that the organisation's log reaches `seq`: read it if the hub does not."""
        organization = self.organizations.get(organization_id)
        if organization is not None and seq > organization.seq:
            organization.heard = max(organization.heard, seq)
            self._look_at(organization_id)

    def _look_at(self, organization_id: str) -> None:
        self._behind.add(organization_id)
        self._wake.set()

    def _fan_out(self, organization: Organization, frames: Sequence[Frame]) -> None:
        for shown, streams in list(organization.live.items()):
            chunk = self._join(frames, shown)
            if chunk:
                for stream in tuple(streams):
                    stream.push(chunk)

    def _join(self, frames: Sequence[Frame], shown: Filter) -> bytes:
        return b"".join([self._tell(frame, shown) for frame in frames])

    def _tell(self, frame: Frame, shown: Filter) -> bytes:
        try:
            view = shown.view(frame.event)
            return b"" if view is None else frame.chunk(view, shown.mark, self.encoder)
        except Exception:
            # An event of a schema ahead of this process. It must neither hold up what follows it, nor other
            # organisations' events, nor be passed over.
            log.exception("event_unreadable", organization_id=frame.event["organization_id"], seq=frame.seq)
            return self.encoder.reset("cursor_unknown")

    # The log

    async def poll(self) -> dict[str, int]:
        """Read whatever lies beyond the hub's positions.

        Returns:
            The organisations that the log, whoever read it, has led further since the last poll, and how far.

        Raises:
            UnavailableError: the log cannot be read; nothing is lost by that, and the streams stay open.
        """
        await self.catch_up(list(self.organizations))
        found, self._found = self._found, {}
        return found

    async def catch_up(self, organization_ids: Iterable[str]) -> None:
        """Read on for some organisations only."""
        todo = [each for each in organization_ids if each in self.organizations]
        while todo:
            batch = [self.organizations[each] for each in todo[:READ_BATCH] if each in self.organizations]
            del todo[:READ_BATCH]
            if not batch:
                continue
            asked = [(each.id, each.next_read) for each in batch]
            try:
                pages = await self.read(asked)
            except UnavailableError:
                for each in batch:
                    each.unasked = True
                raise
            for (organization_id, cursor), page in zip(asked, pages, strict=True):
                organization = self.organizations.get(organization_id)
                if organization is None:
                    continue
                self._learn(organization, cursor, page)
                # A page that brings the hub nowhere would be read again for ever.
                if page.has_more and organization.cursor != cursor:
                    todo.append(organization_id)

    def _learn(self, organization: Organization, asked: str, page: Page) -> None:
        if page.status == "ok" and organization.disagrees(page.events):
            self._restart(organization, page)
        elif page.status == "ok":
            organization.confirm(page.events[-1]["cursor"] if page.events else asked, more=page.has_more)
            if organization.doubts:
                self._look_at(organization.id)
            self._publish_read(organization, page.events)
        elif organization.next_read == asked:
            organization.doubts += 1
            if organization.doubts >= DOUBTS:
                self._restart(organization, page)
            else:
                self._look_at(organization.id)

    def _publish_read(self, organization: Organization, events: Sequence[Event]) -> None:
        before = organization.seq
        fresh = [event for event in events if event["seq"] > before]
        self.counts.from_log += len(fresh)
        self.publish(fresh)
        if organization.seq > before:
            self._found[organization.id] = organization.seq

    def _restart(self, organization: Organization, page: Page) -> None:
        """The log has another history than the streams were given: begin again at its end."""
        organization.move(Ring(page.cursor, self.ring_size))
        reason: ResetReason = "cursor_expired" if page.status == "cursor_expired" else "cursor_unknown"
        chunk = self.encoder.reset(reason)
        for streams in list(organization.live.values()):
            for stream in tuple(streams):
                self.counts.resets[reason] += 1
                stream.push(chunk)

    async def mend(self, pause: float = 0.05, retry: float = 1.0) -> None:
        """Close gaps as they are noticed, for ever.

        Args:
            pause: seconds before asking again for an event that was announced and is not yet to be read.
            retry: seconds before asking again when the log could not be read.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            behind, self._behind = self._behind, set()
            tries = 0
            while behind and tries < 4:
                try:
                    await self.catch_up(behind)
                except UnavailableError:
                    await asyncio.sleep(retry)
                    continue
                tries += 1
                known = behind & self.organizations.keys()
                behind = {each for each in known if self.organizations[each].is_late}
                if behind:
                    await asyncio.sleep(pause)
            for each in behind & self.organizations.keys():
                organization = self.organizations[each]
                organization.heard = organization.seq

    # Streams

    def enter(self, stream: Subscriber, head: str) -> None:
        """Take in a stream that was granted when its organisation's log ended at `head`."""
        organization = self.organizations.get(stream.organization_id)
        if organization is None:
            organization = self.organizations[stream.organization_id] = Organization(
                stream.organization_id, head, self.ring_size
            )
            # What was committed after the grant was announced to a hub that did not know the organisation.
            self._look_at(organization.id)
        organization.streams.add(stream)
        stream.organization = organization
        self.hint(organization.id, position(head))

    async def place(self, stream: Subscriber, cursor: str | None) -> ResetReason | None:
        """Stand an entered stream at `cursor`, or at the hub's own position if it is None or lost.

        Returns:
            Why the cursor is lost, or None.

        Raises:
            UnavailableError: the cursor is older than the ring and the log cannot be read.
        """
        organization = stream.organization
        stream.cursor = organization.cursor
        if cursor is None:
            return None
        try:
            stream.start = await self._past.after(organization, cursor)
        except CursorLostError as lost:
            stream.cursor = organization.cursor
            return lost.reason
        stream.cursor = cursor
        return None

    async def replay(self, stream: Subscriber) -> AsyncGenerator[bytes, None]:
        """The chunks that bring a placed stream level with the hub; when they end it is live, or has ended.

        Between seeing that nothing is missing and going live nothing is awaited: nothing falls through.

        Raises:
            UnavailableError: the log cannot be read.
        """
        organization = stream.organization
        idle = 0
        self._replays += 1
        try:
            while not stream.ended:
                try:
                    frames = stream.start or await self._past.after(organization, stream.cursor)
                except CursorLostError as lost:
                    self.counts.resets[lost.reason] += 1
                    stream.cursor = organization.cursor
                    yield self.encoder.reset(lost.reason)
                    continue
                stream.start = ()
                if frames:
                    idle = 0
                    for part in _cut(frames, REPLAY_CHUNK):
                        stream.cursor = part[-1].cursor
                        if chunk := self._join_pieces(part, stream.filter):
                            yield chunk
                elif stream.cursor == organization.cursor:
                    if not stream.ended:
                        self._go_live(organization, stream)
                    return
                elif not organization.ring.since(stream.cursor):
                    # The stream knows more than the hub: another process told it sooner.
                    idle += 1
                    if idle > DOUBTS:
                        raise UnavailableError("the log does not lead to the stream's cursor")
                    await self._catching_up.ask(organization.id)
        finally:
            self._replays -= 1
            if not self._replays:
                self._past.rest()
                self._pieces.clear()

    def _join_pieces(self, frames: Sequence[Frame], shown: Filter) -> bytes:
        return b"".join([self._piece(piece, shown) for piece in _cut(frames, PIECE)])

    def _piece(self, frames: Sequence[Frame], shown: Filter) -> bytes:
        if len(frames) < PIECE:
            return self._join(frames, shown)
        key = (frames[0].event["organization_id"], frames[-1].cursor, shown)
        chunk = self._pieces.get(key)
        if chunk is None:
            if len(self._pieces) >= MAX_PIECES:
                self._pieces.clear()
            chunk = self._pieces[key] = self._join(frames, shown)
        return chunk

    async def _catch_up_each(self, organization_ids: Sequence[str]) -> Sequence[None]:
        await self.catch_up(organization_ids)
        return [None] * len(organization_ids)

    def _go_live(self, organization: Organization, stream: Subscriber) -> None:
        organization.live.setdefault(stream.filter, set()).add(stream)
        stream.live = True

    def regrant(self, stream: Subscriber, granted: frozenset[str] | None, mark: str) -> None:
        """Show the stream these sections from now on, and stamp its cursors with this mark."""
        organization = stream.organization
        self._take_out(organization, stream)
        stream.filter = replace(stream.filter, granted=granted, mark=mark)
        if stream.live:
            self._go_live(organization, stream)

    def leave(self, stream: Subscriber) -> None:
        """Forget a stream, and its organisation with the last one. May be called again."""
        organization = self.organizations.get(stream.organization_id)
        if organization is None or stream not in organization.streams:
            return
        organization.streams.discard(stream)
        self._take_out(organization, stream)
        stream.live = False
        if not organization.streams:
            del self.organizations[organization.id]

    def _take_out(self, organization: Organization, stream: Subscriber) -> None:
        streams = organization.live.get(stream.filter)
        if streams is not None:
            streams.discard(stream)
            if not streams:
                del organization.live[stream.filter]


def _cut(frames: Sequence[Frame], size: int) -> Iterator[Sequence[Frame]]:
    """The frames in pieces of at most `size`, which begin where the position is a multiple of it."""
    begin = 0
    while begin < len(frames):
        end = begin + size - frames[begin].seq % size
        yield frames[begin:end]
        begin = end
