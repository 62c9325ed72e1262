"""CSV (RFC 4180) that no spreadsheet takes for formulas, and that can be read back to the byte."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

# What spreadsheets take for a formula's beginning (OWASP, CSV Injection), in their wide forms too; and the
# mark itself, so that whoever reads takes one away wherever there is one.
_GUARDED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001
_MARK: Final = "'"


def to_csv(rows: Iterable[Sequence[str | None]]) -> bytes:
    """The rows in UTF-8, every cell quoted, lines ended by CRLF.

    None is an empty cell. A text that is empty or begins as a formula might gets an apostrophe in front.
    """
    buffer = io.StringIO()
    # Each quoted: where the list separator is a semicolon, a spreadsheet would cut a bare text at it.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8")


def _guarded(cell: str | None) -> str:
    if cell is None:
        return ""
    return _MARK + cell if not cell or cell.startswith(_GUARDED) else cell
