"""A ticket says who opens a stream, for which organisation and until when, and holds no token."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from bff.relay.tickets import AUDIENCE, CLAIMS, TICKET_SECONDS, Identity, Tickets

SECRET = "sb_secret_of_the_service"
ANNA = Identity("anna", "session", "aal2", 2_000_000_000)


def claims_of(ticket: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(ticket, options={"verify_signature": False})
    return claims


def encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_a_ticket_is_read_by_whoever_has_the_same_secret() -> None:
    ticket = Tickets(SECRET).issue(ANNA, "org")
    read = Tickets(SECRET).read(ticket, "org")
    assert read == Identity("anna", "session", "aal2", 2_000_000_000, claims_of(ticket)["jti"])
    assert Tickets("another secret").read(ticket, "org") is None


def test_each_ticket_has_an_id_of_its_own() -> None:
    tickets = Tickets(SECRET)
    assert len({claims_of(tickets.issue(ANNA, "org"))["jti"] for _ in range(10)}) == 10


def test_a_user_without_a_session_gets_a_ticket_too() -> None:
    tickets = Tickets(SECRET)
    read = tickets.read(tickets.issue(Identity("anna", None, "aal1", 1), "org"), "org")
    assert read is not None
    assert read.session_id is None


def test_a_ticket_is_good_for_its_organisation_only() -> None:
    tickets = Tickets(SECRET)
    assert tickets.read(tickets.issue(ANNA, "org"), "other") is None


def test_a_ticket_expires() -> None:
    now = time.time()
    old = Tickets(SECRET, clock=lambda: now - TICKET_SECONDS - 2).issue(ANNA, "org")
    young = Tickets(SECRET, clock=lambda: now - TICKET_SECONDS / 2).issue(ANNA, "org")
    assert Tickets(SECRET).read(old, "org") is None
    assert Tickets(SECRET).read(young, "org") is not None


@pytest.mark.parametrize("name", ["sub", "sid", "aal", "org", "ends", "exp", "jti", "aud"])
def test_nothing_in_a_ticket_can_be_changed(name: str) -> None:
    tickets = Tickets(SECRET)
    header, _, signature = tickets.issue(ANNA, "org").split(".")
    changed = {**claims_of(tickets.issue(ANNA, "org")), name: "org" if name == "org" else 2_000_000_001}
    assert tickets.read(f"{header}.{encode(changed)}.{signature}", "org") is None


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    tickets = Tickets(SECRET)
    _, claims, signature = tickets.issue(ANNA, "org").split(".")
    header = encode({"alg": algorithm, "typ": "JWT"})
    for end in ("", signature):
        assert tickets.read(f"{header}.{claims}.{end}", "org") is None


@pytest.mark.parametrize("value", ["invented", "", "a.b.c", "..", "é", "x" * 1024])
def test_what_is_no_ticket_is_refused(value: str) -> None:
    assert Tickets(SECRET).read(value, "org") is None


def test_a_token_that_is_signed_with_the_secret_itself_is_no_ticket() -> None:
    tickets = Tickets(SECRET)
    claims = claims_of(tickets.issue(ANNA, "org"))
    assert tickets.read(jwt.encode(claims, SECRET.ljust(32, "x"), "HS256"), "org") is None


@pytest.mark.parametrize("name", CLAIMS)
def test_a_ticket_without_one_of_its_claims_is_refused(name: str) -> None:
    tickets = Tickets(SECRET)
    claims = claims_of(tickets.issue(ANNA, "org"))
    whole = jwt.encode(claims, tickets._key, "HS256")
    assert tickets.read(whole, "org") is not None
    del claims[name]
    assert tickets.read(jwt.encode(claims, tickets._key, "HS256"), "org") is None


def test_a_ticket_holds_who_and_until_when_and_no_token() -> None:
    claims = claims_of(Tickets(SECRET).issue(ANNA, "org"))
    assert set(claims) == {*CLAIMS, "sid"}
    assert claims["aud"] == AUDIENCE
    uuid = "x" * 36
    assert len(Tickets(SECRET).issue(Identity(uuid, uuid, "aal1", 2_000_000_000), uuid)) < 1024
