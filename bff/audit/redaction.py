"""What of a request's body may stand in its record: decided for each field by its declaration.

Kept is what was chosen from what we offer: ids, times, numbers, flags, closed lists, and text of a type that
is declared `Recorded`. What somebody wrote (names, titles, notes, addresses, passwords, codes, tokens) is
withheld, and so is whatever a field holds that its type does not allow. A new field is withheld until it is
declared so.
"""

import types
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from bff.schemas.base import Recorded

# What stands in place of a value that is not kept. It says that there was one, which null does not.
WITHHELD: Final = "[withheld]"
# Keys that a client has made up are not repeated: their names may be anything. How many there were is.
UNKNOWN: Final = "[unknown fields]"
# Of a longer list the first ones are kept, and how many more there were.
LIST_ITEMS: Final = 50
# JSON numbers beyond are no longer the same number for everyone, and none of ours.
LARGEST: Final = 2**53
# pydantic's AwareDatetime is a class of its own.
_CHOSEN: Final[tuple[Any, ...]] = (UUID, datetime, AwareDatetime, date, time, bool, int, float)

Redact = Callable[[Any], Any]


def withhold(value: Any) -> Any:
    """Nothing of it but whether there is a value."""
    return None if value is None else WITHHELD


@lru_cache
def redactor(model: type[BaseModel]) -> Redact:
    """What makes of a sent body of this model, valid or not, what may be recorded of it."""
    declared = model.model_fields.items()
    fields = {field.alias or name: _of(field.annotation, field.metadata) for name, field in declared}

    def redact(sent: Any) -> Any:
        if not isinstance(sent, Mapping):
            return withhold(sent)
        kept = {name: fields[name](value) for name, value in sent.items() if name in fields}
        unknown = len(sent) - len(kept)
        return {**kept, UNKNOWN: unknown} if unknown else kept

    return redact


def _of(annotation: Any, metadata: list[Any]) -> Redact:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _of(inner, [*more, *metadata])
    if origin in (Union, types.UnionType):
        return _of_union(annotation, metadata)
    if origin is list:
        return _list(_of(get_args(annotation)[0], []))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return redactor(annotation)
    if is_kept(annotation, metadata):
        return _kept(annotation, metadata)
    return withhold


def _of_union(annotation: Any, metadata: list[Any]) -> Redact:
    options = [option for option in get_args(annotation) if option is not types.NoneType]
    if len(options) != 1:
        return withhold
    return _of(options[0], metadata)


def is_kept(annotation: Any, metadata: list[Any]) -> bool:
    """Whether values of this type are recorded as they are."""
    if get_origin(annotation) is Literal or Recorded in metadata:
        return True
    return isinstance(annotation, type) and issubclass(annotation, _CHOSEN)


def _kept(annotation: Any, metadata: list[Any]) -> Redact:
    """The value itself, if it is what its declaration allows; else it may be anything."""
    declared: Any = Annotated[annotation, *metadata] if metadata else annotation
    check = TypeAdapter(declared).validate_python

    def redact(value: Any) -> Any:
        if value is None:
            return None
        try:
            check(value)
        except ValidationError:
            return WITHHELD
        return value if _is_plain(annotation, value) else WITHHELD

    return redact


def _is_plain(annotation: Any, value: Any) -> bool:
    # pydantic also takes a number's digits in a string, as numbers and as times: a phone's, a card's.
    if isinstance(value, int | float):
        return abs(value) <= LARGEST
    if isinstance(annotation, type) and issubclass(annotation, int | float):
        return False
    return annotation is str or get_origin(annotation) is Literal or not str(value).strip("+-. ").isdecimal()


def _list(item: Redact) -> Redact:
    def redact(sent: Any) -> Any:
        if not isinstance(sent, list):
            return withhold(sent)
        kept = [item(value) for value in sent[:LIST_ITEMS]]
        more = len(sent) - len(kept)
        return [*kept, f"[{more} more]"] if more else kept

    return redact
