"""The call that hands records over: what is sent, and which answers mean written, later, or one to blame."""

import json
from typing import Any

import httpx
import pytest

from bff.audit.writer import AwayError, Backlog, Receipt, RejectedError, Writer

RECORDS = [b'{"id":"a","n":1}', '{"id":"b","text":"ñ"}'.encode(), b'{"id":"c"}']


async def written(answer: httpx.Response | Exception) -> tuple[Receipt, httpx.Request]:
    """What comes of an answer, and what was sent for it."""
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        writer = Writer(client, "http://project.example/", {"apikey": "sb_secret_x"})
        return await writer(RECORDS), sent[0]


def receipt(**changes: Any) -> httpx.Response:
    return httpx.Response(200, json={"written": 2, "known": 1, "refused": [], **changes})


async def test_records_are_sent_as_they_were_kept_with_the_service_key() -> None:
    taken, request = await written(receipt())
    assert taken == Receipt(2, 1)
    assert str(request.url) == "http://project.example/rest/v1/rpc/record_requests"
    assert request.headers["apikey"] == "sb_secret_x"
    assert request.headers["content-type"] == "application/json"
    assert request.content == b'{"p_records":[%b]}' % b",".join(RECORDS)
    assert json.loads(request.content)["p_records"][1] == {"id": "b", "text": "ñ"}


async def test_what_is_refused_is_told_by_its_place_in_the_batch() -> None:
    # Of what it cannot read it knows no id.
    refused = [{"index": 1, "id": None, "reason": "record: not_storable"}]
    taken, _ = await written(receipt(written=2, known=0, refused=refused))
    assert taken == Receipt(2, 0, {1: "record: not_storable"})


@pytest.mark.parametrize(
    "answer",
    [
        *(httpx.Response(status, json={"code": "x"}) for status in (401, 403, 404, 408, 429, 502, 503, 504)),
        httpx.Response(500, json={"code": "57P01"}),
        httpx.Response(503, content=b"<html>"),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"[" * 200_000),
        httpx.Response(503, content=b"[" * 200_000),
        httpx.Response(200, json=[]),
        receipt(written="many"),
        receipt(written=1),
        receipt(refused=[{"index": 3, "id": None, "reason": "no"}], known=0),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=lambda answer: f"{type(answer).__name__}-{getattr(answer, 'status_code', '')}",
)
async def test_nothing_is_held_against_the_records_while_the_database_is_not_itself(
    answer: httpx.Response | Exception,
) -> None:
    with pytest.raises(AwayError) as raised:
        await written(answer)
    assert not raised.value.late


async def test_an_answer_that_does_not_come_in_time_asks_for_smaller_batches() -> None:
    with pytest.raises(AwayError) as raised:
        await written(httpx.ReadTimeout("late"))
    assert raised.value.late


@pytest.mark.parametrize("status", [400, 413, 422, 500])
async def test_a_call_that_the_database_breaks_over_is_told_apart(status: int) -> None:
    with pytest.raises(RejectedError) as raised:
        await written(httpx.Response(status, json={"code": "SUP", "message": "hunter2"}))
    assert str(raised.value) == f"{status} SUP"


async def backlog(answer: httpx.Response) -> tuple[Backlog, httpx.Request]:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        told = await Writer(client, "http://project.example", {"apikey": "sb_secret_x"}).backlog()
    return told, sent[0]


async def test_what_waits_to_be_sealed_is_asked_with_the_service_key() -> None:
    told, request = await backlog(httpx.Response(200, json={"unsealed": 7, "oldest_seconds": 41.5}))
    assert told == Backlog(7, 41.5)
    assert str(request.url) == "http://project.example/rest/v1/rpc/audit_backlog"
    assert (request.headers["apikey"], request.content) == ("sb_secret_x", b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"code": "PGRST202"}),
        httpx.Response(500, json={"code": "XX000"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"unsealed": None, "oldest_seconds": 1}),
        httpx.Response(200, content=b"<html>"),
    ],
    ids=["no such function", "a fault", "a list", "null", "html"],
)
async def test_an_answer_that_does_not_say_what_waits_is_none(answer: httpx.Response) -> None:
    with pytest.raises(AwayError):
        await backlog(answer)
