"""How long the present request has waited for Supabase, or for a place there; the rest is the BFF's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter


@dataclass(slots=True)
class Waited:
    """Seconds, of all calls together."""

    seconds: float = 0.0


# Outside requests, as in the relay, nobody asks.
_waited: ContextVar[Waited | None] = ContextVar("waited", default=None)


def count_waiting() -> Waited:
    """From now on, what this task and those that it starts wait is added up in the answer."""
    waited = Waited()
    _waited.set(waited)
    return waited


@contextmanager
def waiting() -> Iterator[None]:
    """The block waits for Supabase."""
    waited = _waited.get()
    if waited is None:
        yield
        return
    started_at = perf_counter()
    try:
        yield
    finally:
        waited.seconds += perf_counter() - started_at
