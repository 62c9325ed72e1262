"""Realtime as a way around the BFF: the topic of all organisations' events is the service's alone."""

import uuid
from typing import Any

import httpx
import pytest

from bff.relay.feed import TOPIC
from tests.actors import Connection, Organization
from tests.harness import RunningStack
from tests.stack.realtime.wire import RunningRealtime, joined, wire

FORGED = {"organization_id": str(uuid.uuid4()), "events": []}


@pytest.fixture
def realtime(stack: RunningStack) -> RunningRealtime:
    """The stack's, behind its gateway."""
    return RunningRealtime(stack.url, stack.process, stack.publishable_key, stack.secret_key)


@pytest.mark.parametrize("role", ["viewer", "owner"])
async def test_nobody_with_a_users_token_joins_the_topic_of_the_events(
    realtime: RunningRealtime, office: Organization, role: str
) -> None:
    for token in (office.actor(role).token, None):
        async with wire(realtime) as client:
            reply = await client.join(TOPIC, token=token)
            assert reply["status"] == "error"
            assert reply["response"]["reason"].startswith("Unauthorized")


async def test_what_a_member_sends_to_it_the_service_does_not_hear(
    realtime: RunningRealtime, office: Organization, live_db: Connection
) -> None:
    token = office.owner.token
    async with wire(realtime, apikey=realtime.secret_key) as service, wire(realtime) as member:
        assert joined(await service.join(TOPIC))
        # A public channel of the same name is another channel.
        assert joined(await member.join(TOPIC, private=False, token=token, broadcast={"ack": True}))
        sent = {"type": "broadcast", "event": "events", "payload": FORGED}
        answer = await member.answer(await member.push(f"realtime:{TOPIC}", "broadcast", sent, "1"))
        assert answer["status"] == "ok"
        headers = {"apikey": realtime.publishable_key, "Authorization": f"Bearer {token}"}
        for private in (True, False):
            message: dict[str, Any] = {
                "topic": TOPIC,
                "event": "events",
                "payload": FORGED,
                "private": private,
            }
            async with httpx.AsyncClient(base_url=realtime.url, headers=headers) as rest:
                await rest.post("/realtime/v1/api/broadcast", json={"messages": [message]})
        live_db.execute("select realtime.send('{\"is\": \"real\"}', 'last', %s, true)", [TOPIC])
        while (heard := await service.receive()).payload.get("event") != "last":
            assert heard.payload["payload"] != FORGED
