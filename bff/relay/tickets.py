"""Tickets for browsers' EventSource, which cannot send a token: good once, soon, and for one organisation.

A ticket is a signed statement of who opens the stream (RFC 7519); it holds no token, and no process remembers
it: every process that has the service key honours it. The database makes it good only once: the call that
grants the stream spends it.
"""

import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# How long a browser may take from getting its ticket to opening the stream with it. Must stay well below the
# five minutes that the database remembers a spent one, or it would be good again.
TICKET_SECONDS = 30
# Neither is anything else signed with this key, nor does anything else accept this audience.
KEY_INFO = b"reservepty stream ticket"
AUDIENCE = "reservepty:stream-ticket"
ALGORITHM = "HS256"
CLAIMS = ("aud", "exp", "jti", "sub", "aal", "org", "ends")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who opens a stream: what a verified token said, without the token.

    `expires_at` is the token's end in Unix seconds; `ticket_id` is that of the ticket that is to be spent.
    """

    user_id: str
    session_id: str | None
    aal: str
    expires_at: int
    ticket_id: str | None = None


class Tickets:
    """Issues tickets and reads them.

    Args:
        secret_key: the service key; the signing key is derived from it (HKDF, RFC 5869).
        clock: the time in Unix seconds, of which tickets are issued.
    """

    def __init__(self, secret_key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = HKDF(SHA256(), length=32, salt=None, info=KEY_INFO).derive(secret_key.encode())
        self._clock = clock

    def issue(self, identity: Identity, organization_id: str) -> str:
        """A new ticket, good for `TICKET_SECONDS`."""
        claims = {
            "aud": AUDIENCE,
            "exp": math.ceil(self._clock()) + TICKET_SECONDS,
            "jti": str(uuid.uuid4()),
            "sub": identity.user_id,
            "sid": identity.session_id,
            "aal": identity.aal,
            "org": organization_id,
            "ends": identity.expires_at,
        }
        return jwt.encode(claims, self._key, ALGORITHM)

    def read(self, value: str, organization_id: str) -> Identity | None:
        """Whom the ticket stands for, or None if it is not one, too old or another organisation's.

        Whether it is spent only the database knows.
        """
        try:
            claims = jwt.decode(
                value, self._key, [ALGORITHM], audience=AUDIENCE, options={"require": list(CLAIMS)}
            )
        except jwt.PyJWTError:
            return None
        if claims["org"] != organization_id:
            return None
        return Identity(claims["sub"], claims["sid"], claims["aal"], claims["ends"], claims["jti"])
