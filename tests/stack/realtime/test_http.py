"""Broadcast over HTTP, readiness and what guards the control."""

from typing import Any

import httpx
import pytest

from tests.actors import Actor
from tests.stack.realtime.wire import RunningRealtime, joined, wire


async def post(
    realtime: RunningRealtime, path: str, *, token: str | None = None, key: str | None = None, **request: Any
) -> httpx.Response:
    """A POST with the publishable key, unless another is given."""
    headers = {"apikey": realtime.publishable_key if key is None else key, **request.pop("headers", {})}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(base_url=realtime.url) as client:
        return await client.post(path, headers=headers, **request)


def note(topic: str, text: str, **more: Any) -> dict[str, Any]:
    """A message of a batch."""
    return {"topic": topic, "event": "note", "payload": {"text": text}, **more}


async def test_a_batch_reaches_public_channels(realtime: RunningRealtime) -> None:
    async with wire(realtime) as new, wire(realtime, version="1.0.0") as old:
        for client in (new, old):
            assert joined(await client.join("room", private=False))
        body = {"messages": [note("room", "1"), note("elsewhere", "2"), note("room", "3")]}
        assert (await post(realtime, "/realtime/v1/api/broadcast", json=body)).status_code == 202
        for client in (new, old):
            assert [(await client.broadcast())["payload"]["text"] for _ in range(2)] == ["1", "3"]


async def test_private_messages_pass_by_policy(realtime: RunningRealtime, anna: Actor, ben: Actor) -> None:
    desk = f"desk:{anna.id}"
    async with wire(realtime) as client:
        assert joined(await client.join(desk, token=anna.token))
        for actor, text in ((ben, "refused"), (anna, "allowed")):
            body = {"messages": [note(desk, text, private=True)]}
            response = await post(realtime, "/realtime/v1/api/broadcast", token=actor.token, json=body)
            assert response.status_code == 202
        assert (await client.broadcast())["payload"] == {"text": "allowed"}


async def test_one_message_can_be_sent_by_its_address(
    realtime: RunningRealtime, anna: Actor, ben: Actor
) -> None:
    desk = f"desk:{anna.id}"
    path = f"/realtime/v1/api/broadcast/{desk.replace(':', '%3A')}/events/a%20note?private=true"
    async with wire(realtime) as client:
        assert joined(await client.join(desk, token=anna.token))
        assert (await post(realtime, path, token=ben.token, json={})).status_code == 401
        assert (await post(realtime, path, token=anna.token, json={"n": 1})).status_code == 202
        octets = {"Content-Type": "application/octet-stream"}
        sent = await post(realtime, path, token=anna.token, content=b"\x00\xff", headers=octets)
        assert sent.status_code == 202
        first, second = await client.broadcast(), await client.broadcast()
        assert (first["event"], first["payload"]) == ("a note", {"n": 1})
        assert second["payload"] == b"\x00\xff"


@pytest.mark.parametrize(("key", "token"), [("", None), ("sb_secret_wrong", None), (None, "nonsense")])
async def test_without_valid_credentials_nothing_is_sent(
    realtime: RunningRealtime, key: str | None, token: str | None
) -> None:
    before = realtime.state()["published"]
    for path in ("/realtime/v1/api/broadcast", "/realtime/v1/api/broadcast/room/events/note"):
        response = await post(realtime, path, key=key, token=token, json={"messages": [note("room", "1")]})
        assert response.status_code == 401
    assert realtime.state()["published"] == before


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"messages": {}}', b'{"messages": [1]}', b'{"messages": [{"topic": "t", "event": "e"}]}'],
)
async def test_a_malformed_batch_is_a_422(realtime: RunningRealtime, body: bytes) -> None:
    response = await post(realtime, "/realtime/v1/api/broadcast", content=body)
    assert response.status_code == 422
    assert "messages" in response.json()["errors"]


def test_it_is_ready_while_it_listens(realtime: RunningRealtime) -> None:
    response = httpx.get(f"{realtime.url}/_ready")
    assert (response.status_code, response.json()) == (200, {"listening": True})


def test_the_control_is_not_for_proxied_requests(realtime: RunningRealtime) -> None:
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert httpx.get(f"{realtime.url}/_control", headers=forwarded).status_code == 404
    assert httpx.post(f"{realtime.url}/_control", headers=forwarded, json={}).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"unknown": 1}', b'{"close": 7}', b'{"delay_ms": -1}'])
def test_a_control_that_does_not_exist_is_a_400(realtime: RunningRealtime, body: bytes) -> None:
    assert httpx.post(f"{realtime.url}/_control", content=body).status_code == 400
