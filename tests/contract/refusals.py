"""What valid data may be refused for with 400, although JSON Schema calls it valid, and why.

schemathesis' own check takes no 400 for valid data at all, or any. Here each fault that an answer names must
be one of these: whatever a schema can say, the document says.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

# A fault's code, the member that it is found in, and why.
BEYOND_SCHEMAS: Final = (
    # About two members at once.
    ("range_order", ".*", "an end that is not after its start"),
    ("range_too_long", ".*", "a window longer than a calendar or a report shows"),
    ("range_too_short", ".*", "shorter than what can be booked"),
    ("missing", "free_(from|to)", "one of the two asks for the other"),
    ("missing", "", "a known head of an audit log is a position and its hash"),
    ("missing", "from", "one instance, or those from it on, is found by its time"),
    ("not_both", ".*", "two members that exclude each other"),
    ("one_of", ".*", "a holiday has exactly one of three kinds of day"),
    ("residences_only", "check_(in|out)", "what is no residence has none"),
    ("rrule_.*", "rrule", "the grammar of RFC 5545"),
    ("not_of_asset|repeated", "path", "the path of a photo names its asset, and no other photo"),
    # What approves and what triggers depends on the rule's type (docs/booking.md).
    (".*", r"conditions(\..*)?", "each type of rule has conditions of its own"),
    (
        "(missing|not_used|out_of_range)",
        "quorum|approver_.*",
        "each type of approval has approvers of its own",
    ),
    ("approval_only", "effect", "a rule of type custom only asks for approval"),
    ("month_day", ".*", "a day that its month does not have"),
    (
        "self_overlap|instance_out_of_range|nothing_left",
        "start_date|end_date|rrule|exdates.*",
        "instances of a series that run into each other or too far ahead, or none that is left",
    ),
    # About what is in the database.
    ("same_person|may_not_book", ".*", "a deputy who is somebody else and may book"),
    ("not_triggered", r"override\.rule_ids\..*", "only rules that refuse this booking can be set aside"),
    ("not_an_instance", r"from|exdates\..*", "a time at which no instance begins"),
    (
        ".*",
        r"operations\..*",
        "each operation of a bulk is judged where it is done, not to refuse the others",
    ),
    ("(value_error|not_found)", ".*", "a name that is no time zone, an id of nothing that may be named here"),
    # About values that JSON Schema has no words for.
    (
        "datetime_range|datetime_out_of_range",
        ".*",
        "RFC 3339 times outside of 1970 to 2199, which tables hold",
    ),
    ("datetime_future|already_begun", ".*", "times that are over"),
    ("date_format", ".*", "dates outside of the same years"),
    ("int_type", ".*", "1.0 is an integer to JSON Schema; here it is taken for a mistake"),
    ("string_too_short", ".*", "nothing but white space, which is cut off first"),
    # About JSON of any shape, whose inside no schema describes.
    ("too_large", ".*", "bytes, where JSON Schema counts members and characters"),
    ("json_depth", ".*", "nested too deeply"),
    ("string_nul", ".*", "NUL somewhere inside"),
    ("string_unicode", ".*", "half a surrogate pair somewhere inside"),
)


class RefusedValidDataError(Failure):
    """An answer of 400 names a fault that a schema could have said."""


@schemathesis.check
def valid_data_is_refused_for_what_schemas_cannot_say(
    ctx: CheckContext,  # noqa: ARG001 (schemathesis)
    response: Response,
    case: Case[Any],
) -> bool | None:
    """Compares the faults with `BEYOND_SCHEMAS`."""
    if response.status_code != 400 or not _is_valid(case):
        return None
    # Problem details hold the same members, without an envelope.
    body = response.json()
    faults = body.get("error", body)["details"]["fields"]
    unsaid = [f"{fault['code']} {fault['path']}" for fault in faults if not _is_known(fault)]
    if unsaid:
        raise RefusedValidDataError(
            operation=case.operation.label,
            title="Valid data is refused for what the document does not say",
            message=", ".join(unsaid),
        )
    return None


def _is_valid(case: Case[Any]) -> bool:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return False
    return all(part.mode.is_positive for part in case.meta.components.values())


def _is_known(fault: Mapping[str, Any]) -> bool:
    return any(
        re.fullmatch(code, fault["code"]) and re.fullmatch(path, fault["path"], re.DOTALL)
        for code, path, _ in BEYOND_SCHEMAS
    )
