"""What a check found, and the table of all that was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One line of the checklist."""

    name: str
    status: Status
    reason: str


def passed(name: str, reason: str = "") -> Finding:
    """It is as it should be."""
    return Finding(name, "pass", reason)


def failed(name: str, reason: str) -> Finding:
    """It is not as it should be; `reason` says what to do."""
    return Finding(name, "fail", reason)


def unknown(name: str, reason: str) -> Finding:
    """It cannot be told from here; `reason` says where to look."""
    return Finding(name, "unknown", reason)


def render(findings: Sequence[Finding]) -> str:
    """A line for each, and a last one that counts them."""
    width = max(len(finding.name) for finding in findings)
    lines = [f"{each.status:7}  {each.name:{width}}  {each.reason}".rstrip() for each in findings]
    counts = (f"{sum(each.status == status for each in findings)} {word}" for status, word in WORDS)
    return "\n".join([*lines, ", ".join(counts), ""])


WORDS: tuple[tuple[Status, str], ...] = (("pass", "passed"), ("fail", "failed"), ("unknown", "unknown"))


def exit_code(findings: Sequence[Finding], *, strict: bool) -> int:
    """1 if anything failed, or, where `strict`, if anything could not be told; else 0."""
    wrong = ("fail", "unknown") if strict else ("fail",)
    return int(any(finding.status in wrong for finding in findings))
