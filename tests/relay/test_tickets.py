"""Tickets open one stream, once, soon, for one organisation, and hold no token."""

import dataclasses

import pytest

from bff.relay.tickets import MAX_TICKETS_A_USER, TICKET_SECONDS, Identity, Tickets, TooManyTicketsError

ANNA = Identity("anna", "session", "aal1", 2_000_000_000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_works_once() -> None:
    tickets = Tickets()
    ticket = tickets.issue(ANNA, "org")
    assert tickets.redeem(ticket, "org") == ANNA
    assert tickets.redeem(ticket, "org") is None


def test_a_ticket_works_for_its_organisation_only_and_is_spent_by_the_attempt() -> None:
    tickets = Tickets()
    ticket = tickets.issue(ANNA, "org")
    assert tickets.redeem(ticket, "other") is None
    assert tickets.redeem(ticket, "org") is None


def test_a_ticket_expires() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    ticket = tickets.issue(ANNA, "org")
    clock.now = TICKET_SECONDS
    assert tickets.redeem(ticket, "org") is None
    assert len(tickets) == 0


def test_an_invented_ticket_is_refused() -> None:
    assert Tickets().redeem("invented", "org") is None


def test_the_store_is_bounded_for_each_user_and_for_all() -> None:
    clock = Clock()
    tickets = Tickets(clock, limit=MAX_TICKETS_A_USER + 1)
    for _ in range(MAX_TICKETS_A_USER):
        tickets.issue(ANNA, "org")
    with pytest.raises(TooManyTicketsError):
        tickets.issue(ANNA, "org")
    tickets.issue(dataclasses.replace(ANNA, user_id="ben"), "org")
    with pytest.raises(TooManyTicketsError):
        tickets.issue(dataclasses.replace(ANNA, user_id="cleo"), "org")
    clock.now = TICKET_SECONDS
    tickets.issue(ANNA, "org")
    assert len(tickets) == 1


def test_a_ticket_holds_no_token() -> None:
    assert {field.name for field in dataclasses.fields(Identity)} == {
        "user_id",
        "session_id",
        "aal",
        "expires_at",
    }
