"""What a request is about: its action, the resource, the organisation, and what may be recorded of its body.

All of it comes from the routes' declarations, so a new route has a record without a line here.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from bff.audit.redaction import Redact, redactor, withhold

PREFIX: Final = "/api/v1/"
# The parameter that names the organisation itself.
ORGANIZATION: Final = "org"
# Nobody declared it: the action of a path or a method that is not ours.
UNKNOWN_ACTION: Final = "unknown"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class Declared(Protocol):
    """What `bff.http.Endpoint` says of a route."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def body(self) -> type[BaseModel] | None: ...
    @property
    def audited(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What the records of one route have in common.

    Attributes:
        action: The operation's id in the OpenAPI document, which clients know and so nobody renames.
        resource_type: The last collection in the path, such as `reservations`; None of what is not ours.
        parameter: The path parameter that holds the resource's id; None where the answer may say it.
        within: The collection and the parameter of what stands before it in the path: what it is made in.
        always: Recorded whatever its method and its outcome.
        redact: What may be recorded of its body.

    """

    action: str = UNKNOWN_ACTION
    resource_type: str | None = None
    parameter: str | None = None
    within: tuple[str, str] | None = None
    always: bool = False
    redact: Redact = withhold


UNKNOWN: Final = Subject()


class Subjects:
    """The subjects of all declared routes.

    Args:
        endpoints: Of the application.

    """

    def __init__(self, endpoints: Iterable[Declared]) -> None:
        declared = [each for each in endpoints if each.path.startswith(PREFIX)]
        collections = _collections(each.path for each in declared)
        self._subjects = {(each.method, each.path): _subject(each, collections) for each in declared}

    def of(self, scope: Scope) -> tuple[Subject, Mapping[str, Any], str | None]:
        """What a request is about, its path parameters, and its route's path, or None of what is not ours.

        Whether it came as far as the router or not.
        """
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        route, parameters = scope.get("route"), scope.get("path_params", {})
        if route is None:
            route, parameters = _match(scope)
        template = getattr(route, "path", None)
        return self._subjects.get((method, template or ""), UNKNOWN), parameters, template


def _match(scope: Scope) -> tuple[Any, Mapping[str, Any]]:
    for route in scope["app"].routes:
        match, child = route.matches(scope)
        if match is not Match.NONE:
            return route, child.get("path_params", {})
    return None, {}


def _collections(templates: Iterable[str]) -> frozenset[str]:
    """Segments that name things: the first of a path, and those that an id stands behind somewhere."""
    found = set()
    for template in templates:
        segments = template.removeprefix(PREFIX).split("/")
        found.add(segments[0])
        found |= {name for name, behind in itertools.pairwise(segments) if _PARAMETER.fullmatch(behind)}
    return frozenset(found)


def _subject(declared: Declared, collections: frozenset[str]) -> Subject:
    segments = declared.path.removeprefix(PREFIX).split("/")
    found = [
        (segment.replace("-", "_"), _PARAMETER.fullmatch(behind))
        for segment, behind in itertools.pairwise([*segments, ""])
        if segment in collections
    ]
    *before, (resource_type, parameter) = found
    within = [(name, match[1]) for name, match in before if match and match[1] != ORGANIZATION]
    return Subject(
        action=declared.name,
        resource_type=resource_type,
        parameter=parameter[1] if parameter else None,
        within=within[-1] if within else None,
        always=declared.audited,
        redact=withhold if declared.body is None else redactor(declared.body),
    )


def fill(template: str, parameters: Mapping[str, Any]) -> str:
    """A route's path with the ids that a request named; what is no id may be anything, and is left out."""
    return _PARAMETER.sub(lambda found: as_uuid(parameters.get(found[1])) or found[0], template)


def as_uuid(value: Any) -> str | None:
    """A UUID's text; None of whatever is none: a path holds what somebody typed."""
    if isinstance(value, UUID):
        return str(value)
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
