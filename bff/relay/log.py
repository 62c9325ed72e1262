"""The event log and the stream grants, read through Supabase REST with the service key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import httpx

from bff.bounded import fetch, read_json
from bff.relay.pages import Page, UnavailableError

T = TypeVar("T")

# Events of one organisation in one answer. Bounds the burst that a stream must take in one write: at 2 KB an
# event it stays well below a stream's backlog.
PAGE_EVENTS = 200
# The cursor of a log without events.
EMPTY_LOG = "0-00000000"
# An answer within this or the next poll asks again.
TIMEOUT_SECONDS = 5.0
# A hundred organisations' pages of events, some 2 KB each; more is not an answer of ours.
ANSWER_BYTES = 64 * 1024 * 1024


class GrantRequest(NamedTuple):
    """A verified user who asks for an organisation's stream; a ticket, if there is one, is spent."""

    user_id: str
    organization_id: str
    aal: str
    session_id: str | None
    ticket_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The database's answer: the sections that may be seen (None is all) and the log's end, or why not.

    Another `mark`, which is opaque, means other sections, or that assets have come into them or left.
    """

    granted: bool
    sections: frozenset[str] | None = None
    cursor: str = ""
    mark: str = ""
    reason: str = ""


def service_client(
    supabase_url: str, secret_key: str, further: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """An HTTP client of the project's REST API that carries the service key, and further headers."""
    headers = {**(further or {}), "apikey": secret_key}
    if not secret_key.startswith("sb_"):
        # A service_role JWT of the old kind decides the role as a bearer token; the new keys must not be one.
        headers["Authorization"] = f"Bearer {secret_key}"
    return httpx.AsyncClient(
        base_url=f"{supabase_url.rstrip('/')}/rest/v1/rpc", headers=headers, timeout=TIMEOUT_SECONDS
    )


class EventLog:
    """Two functions of the database.

    Args:
        client: see `service_client`.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.log_reads = self.grant_calls = self.grants_asked = 0

    async def read(self, requests: Sequence[tuple[str, str]], limit: int = PAGE_EVENTS) -> list[Page]:
        """The events after each (organisation, cursor), in the same order, at most `limit` of each.

        Raises:
            UnavailableError: the log cannot be read now.
        """
        asked = [{"organization_id": organization, "cursor": cursor} for organization, cursor in requests]
        arguments = {"p_requests": asked, "p_limit": limit}
        self.log_reads += 1
        return await self._call("events_since", arguments, len(asked), _page)

    async def grants(self, requests: Sequence[GrantRequest]) -> list[Grant]:
        """Whether each user may open that stream, in the same order.

        Raises:
            UnavailableError: the database cannot be asked now.
        """
        arguments = {"p_requests": [request._asdict() for request in requests]}
        self.grant_calls += 1
        self.grants_asked += len(requests)
        return await self._call("stream_grants", arguments, len(requests), _grant)

    async def _call(
        self, function: str, arguments: dict[str, Any], count: int, parse: Callable[[Any], T]
    ) -> list[T]:
        try:
            response = await fetch(
                self._client,
                "POST",
                f"/{function}",
                json=arguments,
                seconds=TIMEOUT_SECONDS,
                limit=ANSWER_BYTES,
            )
            response.raise_for_status()
            answers = [parse(each) for each in read_json(response)]
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            raise UnavailableError(f"{function}: {type(error).__name__} {error}") from error
        if len(answers) != count:
            raise UnavailableError(f"{function}: {count} answers expected, {len(answers)} came")
        return answers


def _page(answer: Any) -> Page:
    # An organisation that is no more has no cursor; its streams end with their grants.
    cursor = answer["cursor"] or EMPTY_LOG
    return Page(answer["status"], answer["events"] or [], bool(answer["has_more"]), cursor)


def _grant(answer: Any) -> Grant:
    sections = answer.get("sections")
    return Grant(
        granted=answer["granted"],
        sections=None if sections is None else frozenset(sections),
        cursor=answer.get("cursor") or "",
        mark=answer["mark"] if answer["granted"] else "",
        reason=answer.get("reason") or "",
    )
