"""Who listens to which topic, and the delivery of broadcasts to them."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from stack.realtime.knobs import Faults
from stack.realtime.protocol import Broadcast, Frame, Version


class Subscriber(Protocol):
    """A joined channel, as the hub sees it."""

    version: Version
    live_at: float  # loop time before which it misses broadcasts

    def deliver(self, frame: Frame) -> None:
        """Queues a frame for its socket; never waits."""

    def expire(self) -> None:
        """Shuts the channel as if its token had expired."""

    def shut(self) -> None:
        """Ends the channel with `phx_close`."""


class Socket(Protocol):
    """An open connection, as the hub sees it."""

    def close(self, code: int) -> None:
        """Closes it."""

    def mute(self) -> None:
        """Sends nothing more over it."""


class Hub:
    """Channels by topic; a public and a private channel of one name are two topics, as on the real server."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.sockets: set[Socket] = set()
        self.published = 0
        self.delivered = 0
        # A dict for its order: those who joined first are served first.
        self._topics: dict[tuple[str, bool], dict[Subscriber, None]] = {}

    def subscribe(self, name: str, private: bool, channel: Subscriber) -> None:
        """From now on `channel` gets the topic's broadcasts."""
        self._topics.setdefault((name, private), {})[channel] = None

    def unsubscribe(self, name: str, private: bool, channel: Subscriber) -> None:
        """The opposite; harmless if it was not subscribed."""
        channels = self._topics.get((name, private), {})
        channels.pop(channel, None)
        if not channels:
            self._topics.pop((name, private), None)

    @property
    def channels(self) -> int:
        """How many channels are joined."""
        return sum(map(len, self._topics.values()))

    def publish(
        self, name: str, private: bool, broadcast: Broadcast, *, excluded: Subscriber | None = None
    ) -> None:
        """Sends a broadcast to all channels of a topic but `excluded`, subject to the faults in force."""
        self.published += 1
        self.faults.submit(self._delivery(name, private, broadcast, excluded))

    def _delivery(
        self, name: str, private: bool, broadcast: Broadcast, excluded: Subscriber | None
    ) -> Callable[[], None]:
        def deliver() -> None:
            now = asyncio.get_running_loop().time()
            for channel in self._topics.get((name, private), {}):
                if channel is excluded or channel.live_at > now:
                    continue
                frame = broadcast.frame(channel.version)
                if frame is not None:
                    channel.deliver(frame)
                    self.delivered += 1

        return deliver

    def close_all(self, code: int) -> None:
        """Closes every socket."""
        for socket in list(self.sockets):
            socket.close(code)

    def mute_all(self) -> None:
        """Sends nothing more over the sockets of now."""
        for socket in self.sockets:
            socket.mute()

    def expire_all(self) -> None:
        """Shuts every channel as at its token's expiry."""
        for channel in self._joined():
            channel.expire()

    def shut_all(self) -> None:
        """Shuts every channel without a reason."""
        for channel in self._joined():
            channel.shut()

    def _joined(self) -> list[Subscriber]:
        return [channel for channels in self._topics.values() for channel in channels]
