"""The policies, as one table, and which of them a request comes under."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final, Literal

from limits import RateLimitItem, RateLimitItemPerSecond
from starlette.routing import compile_path

from bff.metrics import OPERATIONS

Subject = Literal["user", "address", "account"]
Kind = Literal["auth", "booking", "expired", "other", "stream", "ticket"]

# What lies elsewhere is for whoever watches the service, or the same for everyone, and asks nobody.
PREFIX: Final = "/api/v1/"

# Each request is of one kind: that of the first pattern that it matches, else `other`. HEAD counts as GET.
# Whatever it is, with a token that has expired it is `expired`.
# Previews write nothing, and a form asks for one at each change of a date: they are `other`.
ROUTES: Final[tuple[tuple[Kind, str | None, str], ...]] = (
    ("auth", None, "/api/v1/auth/{rest:path}"),
    ("stream", "GET", "/api/v1/organizations/{org}/calendar/stream"),
    ("ticket", "POST", "/api/v1/stream-tickets"),
    *(("booking", method, path) for (method, path), name in OPERATIONS.items() if name != "preview"),
)


class Failure(Enum):
    """What counts while Redis is away: always this process by itself, up to this part of the amount."""

    LOCAL = 1.0
    LOCAL_AT_HALF = 0.5


@dataclass(frozen=True)
class Policy:
    """So many requests of one subject within the window.

    Attributes:
        name: As in headers, metrics and the answer's `details.policies`.
        subject: Whom it counts; `address` is asked before anybody is known.
        kinds: Of requests.
        amount: Requests in a window, by the settings.
        window: Seconds.
        failure: Without Redis, although there should be one.
    """

    name: str
    subject: Subject
    kinds: frozenset[Kind]
    failure: Failure
    amount: int
    window: int

    @cached_property
    def whole(self) -> RateLimitItem:
        """All of the amount, as the library has it."""
        return RateLimitItemPerSecond(self.amount, self.window, self.name)

    @cached_property
    def alone(self) -> RateLimitItem:
        """What is left of the amount while Redis is away."""
        return RateLimitItemPerSecond(max(1, int(self.amount * self.failure.value)), self.window, self.name)


# name, subject, kinds, failure. A request comes under every row that it fits; those whose user is not known
# come under rows by address only.
TABLE: Final[tuple[tuple[str, Subject, tuple[Kind, ...], Failure], ...]] = (
    ("api", "user", ("booking", "other", "ticket"), Failure.LOCAL),
    ("api-address", "address", ("booking", "other", "ticket", "stream"), Failure.LOCAL),
    # Generous: a page whose token ran out asks for several things before it has renewed it, and so do all of
    # an office at nine.
    ("expired-address", "address", ("expired",), Failure.LOCAL),
    ("booking", "user", ("booking",), Failure.LOCAL),
    ("auth-address", "address", ("auth",), Failure.LOCAL_AT_HALF),
    ("auth-account", "account", ("auth",), Failure.LOCAL_AT_HALF),
    ("stream-opens", "user", ("stream",), Failure.LOCAL),
    ("stream-tickets", "user", ("ticket",), Failure.LOCAL),
)
NAMES: Final = tuple(row[0] for row in TABLE)


def _matchers() -> dict[str | None, re.Pattern[str]]:
    """One expression a method, with a named group for each kind; None is any method."""
    patterns: dict[str | None, dict[Kind, list[str]]] = {}
    for kind, method, path in ROUTES:
        # The router's own idea of a path, without its parameters' names: they would be there twice.
        expression = re.sub(r"\(\?P<\w+>", "(?:", compile_path(path)[0].pattern)
        patterns.setdefault(method, {}).setdefault(kind, []).append(expression)
    return {
        method: re.compile("|".join(f"(?P<{kind}>{'|'.join(each)})" for kind, each in kinds.items()))
        for method, kinds in patterns.items()
    }


_MATCHERS: Final = _matchers()


def kind_of(method: str, path: str) -> Kind | None:
    """Of which kind a request is; None where no policy looks at it."""
    if not path.startswith(PREFIX):
        return None
    for expressions in (None, "GET" if method == "HEAD" else method):
        if (matcher := _MATCHERS.get(expressions)) and (found := matcher.match(path)):
            kind: Kind = found.lastgroup  # type: ignore[assignment]
            return kind
    return "other"


class Policies:
    """The table with its amounts.

    Args:
        amounts: Of each policy, by its name.
        window: Seconds, the same for all.
        streams: Most streams of one user at once; no policy of the table, as nothing of it lies in time.
    """

    def __init__(self, amounts: Mapping[str, int], window: int, streams: int) -> None:
        self.streams = streams
        self._all = tuple(
            Policy(name, subject, frozenset(kinds), failure, amounts[name], window)
            for name, subject, kinds, failure in TABLE
        )
        self._found: dict[tuple[Kind, frozenset[Subject]], tuple[Policy, ...]] = {}

    def under(self, kind: Kind, *subjects: Subject) -> tuple[Policy, ...]:
        """Those that a request of this kind comes under, as far as they count one of the subjects."""
        key = (kind, frozenset(subjects))
        if key not in self._found:
            self._found[key] = tuple(
                policy for policy in self._all if kind in policy.kinds and policy.subject in subjects
            )
        return self._found[key]
