"""The one way from here to a project's database; what goes wrong is said without the password.

libpq quotes what it cannot read: of an address with a mistake in it, that is often the password.
"""

import re
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

CONNECT_SECONDS: Final = 10
UNREADABLE: Final = (
    "DATABASE_URL is no address of a database, postgresql://user:password@host:port/database; of a password,"
    " what is no letter or digit is written with % (@ is %40, / is %2F)"
)
# Where a password with an @, a / or a : is not encoded, its rest is taken for one of these.
_PLAUSIBLE: Final = {
    "host": re.compile(r"[\w./:,-]*"),
    "port": re.compile(r"[\d,]*"),
    "dbname": re.compile(r"[^@/:?]*"),
    "user": re.compile(r"[^@/:?]*"),
}


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A connection that every kind of Supabase's pooler takes.

    Raises:
        psycopg.OperationalError: there is none to be had; its message may be shown.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise psycopg.OperationalError(UNREADABLE) from None
    if not all(form.fullmatch(str(given.get(name) or "")) for name, form in _PLAUSIBLE.items()):
        raise psycopg.OperationalError(UNREADABLE)
    try:
        # The pooler takes no `options`, and prepared statements would outlive us there.
        return psycopg.connect(
            url, autocommit=autocommit, connect_timeout=CONNECT_SECONDS, prepare_threshold=None
        )
    except psycopg.Error as error:
        # What else may be wrong with an option (sslmode=…) is quoted too; what a server says is not ours.
        secret = str(given.get("password") or "")
        message = str(error).replace(secret, "…") if secret else str(error)
        raise psycopg.OperationalError(message) from None
