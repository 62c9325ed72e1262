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

from bff.wording.spanish import fill_in

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
    english: str = part["message"]
    params = part.get("params")
    params = params if isinstance(params, Mapping) else {}
    if "effect" in part:
        return violation_message(part["code"], english, params, language)
    if "path" in part:
        return message("fields", part["code"], params.get("format"), params, language) or english
    return error_message(part["code"], english, part.get("details"), language)


def error_message(code: str, english: str, details: Any, language: Language) -> str:
    """An error's message: by its code and `details.reason`, else by its code alone, else as it was raised."""
    if language == DEFAULT:
        return english
    params = details if isinstance(details, Mapping) else {}
    return message("errors", code, params.get("reason"), params, language) or english


def violation_message(code: str, english: str, params: Mapping[str, Any], language: Language) -> str:
    """What a rule says that stands in the way."""
    if language == DEFAULT:
        return english
    return message("violations", code, None, params, language) or english


def message(kind: Kind, code: str, case: Any, params: Mapping[str, Any], language: Language) -> str | None:
    """The sentence for this code with its params; None where there is none, or where a param is missing.

    Args:
        kind: Which of the catalogue's parts.
        code: The error's, field's or violation's code.
        case: What tells the code's cases apart, if anything does.
        params: What the sentence names.
        language: Not the default one.

    """
    known = catalogue(language)
    sentences = known[kind].get(f"{code}.{case}") or known[kind].get(code) or ()
    for sentence in [sentences] if isinstance(sentences, str) else sentences:
        try:
            return fill_in(sentence, params, known["words"])
        except (KeyError, TypeError, ValueError):
            continue
    return None


def reason_text(text: str, language: Language) -> str | None:
    """What we wrote ourselves where a person's reason may stand; None where it is a person's."""
    if text not in catalogue("es")["reasons"]:
        return None
    return text if language == DEFAULT else catalogue(language)["reasons"][text]


@lru_cache
def catalogue(language: Language) -> dict[str, dict[str, Any]]:
    """`errors`, `fields`, `violations` by code, `reasons` by sentence, and `words` by English word."""
    found: dict[str, dict[str, Any]] = json.loads(
        files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    )
    return found


class Reader:
    """Who reads an answer, as the serialization context of its models.

    Attributes:
        language: What the reader asks for.
        was_told: Whether anything in the answer was worded, and so depends on the language.

    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.was_told = False

    def violation(self, code: str, english: str, params: Mapping[str, Any]) -> str:
        """See `violation_message`."""
        self.was_told = True
        return violation_message(code, english, params, self.language)

    def reason(self, text: str) -> str:
        """A stored reason: people's own words stay as they are."""
        worded_reason = reason_text(text, self.language)
        self.was_told = self.was_told or worded_reason is not None
        return worded_reason or text

    def error(self, code: str, english: str, details: Mapping[str, Any] | None) -> str:
        """The message of an error that is part of a successful answer."""
        self.was_told = True
        return error_message(code, english, details, self.language)
