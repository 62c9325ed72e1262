"""Bearer JWT -> Principal."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as a verified access token says.

    `expires_at` is in Unix seconds; `aal` is `aal1` or `aal2`; `token` is the access token itself, which
    every call to Supabase carries on.
    """

    user_id: UUID
    session_id: str | None
    aal: str
    email: str | None
    expires_at: int
    token: str
