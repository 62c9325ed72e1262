"""What lies before the rings, read from the log once for all who ask for it.

After a restart thousands of clients come back at once, each with a cursor of its own. Read for each by
itself, that is the database's busiest minute. Here each organisation has one reader: it begins with the
oldest cursor that is asked for, and every page serves all whose cursors lie in it. Readers of several
organisations share their calls.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from bff.relay.batch import Batch
from bff.relay.organization import Organization
from bff.relay.pages import CursorLostError, Page, ReadLog, UnavailableError
from bff.relay.ring import Ring
from bff.relay.views import Event, Frame, position

# Organisations in one call: each may answer a whole page, and one answer should not hold up the event loop.
READ_BATCH = 8
# Cursors that are asked about in one call when one of them turned out to be lost.
VERIFY_BATCH = 500
# Pages are kept for those who write them out more slowly, or come a moment later: so many pieces of so many
# events at most, some 4 KB each and so 50 MB, until nobody has resumed for so many seconds.
MAX_STRETCHES = 32
STRETCH_FRAMES = 400
KEEP_SECONDS = 10.0


# By cursor, those who wait for what comes after it.
Wanted = dict[str, asyncio.Future[list[Frame]]]


class Past:
    """Reads for those who resume.

    Args:
        read: reads the log.
        learn: takes an organisation and the events of a page, some of which the hub may not know yet.
    """

    def __init__(self, read: ReadLog, learn: Callable[[Organization, Sequence[Event]], None]) -> None:
        self._read = read
        self._learn = learn
        self._pages: Batch[tuple[str, str], Page] = Batch(read, READ_BATCH)
        self._wanted: dict[str, Wanted] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._kept: deque[tuple[Organization, Ring]] = deque()
        self._forgetting: asyncio.TimerHandle | None = None

    async def after(self, organization: Organization, cursor: str) -> list[Frame]:
        """The next frames after `cursor`, none only where the log has no more.

        Raises:
            CursorLostError: nothing continues this cursor.
            UnavailableError: the log cannot be read.
        """
        frames = _known(organization, cursor)
        if frames is not None:
            return frames
        wanted = self._wanted.get(organization.id)
        if wanted is None:
            wanted = self._wanted[organization.id] = {}
            reader = asyncio.get_running_loop().create_task(self._serve(organization, wanted))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        if cursor not in wanted:
            wanted[cursor] = asyncio.get_running_loop().create_future()
        # Shared: the one who goes away must not cancel it for the others.
        return await asyncio.shield(wanted[cursor])

    def rest(self) -> None:
        """Nobody resumes just now: after a while, keep no pages."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(KEEP_SECONDS, self.forget)

    def forget(self) -> None:
        """Keep no pages."""
        for organization, _ in self._kept:
            organization.stretches.clear()
        self._kept.clear()

    async def _serve(self, organization: Organization, wanted: Wanted) -> None:
        """Read until nobody waits. Each read serves at least the oldest cursor that is wanted."""
        try:
            while wanted:
                cursor = min(wanted, key=position)
                page = await self._pages.ask((organization.id, cursor))
                if page.status == "ok":
                    self._take(organization, cursor, page, wanted)
                else:
                    _lose(wanted, cursor, page)
                    await self._verify(organization, wanted)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must not wait for ever
            for future in wanted.values():
                _fail(future, UnavailableError(str(error)))
        finally:
            del self._wanted[organization.id]

    def _take(
        self,
        organization: Organization,
        cursor: str,
        page: Page,
        wanted: Wanted,
    ) -> None:
        stretch = Ring(cursor, max(1, len(page.events)))
        for event in page.events:
            stretch.append(Frame(event))
        organization.ring.backfill(cursor, list(stretch.frames))
        self._learn(organization, page.events)
        is_last = not page.has_more or not page.events
        if page.events and organization.ring.since(cursor) is None:
            self._keep(organization, stretch)
        for each in list(wanted):
            frames = stretch.since(each)
            if not frames and not (is_last and each == stretch.cursor):
                frames = _known(organization, each)
            if frames is not None:
                wanted.pop(each).set_result(frames)
            elif (stands := stretch.cursor_at(position(each))) is not None and stands != each:
                _fail(wanted.pop(each), CursorLostError("cursor_unknown"))

    def _keep(self, organization: Organization, page: Ring) -> None:
        """Keep a page, in one piece with what follows it where that is kept."""
        for stretch in organization.stretches:
            if stretch.backfill(page.base, list(page.frames)):
                return
        page.size = STRETCH_FRAMES
        organization.stretches.append(page)
        self._kept.append((organization, page))
        if len(self._kept) > MAX_STRETCHES:
            other, oldest = self._kept.popleft()
            other.stretches.remove(oldest)

    async def _verify(self, organization: Organization, wanted: Wanted) -> None:
        """One cursor was lost: after a restore, or when many come back late, it will not be the only one."""
        cursors = list(wanted)
        for begin in range(0, len(cursors), VERIFY_BATCH):
            part = cursors[begin : begin + VERIFY_BATCH]
            pages = await self._read([(organization.id, cursor) for cursor in part], 1)
            for cursor, page in zip(part, pages, strict=True):
                if page.status != "ok":
                    _lose(wanted, cursor, page)


def _lose(wanted: Wanted, cursor: str, page: Page) -> None:
    if page.status != "ok":
        _fail(wanted.pop(cursor), CursorLostError(page.status))


def _fail(future: asyncio.Future[list[Frame]], error: Exception) -> None:
    future.set_exception(error)
    # Nobody may be left to look at it.
    future.exception()


def _known(organization: Organization, cursor: str) -> list[Frame] | None:
    """The frames after `cursor` as far as memory has them in one piece; empty only at the hub's own end."""
    frames = organization.ring.since(cursor)
    if frames is not None:
        return frames
    for stretch in reversed(organization.stretches):
        if frames := stretch.since(cursor):
            return frames
    return None
