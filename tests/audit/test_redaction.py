"""What of a body is recorded: by declaration, field by field, and nothing by default."""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from bff.app import ENDPOINTS
from bff.audit.middleware import PATH, _path, _user_agent
from bff.audit.redaction import LIST_ITEMS, UNKNOWN, WITHHELD, is_kept, redactor
from bff.audit.subjects import fill
from bff.schemas.accounts import ProfileChanges
from bff.schemas.base import Changes, Input, Instant, Recorded
from bff.schemas.members import Acceptance, InvitationCreate
from bff.schemas.reservations import ReservationCreate
from bff.schemas.rules import TierCreate

ID = "7b3c3e0e-2b2a-4a5c-9a1e-2f9d1c2b3a4d"
SECRET = "hunter2 anna@example.test +50761234567"
BODIES = sorted(
    {each.body for each in ENDPOINTS if each.body is not None and each.body.model_fields},
    key=lambda model: model.__name__,
)
# Words of names that what is personal or secret goes by. None of their fields may ever be kept.
PRIVATE = (
    *("email", "phone", "password", "secret", "token", "code", "note", "reason", "message", "guest", "name"),
    *("title", "description", "address", "street", "url", "ruc", "dv", "metadata", "caption", "path"),
)
# Fields whose names hold such a word and whose values are a number, a flag or one of a closed list.
HARMLESS = {"guest_count"}


# What tells who somebody is, or lets others be them, as it comes in a path or calls itself a user agent.
TELLTALES = {
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "key": "sb_secret_abcdefghijklmnop",
    "invitation": "Zm9vYmFyYmF6cXV1eGZvb2JhcmJhenF1dXg1",
    "email": "jane.doe@example.com",
    "phone": "+50761234567",
}


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any, list[Any]]]:
    """Path, type and metadata of each field, through models and lists."""
    for name, field in model.model_fields.items():
        yield from _leaves(f"{prefix}{field.alias or name}", field.annotation, field.metadata)


def _leaves(path: str, annotation: Any, metadata: list[Any]) -> Iterator[tuple[str, Any, list[Any]]]:
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _leaves(path, options[0], [*options[1:], *metadata])
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from leaves(annotation, f"{path}.")
    elif origin is list:
        yield from _leaves(f"{path}[]", options[0], [])
    elif type(None) in options:
        for option in options:
            if option is not type(None):
                yield from _leaves(path, option, metadata)
    else:
        yield path, annotation, metadata


def filled(model: type[BaseModel], text: Any) -> dict[str, Any]:
    """A body of the model with `text` wherever a value stands."""
    return {
        field.alias or name: _filled(field.annotation, text) for name, field in model.model_fields.items()
    }


def _filled(annotation: Any, text: Any) -> Any:
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _filled(options[0], text)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return filled(annotation, text)
    if origin is list:
        return [_filled(options[0], text)]
    if origin is dict:
        return {"key": text}
    if type(None) in options:
        return _filled(next(option for option in options if option is not type(None)), text)
    return text


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
@pytest.mark.parametrize(
    "text", [SECRET, "4111111111111111", 4111111111111111111, True, [SECRET], {"a": SECRET}]
)
def test_no_declared_body_lets_a_secret_through_whatever_field_it_stands_in(
    model: type[BaseModel], text: Any
) -> None:
    recorded = json.dumps(redactor(model)(filled(model, text)))
    assert "hunter2" not in recorded
    assert "4111111111111111" not in recorded


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_each_field_of_a_declared_body_is_kept_by_its_type_or_withheld(model: type[BaseModel]) -> None:
    redact = redactor(model)
    fates = {path: is_kept(annotation, metadata) for path, annotation, metadata in leaves(model)}
    assert fates
    for path, kept in fates.items():
        names = path.lower().replace("[]", "").split(".")
        if names[-1] not in HARMLESS and any(word in name.split("_") for name in names for word in PRIVATE):
            assert not kept, path
    # What is withheld leaves nothing; what is kept refuses what its type does not allow.
    withheld = json.dumps(redact(filled(model, SECRET)))
    assert WITHHELD in withheld
    assert SECRET not in withheld


def test_what_was_chosen_is_kept_and_what_was_written_is_withheld() -> None:
    sent = {
        "asset_id": ID,
        "title": "Weekend with the Arosemenas",
        "start_date": "2026-03-01T15:00:00Z",
        "end_date": "2026-03-02T15:00:00-05:00",
        "guest_count": 4,
        "notes": "allergic to nuts",
        "metadata": {"passport": "PA0123456"},
        "guests": [{"name": "Anna", "email": "anna@example.test"}, {"name": "Ben"}],
        "override": {"rule_ids": [ID], "reason": "It is my birthday"},
        "displace": True,
    }
    assert redactor(ReservationCreate)(sent) == {
        **{name: sent[name] for name in ("asset_id", "start_date", "end_date", "guest_count", "displace")},
        "title": WITHHELD,
        "notes": WITHHELD,
        "metadata": WITHHELD,
        "guests": [{"name": WITHHELD, "email": WITHHELD}, {"name": WITHHELD}],
        "override": {"rule_ids": [ID], "reason": WITHHELD},
    }


