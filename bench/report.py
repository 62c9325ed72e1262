"""One table of figures: what was measured, its baseline, ours, the ratio and what we aim at."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: what is measured, with its size.
        baseline: the baseline in words, with its figure and unit.
        ours: our figure with its unit.
        ratio: ours against the baseline, the way round that `aim` means.
        aim: what the figure should be, in words.
        met: whether it is.
    """

    name: str
    baseline: str
    ours: str
    ratio: float
    aim: str
    met: bool


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The 99th percentile, by inclusive interpolation."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def render(figures: Sequence[Figure]) -> str:
    """The table, aligned for a terminal."""
    head = ("measured", "baseline", "ours", "ratio", "aim", "met")
    rows = [(f.name, f.baseline, f.ours, f"{f.ratio:.2f}", f.aim, "yes" if f.met else "NO") for f in figures]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
