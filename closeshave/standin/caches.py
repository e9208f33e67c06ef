"""The Valkey tiers: short timeouts, a breaker each, and an answer of ``None`` instead of an error.

A tier may vanish at any time and none of them holds the truth, so its users never see an exception: they get ``None`` and do without,
each in the way that its own docstring states.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError

from closeshave.standin.breaker import Breaker
from closeshave.standin.visit import book_cache_time

TIMEOUT_S = 0.1
"""For connecting and for an answer. A live tier answers within a millisecond; past this the database is the quicker way."""
CONNECTIONS = 64
"""More requests than this waiting for one tier do without it."""

_LOST = (RedisError, OSError, TimeoutError)

Command = Sequence[str | bytes | int]


class Tier:
    """One tier's primary, as seen by one process. Connects when it is first used."""

    __slots__ = ("_client", "_host", "_leaving", "_port", "breaker", "name")

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.breaker = Breaker()
        self._host = host
        self._port = port
        self._client = _client(host, port)
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self, *commands: Command) -> list[Any] | None:
        """The answers to commands sent together; ``None`` when the tier cannot be used now."""
        if self.breaker.open:
            return None
        started = perf_counter()
        try:
            return await self._run(commands)
        finally:
            book_cache_time(started)

    async def probe(self) -> bool:
        """Whether the tier takes writes again; goes through an open breaker, and closes it. A demoted primary fails this."""
        return await self._run([("SET", "closeshave:probe", "1", "EX", "5")]) is not None

    async def close(self) -> None:
        """Drop every connection."""
        await _close(self._client)

    async def _run(self, commands: Sequence[Command]) -> list[Any] | None:
        client = self._client
        try:
            if len(commands) == 1:
                answers = [await client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]  # redis-py leaves it open
            else:
                pipeline = client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                answers = await pipeline.execute()
        except _LOST as error:
            self.breaker.failed()
            if self.breaker.open or isinstance(error, ReadOnlyError):
                self._leave(client)
            return None
        self.breaker.succeeded()
        return answers

    def _leave(self, client: Redis) -> None:
        """Start anew with no connections: all of the client's lead to a server that is dead, frozen, or demoted to read-only."""
        if client is self._client:
            self._client = _client(self._host, self._port)
            # Aside: each connection to a dead server may take its whole timeout to close.
            leaving = asyncio.create_task(_close(client))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


def _client(host: str, port: int) -> Redis:
    pool = ConnectionPool(
        host=host,
        port=port,
        max_connections=CONNECTIONS,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),  # what a breaker guards is not tried twice
    )
    return Redis.from_pool(pool)


async def _close(client: Redis) -> None:
    with contextlib.suppress(*_LOST):  # closing towards a dead server fails as well; the connection is gone all the same
        await client.aclose()
