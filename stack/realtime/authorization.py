"""What the policies on `realtime.messages` allow a caller on a topic, asked of Postgres itself."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from stack.realtime.tokens import Identity, RefusedError

logger = logging.getLogger(__name__)

Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]

_BECOME = """
    select set_config('role', %s, true), set_config('realtime.topic', %s, true),
           set_config('request.jwt.claims', %s, true), set_config('request.headers', '{}', true)
"""


@dataclass(frozen=True, slots=True)
class ReadPolicies:
    """What of a topic a caller may read."""

    broadcast: bool
    presence: bool


class Authorizer:
    """Asks by probe rows, each in a transaction that is rolled back.

    As on hosted Supabase, a probe has topic and extension, `private` is false, and `event` and `payload`
    are null: a policy that looks at those refuses everybody.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def readable(self, topic: str, identity: Identity, *, presence: bool) -> ReadPolicies:
        """Which probe rows of `topic` the caller sees; presence is only asked for if it is wanted.

        Raises:
            RefusedError: the database is out of reach, or there is no partition for the probe.
        """
        extensions = ["broadcast", "presence"] if presence else ["broadcast"]
        try:
            async with self._pool.connection() as connection, connection.transaction(force_rollback=True):
                inserted = await connection.execute(
                    "insert into realtime.messages (topic, extension)"
                    " select %s, unnest(%s::text[]) returning id",
                    (topic, extensions),
                )
                probes = [row[0] for row in await inserted.fetchall()]
                await self._become(connection, topic, identity)
                seen = await connection.execute(
                    "select extension from realtime.messages where topic = %s and id = any(%s)",
                    (topic, probes),
                )
                visible = {row[0] for row in await seen.fetchall()}
        except errors.CheckViolation as error:
            raise RefusedError(
                "MissingPartition", "Realtime was unable to find the expected messages partition"
            ) from error
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise _unreachable() from error
        except psycopg.Error as error:
            logger.warning("a policy on realtime.messages failed for topic %s: %s", topic, error)
            visible = set()
        return ReadPolicies("broadcast" in visible, "presence" in visible)

    async def writable(self, topic: str, identity: Identity) -> bool:
        """Whether the caller may broadcast on `topic`.

        Raises:
            RefusedError: the database is out of reach.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction(force_rollback=True):
                await self._become(connection, topic, identity)
                await connection.execute(
                    "insert into realtime.messages (topic, extension) values (%s, 'broadcast')", (topic,)
                )
        except errors.InsufficientPrivilege:
            return False
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise _unreachable() from error
        except psycopg.Error as error:
            logger.warning("a policy on realtime.messages failed for topic %s: %s", topic, error)
            return False
        return True

    async def _become(
        self, connection: psycopg.AsyncConnection[tuple[Any, ...]], topic: str, identity: Identity
    ) -> None:
        await connection.execute(_BECOME, (identity.role, topic, json.dumps(identity.claims)))


def _unreachable() -> RefusedError:
    return RefusedError("UnableToConnectToProject", "Realtime was unable to connect to the project database")
