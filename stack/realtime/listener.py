"""Broadcast from the database: hears what commits announce, and keeps `realtime.messages` in partitions."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable

from stack.realtime.authorization import Pool
from stack.realtime.protocol import Broadcast

logger = logging.getLogger(__name__)

CHANNEL = "realtime_messages"
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 2.0
# Partitions reach a week ahead. Often, for a laptop that sleeps for longer than that: timers sleep with it.
UPKEEP_SECONDS = 60
# After so many messages of one burst the sockets are written to; otherwise a burst cuts off healthy readers.
BREATH_MESSAGES = 100

Publish = Callable[[str, bool, Broadcast], None]


class Listener:
    """Holds one connection that LISTENs. As on hosted Supabase, commits while it is away are never pushed.

    Args:
        conninfo: a superuser's connection string.
        pool: connections for the messages too large for a notification.
        publish: called with name, private and broadcast, in the order of the commits; must not block.
        pause: seconds to stay away once cut off, besides the usual wait; tests ask for them.
    """

    def __init__(
        self, conninfo: str, pool: Pool, publish: Publish, pause: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.listening = False
        self._conninfo = conninfo
        self._pool = pool
        self._publish = publish
        self._pause = pause

    async def run(self) -> None:
        """Listens until cancelled, through restarts of Postgres."""
        retry = FIRST_RETRY_SECONDS
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True
                ) as connection:
                    # Who holds a lock on the messages must not make Realtime deaf: the next round will do.
                    with contextlib.suppress(LockNotAvailable):
                        await connection.execute("select _realtime.maintain_messages()")
                    await connection.execute(f"listen {CHANNEL}")
                    self.listening = True
                    retry = FIRST_RETRY_SECONDS
                    heard = 0
                    async for notice in connection.notifies():
                        await self._hear_or_ignore(notice.payload)
                        heard += 1
                        if heard % BREATH_MESSAGES == 0:
                            await asyncio.sleep(0)
            except psycopg.Error as error:
                logger.warning("not listening to the database: %s", str(error).strip())
            finally:
                self.listening = False
            await asyncio.sleep(retry + self._pause())
            retry = min(retry * 2, LAST_RETRY_SECONDS)

    async def keep_house(self) -> None:
        """Makes the partitions of the days to come and drops old messages, until cancelled."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                async with self._pool.connection() as connection:
                    await connection.execute("select _realtime.maintain_messages()")
            except psycopg.Error as error:
                logger.warning("messages not maintained: %s", str(error).strip())

    async def _hear_or_ignore(self, announcement: str) -> None:
        # Whoever has SQL may notify this channel, so what comes need not be the trigger's.
        try:
            await self._hear(announcement)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, psycopg.DataError) as error:
            logger.warning("a notification that announces no message: %s", error)

    async def _hear(self, announcement: str) -> None:
        message: dict[str, Any] = json.loads(announcement)
        if "topic" not in message:
            fetched = await self._fetch(message)
            if fetched is None:
                return
            message = fetched
        payload = message["payload"]
        if isinstance(payload, dict):
            payload.setdefault("id", message["id"])
        broadcast = Broadcast.live(message["topic"], message["event"], payload, {"id": message["id"]})
        self._publish(message["topic"], message["private"], broadcast)

    async def _fetch(self, key: dict[str, Any]) -> dict[str, Any] | None:
        with contextlib.suppress(psycopg.OperationalError):
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    "select topic, event, private, payload from realtime.messages"
                    " where id = %s and inserted_at = %s",
                    (key["id"], key["inserted_at"]),
                )
                row = await cursor.fetchone()
            if row is not None:
                return {
                    "id": key["id"],
                    **dict(zip(("topic", "event", "private", "payload"), row, strict=True)),
                }
        logger.warning("message %s lost: it is gone from realtime.messages", key["id"])
        return None
