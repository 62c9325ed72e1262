"""The official, unmodified clients do with the embedded stack what they do with hosted Supabase."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pyotp
import pytest
from realtime import AsyncRealtimeChannel, RealtimeSubscribeStates
from supabase_auth.types import AdminUserAttributes, AuthMFAAdminListFactorsParams

from supabase import AsyncClient, AsyncClientOptions, AuthApiError, acreate_client
from tests.actors import Actor, Connection, connect, make_user
from tests.harness import ROOT, RunningStack
from tests.stack.api import PASSWORD

STEP_SECONDS = 20.0


@pytest.fixture(scope="module", autouse=True)
def own_rooms(stack: RunningStack) -> Iterator[None]:
    """Everyone may read the private channel `room-<their id>`, and no other."""
    with connect(stack.admin_database_url) as admin:
        admin.execute(
            """create policy "users can listen to their own room" on realtime.messages
               for select to authenticated using (realtime.topic() = 'room-' || (select auth.uid())::text)"""
        )
        yield
        admin.execute('drop policy "users can listen to their own room" on realtime.messages')


@pytest.fixture
def email() -> str:
    return f"anna.{uuid.uuid4().hex[:10]}@example.test"


@pytest.fixture
def ben(live_db: Connection) -> Actor:
    """Somebody else."""
    return make_user(live_db, "ben")


def send_from_sql(live_db: Connection, user: str) -> None:
    live_db.execute("select realtime.send('{\"n\": 1}', 'from_sql', %s, true)", [f"room-{user}"])


@asynccontextmanager
async def client_of(stack: RunningStack, key: str) -> AsyncIterator[AsyncClient]:
    """The official client; it does not close its connections, so they are given to it."""
    async with httpx.AsyncClient(timeout=STEP_SECONDS) as connections:
        client = await acreate_client(stack.url, key, AsyncClientOptions(httpx_client=connections))
        yield client
        await client.remove_all_channels()


@pytest.fixture
async def supabase(stack: RunningStack) -> AsyncIterator[AsyncClient]:
    """With the publishable key, as an app has it."""
    async with client_of(stack, stack.publishable_key) as client:
        yield client


@pytest.fixture
async def service(stack: RunningStack) -> AsyncIterator[AsyncClient]:
    """With the secret key, as a server has it."""
    async with client_of(stack, stack.secret_key) as client:
        yield client


async def joined(channel: AsyncRealtimeChannel) -> tuple[RealtimeSubscribeStates, Exception | None]:
    """Subscribes, and answers the first thing that the channel says of it."""
    answer: asyncio.Future[tuple[RealtimeSubscribeStates, Exception | None]] = asyncio.Future()

    def told(status: RealtimeSubscribeStates, error: Exception | None) -> None:
        if not answer.done():
            answer.set_result((status, error))

    await channel.subscribe(told)
    return await asyncio.wait_for(answer, STEP_SECONDS)


async def test_supabase_py_signs_up_reads_its_own_joins_its_room_and_hears_sql(
    supabase: AsyncClient, service: AsyncClient, live_db: Connection, email: str, ben: Actor
) -> None:
    signed_up = await supabase.auth.sign_up(
        {"email": email, "password": PASSWORD, "options": {"data": {"first_name": "Anna"}}}
    )
    assert signed_up.user is not None
    await supabase.auth.sign_out()
    with pytest.raises(AuthApiError) as wrong:
        await supabase.auth.sign_in_with_password({"email": email, "password": "not this"})
    assert wrong.value.code == "invalid_credentials"
    signed_in = await supabase.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert signed_in.user is not None
    anna = signed_in.user.id
    claims = await supabase.auth.get_claims()
    assert claims is not None
    assert claims["claims"]["sub"] == anna

    own = await supabase.table("profiles").select("id, first_name").execute()
    assert own.data == [{"id": anna, "first_name": "Anna"}]
    assert (await supabase.table("profiles").select("id").eq("id", ben.id).execute()).data == []

    heard: asyncio.Queue[Any] = asyncio.Queue()
    room = supabase.channel(f"room-{anna}", {"config": private()})
    room.on_broadcast("from_sql", heard.put_nowait).on_broadcast("by_http", heard.put_nowait)
    assert await joined(room) == (RealtimeSubscribeStates.SUBSCRIBED, None)
    foreign = supabase.channel(f"room-{ben.id}", {"config": private()})
    status, error = await joined(foreign)
    assert status is RealtimeSubscribeStates.CHANNEL_ERROR
    assert "Unauthorized" in str(error)
    await supabase.remove_channel(foreign)

    send_from_sql(live_db, anna)
    message = await asyncio.wait_for(heard.get(), STEP_SECONDS)
    assert message["event"] == "from_sql"
    assert message["payload"]["n"] == 1

    await service.channel(f"room-{anna}", {"config": private()}).http_send("by_http", {"n": 2})
    message = await asyncio.wait_for(heard.get(), STEP_SECONDS)
    assert (message["event"], message["payload"]["n"]) == ("by_http", 2)

    created = await service.auth.admin.create_user(
        AdminUserAttributes(email=f"admin-{email}", password=PASSWORD, email_confirm=True)
    )
    newest = await service.auth.admin.list_users(page=1, per_page=1)
    assert [user.id for user in newest] == [created.user.id]
    await service.auth.admin.delete_user(created.user.id)

    refreshed = await supabase.auth.refresh_session()
    assert refreshed.session is not None
    await supabase.auth.sign_out()
    with pytest.raises(AuthApiError) as gone:
        await supabase.auth.get_user(refreshed.session.access_token)
    assert gone.value.code == "session_not_found"


def private() -> Any:
    """A private channel's configuration, as realtime-py wants it."""
    return {
        "broadcast": {"self": False, "ack": False},
        "presence": {"key": "", "enabled": False},
        "private": True,
    }


