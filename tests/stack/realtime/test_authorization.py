"""Private channels: tokens, policies on realtime.messages, refresh and expiry."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.actors import Actor, TokenSigner
from tests.stack.realtime.wire import RunningRealtime, Wire, joined, wire

UNAUTHORIZED = "Unauthorized: You do not have permissions to read from this Channel topic: "


async def reason(client: Wire, name: str, token: str | None) -> str:
    """Why a join was refused."""
    reply = await client.join(name, token=token)
    assert reply["status"] == "error", reply
    return str(reply["response"]["reason"])


async def shut(client: Wire, name: str, message: str) -> None:
    """The channel is shut: a system error, then phx_close."""
    system = await client.receive()
    assert system.event == "system"
    assert system.ref is None
    assert system.payload["message"].startswith(message), system
    assert {**system.payload, "message": ""} == {
        "extension": "system",
        "status": "error",
        "message": "",
        "channel": name,
    }
    closed = await client.receive()
    assert (closed.event, closed.topic) == ("phx_close", f"realtime:{name}")


async def test_a_policy_lets_in_whom_it_names_and_nobody_else(
    realtime: RunningRealtime, anna: Actor, ben: Actor
) -> None:
    topic = f"notes:{anna.id}"
    async with wire(realtime) as client:
        assert joined(await client.join(topic, token=anna.token))
    async with wire(realtime) as client:
        assert await reason(client, topic, ben.token) == UNAUTHORIZED + topic
        assert await reason(client, topic, None) == UNAUTHORIZED + topic


async def test_probes_leave_nothing_behind(realtime: RunningRealtime, anna: Actor, db: Any) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join(f"desk:{anna.id}", token=anna.token, broadcast={"ack": True}))
        ref = await client.push(f"realtime:desk:{anna.id}", "broadcast", {"event": "e", "payload": {}}, "1")
        assert (await client.answer(ref))["status"] == "ok"
    assert db.execute("select count(*) as rows from realtime.messages").fetchone()["rows"] == 0


async def test_an_api_key_in_the_token_s_place_stands_for_its_role(
    realtime: RunningRealtime, anna: Actor
) -> None:
    topic = f"notes:{anna.id}"
    async with wire(realtime, apikey=realtime.secret_key) as service:
        assert joined(await service.join(topic, token=realtime.secret_key))
    async with wire(realtime) as anonymous:
        assert await reason(anonymous, topic, realtime.secret_key) == UNAUTHORIZED + topic


async def test_a_service_token_may_read_everything(
    realtime: RunningRealtime, signer: TokenSigner, anna: Actor
) -> None:
    async with wire(realtime) as client:
        token = signer.sign(anna, role="service_role")
        assert joined(await client.join("anything", token=token))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1_700_000_000}, "InvalidJWTToken: Token has expired "),
        ({"exp": None}, "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        ({"role": None}, "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        ({"role": "supabase_admin"}, "InvalidJWTToken: Role supabase_admin"),
        ({"iss": "https://elsewhere.test/auth/v1"}, "InvalidJWTToken: "),
        ({"aud": "another"}, "InvalidJWTToken: Invalid audience"),
    ],
)
async def test_a_token_without_the_right_claims_is_refused(
    realtime: RunningRealtime, signer: TokenSigner, anna: Actor, claims: dict[str, Any], expected: str
) -> None:
    async with wire(realtime) as client:
        assert (await reason(client, "wall", signer.sign(anna, **claims))).startswith(expected)


async def test_a_token_signed_by_another_key_is_refused(realtime: RunningRealtime, anna: Actor) -> None:
    claims = jwt.decode(anna.token, options={"verify_signature": False})
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    unsigned = jwt.encode(claims, "", algorithm="none")
    async with wire(realtime) as client:
        assert (await reason(client, "wall", forged)).startswith("JwtSignatureError:")
        assert (await reason(client, "wall", unsigned)).startswith("JwtSignerError:")
        assert (await reason(client, "wall", "nonsense")).startswith("MalformedJWT:")


async def test_the_channel_is_shut_when_its_token_expires(
    realtime: RunningRealtime, signer: TokenSigner, anna: Actor
) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("wall", token=signer.sign(anna, lifetime=2)))
        await shut(client, "wall", "Token has expired ")
        assert realtime.state()["channels"] == 0
        # The socket itself lives on.
        assert joined(await client.join("wall", token=anna.token))


async def test_a_new_token_keeps_the_channel_open(
    realtime: RunningRealtime, signer: TokenSigner, anna: Actor
) -> None:
    async with wire(realtime) as client, wire(realtime) as witness:
        first = signer.sign(anna, lifetime=2)
        assert joined(await client.join("wall", token=first))
        assert joined(await witness.join("wall", token=first))
        await client.push("realtime:wall", "access_token", {"access_token": signer.sign(anna)}, "1")
        await shut(witness, "wall", "Token has expired ")
        # The one that was refreshed in time heard nothing of that.
        assert (await client.heartbeat())["status"] == "ok"
        assert realtime.state()["channels"] == 1


async def test_a_new_token_is_judged_by_the_policies_again(
    realtime: RunningRealtime, anna: Actor, ben: Actor
) -> None:
    topic = f"notes:{anna.id}"
    async with wire(realtime) as client:
        assert joined(await client.join(topic, token=anna.token))
        await client.push(f"realtime:{topic}", "access_token", {"access_token": ben.token}, "1")
        await shut(client, topic, "You do not have permissions to read from this Channel topic: ")


async def test_a_new_token_that_is_invalid_shuts_the_channel(
    realtime: RunningRealtime, signer: TokenSigner, anna: Actor
) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("wall", token=anna.token))
        expired = signer.sign(anna, exp=int(time.time()) - 60)
        await client.push("realtime:wall", "access_token", {"access_token": expired}, "1")
        await shut(client, "wall", "Token has expired ")


async def test_an_api_key_as_new_token_changes_nothing(realtime: RunningRealtime, anna: Actor) -> None:
    async with wire(realtime) as client:
        assert joined(await client.join("wall", token=anna.token))
        for nothing in (realtime.publishable_key, anna.token, None):
            await client.push("realtime:wall", "access_token", {"access_token": nothing}, "1")
        assert (await client.heartbeat())["status"] == "ok"


async def test_who_may_read_may_not_therefore_write(realtime: RunningRealtime, anna: Actor) -> None:
    message = {"type": "broadcast", "event": "note", "payload": {}}
    config = {"self": True, "ack": True}
    async with wire(realtime) as client:
        assert joined(await client.join("wall", token=anna.token, broadcast=config))
        await client.push("realtime:wall", "broadcast", message, "1")
        # Refused without a word, as the real server does: the next answer is the heartbeat's.
        assert (await client.heartbeat())["status"] == "ok"
        desk = f"desk:{anna.id}"
        assert joined(await client.join(desk, token=anna.token, broadcast=config))
        ref = await client.push(f"realtime:{desk}", "broadcast", message)
        assert (await client.broadcast())["event"] == "note"
        assert (await client.answer(ref))["status"] == "ok"


async def test_who_may_only_be_present_hears_no_broadcast(realtime: RunningRealtime, anna: Actor) -> None:
    async with wire(realtime) as member, wire(realtime, apikey=realtime.secret_key) as service:
        presence = {"key": "", "enabled": True}
        assert joined(await member.join("lobby", token=anna.token, presence=presence))
        assert (await member.receive()).event == "presence_state"
        assert joined(await service.join("lobby", broadcast={"self": True}))
        await service.push("realtime:lobby", "broadcast", {"event": "note", "payload": {}}, "1")
        assert (await service.broadcast())["event"] == "note"
        assert (await member.heartbeat())["status"] == "ok"
