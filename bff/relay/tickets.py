"""Tickets for browsers' EventSource, which cannot send a token: good once, soon, and for one organisation."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# How long a browser may take from getting its ticket to opening the stream with it.
TICKET_SECONDS = 30
# Bounds the store; at one open a second and user it serves three hundred users at once.
MAX_TICKETS = 10_000
# One user's share of it: nobody needs more within half a minute.
MAX_TICKETS_A_USER = 30


@dataclass(frozen=True, slots=True)
class Identity:
    """Who opens a stream: what a verified token said, without the token. `expires_at` in Unix seconds."""

    user_id: str
    session_id: str | None
    aal: str
    expires_at: int


class TooManyTicketsError(Exception):
    """The store is full, or the user's share of it; `seconds` until a ticket of it expires at the latest."""

    seconds = TICKET_SECONDS


@dataclass(frozen=True, slots=True)
class _Ticket:
    identity: Identity
    organization_id: str
    expires_at: float


class Tickets:
    """The tickets that this process has given and not yet seen again.

    Args:
        clock: seconds that only go forward.
        limit: tickets at once, for all users.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: int = MAX_TICKETS) -> None:
        self._clock = clock
        self._limit = limit
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def issue(self, identity: Identity, organization_id: str) -> str:
        """A new ticket, good for `TICKET_SECONDS`.

        Raises:
            TooManyTicketsError: too many are outstanding.
        """
        self._forget_expired()
        held = self._users.get(identity.user_id, 0)
        if len(self._tickets) >= self._limit or held >= MAX_TICKETS_A_USER:
            raise TooManyTicketsError
        value = secrets.token_urlsafe(32)
        self._tickets[value] = _Ticket(identity, organization_id, self._clock() + TICKET_SECONDS)
        self._users[identity.user_id] = held + 1
        return value

    def redeem(self, value: str, organization_id: str) -> Identity | None:
        """Whom the ticket stands for, or None if it is not good (any more). It is spent either way."""
        self._forget_expired()
        if value not in self._tickets:
            return None
        ticket = self._take(value)
        return ticket.identity if ticket.organization_id == organization_id else None

    def _forget_expired(self) -> None:
        now = self._clock()
        while self._tickets:
            oldest = next(iter(self._tickets))
            if self._tickets[oldest].expires_at > now:
                return
            self._take(oldest)

    def _take(self, value: str) -> _Ticket:
        ticket = self._tickets.pop(value)
        user_id = ticket.identity.user_id
        self._users[user_id] -= 1
        if not self._users[user_id]:
            del self._users[user_id]
        return ticket