def test_closed_lists_and_declared_text_are_kept() -> None:
    assert redactor(ProfileChanges)({"locale": "es", "timezone": "America/Panama", "phone": None}) == {
        "locale": "es",
        "timezone": "America/Panama",
        "phone": None,
    }
    assert redactor(TierCreate)({"name": "Family", "color": "#0f766e", "sections": ["planes"]}) == {
        "name": WITHHELD,
        "color": "#0f766e",
        "sections": ["planes"],
    }
    assert redactor(InvitationCreate)({"email": "a@b.c", "role": "member"}) == {
        "email": WITHHELD,
        "role": "member",
    }


@pytest.mark.parametrize("sent", [SECRET, ["a"], 7, None])
def test_a_body_that_is_no_object_is_withheld(sent: Any) -> None:
    assert redactor(Acceptance)(sent) == (None if sent is None else WITHHELD)


def test_keys_that_a_client_makes_up_are_counted_and_not_repeated() -> None:
    assert redactor(Acceptance)({"token": "x", "hunter2": 1, "other": {"deep": 2}}) == {
        "token": WITHHELD,
        UNKNOWN: 2,
    }


def test_a_value_that_its_type_does_not_allow_is_withheld() -> None:
    class Wish(Input):
        asset: UUID
        at: Instant
        count: int
        share: float
        kind: Literal["a", "1"]

    redact = redactor(Wish)
    good = {"asset": ID, "at": "2026-03-01T15:00:00Z", "count": 3, "share": 0.5, "kind": "1"}
    assert redact(good) == good
    for wrong in ("+50761234567", "50761234567", " 5.5 ", 10**30, 1e308 * 10, [1], {"a": 1}):
        assert set(redact(dict.fromkeys(good, wrong)).values()) == {WITHHELD}, wrong


def test_a_long_list_is_cut_and_says_by_how_many() -> None:
    class Many(Input):
        ids: list[UUID]

    kept = redactor(Many)({"ids": [ID] * (LIST_ITEMS + 7)})["ids"]
    assert kept == [*[ID] * LIST_ITEMS, "[7 more]"]


def test_a_new_text_field_is_withheld_until_it_is_declared_to_be_recorded() -> None:
    class New(Changes):
        plain: str
        declared: Annotated[str, Recorded, Field(pattern="^[a-z]+$")]
        either: str | int

    sent = {"plain": "abc", "declared": "abc", "either": 5}
    assert redactor(New)(sent) == {"plain": WITHHELD, "declared": "abc", "either": WITHHELD}
    assert redactor(New)({"declared": "ABC"}) == {"declared": WITHHELD}


@pytest.mark.parametrize("kind", TELLTALES)
def test_a_path_that_is_ours_is_recorded_with_its_ids_and_nothing_else_that_was_sent(
    kind: str,
) -> None:
    for each in ENDPOINTS:
        found = fill(each.path, dict.fromkeys(("org", "id", "user"), TELLTALES[kind]))
        assert found == each.path
    assert fill("/api/v1/tiers/{id}/x", {"id": ID}) == f"/api/v1/tiers/{ID}/x"


def twice_quoted(text: str) -> str:
    return quote(quote(text, ""), "")


@pytest.mark.parametrize("kind", TELLTALES)
@pytest.mark.parametrize("encode", [str, quote, twice_quoted], ids=["plain", "quoted", "twice"])
def test_a_path_that_is_not_ours_is_recorded_without_what_tells_who_somebody_is(
    kind: str, encode: Callable[[str], str]
) -> None:
    secret = TELLTALES[kind]
    # As the server hands it over: decoded once.
    path = _path({"path": unquote(f"/api/v1/people/{encode(secret)}/accept")})
    assert path.startswith("/api/v1/people/[")
    assert secret.partition("@")[0] not in unquote(unquote(path))


def test_a_path_that_is_not_ours_stays_legible_short_and_plain() -> None:
    assert _path({"path": f"/api/v1/people/{ID}/a b\n"}) == f"/api/v1/people/{ID}/a%20b%EF%BF%BD"
    for piece in ("\u00f1", "x", "/", "\U0001f600"):
        assert len(_path({"path": "/api/v1/" + piece * 5000})) <= PATH


@pytest.mark.parametrize("kind", [kind for kind in TELLTALES if kind != "invitation"])
@pytest.mark.parametrize("before", ["", "curl/8 ", "x " * 120])
def test_a_user_agent_is_recorded_without_what_tells_who_somebody_is(kind: str, before: str) -> None:
    sent = f"{before}{TELLTALES[kind]} (from a script)"
    kept = _user_agent({"headers": [(b"user-agent", sent.encode())]})
    assert kept is not None
    assert kept.startswith(before)
    # Nor the half of it that a cut would leave.
    assert TELLTALES[kind][:8] not in kept
