"""Frames of the Phoenix channel protocol as Supabase Realtime speaks it: 1.0.0 (objects), 2.0.0 (arrays)."""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

# First byte of a binary frame: a broadcast that a client pushes, and one that it is sent.
USER_BROADCAST_PUSH = 3
USER_BROADCAST = 4
BINARY_ENCODING = 0
JSON_ENCODING = 1
# Binary frames give each header field's length in one byte.
MAX_FIELD_BYTES = 255

TOPIC_PREFIX = "realtime:"

Frame = dict[str, Any]  # the ASGI message that carries it


class Version(Enum):
    """The `vsn` of a connection."""

    V1 = "1.0.0"
    V2 = "2.0.0"


class ProtocolError(Exception):
    """A frame that is not of the protocol."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `payload` is JSON, or a UserPush."""

    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None


@dataclass(frozen=True, slots=True)
class UserPush:
    """A client's broadcast in a binary frame: its payload is passed on as it is, never decoded."""

    event: str
    encoding: int
    body: bytes


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def encode(message: Message, version: Version) -> Frame:
    """The text frame of a message."""
    if version is Version.V2:
        value: Any = [message.join_ref, message.ref, message.topic, message.event, message.payload]
    else:
        # Phoenix leaves join_ref out here, so a 1.0.0 client cannot tell an earlier incarnation's phx_close.
        value = {
            "topic": message.topic,
            "event": message.event,
            "payload": message.payload,
            "ref": message.ref,
        }
    return {"type": "websocket.send", "text": _dumps(value)}


def decode(data: str | bytes, version: Version) -> Message:
    """The message in a client's frame.

    Raises:
        ProtocolError: it is not of this protocol version.
    """
    if isinstance(data, bytes):
        return _decode_push(data)
    try:
        value = json.loads(data)
        if version is Version.V2:
            join_ref, ref, topic, event, payload = value
        else:
            topic, event, payload = value["topic"], value["event"], value["payload"]
            ref, join_ref = value.get("ref"), value.get("join_ref")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"not a {version.value} frame") from error
    if not isinstance(topic, str) or not isinstance(event, str):
        raise ProtocolError("topic and event must be strings")
    return Message(topic, event, payload, _reference(ref), _reference(join_ref))


def _reference(value: Any) -> str | None:
    return None if value is None else str(value)


def _decode_push(data: bytes) -> Message:
    if len(data) < 7 or data[0] != USER_BROADCAST_PUSH:
        raise ProtocolError("not a binary broadcast")
    sizes, encoding, offset = data[1:6], data[6], 7
    fields: list[str] = []
    try:
        for size in sizes:
            fields.append(data[offset : offset + size].decode())
            offset += size
    except UnicodeDecodeError as error:
        raise ProtocolError("not UTF-8") from error
    if offset > len(data) or encoding not in (BINARY_ENCODING, JSON_ENCODING):
        raise ProtocolError("truncated binary broadcast")
    join_ref, ref, topic, event, _metadata = fields
    return Message(
        topic, "broadcast", UserPush(event, encoding, data[offset:]), ref or None, join_ref or None
    )


class Broadcast:
    """A broadcast on its way to any number of sockets: encoded once for each version that is asked for.

    As from the real server, 2.0.0 gets live ones as binary frames, and text for what a client pushed as text;
    a binary payload cannot be told to 1.0.0 at all.
    """

    __slots__ = ("_binary", "_frames", "_payload", "topic")

    def __init__(
        self, name: str, payload: Any, binary: tuple[UserPush, dict[str, Any] | None] | None
    ) -> None:
        self.topic = TOPIC_PREFIX + name
        self._payload = payload
        self._binary = binary
        self._frames: dict[Version, Frame | None] = {}

    @classmethod
    def live(cls, name: str, event: str, payload: Any, meta: dict[str, Any] | None = None) -> "Broadcast":
        """One that the server sends by itself: from the database or over HTTP."""
        text = {"type": "broadcast", "event": event, "payload": payload, **({"meta": meta} if meta else {})}
        return cls(name, text, (UserPush(event, JSON_ENCODING, _dumps(payload).encode()), meta))

    @classmethod
    def pushed(cls, name: str, payload: Any) -> "Broadcast":
        """One that a client pushed, as text or as a binary frame.

        Raises:
            ProtocolError: a binary frame that says it holds JSON, and does not.
        """
        if not isinstance(payload, UserPush):
            return cls(name, payload, None)
        text = None
        if payload.encoding == JSON_ENCODING:
            try:
                text = {"type": "broadcast", "event": payload.event, "payload": json.loads(payload.body)}
            except ValueError as error:
                raise ProtocolError("the payload is not JSON") from error
        return cls(name, text, (payload, None))

    def frame(self, version: Version) -> Frame | None:
        """The frame for a version; None if that version cannot carry it."""
        try:
            return self._frames[version]
        except KeyError:
            frame = self._frames[version] = self._encode(version)
            return frame

    def _encode(self, version: Version) -> Frame | None:
        if version is Version.V2 and self._binary is not None:
            push, meta = self._binary
            fields = (self.topic.encode(), push.event.encode(), _dumps(meta).encode() if meta else b"")
            if all(len(field) <= MAX_FIELD_BYTES for field in fields):
                head = bytes([USER_BROADCAST, *map(len, fields), push.encoding])
                return {"type": "websocket.send", "bytes": b"".join([head, *fields, push.body])}
        if self._payload is None:
            return None
        return encode(Message(self.topic, "broadcast", self._payload), version)
