"""One joined channel of one connection: its token, what its policies allow, its messages and its end."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from stack.realtime.authorization import ReadPolicies
from stack.realtime.protocol import Broadcast, Frame, Message, ProtocolError
from stack.realtime.tokens import Identity, RefusedError

if TYPE_CHECKING:
    from stack.realtime.connection import Connection

logger = logging.getLogger(__name__)


class Channel:
    """A channel, from the answer to its join until it is left, shut or its connection ends."""

    def __init__(self, connection: "Connection", name: str, join: Message, config: dict[str, Any]) -> None:
        broadcast, presence = _section(config, "broadcast"), _section(config, "presence")
        self.version = connection.version
        self.live_at = 0.0
        self._connection = connection
        self._name = name
        self._topic = join.topic
        self._join_ref = join.join_ref or join.ref
        self._private = config.get("private") is True
        self._acknowledges = broadcast.get("ack") is True
        self._hears_itself = broadcast.get("self") is True
        self._presence = presence.get("enabled") is True
        self._token: str | None = None
        self._identity = connection.identity
        self._readable = ReadPolicies(broadcast=True, presence=True)
        # Asked at the first broadcast under each token, as the real server does.
        self._writable: bool | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._has_ended = False

    @classmethod
    async def join(cls, connection: "Connection", name: str, message: Message) -> None:
        """Joins, and answers so.

        Raises:
            RefusedError: the token, the policies or a knob do not allow it.
        """
        payload = message.payload if isinstance(message.payload, dict) else {}
        config = _section(payload, "config")
        channel = cls(connection, name, message, config)
        knobs = connection.hub.faults.knobs
        if knobs.refuse_joins is True:
            raise channel.unauthorized()
        if isinstance(knobs.refuse_joins, str):
            code, _, text = knobs.refuse_joins.partition(": ")
            raise RefusedError(code, text) if text else RefusedError("Unauthorized", code)
        if config.get("postgres_changes"):
            raise RefusedError(
                "RealtimeDisabledForConfiguration",
                "postgres_changes is not provided by the embedded stack; use broadcast from the database",
            )
        token = payload.get("access_token") or payload.get("user_token")
        identity = connection.identity
        if isinstance(token, str) and not token.startswith("sb_"):
            channel._token = token
            identity = connection.verifier.token(token)
        await channel._authorize(identity)
        channel._open(message)

    def _open(self, message: Message) -> None:
        connection = self._connection
        connection.channels[self._topic] = self
        connection.reply(message, "ok", {"postgres_changes": []})
        if self._presence:
            self._push("presence_state", {})
        self.live_at = asyncio.get_running_loop().time() + connection.hub.faults.knobs.cold_join_ms / 1000
        connection.hub.subscribe(self._name, self._private, self)

    async def handle(self, message: Message) -> None:
        """Does what the client asks of this channel."""
        if message.event == "phx_leave":
            self._connection.reply(message, "ok", {})
            self.shut()
        elif message.event == "access_token":
            await self._refresh(message.payload)
        elif message.event == "broadcast":
            await self._broadcast(message)
        elif message.event == "presence":
            self._connection.reply(message, "ok", {})
        else:
            logger.info("unexpected %s on %s", message.event, self._topic)

    def deliver(self, frame: Frame) -> None:
        """Queues a broadcast for the client, if it may read broadcasts here."""
        if self._readable.broadcast:
            self._connection.send_frame(frame)

    def leave(self) -> None:
        """Forgets the channel without a word."""
        self._has_ended = True
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._connection.hub.unsubscribe(self._name, self._private, self)
        if self._connection.channels.get(self._topic) is self:
            del self._connection.channels[self._topic]

    def shut(self, reason: str | None = None) -> None:
        """Ends the channel with `phx_close`; with a reason, that is told first."""
        if self._has_ended:
            return
        self.leave()
        if reason is not None:
            self._push(
                "system",
                {"extension": "system", "status": "error", "message": reason, "channel": self._name},
            )
        self._connection.send(Message(self._topic, "phx_close", {}, self._join_ref, self._join_ref))

    def expire(self) -> None:
        """Shuts the channel because its token has expired."""
        late = max(0, int(time.time()) - (self._identity.expires_at or int(time.time())))
        self.shut(f"Token has expired {late} seconds ago")

    def unauthorized(self) -> RefusedError:
        """The refusal of those who may not read here."""
        return RefusedError(
            "Unauthorized", f"You do not have permissions to read from this Channel topic: {self._name}"
        )

    def _push(self, event: str, payload: dict[str, Any]) -> None:
        self._connection.send(Message(self._topic, event, payload, None, self._join_ref))

    async def _authorize(self, identity: Identity) -> None:
        if self._private:
            readable = await self._connection.authorizer.readable(
                self._name, identity, presence=self._presence
            )
            if not readable.broadcast and not readable.presence:
                raise self.unauthorized()
            self._readable = readable
        # The former token may have expired, or the connection ended, while the database was asked.
        if self._has_ended:
            return
        self._identity = identity
        self._writable = None
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if identity.expires_at is not None:
            self._expiry = asyncio.get_running_loop().call_later(
                identity.expires_at - time.time(), self.expire
            )

    async def _refresh(self, payload: Any) -> None:
        token = payload.get("access_token") if isinstance(payload, dict) else None
        # An API key in a token's place changes nothing, as on the real server.
        if not isinstance(token, str) or token.startswith("sb_") or token == self._token:
            return
        self._token = token
        had_broadcast = self._readable.broadcast
        try:
            await self._authorize(self._connection.verifier.token(token))
        except RefusedError as refusal:
            self.shut(refusal.message)
            return
        if had_broadcast and not self._readable.broadcast:
            self.shut(f"You no longer have permission to read from this Channel topic: {self._name}")

    async def _broadcast(self, message: Message) -> None:
        hub = self._connection.hub
        if self._private and self._writable is None:
            try:
                self._writable = await self._connection.authorizer.writable(self._name, self._identity)
            except RefusedError as refusal:
                logger.warning("broadcast on %s lost: %s", self._topic, refusal)
                return
        if self._private and not self._writable:
            # The real server answers nothing at all to a broadcast that the policies refuse.
            return
        try:
            broadcast = Broadcast.pushed(self._name, message.payload)
        except ProtocolError as error:
            logger.warning("broadcast on %s ignored: %s", self._topic, error)
            return
        hub.publish(self._name, self._private, broadcast, excluded=None if self._hears_itself else self)
        if self._acknowledges:
            self._connection.reply(message, "ok", {})


def _section(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}
