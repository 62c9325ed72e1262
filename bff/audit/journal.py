"""The log that SQLite keeps beside a file (WAL), looked through before SQLite does.

SQLite ends its reading of a log at the first frame whose checksum is wrong. At a torn end that is right; one
bit that flipped in the middle silently takes all that was committed behind it along, and the next write
destroys what was left. The form: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from typing import Final, NamedTuple

HEADER_BYTES: Final = 32
FRAME_BYTES: Final = 24  # before each page
# The lowest bit says in which order of bytes the checksums read a page's words.
MAGIC: Final = 0x377F0682
VERSION: Final = 3_007_000
_32_BITS: Final = 0xFFFFFFFF

Sums = tuple[int, int]


class Frame(NamedTuple):
    """A page as it was written; `place` is its number and the size of the file after a commit."""

    place: bytes
    sums: Sums
    page: bytes


def mend(log: bytes, page_bytes: int) -> bytes | None:
    """The log with its checksums set right, if frames lie behind damage in it; None where all is well.

    A damaged page stays what it is, to be told by the checksums of the records in it: only those are lost.
    A frame that does not say that it is of this log is left out.

    Args:
        log: As it lies on disk.
        page_bytes: Of the file's pages.

    """
    size = FRAME_BYTES + page_bytes
    pieces = [log[at : at + size] for at in range(HEADER_BYTES, len(log) - size + 1, size)]
    if not pieces:
        return None
    header = log[:HEADER_BYTES]
    order = "<" if header[3:4] == struct.pack("B", MAGIC & 0xFF) else ">"
    stored = _sums_at(header, 24)
    is_bad = is_damaged = stored != _summed(order, header[:24], (0, 0))
    if is_bad:
        header = _header_for(pieces[0], page_bytes)
        order = "<"
    frames: list[Frame] = []
    whole = 0
    for piece in pieces:
        if piece[8:16] != header[16:24]:
            is_bad = True
            continue
        frame = Frame(piece[:8], _sums_at(piece, 16), piece[FRAME_BYTES:])
        frames.append(frame)
        # From the sums of the frame before as they are stored: so each is judged by itself.
        if frame.sums == _summed(order, frame.place + frame.page, stored):
            is_damaged = is_damaged or is_bad
            whole = len(frames)
        else:
            is_bad = True
        stored = frame.sums
    # What is not right at the end was being written.
    return _written(order, header, frames[:whole]) if is_damaged and whole else None


def first_page(log: bytes, page_bytes: int) -> bytes | None:
    """The first page of the file as the log has it; None where it does not.

    SQLite removes the log of a file that is empty, with all that was committed into it: so must say the file.

    Args:
        log: As it lies on disk.
        page_bytes: Of the file's pages.

    """
    size = FRAME_BYTES + page_bytes
    for at in range(HEADER_BYTES, len(log) - size + 1, size):
        if log[at : at + 4] == struct.pack(">I", 1) and log[at + 8 : at + 16] == log[16:24]:
            return log[at + FRAME_BYTES : at + size]
    return None


def _header_for(piece: bytes, page_bytes: int) -> bytes:
    """A header of the log that a frame says it is of; what else is in one we know."""
    start = struct.pack(">4I", MAGIC, VERSION, page_bytes, 0) + piece[8:16]
    return start + struct.pack(">2I", *_summed("<", start, (0, 0)))


def _written(order: str, header: bytes, frames: list[Frame]) -> bytes:
    written = [header]
    sums = _sums_at(header, 24)
    for frame in frames:
        sums = _summed(order, frame.place + frame.page, sums)
        written.append(frame.place + header[16:24] + struct.pack(">2I", *sums) + frame.page)
    return b"".join(written)


def _sums_at(content: bytes, offset: int) -> Sums:
    one, other = struct.unpack_from(">2I", content.ljust(offset + 8, b"\0"), offset)
    return one, other


def _summed(order: str, content: bytes, sums: Sums) -> Sums:
    """The checksums after so much more."""
    one, other = sums
    for even, odd in struct.iter_unpack(f"{order}2I", content):
        one = (one + even + other) & _32_BITS
        other = (other + odd + one) & _32_BITS
    return one, other
