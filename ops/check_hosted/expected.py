"""What the migrations leave in schema `public`, read from their text: no database is at hand here."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parents[2] / "supabase" / "migrations"
VERSION: Final = re.compile(r"(\d+)_.+\.sql")
STATEMENT: Final = re.compile(
    r"^\s*(?P<verb>create|create or replace|drop)\s+(?P<kind>table|function)\s+"
    r"(?:if (?:not )?exists\s+)?public\.(?P<name>\w+)",
    re.IGNORECASE | re.MULTILINE,
)
SERVICE: Final = re.compile(
    r"^\s*grant execute on function public\.(\w+)\s*\([^;]*\)\s*to\s+[^;]*\bservice_role\b",
    re.IGNORECASE | re.MULTILINE,
)
# What a project must call on a schedule (docs/deployment.md); one that no migration makes is not asked for.
SCHEDULED: Final = (
    "refresh_organization_stats",
    "expire_holds",
    "expire_approvals",
    "offer_waitlist",
    "complete_reservations",
    "prune_calendar_events",
    "seal_audit_logs",
)


@dataclass(frozen=True)
class Expected:
    """Names in schema `public`, and the versions of the migrations."""

    versions: tuple[str, ...]
    tables: frozenset[str]
    functions: frozenset[str]
    service_functions: frozenset[str]

    @property
    def scheduled(self) -> tuple[str, ...]:
        """The functions that a schedule must call."""
        return tuple(name for name in SCHEDULED if name in self.functions)


def read(folder: Path = MIGRATIONS) -> Expected:
    """What the migrations in a folder leave behind, applied in the order of their names."""
    found: dict[str, set[str]] = {"table": set(), "function": set()}
    service: set[str] = set()
    versions = []
    for path in sorted(folder.glob("*.sql")):
        match = VERSION.fullmatch(path.name)
        assert match is not None, f"{path.name}: a migration's name is <version>_<name>.sql"  # noqa: S101
        versions.append(match[1])
        text = path.read_text()
        for statement in STATEMENT.finditer(text):
            names = found[statement["kind"].lower()]
            if statement["verb"].lower() == "drop":
                names.discard(statement["name"])
            else:
                names.add(statement["name"])
        service.update(SERVICE.findall(text))
    functions = frozenset(found["function"])
    return Expected(tuple(versions), frozenset(found["table"]), functions, functions & service)
