"""One websocket: its handshake, its reading and writing, and the messages that concern it as a whole."""

import asyncio
import contextlib
import logging
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect

from stack.realtime.authorization import Authorizer
from stack.realtime.channel import Channel
from stack.realtime.hub import Hub
from stack.realtime.protocol import (
    TOPIC_PREFIX,
    Frame,
    Message,
    ProtocolError,
    Version,
    decode,
    encode,
)
from stack.realtime.tokens import Identity, RefusedError, Verifier

logger = logging.getLogger(__name__)

# What may wait for a reader that cannot keep up; beyond either, it is cut off, never silently skipped.
MAX_BACKLOG = 5_000  # frames
MAX_BACKLOG_SIZE = 32 * 1024 * 1024  # bytes, or characters of text


class Connection:
    """Serves one websocket until either side closes it."""

    def __init__(
        self,
        websocket: WebSocket,
        version: Version,
        identity: Identity,
        hub: Hub,
        verifier: Verifier,
        authorizer: Authorizer,
    ) -> None:
        self.version = version
        self.identity = identity
        self.hub = hub
        self.verifier = verifier
        self.authorizer = authorizer
        self.channels: dict[str, Channel] = {}
        self._websocket = websocket
        self._backlog: deque[Frame] = deque()
        self._backlog_size = 0
        self._waiting = asyncio.Event()
        self._closing = False
        self._muted = False
        self._writer: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Accepts the socket, then reads and writes until it is closed."""
        await self._websocket.accept()
        self.hub.sockets.add(self)
        self._writer = asyncio.create_task(self._write())
        tasks = (asyncio.create_task(self._read()), self._writer)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.sockets.discard(self)
            for channel in list(self.channels.values()):
                channel.leave()
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def send(self, message: Message) -> None:
        """Queues a message for the client."""
        self.send_frame(encode(message, self.version))

    def send_frame(self, frame: Frame) -> None:
        """Queues a frame for the client; one that has fallen too far behind is cut off."""
        if self._closing or self._muted or self.hub.faults.knobs.silent:
            return
        if len(self._backlog) >= MAX_BACKLOG or self._backlog_size >= MAX_BACKLOG_SIZE:
            logger.warning("a reader that cannot keep up is cut off, %d frames behind", len(self._backlog))
            self._closing = True
            self._backlog.clear()
            # Its writer is stuck, so no close frame could be written.
            if self._writer is not None:
                self._writer.cancel()
            return
        self._backlog.append(frame)
        self._backlog_size += _size(frame)
        self._waiting.set()

    def close(self, code: int) -> None:
        """Closes the socket once what is queued has been written."""
        if not self._closing:
            self._closing = True
            self._backlog.append({"type": "websocket.close", "code": code})
            self._waiting.set()

    def mute(self) -> None:
        """Sends nothing more, but leaves the socket open."""
        self._muted = True

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                while self._backlog:
                    frame = self._backlog.popleft()
                    self._backlog_size -= _size(frame)
                    await self._websocket.send(frame)
                    if frame["type"] == "websocket.close":
                        return
                self._waiting.clear()
                await self._waiting.wait()

    async def _read(self) -> None:
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            data = event.get("text")
            try:
                await self._handle(decode(event["bytes"] if data is None else data, self.version))
            except ProtocolError as error:
                logger.warning("frame ignored: %s", error)

    async def _handle(self, message: Message) -> None:
        if message.topic == "phoenix":
            if message.event == "heartbeat":
                self.reply(message, "ok", {})
            return
        if message.event == "phx_join":
            await self._join(message)
            return
        channel = self.channels.get(message.topic)
        if channel is None:
            if message.event == "phx_leave":
                self.reply(message, "ok", {})
            elif message.event != "access_token":
                self.reply(message, "error", {"reason": "unmatched topic"})
            return
        await channel.handle(message)

    async def _join(self, message: Message) -> None:
        earlier = self.channels.get(message.topic)
        if earlier is not None:
            earlier.shut()
        name = message.topic.removeprefix(TOPIC_PREFIX)
        if not name or name == message.topic:
            await self._refuse(message, "TopicNameRequired: You must provide a topic name")
            return
        try:
            await Channel.join(self, name, message)
        except RefusedError as refusal:
            await self._refuse(message, str(refusal))

    async def _refuse(self, message: Message, reason: str) -> None:
        # The real server too keeps the socket waiting meanwhile: its channel sleeps within the join.
        await asyncio.sleep(self.hub.faults.knobs.refusal_delay_ms / 1000)
        self.reply(message, "error", {"reason": reason})

    def reply(self, message: Message, status: str, response: object) -> None:
        """Answers a message of the client."""
        payload = {"status": status, "response": response}
        self.send(Message(message.topic, "phx_reply", payload, message.ref, message.join_ref))


def _size(frame: Frame) -> int:
    return len(frame.get("text") or frame.get("bytes") or "")
