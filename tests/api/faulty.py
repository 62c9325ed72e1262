"""`python -m tests.api.faulty`: the shipped BFF, whose way to Supabase has a bug that shows all it knows."""

import sys
from collections.abc import Iterable

from bff.__main__ import main
from bff.pool import Answer, Pool

# Backwards, so that the source does not show it.
LOCAL = "elbairav-lacol-a-ni-terces-a"
QUOTED = "a-note-that-somebody-wrote"


async def request(
    pool: Pool,  # noqa: ARG001 (as the one that it stands for)
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    content: bytes | None,
) -> Answer:
    """Raises what quotes the request."""
    kept = "".join(reversed(LOCAL))
    raise RuntimeError(f"{method} {target} lost with {list(headers)}, {len(kept)}") from ValueError(
        f"cannot read {QUOTED} {content!r}"
    )


if __name__ == "__main__":
    setattr(Pool, "request", request)  # noqa: B010 - for mypy, which would take it for a bound one
    sys.exit(main())
