"""Messages in the reader's language, in refusals and in answers, against the real stack."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.actors import Connection, Organization
from tests.api.shape import assert_error, assert_problem, data
from tests.api.test_reservations import START, booking
from tests.conftest import Client

SPANISH = {"Accept-Language": "es-PA,es;q=0.9,en;q=0.5"}
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def short(live_db: Connection, office: Organization) -> Organization:
    """The office, where a booking takes a day at most."""
    live_db.execute(
        "insert into public.tier_booking_rules (organization_id, name, rule_type, conditions)"
        " values (%s, 'A day at most', 'duration', '{\"max_minutes\": 1440}')",
        [office.id],
    )
    return office


async def send(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post("/api/v1/reservations", json=body, headers=headers)


async def test_malformed_input_is_told_in_spanish(client: Client, office: Organization) -> None:
    member = client(office.member)
    wrong = booking(office, title="x" * 201, colour="red", guest_count=-1, displace="yes")
    response = await send(member, wrong, **SPANISH)
    assert response.headers["content-language"] == "es"
    error = assert_error(response, "VALIDATION_ERROR")
    assert error["message"] == "La solicitud no es válida."
    assert {field["path"]: field["message"] for field in error["details"]["fields"]} == {
        "title": "Puede tener como máximo 200 caracteres.",
        "colour": "No existe un campo con este nombre.",
        "guest_count": "Debe ser 0 o más.",
        "displace": "Aquí se espera verdadero o falso.",
    }
    english = await send(member, wrong, **ENGLISH)
    assert english.headers["content-language"] == "en"
    told = assert_error(english, "VALIDATION_ERROR")["details"]["fields"]
    assert [(f["path"], f["code"], f.get("params")) for f in told] == [
        (f["path"], f["code"], f.get("params")) for f in error["details"]["fields"]
    ]
    assert "String should have at most 200 characters" in {field["message"] for field in told}


async def test_what_sql_finds_wrong_is_told_in_spanish(client: Client, office: Organization) -> None:
    owner = client(office.owner)
    zone = await owner.patch(
        f"/api/v1/organizations/{office.id}", json={"timezone": "Mars/Base"}, headers=SPANISH
    )
    (field,) = assert_error(zone, "VALIDATION_ERROR")["details"]["fields"]
    assert (field["code"], field["params"]) == ("value_error", {"format": "time_zone"})
    assert field["message"] == "Debe ser el nombre de una zona horaria IANA, como America/Panama."
    phone = await owner.patch("/api/v1/me", json={"phone": "12"}, headers=SPANISH)
    (field,) = assert_error(phone, "VALIDATION_ERROR")["details"]["fields"]
    assert field["message"] == "Debe ser un número de teléfono en formato E.164, como +50761234567."
    role = await client(office.viewer).patch(
        f"/api/v1/organizations/{office.id}", json={"ruc": "1"}, headers=SPANISH
    )
    assert assert_error(role, "FORBIDDEN")["message"].startswith("Se requiere el rol de ")


async def test_a_conflict_is_told_in_spanish_as_problem_details_too(
    client: Client, office: Organization
) -> None:
    member = client(office.member)
    data(await send(member, booking(office)), 201)
    sentence = "El activo está ocupado en ese horario."
    response = await send(member, booking(office), **SPANISH)
    assert assert_error(response, "CONFLICT")["message"] == sentence
    problem = await send(member, booking(office), **SPANISH, Accept="application/problem+json")
    assert assert_problem(problem, "CONFLICT").detail == sentence
    assert problem.headers["content-language"] == "es"


async def test_the_rules_are_told_in_spanish_where_they_refuse_and_where_they_would(
    client: Client, short: Organization
) -> None:
    member, long = client(short.member), booking(short, 0, 3)
    sentence = "Una reserva dura como máximo 1 día; esta dura 3 días."
    response = await send(member, long, **SPANISH)
    error = assert_error(response, "RULE_VIOLATION")
    assert error["message"] == "Las reglas no permiten esta reserva."
    assert [violation["message"] for violation in error["details"]["violations"]] == [sentence]

    told = {}
    for headers in (SPANISH, ENGLISH, {}):
        preview = await member.post("/api/v1/reservations/preview", json=long, headers=headers)
        (violation,) = data(preview)["violations"]
        told[preview.headers["content-language"]] = violation["message"]
        assert "Accept-Language" in preview.headers["vary"]
        assert violation["params"] == {"max_minutes": 1440, "minutes": 4320}
    assert told == {"es": sentence, "en": "A booking takes at most 1 day; this one takes 3 days."}


async def test_what_holds_no_sentence_names_no_language(client: Client, office: Organization) -> None:
    window = {"from": START.isoformat(), "to": (START + timedelta(days=1)).isoformat()}
    calendar = await client(office.member).get(
        f"/api/v1/organizations/{office.id}/calendar", params=window, headers=SPANISH
    )
    assert data(calendar)["reservations"] == []
    assert "content-language" not in calendar.headers


async def test_a_reason_of_ours_is_worded_and_a_persons_is_not(
    client: Client, live_db: Connection, office: Organization
) -> None:
    member = client(office.member)
    made = data(await send(member, booking(office)), 201)
    path = f"/api/v1/reservations/{made['id']}"
    kept = await member.post(f"{path}/cancel", json={"reason": "Nobody decided."}, headers=SPANISH)
    assert data(kept)["cancellation_reason"] == "Nobody decided."
    assert "content-language" not in kept.headers
    live_db.execute(
        "update public.reservation_details set cancellation_reason = 'The booker left the organization.'"
        " where reservation_id = %s",
        [made["id"]],
    )
    worded = await member.get(path, headers=SPANISH)
    assert data(worded)["cancellation_reason"] == "La persona que hizo la reserva dejó la organización."
    assert worded.headers["content-language"] == "es"
    same = await member.get(path, headers={**SPANISH, "If-None-Match": worded.headers["etag"]})
    assert (same.status_code, same.headers["vary"]) == (304, worded.headers["vary"])


async def test_what_stops_an_operation_of_a_bulk_is_told_in_spanish(
    client: Client, office: Organization
) -> None:
    path = f"/api/v1/organizations/{office.id}/assets/bulk"
    operations = [{"op": "create", "asset": {"name": " ", "section": "planes"}}, {"op": "sell"}]
    answer = await client(office.admin).post(
        path, json={"mode": "partial", "operations": operations}, headers=SPANISH
    )
    assert answer.headers["content-language"] == "es"
    blank, unknown = (result["error"] for result in data(answer)["results"])
    assert blank["message"] == "La solicitud no es válida."
    assert [field["message"] for field in blank["details"]["fields"]] == ["No puede estar en blanco."]
    assert [field["message"] for field in unknown["details"]["fields"]] == [
        "Debe ser create, update, archive o restore."
    ]
    atomic = await client(office.admin).post(
        path, json={"mode": "atomic", "operations": operations}, headers=SPANISH
    )
    assert assert_error(atomic, "VALIDATION_ERROR")["message"].startswith("No se hizo ningún cambio")
