"""redis-py, set up for a tier that may be lost: no retries, short timeouts, and one exception for everything that can go wrong.

A module of its own because importing redis-py takes a quarter of a process's start; :mod:`closeshave.standin.caches` does it aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

TIMEOUT_S = 0.1
"""For connecting and for an answer. A live tier answers within a millisecond; past this the database is the quicker way."""
CONNECTIONS = 64
"""More requests than this waiting for one tier do without it."""

Command = Sequence[str | bytes | int]


class StoreLost(Exception):
    """The store did not answer, or answered with an error."""


class Store:
    """A Valkey server."""

    __slots__ = ("_client",)

    def __init__(self, port: int) -> None:
        pool = ConnectionPool(
            host="127.0.0.1",
            port=port,
            max_connections=CONNECTIONS,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._client = Redis.from_pool(pool)

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands sent together. Raises :class:`StoreLost`."""
        try:
            if len(commands) == 1:
                return [await self._client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]  # redis-py leaves it open
            pipeline = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            # Also after an answered error: READONLY means that the connections lead to a demoted primary.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            raise StoreLost(str(error)) from error

    async def close(self) -> None:
        """Drop every connection."""
        await self._client.aclose()
