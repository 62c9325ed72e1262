"""The wire protocol: handshake, channels, heartbeats and broadcasts, in both versions."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.stack.realtime.wire import RunningRealtime, joined, wire

VERSIONS = pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])


@VERSIONS
async def test_a_public_channel_is_joined_and_left(realtime: RunningRealtime, version: str) -> None:
    async with wire(realtime, version=version) as client:
        assert joined(await client.join("room", private=False))
        join_ref = "1"
        ref = await client.push("realtime:room", "phx_leave", {}, join_ref)
        assert await client.answer(ref) == {"status": "ok", "response": {}}
        closed = await client.receive()
        assert (closed.event, closed.topic, closed.payload) == ("phx_close", "realtime:room", {})
        assert closed.ref == join_ref


@VERSIONS
async def test_a_heartbeat_is_answered(realtime: RunningRealtime, version: str) -> None:
    async with wire(realtime, version=version) as client:
        assert await client.heartbeat() == {"status": "ok", "response": {}}


@pytest.mark.parametrize(("apikey", "status"), [("sb_publishable_wrong", 401), ("", 401)])
async def test_a_connection_without_a_valid_api_key_is_refused(
    realtime: RunningRealtime, apikey: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with wire(realtime, apikey=apikey or "%20"):
            pass
    assert refusal.value.response.status_code == status


async def test_a_connection_of_an_unknown_version_is_refused(realtime: RunningRealtime) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with wire(realtime, version="3.0.0"):
            pass
    assert refusal.value.response.status_code == 400


async def test_frames_that_are_not_of_the_protocol_are_ignored(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        texts = ["", "nonsense", "[1, 2]", "{}", "[null, null, 1, 2, {}]"]
        frames: list[str | bytes] = [*texts, b"", b"\x03", b"\x09garbage"]
        for frame in frames:
            await client.socket.send(frame)
        assert (await client.heartbeat())["status"] == "ok"


async def test_a_message_to_a_channel_that_was_not_joined_is_an_error(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        ref = await client.push("realtime:room", "broadcast", {"event": "note", "payload": {}})
        assert await client.answer(ref) == {"status": "error", "response": {"reason": "unmatched topic"}}


async def test_a_channel_needs_a_name(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        reply = await client.join("", private=False)
        assert reply["response"]["reason"].startswith("TopicNameRequired:")


async def test_postgres_changes_are_refused_and_not_silently_missing(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        changes = [{"event": "*", "schema": "public", "table": "reservations"}]
        reply = await client.join("room", private=False, postgres_changes=changes)
        assert reply["status"] == "error"
        assert "not provided by the embedded stack" in reply["response"]["reason"]


async def test_presence_is_accepted_and_empty(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("room", private=False, presence={"key": "", "enabled": True}))
        state = await client.receive()
        assert (state.event, state.payload) == ("presence_state", {})
        ref = await client.push("realtime:room", "presence", {"type": "presence", "event": "track"}, "1")
        assert (await client.answer(ref))["status"] == "ok"


async def test_a_second_join_of_a_topic_closes_the_first(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("room", private=False))
        ref = await client.push("realtime:room", "phx_join", {"config": {"private": False}})
        closed = await client.receive()
        assert (closed.event, closed.join_ref) == ("phx_close", "1")
        assert joined(await client.answer(ref))
        assert realtime.state()["channels"] == 1


@VERSIONS
async def test_a_broadcast_reaches_the_others_in_their_own_version(
    realtime: RunningRealtime, version: str
) -> None:
    sent = {"type": "broadcast", "event": "note", "payload": {"text": "año"}}
    async with (
        wire(realtime, version=version) as sender,
        wire(realtime) as new,
        wire(realtime, version="1.0.0") as old,
    ):
        for client in (sender, new, old):
            assert joined(await client.join("room", private=False))
        await sender.push("realtime:room", "broadcast", sent, "1")
        for client in (new, old):
            message = await client.receive()
            assert (message.event, message.topic, message.ref) == ("broadcast", "realtime:room", None)
            assert message.payload == sent
        # Without `self`, the sender hears nothing of it: the next thing it hears is this.
        assert (await sender.heartbeat())["status"] == "ok"


async def test_broadcasts_are_echoed_and_acknowledged_on_demand(realtime: RunningRealtime) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("room", private=False, broadcast={"self": True, "ack": True}))
        ref = await client.push("realtime:room", "broadcast", {"event": "note", "payload": {"n": 1}}, "1")
        assert (await client.broadcast())["payload"] == {"n": 1}
        assert await client.answer(ref) == {"status": "ok", "response": {}}


async def test_a_binary_frame_with_json_reaches_both_versions(realtime: RunningRealtime) -> None:
    async with wire(realtime) as sender, wire(realtime) as new, wire(realtime, version="1.0.0") as old:
        for client in (sender, new, old):
            assert joined(await client.join("room", private=False))
        await sender.push_binary("realtime:room", "note", json.dumps({"text": "é"}).encode(), encoding=1)
        received = await new.receive()
        assert received.is_binary
        assert received.payload == {"type": "broadcast", "event": "note", "payload": {"text": "é"}}
        assert await old.broadcast() == received.payload


async def test_a_binary_payload_reaches_2_0_0_only(realtime: RunningRealtime) -> None:
    async with wire(realtime) as sender, wire(realtime) as new, wire(realtime, version="1.0.0") as old:
        for client in (sender, new, old):
            assert joined(await client.join("room", private=False))
        await sender.push_binary("realtime:room", "blob", b"\x00\xff", encoding=0)
        assert (await new.broadcast())["payload"] == b"\x00\xff"
        assert (await old.heartbeat())["status"] == "ok"


async def test_a_binary_frame_that_lies_about_its_json_reaches_nobody(realtime: RunningRealtime) -> None:
    async with wire(realtime) as sender, wire(realtime) as other:
        for client in (sender, other):
            assert joined(await client.join("room", private=False))
        await sender.push_binary("realtime:room", "note", b"{", encoding=1)
        assert (await sender.heartbeat())["status"] == "ok"
        assert (await other.heartbeat())["status"] == "ok"


async def test_a_public_and_a_private_channel_of_one_name_are_two(realtime: RunningRealtime) -> None:
    async with wire(realtime) as public, wire(realtime, apikey=realtime.secret_key) as private:
        assert joined(await public.join("room", private=False, broadcast={"self": True}))
        assert joined(await private.join("room"))
        await public.push("realtime:room", "broadcast", {"event": "note", "payload": {}}, "1")
        assert (await public.broadcast())["event"] == "note"
        assert (await private.heartbeat())["status"] == "ok"
