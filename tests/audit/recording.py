"""What the tests of keeping and sending share: records, and a database that takes each once."""

import json
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from bff.audit.recorder import Recorder
from bff.audit.sender import BATCH
from bff.audit.writer import AwayError, Receipt, RejectedError

PROJECT = "0123456789ab"


def record(number: int, **more: Any) -> bytes:
    body = {
        "id": str(uuid.UUID(int=number)),
        "created_at": "2026-11-28T12:00:00+00:00",
        "action": "create_reservation",
        "response_status": 201,
        "metadata": {"request_id": f"r-{number}"},
        **more,
    }
    return json.dumps(body).encode()


class Database:
    """Takes records, each id once; can be away, late, break over some records or refuse them."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.sizes: list[int] = []
        self.away = False
        self.most = BATCH
        self.breaks: Callable[[int], bool] = lambda _: False
        self.refuses: Callable[[int], bool] = lambda _: False
        self.loses_answers = 0

    async def write(self, records: Sequence[bytes]) -> Receipt:
        """As `bff.audit.writer.Writer`."""
        self.sizes.append(len(records))
        if self.away:
            raise AwayError("away")
        if len(records) > self.most:
            raise AwayError("late", late=True)
        numbers = [uuid.UUID(json.loads(each)["id"]).int for each in records]
        if any(map(self.breaks, numbers)):
            raise RejectedError("500 SUP")
        refused = {place: "no" for place, number in enumerate(numbers) if self.refuses(number)}
        taken = [number for place, number in enumerate(numbers) if place not in refused]
        fresh = [number for number in taken if number not in self.written]
        self.written += fresh
        if self.loses_answers:
            self.loses_answers -= 1
            raise AwayError("the connection broke")
        return Receipt(len(fresh), len(taken) - len(fresh), refused)


Open = Callable[..., AbstractAsyncContextManager[Recorder]]


def refuses(recorder: Recorder) -> bool:
    """Whether what must be recorded is refused now; a call, so that mypy does not take it for settled."""
    return recorder.refuses
