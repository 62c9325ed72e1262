"""The last frames of one organisation's log, without a gap."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from bff.relay.views import Frame, position


class Ring:
    """The frames from `base` (the cursor before the first) to `cursor` (that of the last), at most `size`."""

    __slots__ = ("base", "cursor", "frames", "seq", "size")

    def __init__(self, cursor: str, size: int) -> None:
        self.base = self.cursor = cursor
        self.seq = position(cursor)
        self.size = size
        self.frames: deque[Frame] = deque()

    def append(self, frame: Frame) -> None:
        """Take the next frame; the oldest makes room for it."""
        self.seq, self.cursor = frame.seq, frame.cursor
        self.frames.append(frame)
        if len(self.frames) > self.size:
            self.base = self.frames.popleft().cursor

    def cursor_at(self, seq: int) -> str | None:
        """The cursor known for `seq`, or None where the ring does not reach."""
        index = seq - position(self.base)
        if index == 0:
            return self.base
        return self.frames[index - 1].cursor if 0 < index <= len(self.frames) else None

    def since(self, cursor: str) -> list[Frame] | None:
        """The frames after `cursor`, or None if the ring cannot say."""
        seq = position(cursor)
        if self.cursor_at(seq) != cursor:
            return None
        return list(islice(self.frames, seq - position(self.base), None))

    def backfill(self, cursor: str, frames: Sequence[Frame]) -> bool:
        """Put frames read from `cursor` on before the first, where they meet it and there is room.

        Returns:
            Whether all of them are in the ring now.
        """
        missing = position(self.base) - position(cursor)
        if not 0 < missing <= len(frames) or frames[missing - 1].cursor != self.base:
            return False
        for index in range(missing - 1, -1, -1):
            if len(self.frames) >= self.size:
                return False
            self.frames.appendleft(frames[index])
            self.base = frames[index - 1].cursor if index else cursor
        return True
