"""A run of schemathesis against a BFF, as one person."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER, HookContext

from bff.errors import STATUS
from bff.http import Endpoint
from bff.openapi import errors_of
from tests.contract import refusals  # noqa: F401 (registers its check)
from tests.contract.supplies import Supplier
from tests.contract.world import World

PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
# Refused for what the request says, so that what is valid must not get them. 400 is looked at more closely
# by `tests.contract.refusals`.
MALFORMED: Final = frozenset(
    {"PAYLOAD_TOO_LARGE", "URI_TOO_LONG", "HEADERS_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"}
)
# What says that the request is not well-formed, or not to be looked at at all.
REJECTED: Final = ("400", "401", "404", "405", "413", "414", "415", "431")


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        failures: a text each, what was sent included.
        answers: how often an operation answered with a status.
        checks: how often each check was made.
        granted: the operations that succeeded at least once with what is the world's. Of organisations that
            they founded along the way, all are owners.

    """

    failures: list[str] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    granted: set[str] = field(default_factory=set)

    def summary(self) -> str:
        """For people."""
        statuses: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            statuses[status] += count
        found = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        return f"{sum(statuses.values())} requests ({found}), {sum(self.checks.values())} checks"


def configuration(
    endpoints: Sequence[Endpoint],
    *,
    seed: int,
    examples: int,
    phases: Sequence[str],
    token: str | None,
    accept: str | None = None,
) -> dict[str, Any]:
    """What schemathesis is told, as it would stand in its configuration file.

    Args:
        endpoints: all of them.
        seed: of what is drawn.
        examples: drawn for each operation.
        phases: of `PHASES`.
        token: of who asks.
        accept: in which form answers are asked for.

    """
    generation = {"max-examples": examples, "deterministic": True, "database": "none", "no-shrink": True}
    told: dict[str, Any] = {
        "seed": seed,
        "generation": generation,
        "phases": {name: {"enabled": name in phases} for name in PHASES},
        "checks": {"negative_data_rejection": {"expected-statuses": list(REJECTED)}},
        # A stream does not end: its first frames are enough.
        "max-stream-events": 1,
        "request-timeout": 30.0,
        "operations": [
            {
                "include-operation-id": declared.handler.__name__,
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": _answers_to_valid(declared)},
                },
            }
            for declared in endpoints
        ],
    }
    headers = {"Authorization": token and f"Bearer {token}", "Accept": accept}
    told["headers"] = {name: value for name, value in headers.items() if value is not None}
    return told


def _answers_to_valid(declared: Endpoint) -> list[str]:
    """Whoever asks may be refused, and rules may; nothing else may be said of what is valid."""
    refused = {str(STATUS[code]) for code in errors_of(declared) if code not in MALFORMED}
    return ["2xx", "304", *sorted(refused)]


def run(document: dict[str, Any], url: str, world: World, told: Mapping[str, Any]) -> Outcome:
    """Makes all requests, and all checks of all answers."""
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(dict(told)))
    schema.config.update(base_url=url)
    outcome = Outcome()
    with supplied(Supplier(world), outcome):
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError):
                outcome.failures.append(f"{event.label}: {event.info.format()}")
            elif isinstance(event, events.FatalError):
                raise event.exception
            elif isinstance(event, events.ScenarioFinished):
                _note(event, outcome)
    return outcome


def _note(event: events.ScenarioFinished, outcome: Outcome) -> None:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            outcome.checks[check.name] += 1
            if check.status == Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                answer = event.recorder.interactions[case_id].response
                said = b"" if answer is None else answer.content[:800]
                outcome.failures.append(
                    f"{failure.operation}: {failure.title}\n{failure.message}\n"
                    f"{check.failure_info.code_sample}\n{said.decode(errors='replace')}"
                )


@contextmanager
def supplied(supplier: Supplier, outcome: Outcome) -> Iterator[None]:
    """While the block lasts, requests are about real things, and answers are counted."""

    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001
        supplier.fill(case, _name(case))

    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:  # noqa: ARG001
        # Probes of other methods than the declared one say nothing of the operation.
        if response.request.method == case.operation.method.upper():
            outcome.answers[_name(case), response.status_code] += 1
            if supplier.answered(case, _name(case), response):
                outcome.granted.add(_name(case))

    hooks = (before_call, after_call)
    for hook in hooks:
        GLOBAL_HOOK_DISPATCHER.hook(hook)
    try:
        yield
    finally:
        for hook in hooks:
            GLOBAL_HOOK_DISPATCHER.unregister(hook)


def _name(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])
