"""Hands records over: a call to `record_requests` with the service key, idempotent by their ids.

And asks, with the same key, how far their sealing is behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from bff.bounded import fetch, read_json
from bff.upstream import BUSY, read_object

# A batch takes tens of milliseconds. One that does not answer within this comes again, smaller.
TIMEOUT_SECONDS: Final = 10.0
# A reason for each record of a batch is some 100 KB.
ANSWER_BYTES: Final = 1_048_576
# Nothing is wrong with the records: the database, its gateway or our key is not what it should be (404 is a
# database that lacks the function still).
AWAY: Final = frozenset({401, 403, 404, 408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526})


class AwayError(Exception):
    """The records could not be handed over now, whatever they hold.

    Args:
        reason: for the log.
        late: no answer came in time; a smaller batch may be answered.
    """

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


class RejectedError(Exception):
    """The database took the call and failed over it: one of the records may be why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: each record was written, was there already, or is refused for a reason.

    `refused` has the reasons by the records' places in the batch.
    """

    written: int
    known: int
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be sealed: entries, and the seconds that the chain which waits longest has waited."""

    unsealed: int = 0
    seconds: float = 0.0


class Writer:
    """Calls `record_requests` and `audit_backlog`.

    Args:
        client: Pool to call with; belongs to the caller.
        url: The project's address.
        headers: Those that make a request the service's.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._rpc = f"{url.rstrip('/')}/rest/v1/rpc/"
        self._headers = {**headers, "Content-Type": "application/json"}

    async def __call__(self, records: Sequence[bytes]) -> Receipt:
        """Writes these records, each a JSON object; those that are written already stay as they are.

        Raises:
            AwayError: none may have been written, or all; ask again later.
            RejectedError: none was written.
        """
        content = b'{"p_records":[%b]}' % b",".join(records)
        return _receipt(await self._post("record_requests", content), records)

    async def backlog(self) -> Backlog:
        """What waits to be sealed now.

        Raises:
            AwayError: there is no answer that says so.
        """
        try:
            answer = read_json(await self._post("audit_backlog", b"{}"))
            return Backlog(int(answer["unsealed"]), float(answer["oldest_seconds"]))
        except RejectedError as error:
            raise AwayError(str(error)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise AwayError("unreadable answer") from error

    async def _post(self, function: str, content: bytes) -> httpx.Response:
        try:
            response = await fetch(
                self._client,
                "POST",
                self._rpc + function,
                content=content,
                headers=self._headers,
                timeout=TIMEOUT_SECONDS,
                seconds=TIMEOUT_SECONDS,
                limit=ANSWER_BYTES,
            )
        except httpx.TimeoutException as error:
            raise AwayError(type(error).__name__, late=True) from error
        except httpx.HTTPError as error:
            raise AwayError(type(error).__name__) from error
        if response.is_success:
            return response
        code = str(read_object(response.content).get("code", ""))
        if response.status_code in AWAY or code in BUSY:
            raise AwayError(f"{response.status_code} {code}")
        # What the database says may repeat what the record holds: the code is enough.
        raise RejectedError(f"{response.status_code} {code}")


def _receipt(response: httpx.Response, records: Sequence[bytes]) -> Receipt:
    try:
        answer = read_json(response)
        refused = answer["refused"]
        receipt = Receipt(
            int(answer["written"]),
            int(answer["known"]),
            # Not by their ids: of what the database cannot read, it may know none.
            {int(each["index"]): str(each["reason"]) for each in refused},
        )
    except (ValueError, TypeError, KeyError) as error:
        raise AwayError("unreadable answer") from error
    if not set(receipt.refused) <= set(range(len(records))):
        raise AwayError("an answer about other records")
    if receipt.written + receipt.known + len(receipt.refused) != len(records):
        # Not every record is accounted for: none is forgotten.
        raise AwayError("incomplete answer")
    return receipt
