"""What was asked during a run, by operation and answer: the audit must say the same afterwards.

Operations are those of the OpenAPI document, which are the actions of records. What must be recorded is
written down here anew, from docs/audit-requests.md, and not asked of the code that records.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Of what the people of a run ask; whatever else they ask is a write.
READS = frozenset({"list_reservations", "read_availability", "read_calendar", "stream_calendar"})
# Reads with these answers are recorded; 404 as all of them are with a token, and by an id.
REFUSED = frozenset({401, 403, 404, 429})

# An action and its answer's status; or a row's action and its table.
Key = tuple[str, str]
# The entries of rows that each of these operations leaves when it succeeds; others leave none.
ROWS: Mapping[str, Mapping[Key, int]] = {
    "create_reservation": {("insert", "reservations"): 1, ("insert", "reservation_details"): 1},
    "update_reservation": {("update", "reservations"): 1},
    # The reason stands beside the booking.
    "cancel_reservation": {("update", "reservations"): 1, ("update", "reservation_details"): 1},
}


@dataclass
class Tally:
    """Requests that were begun, and how they were answered."""

    begun: Counter[str] = field(default_factory=Counter)
    answered: Counter[Key] = field(default_factory=Counter)

    def begin(self, operation: str) -> None:
        """A request leaves."""
        self.begun[operation] += 1

    def end(self, operation: str, status: int) -> None:
        """Its answer has come; of one that broke off there is none."""
        self.answered[operation, str(status)] += 1

    def write(self, path: Path) -> None:
        """The file that `read` reads."""
        answered = [[*key, count] for key, count in self.answered.items()]
        path.write_text(json.dumps({"begun": self.begun, "answered": answered}))

    @classmethod
    def read(cls, path: Path) -> "Tally":
        """What `write` wrote."""
        told = json.loads(path.read_text())
        answered = {(operation, status): count for operation, status, count in told["answered"]}
        return cls(Counter(told["begun"]), Counter(answered))

    @property
    def recorded(self) -> Counter[Key]:
        """Those of the answered ones that must be recorded."""
        return Counter(
            {
                (operation, status): count
                for (operation, status), count in self.answered.items()
                if operation not in READS or int(status) in REFUSED
            }
        )

    @property
    def changed(self) -> Counter[Key]:
        """The entries of rows that the answered ones must have left."""
        rows: Counter[Key] = Counter()
        for (operation, status), count in self.answered.items():
            if int(status) < 300:
                for key, number in ROWS.get(operation, {}).items():
                    rows[key] += number * count
        return rows

    @property
    def unanswered(self) -> Counter[str]:
        """Those of which nobody can say what became of them: they may be recorded or not, once each."""
        lost = Counter(self.begun)
        for (operation, _), count in self.answered.items():
            lost[operation] -= count
        return +lost


@dataclass(frozen=True)
class Entries:
    """What the log has: requests, with those that only a count stands for, and rows."""

    recorded: Counter[Key]
    changed: Counter[Key]

    def since(self, before: "Entries") -> "Entries":
        """Without what was there before."""
        return Entries(self.recorded - before.recorded, self.changed - before.changed)


def differences(tally: Tally, entries: Entries) -> list[str]:
    """In words, what the log lacks or has too much of.

    Args:
        tally: what was asked. What broke off may be in the log once more than was answered.
        entries: what the log has of it.
    """
    lost = tally.unanswered
    loose: Counter[Key] = Counter()
    for operation, count in lost.items():
        for key, number in ROWS.get(operation, {}).items():
            loose[key] += number * count
    return [
        *_compare(tally.recorded, entries.recorded, lambda key: lost[key[0]]),
        *_compare(tally.changed, entries.changed, lambda key: loose[key]),
    ]


def _compare(made: Counter[Key], found: Counter[Key], allowed: Callable[[Key], int]) -> Iterator[str]:
    for key in sorted(made.keys() | found.keys()):
        if not 0 <= found[key] - made[key] <= allowed(key):
            yield f"{' '.join(key)}: {made[key]:,} made, {found[key]:,} in the log"
