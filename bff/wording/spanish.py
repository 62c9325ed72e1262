"""How Spanish, as Panama writes it, puts params into a sentence.

A placeholder may say how: `{start_date:date}`, `{minutes:duration}`, `{unit:word}`, `{expected:choice}` or,
for what is counted, `{nights:noche|noches}`. `{days}` stands for the days from `start_date` to `end_date`.
"""

import string
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

MONTHS: Final = (
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
)
# Minutes of what a duration is told in.
PARTS: Final = ((1440, "día|días"), (60, "hora|horas"), (1, "minuto|minutos"))


def fill_in(sentence: str, params: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The sentence with its params.

    Args:
        sentence: May name params in braces.
        params: What the error or violation carries.
        words: Spanish for what programs say in params, by the English word.

    Raises:
        KeyError: A param that the sentence names is absent, null or blank.
        TypeError: A param is not of the kind that its placeholder asks for.
        ValueError: The same.

    """
    return _Spanish(words).vformat(sentence, (), _Given(params))


class _Given(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        if name == "days":
            first, last = self["start_date"], self["end_date"]
            return f"el {_date(first)}" if first == last else f"del {_date(first)} al {_date(last)}"
        value = super().__getitem__(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise KeyError(name)
        return value


class _Spanish(string.Formatter):
    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "date":
            return _date(value)
        if format_spec == "duration":
            return _duration(int(value))
        if format_spec == "word":
            return self._words.get(value, str(value))
        if format_spec == "choice":
            return _choice([str(each) for each in value])
        if "|" in format_spec:
            return _counted(value, format_spec)
        return _number(value)


def _date(value: str) -> str:
    day = date.fromisoformat(value)
    return f"{day.day} de {MONTHS[day.month - 1]} de {day.year}"


def _duration(minutes: int) -> str:
    told = []
    for size, forms in PARTS:
        count, minutes = divmod(max(minutes, 0), size)
        if count:
            told.append(_counted(count, forms))
    return _listed(told, "y") or _counted(0, PARTS[-1][1])


def _counted(count: float, forms: str) -> str:
    singular, plural = forms.split("|")
    return f"{_number(count)} {singular if count == 1 else plural}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def _choice(values: Sequence[str]) -> str:
    return _listed(values, "o")


def _listed(values: Sequence[str], conjunction: str) -> str:
    *others, last = values or [""]
    if not others:
        return last
    # `u` and `e` stand before the vowel that would swallow `o` and `y`.
    if conjunction == "o" and last.startswith(("o", "ho")):
        conjunction = "u"
    return f"{', '.join(others)} {conjunction} {last}"
