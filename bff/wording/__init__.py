"""Messages in the reader's language.

English is written where an error arises, in SQL or in Python; this package holds the other languages, by
the codes and reasons that the errors carry, and chooses by `Accept-Language`. A program needs none of it:
codes and params tell all.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, Literal

Language = Literal["en", "es"]
# What is asked for without a word, or in no language that we have.
DEFAULT: Final[Language] = "en"
Kind = Literal["errors", "fields", "violations"]


@lru_cache(maxsize=256)
def language_of(accept_language: str) -> Language:
    """The language that the header asks for most (RFC 9110, 12.5.4); regions count as their language.

    Args:
        accept_language: The header's value, such as `es-PA, es;q=0.9, en;q=0.8`; may be empty or malformed.

    """
    best: Language = DEFAULT
    best_quality = 0.0
    for part in accept_language.split(",", 32)[:32]:
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        language: Language | None = "es" if primary == "es" else DEFAULT if primary in ("en", "*") else None
        quality = _quality(parameter)
        if language is not None and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def worded(error_details: Any, language: Language) -> Any:
    """The same JSON with the messages of fields and violations in this language; English is left as it is."""
    if language == DEFAULT:
        return error_details
    if isinstance(error_details, Mapping):
        part = {name: worded(value, language) for name, value in error_details.items()}
        if isinstance(part.get("message"), str) and isinstance(part.get("code"), str):
            part["message"] = _part_message(part, language)
        return part
    if isinstance(error_details, list):
        return [worded(value, language) for value in error_details]
    return error_details


def _part_message(part: Mapping[str, Any], language: Language) -> str:
    english = part["message"]
    params = part.get("params")
    params = params if isinstance(params, Mapping) else {}
    if "effect" in part:
        return message("violations", part["code"], params, language) or english
    if "path" in part:
        return message("fields", part["code"], params, language) or english
    return error_message(part["code"], english, part.get("details"), language)


def error_message(code: str, english: str, details: Any, language: Language) -> str:
    """An error's message: by its code and `details.reason`, else by its code alone, else as it was raised."""
    if language == DEFAULT:
        return english
    params = details if isinstance(details, Mapping) else {}
    if isinstance(reason := params.get("reason"), str):
        return (
            message("errors", f"{code}.{reason}", params, language)
            or message("errors", code, params, language)
            or english
        )
    return message("errors", code, params, language) or english


def message(kind: Kind, code: str, params: Mapping[str, Any], language: Language) -> str | None:
    """The sentence for this code with its params; None where there is none, or where a param is missing.

    Args:
        kind: Which of the catalogue's parts.
        code: The error's, field's or violation's code.
        params: What the sentence names; words among them, such as units, are translated too.
        language: Not the default one.

    """
    words = catalogue(language)
    sentence = words[kind].get(code)
    if sentence is None:
        return None
    known = {
        name: words["words"].get(value, value) if isinstance(value, str) else value
        for name, value in params.items()
    }
    try:
        return sentence.format_map(known)
    except KeyError:
        return None


@lru_cache
def catalogue(language: Language) -> dict[str, dict[str, str]]:
    """`errors`, `fields`, `violations` by code, and `words` by English word."""
    found: dict[str, dict[str, str]] = json.loads(
        files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    )
    return found
