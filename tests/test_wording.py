"""Messages in Spanish: every code has a sentence, every sentence has a code, and what it names is carried."""

import ast
import json
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from bff.app import ENDPOINTS
from bff.errors import STATUS
from bff.schemas.base import FORMATS
from bff.wording import catalogue, error_message, language_of, message, reason_text, worded
from tests.actors import Connection, connect

BFF: Final = Path(__file__).parents[1] / "bff"
SPANISH: Final = catalogue("es")
# A name in a call that is no literal, and what it stands for.
DYNAMIC: Final[Mapping[str, Sequence[str]]] = {
    "'invitation_' || v_status": ("invitation_accepted", "invitation_revoked", "invitation_expired"),
    "v_obstacle": ("subscription_canceled", "time_zone", "default_tier"),
    "p_kind || '_type'": ("number_type", "integer_type"),
    "lower(e.value #>> '{error,code}')": (
        *("not_found", "conflict", "forbidden", "invalid_state", "precondition_failed", "mfa_required"),
        "internal_error",
    ),
    # app.key_errors
    "fault.code": ("extra_forbidden", "missing"),
    # app.asset_input_errors
    "kind.code": ("string_type", "int_type", "bool_type", "time_format", "enum"),
}
# What is only handed through: its literals stand at the caller.
PASSED_ON: Final = {"p_code", "v_obstacle ->> 'code'"}
# What pydantic says of each kind of value that our input models hold, without what only output can meet.
PYDANTIC: Final[Mapping[str, Sequence[str]]] = {
    "str": (
        "string_type",
        "string_too_short",
        "string_too_long",
        "string_pattern_mismatch",
        "string_unicode",
    ),
    "int": (
        "int_type",
        "int_parsing",
        "int_parsing_size",
        "int_from_float",
        "greater_than_equal",
        "less_than_equal",
    ),
    "bool": ("bool_type",),
    "literal": ("literal_error",),
    "uuid": ("uuid_type", "uuid_parsing"),
    "list": ("list_type", "too_short", "too_long"),
    "dict": ("dict_type",),
    "datetime": (
        *("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
        "timezone_aware",
    ),
    "date": ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
    "time": ("time_type", "time_parsing"),
    "model": ("model_type",),
    "model-fields": ("missing", "extra_forbidden", "model_type"),
    **dict.fromkeys(
        ("model-field", "default", "nullable", "any", "no-info", "function-after", "function-before"), ()
    ),
    "function-plain": (),
}
LIMITS: Final[Mapping[str, str]] = {
    "string_too_short": "min_length",
    "string_too_long": "max_length",
    "too_short": "min_length",
    "too_long": "max_length",
    "greater_than_equal": "ge",
    "less_than_equal": "le",
    "literal_error": "expected",
    "too_large": "max_bytes",
}


def arguments(text: str, start: int) -> list[str]:
    """The arguments of an SQL call whose parenthesis opens before `start`, blanks folded."""
    found, depth, current = [], 0, ""
    for token in re.compile(r"'(?:[^']|'')*'|--[^\n]*|.", re.DOTALL).findall(text, start):
        if token.startswith("--"):
            continue
        if token in ("(", "["):
            depth += 1
        elif token in (")", "]"):
            if depth == 0:
                break
            depth -= 1
        if token == "," and depth == 0:
            found.append(current)
            current = ""
        else:
            current += token
    return [re.sub(r"\s+", " ", argument).strip() for argument in [*found, current]]


def calls(sources: Sequence[str], function: str) -> Iterator[list[str]]:
    for source in sources:
        for match in re.finditer(rf"(?<![\w.]){re.escape(function)}\(", source):
            yield arguments(source, match.end())


def literals(expression: str) -> Sequence[str]:
    """The codes that an expression may come to."""
    if re.fullmatch(r"'[A-Za-z_]+'", expression):
        return [expression[1:-1]]
    if expression in PASSED_ON:
        return []
    if expression.startswith("case "):
        return re.findall(r"(?:then|else) '([a-z_]+)'", expression)
    return DYNAMIC[expression]


def keys(expression: str | None) -> set[str]:
    """The keys of a jsonb object as SQL writes it."""
    if expression is None or expression == "null":
        return set()
    if expression.startswith("'"):
        return set(json.loads(expression[1:-1].replace("''", "'")))
    found = set()
    for call in calls([expression], "jsonb_build_object"):
        found |= {name.strip("'") for name in call[::2]}
    return found | {name for text in re.findall(r"'(\{\".*?\})'", expression) for name in json.loads(text)}


def placeholders(sentence: str) -> set[str]:
    names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
    return names - {"days"} | ({"start_date", "end_date"} if "days" in names else set())


def sentences(kind: Any, key: str) -> list[str]:
    found = SPANISH[kind].get(key, [])
    return [found] if isinstance(found, str) else found


@pytest.fixture(scope="module")
def functions(database: str) -> list[str]:
    """The source of every function of ours, as the migrations leave it."""
    query = "select prosrc from pg_proc where pronamespace in ('public'::regnamespace, 'app'::regnamespace)"
    with connect(database) as db:
        return [row["prosrc"] for row in db.execute(query)]


@pytest.fixture(scope="module")
def raised_fields(functions: list[str]) -> list[tuple[str, str | None, set[str]]]:
    """Code, format and the names of the params of each field error that SQL or the BFF may raise."""
    found: list[tuple[str, str | None, set[str]]] = []
    by_rrule = [["", *call] for call in calls(functions, "app.rrule_error")]
    for call in [*calls(functions, "app.field_error"), *by_rrule]:
        given = call[3] if len(call) > 3 else None
        if given == "p_params":
            continue
        form = re.search(r'"format": "([a-z_]+)"', given or "")
        # A form that is computed: see test_each_form_has_its_sentence.
        if "'format'," not in (given or ""):
            params = {"expected"} if given == "kind.params" else keys(given)
            found += [(code, form[1] if form else None, params) for code in literals(call[1])]
    for model in (m for each in ENDPOINTS for m in (each.query, each.body) if m):
        for kind in schema_types(model.__pydantic_core_schema__):
            found += [(code, None, {LIMITS[code]} if code in LIMITS else set()) for code in PYDANTIC[kind]]
    found += [(given[1], None, set()) for given, _ in bff_calls("InvalidRequestError.of")]
    found += [(given[0], None, set(params)) for given, params in bff_calls("PydanticCustomError")]
    return found


def schema_types(schema: Any) -> set[str]:
    found, seen = set(), set()

    def walk(part: Any) -> None:
        if id(part) in seen:
            return
        seen.add(id(part))
        if isinstance(part, dict):
            if isinstance(part.get("type"), str):
                found.add(part["type"])
            for value in part.values():
                walk(value)
        elif isinstance(part, list | tuple):
            for value in part:
                walk(value)

    walk(schema)
    return found


def bff_calls(function: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Each call of it in the BFF: its literal arguments, in their places, and the dict among them."""
    for path in BFF.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                given = [str(arg.value) if isinstance(arg, ast.Constant) else "" for arg in node.args]
                named = {
                    ast.unparse(key).strip("'"): ast.unparse(value).strip("'")
                    for arg in node.args
                    if isinstance(arg, ast.Dict)
                    for key, value in zip(arg.keys, arg.values, strict=True)
                    if key is not None
                }
                yield given, named


def test_every_code_of_an_error_has_a_sentence() -> None:
    assert {key for key in SPANISH["errors"] if "." not in key} == set(STATUS)


@pytest.fixture(scope="module")
def refusals(functions: list[str]) -> set[tuple[str, str]]:
    """Code and reason of each error that SQL raises."""
    found: set[tuple[str, str]] = set()
    for call in calls(functions, "app.fail"):
        details = call[3] if len(call) > 3 else ""
        for reason in re.findall(r"'reason', (case .*? end|'[a-z_]+'(?: \|\| \w+)?|v_\w+)", details):
            found |= {(code, each) for code in literals(call[0]) for each in literals(reason)}
        for reason in re.findall(r'"reason": "([a-z_]+)"', details):
            found |= {(code, reason) for code in literals(call[0])}
    # What app.approval_obstacle tells is raised elsewhere.
    obstacles = next(source for source in functions if "'slot_lost'" in source)
    for code, rest in re.findall(
        r"'(FORBIDDEN|INVALID_STATE)',(.*?'reason', '[a-z_]+')", obstacles, re.DOTALL
    ):
        found.add((code, re.findall(r"'reason', '([a-z_]+)'", rest)[0]))
    return found


def test_every_reason_has_a_sentence_and_every_sentence_a_reason(refusals: set[tuple[str, str]]) -> None:
    told = {(given[0], details["reason"]) for given, details in bff_calls("ApiError") if "reason" in details}
    assert {key for key in SPANISH["errors"] if "." in key} == {
        f"{code}.{reason}" for code, reason in refusals | told
    }


def test_what_an_errors_sentence_names_is_in_its_details(functions: list[str]) -> None:
    for call in calls(functions, "app.fail"):
        details = call[3] if len(call) > 3 else ""
        for reason in re.findall(r"'reason', '([a-z_]+)'(?! \|\|)", details):
            for key in (f"{code}.{reason}" for code in literals(call[0])):
                assert placeholders(sentences("errors", key)[-1]) <= keys(details), key


def test_every_code_of_a_field_has_a_sentence_that_its_params_fill(
    raised_fields: list[tuple[str, str | None, set[str]]],
) -> None:
    speechless = {
        (code, form)
        for code, form, params in raised_fields
        if not any(
            placeholders(sentence) <= params
            for sentence in sentences("fields", f"{code}.{form}") or sentences("fields", code)
        )
    }
    assert speechless == set()


def test_each_form_has_its_sentence(functions: list[str]) -> None:
    forms = {form for source in functions for form in re.findall(r'"format": "([a-z_]+)"', source)}
    known = next(source for source in functions if "'avatar_url', 'text'" in source)
    forms |= {key.replace("avatar_", "") for key in re.findall(r"'(\w+)', 'text', \w+, \d+, \d+, '\^", known)}
    forms |= {"email", "phone", "url"}
    assert {key for key in SPANISH["fields"] if key.startswith("value_error")} == {
        f"value_error.{form}" for form in forms
    }
    assert {key for key in SPANISH["fields"] if key.startswith("string_pattern_mismatch.")} == {
        f"string_pattern_mismatch.{form}" for form in FORMATS.values()
    }


def test_no_sentence_of_a_field_is_left_without_a_code(
    raised_fields: list[tuple[str, str | None, set[str]]],
) -> None:
    raised = {code for code, _, _ in raised_fields}
    assert {key.partition(".")[0] for key in SPANISH["fields"]} - raised == set()
    for key, sentence in SPANISH["fields"].items():
        for each in [] if isinstance(sentence, str) else sentence:
            assert any(code == key and placeholders(each) <= params for code, _, params in raised_fields), (
                each
            )


def test_every_violation_has_a_sentence_that_its_params_fill(functions: list[str]) -> None:
    params: dict[str, set[str]] = {}
    for call in calls(functions, "app.finding"):
        params |= {code: keys(call[2]) for code in literals(call[0])}
    # p_conditions, which the finding repeats.
    params["quota"] |= {"amount", "unit", "period", "scope"}
    limits = next(source for source in functions if "'tier_max_advance'" in source)
    for code, trigger in re.findall(r"'(tier_\w+)', '\w+', case.*?app\.(\w+)_trigger", limits, re.DOTALL):
        params[code] = params[trigger]
    late = next(source for source in functions if "'code', 'cancellation_notice'" in source)
    params["cancellation_notice"] = set(re.findall(r"'params', jsonb_build_object\('(\w+)'", late))
    assert set(SPANISH["violations"]) == set(params)
    for code, given in params.items():
        assert all(placeholders(sentence) <= given for sentence in sentences("violations", code)), code
    assert set(re.findall(r"'code', '([a-z_]+)', 'effect'", "".join(functions))) <= set(params)


def test_every_reason_that_we_write_ourselves_is_worded(functions: list[str]) -> None:
    written = {
        sentence
        for source in functions
        if "app.release_booking(" in source
        for sentence in re.findall(r"(?:then|'canceled',|'rejected',) '([A-Z][^']+\.)'", source)
        if "fail" not in sentence
    }
    assert written == set(SPANISH["reasons"])
    assert reason_text("Nobody decided in time.", "es") == "Nadie decidió a tiempo."
    assert reason_text("Nobody decided in time.", "en") == "Nobody decided in time."
    assert reason_text("Llueve", "es") is None


def test_every_word_of_the_database_that_a_sentence_may_name_is_worded(
    db: Connection, functions: list[str]
) -> None:
    rows = db.execute(
        """
        select e.enumlabel as word from pg_enum e
        where e.enumtypid in (
            'public.member_role'::regtype, 'public.asset_section'::regtype,
            'public.reservation_status'::regtype, 'public.waitlist_status'::regtype,
            'public.rule_approval_type'::regtype)
        """
    )
    conditions = next(source for source in functions if "rolling_365" in source and "weekends" in source)
    listed = re.findall(r"'\{([a-z_0-9,]+)\}'", conditions)
    units = {
        word
        for words in listed
        if "weekends" in words or "nights" in words or "week" in words
        for word in words.split(",")
    }
    # The status of a maintenance window.
    assert set(SPANISH["words"]) == {row["word"] for row in rows} | units | {"scheduled"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-PA", "es"),
        ("es-419,es;q=0.9,en;q=0.8", "es"),
        ("ES-pa", "es"),
        ("en-US,en;q=0.9,es;q=0.8", "en"),
        ("en;q=0.5, es;q=0.9", "es"),
        ("fr, es;q=0.1", "es"),
        ("fr, de", "en"),
        ("*", "en"),
        ("es;q=0, *", "en"),
        ("*;q=0.1, es;q=0.5", "es"),
        ("es;q=0", "en"),
        ("es;q=high", "en"),
        ("es;q=nan, en;q=0.1", "en"),
        ("es;level=1", "es"),
        (";;;,,=q,es", "es"),
        ("\x00\xff", "en"),
        ("estonian", "en"),
        ("x," * 100_000 + "es", "en"),
        ("es" * 100_000, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_most(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    ("kind", "code", "params", "sentence"),
    [
        (
            "violations",
            "too_many_nights",
            {"max_nights": 1, "nights": 3},
            "Una estadía puede tener como máximo 1 noche; esta tiene 3.",
        ),
        (
            "violations",
            "duration_too_long",
            {"max_minutes": 120, "minutes": 1501},
            "Una reserva dura como máximo 2 horas; esta dura 1 día, 1 hora y 1 minuto.",
        ),
        (
            "violations",
            "blackout",
            {"start_date": "2031-03-01", "end_date": "2031-03-01", "reason": None},
            "No se aceptan reservas el 1 de marzo de 2031.",
        ),
        (
            "violations",
            "blackout",
            {"start_date": "2031-12-31", "end_date": "2032-01-02", "reason": "{0} {x.y}"},
            "No se aceptan reservas del 31 de diciembre de 2031 al 2 de enero de 2032 ({0} {x.y}).",
        ),
        (
            "violations",
            "quota",
            {
                "unit": "hours",
                "period": "rolling_365",
                "amount": 2.5,
                "total": 3.0,
                "period_start": "2031-03-01",
                "period_end": "2032-02-28",
            },
            (
                "El límite de horas por período de 365 días es de 2.5; con esta reserva se llegaría a 3, "
                "del 1 de marzo de 2031 al 28 de febrero de 2032."
            ),
        ),
        ("fields", "literal_error", {"expected": ["mine", "all", "open"]}, "Debe ser mine, all u open."),
        ("fields", "literal_error", {"expected": ["cancel"]}, "Debe ser cancel."),
        ("errors", "PAYLOAD_TOO_LARGE", {}, "El contenido es demasiado grande."),
    ],
)
def test_a_sentence_names_its_params_as_spanish_does(
    kind: Any, code: str, params: dict[str, Any], sentence: str
) -> None:
    assert message(kind, code, None, params, "es") == sentence


@pytest.mark.parametrize(
    "params", [{}, {"start_date": "x", "end_date": "y"}, {"start_date": 5, "end_date": None}]
)
def test_what_lacks_its_params_stays_english(params: dict[str, Any]) -> None:
    assert message("violations", "blackout", None, params, "es") is None
    violation = {"code": "blackout", "effect": "deny", "message": "No.", "params": params}
    assert worded({"violations": [violation]}, "es") == {"violations": [violation]}


def test_an_unknown_reason_or_code_falls_back() -> None:
    assert error_message("FORBIDDEN", "No.", {"reason": "new"}, "es") == SPANISH["errors"]["FORBIDDEN"]
    assert error_message("TEAPOT", "No.", None, "es") == "No."
    assert error_message("FORBIDDEN", "No.", None, "en") == "No."