class Steps:
    """The steps that the JavaScript client tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def expect(self, step: str) -> dict[str, Any]:
        """The fields of the next step, which must be this one."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), STEP_SECONDS)
        if not line:
            assert self.process.stderr is not None
            pytest.fail(f"before {step}: {(await self.process.stderr.read()).decode()}")
        told: dict[str, Any] = json.loads(line)
        assert told.pop("step") == step
        return told


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
async def test_supabase_js_signs_up_reads_its_own_joins_its_room_and_hears_sql(
    stack: RunningStack, live_db: Connection, email: str, ben: Actor, vsn: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(ROOT / "tests/stack/clients/supabase_js.mjs"),
        env={
            **os.environ,
            **stack.env,
            "EMAIL": email,
            "PASSWORD": PASSWORD,
            "OTHER_USER": ben.id,
            "VSN": vsn,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    steps = Steps(process)
    try:
        signed_in = await steps.expect("signed_in")
        anna = signed_in["user"]
        assert signed_in["wrong"] == "invalid_credentials"
        assert (signed_in["claims"]["sub"], signed_in["claims"]["aal"]) == (anna, "aal1")
        assert await steps.expect("profiles") == {
            "profiles": [{"id": anna, "first_name": "Anna"}],
            "count": 1,
            "other": [],
        }
        joins = await steps.expect("joined")
        assert joins["own"] == {"status": "SUBSCRIBED"}
        assert joins["refused"]["status"] == "CHANNEL_ERROR"
        assert "Unauthorized" in joins["refused"]["error"]
        send_from_sql(live_db, anna)
        message = await steps.expect("from_sql")
        assert (message["event"], message["payload"]["n"]) == ("from_sql", 1)
        message = await steps.expect("by_http")
        assert (message["event"], message["payload"]["n"]) == ("by_http", 2)
        administered = await steps.expect("administered")
        assert administered["refreshed"] is True
        assert administered["listed"][0] == f"admin-{email}"
        assert administered["total"] >= 3
        assert await steps.expect("signed_out") == {"gone": "AuthSessionMissingError"}
        assert await asyncio.wait_for(process.wait(), STEP_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_supabase_py_enrolls_confirms_and_unenrolls_a_second_factor(
    supabase: AsyncClient, service: AsyncClient, email: str
) -> None:
    signed_up = await supabase.auth.sign_up({"email": email, "password": PASSWORD})
    assert signed_up.user is not None
    mfa = supabase.auth.mfa
    enrolled = await mfa.enroll({"factor_type": "totp", "friendly_name": "Phone", "issuer": "ReservePTY"})
    assert enrolled.totp is not None
    phone = pyotp.TOTP(enrolled.totp.secret)
    challenge = await mfa.challenge({"factor_id": enrolled.id})
    wrong = f"{(int(phone.now()) + 500_000) % 1_000_000:06}"
    with pytest.raises(AuthApiError) as refused:
        await mfa.verify({"factor_id": enrolled.id, "challenge_id": challenge.id, "code": wrong})
    assert refused.value.code == "mfa_verification_failed"
    raised = await mfa.verify({"factor_id": enrolled.id, "challenge_id": challenge.id, "code": phone.now()})
    assert raised.user.id == signed_up.user.id
    level = await mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    listed = await mfa.list_factors()
    assert [(factor.id, factor.status) for factor in listed.totp] == [(enrolled.id, "verified")]
    [seen] = await service.auth.admin.mfa.list_factors(
        AuthMFAAdminListFactorsParams(user_id=signed_up.user.id)
    )
    assert seen.friendly_name == "Phone"
    assert (await mfa.unenroll({"factor_id": enrolled.id})).id == enrolled.id
    await supabase.auth.refresh_session()
    level = await mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal1")


async def test_supabase_js_enrolls_confirms_and_unenrolls_a_second_factor(
    stack: RunningStack, email: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(ROOT / "tests/stack/clients/mfa_js.mjs"),
        env={**os.environ, **stack.env, "EMAIL": email, "PASSWORD": PASSWORD},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), STEP_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, err.decode()
    assert json.loads(out) == {
        "drawing": "data:image/svg+xml;utf-8,<svg x",
        "wrong": "mfa_verification_failed",
        "levels": [["aal2", "aal2"], ["aal1", "aal2"], ["aal2", "aal2"], ["aal1", "aal1"]],
        "listed": [["Phone", "verified"]],
    }
