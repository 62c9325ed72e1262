"""A bare client of the wire protocol, and a Realtime process of a test module's own."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.harness import RunningStack, free_port, running_module, wait_until

ANSWER_SECONDS = 10.0


@dataclass
class RunningRealtime:
    """A Realtime process on a database of its own."""

    url: str
    process: subprocess.Popen[bytes]
    publishable_key: str
    secret_key: str

    def turn(self, **knobs: Any) -> dict[str, Any]:
        """Turns knobs, and answers how they stand."""
        response = httpx.post(f"{self.url}/_control", json=knobs)
        assert response.status_code == 200, response.text
        state: dict[str, Any] = response.json()
        return state

    def state(self) -> dict[str, Any]:
        """Knobs and counters."""
        state: dict[str, Any] = httpx.get(f"{self.url}/_control").json()
        return state


@contextmanager
def running_realtime(stack: RunningStack, database: str, log: Path) -> Iterator[RunningRealtime]:
    """`python -m stack.realtime` on a database, yielded when it listens."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {
        "REALTIME_PORT": str(port),
        "REALTIME_DATABASE_URL": database,
        "REALTIME_SIGNING_KEY_FILE": str(stack.directory / "signing-key.pem"),
        "REALTIME_ISSUER": f"{stack.url}/auth/v1",
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "SUPABASE_SECRET_KEY": stack.secret_key,
    }
    with running_module("stack.realtime", f"{url}/_ready", settings, log) as process:
        yield RunningRealtime(url, process, stack.publishable_key, stack.secret_key)


@dataclass(frozen=True)
class Received:
    """A message from the server; `is_binary` tells how it came."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any
    is_binary: bool = False


class Wire:
    """Speaks the protocol of one version over one socket."""

    def __init__(self, socket: ClientConnection, version: str) -> None:
        self.socket = socket
        self.version = version
        self._ref = 0

    async def push(self, topic: str, event: str, payload: Any, join_ref: str | None = None) -> str:
        """Sends a message and answers its ref."""
        self._ref += 1
        ref = str(self._ref)
        message: Any = [join_ref or ref, ref, topic, event, payload]
        if self.version == "1.0.0":
            keys = ("join_ref", "ref", "topic", "event", "payload")
            message = dict(zip(keys, message, strict=True))
        await self.socket.send(json.dumps(message))
        return ref

    async def push_binary(self, topic: str, event: str, body: bytes, *, encoding: int) -> str:
        """Sends a broadcast as realtime-js does: kind 3."""
        self._ref += 1
        fields = [b"1", str(self._ref).encode(), topic.encode(), event.encode(), b""]
        await self.socket.send(b"".join([bytes([3, *map(len, fields), encoding]), *fields, body]))
        return str(self._ref)

    async def receive(self) -> Received:
        """The next message, whatever it is."""
        async with asyncio.timeout(ANSWER_SECONDS):
            frame = await self.socket.recv()
        if isinstance(frame, bytes):
            return self._binary(frame)
        value = json.loads(frame)
        if self.version == "1.0.0":
            return Received(None, value["ref"], value["topic"], value["event"], value["payload"])
        return Received(*value)

    @staticmethod
    def _binary(frame: bytes) -> Received:
        kind, *sizes, encoding = frame[:5]
        assert kind == 4
        fields, offset = [], 5
        for size in sizes:
            fields.append(frame[offset : offset + size].decode())
            offset += size
        topic, event, meta = fields
        body: Any = json.loads(frame[offset:]) if encoding == 1 else frame[offset:]
        payload = {"type": "broadcast", "event": event, "payload": body}
        if meta:
            payload["meta"] = json.loads(meta)
        return Received(None, None, topic, "broadcast", payload, is_binary=True)

    async def answer(self, ref: str) -> Any:
        """The payload of the reply to `ref`, which must be the next message."""
        reply = await self.receive()
        assert (reply.event, reply.ref) == ("phx_reply", ref), reply
        return reply.payload

    async def join(self, name: str, *, private: bool = True, token: str | None = None, **config: Any) -> Any:
        """Joins a channel and answers the reply's payload."""
        payload: dict[str, Any] = {"config": {"private": private, **config}}
        if token is not None:
            payload["access_token"] = token
        return await self.answer(await self.push(f"realtime:{name}", "phx_join", payload))

    async def broadcast(self) -> dict[str, Any]:
        """The payload of the next message, which must be a broadcast."""
        message = await self.receive()
        assert message.event == "broadcast", message
        payload: dict[str, Any] = message.payload
        return payload

    async def heartbeat(self) -> Any:
        """Sends a heartbeat and answers the reply's payload."""
        return await self.answer(await self.push("phoenix", "heartbeat", {}))


@asynccontextmanager
async def wire(
    realtime: RunningRealtime, *, version: str = "2.0.0", apikey: str | None = None
) -> AsyncIterator[Wire]:
    """A connected socket, with the publishable key unless another is given."""
    address = realtime.url.replace("http://", "ws://", 1) + "/realtime/v1/websocket"
    query = f"?apikey={apikey or realtime.publishable_key}&vsn={version}"
    async with connect(address + query) as socket:
        yield Wire(socket, version)


async def until(condition: Callable[[], Any], what: str) -> None:
    """Polls for something that no message tells."""
    await asyncio.to_thread(wait_until, condition, seconds=ANSWER_SECONDS, what=what)


def joined(payload: Any) -> bool:
    """Whether a join's reply is the one of a channel without postgres_changes."""
    return bool(payload == {"status": "ok", "response": {"postgres_changes": []}})
