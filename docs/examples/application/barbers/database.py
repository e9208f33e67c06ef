"""PostgreSQL: one pool for the primary, one for the replica if there is one. Connections that a failover broke are replaced."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from .measured import timed

CONNECTIONS = 8
CONNECT_S = 2.0
QUERY_S = 3.0
AWAY_S = 2.0
"""After a failure the replica is left alone for so long."""
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg raises when the server ended the session just before the next statement was sent.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # A connection to a primary that has become a standby.
    asyncpg.ReadOnlySQLTransactionError,
)
EXCLUDED = (asyncpg.UniqueViolationError, asyncpg.ExclusionViolationError, asyncpg.DeadlockDetectedError)
LOG = logging.getLogger(__name__)


class Unavailable(Exception):
    """The database does not answer; what was asked may or may not have been done."""


class Taken(Exception):
    """A row that is there excludes the new one; or two changes waited for each other, and the other one was done."""


class Failed(Exception):
    """The database refused a statement, for a reason that no customer can help."""


class Server:
    """One PostgreSQL server, or the address that leads to the current primary."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url
        self._pool: Any = None
        self._away_until_s = 0.0
        self._lost = False

    @property
    def away(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._away_until_s

    async def open(self) -> None:
        """Prepare the pool. Nothing is connected yet: the database may still be down when the application starts."""
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=CONNECTIONS, timeout=CONNECT_S, command_timeout=QUERY_S, max_inactive_connection_lifetime=60
        )

    async def close(self) -> None:
        """Finish what runs, a moment at most, and disconnect."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 2)
            except (TimeoutError, *LOST):
                self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool. Raises :class:`Unavailable`, :class:`Taken` and :class:`Failed`, also for what fails inside the block."""
        try:
            with timed("db"):
                async with self._pool.acquire(timeout=CONNECT_S) as connection:
                    yield connection
        except LOST as error:
            await self._note_lost(error)
            raise Unavailable(f"{self.name}: {type(error).__name__}: {error}") from error
        except EXCLUDED as error:
            raise Taken(str(error)) from error
        except asyncpg.PostgresError as error:
            raise Failed(f"{type(error).__name__}: {error}") from error
        if self._lost:
            self._lost = False
            LOG.warning("%s answers again", self.name)

    async def _note_lost(self, error: BaseException) -> None:
        self._away_until_s = time.monotonic() + AWAY_S
        # The others of the pool are most likely lost too: each is replaced before it is used again. A slow answer says nothing about them, and new
        # connections would only cost a busy server more.
        if not isinstance(error, TimeoutError):
            await self._pool.expire_connections()
        if not self._lost:
            self._lost = True
            LOG.warning("%s is lost: %s: %s", self.name, type(error).__name__, error)


class Database:
    """The primary and the replica."""

    def __init__(self, primary_url: str, replica_url: str | None) -> None:
        self.primary = Server("primary", primary_url)
        self.replica = Server("replica", replica_url) if replica_url else None

    async def open(self) -> None:
        """Prepare both pools."""
        for server in filter(None, (self.primary, self.replica)):
            await server.open()

    async def close(self) -> None:
        """Disconnect."""
        for server in filter(None, (self.primary, self.replica)):
            await server.close()

    async def rows(self, query: str, *values: object) -> list[Any]:
        """What a statement returns, at the primary. It is not repeated: it may change something. Raises what :meth:`Server.connection` does."""
        async with self.primary.connection() as connection:
            found: list[Any] = await connection.fetch(query, *values)
            return found

    async def latest(self, query: str, *values: object) -> list[Any]:
        """What a query reads at the primary. A lost connection may only have been an old one, so it asks twice. Raises :class:`Unavailable`."""
        try:
            return await self.rows(query, *values)
        except Unavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                raise
            return await self.rows(query, *values)

    async def recent(self, query: str, *values: object) -> list[Any]:
        """As :meth:`latest`, and where the primary does not answer, as the replica has it."""
        try:
            return await self.latest(query, *values)
        except Unavailable:
            if self.replica is None or self.replica.away:
                raise
        return await self._from_replica(self.replica, query, *values)

    async def old(self, query: str, *values: object) -> list[Any]:
        """What a query reads at the replica, else at the primary: for what hardly ever changes."""
        if self.replica is not None and not self.replica.away:
            try:
                return await self._from_replica(self.replica, query, *values)
            except Unavailable:
                pass
        return await self.latest(query, *values)

    async def _from_replica(self, replica: Server, query: str, *values: object) -> list[Any]:
        async with replica.connection() as connection:
            found: list[Any] = await connection.fetch(query, *values)
            return found
