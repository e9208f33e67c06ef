"""Access to one PostgreSQL server: a pool, its timeouts, its breaker, and the meaning of each error for the customer.

The port leads through proxies to the server that currently has the role. After a failover the pooled connections lead to the old server; they either
break, or the server says that it is read-only. In both cases the whole pool is expired, and the next request connects again. Nothing else is needed
to follow a failover.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import asyncpg  # type: ignore[import-untyped]  # it has no annotations; few other modules import it

from closeshave.standin.breaker import Breaker
from closeshave.standin.errors import DependencyUnavailable, Fenced, OutcomeUnknown
from closeshave.standin.pool import DatabasePool, drop
from closeshave.standin.routing import REFUSED
from closeshave.standin.settings import StandinSettings, session_settings


@dataclass(frozen=True, slots=True)
class Patience:
    """Time-outs of requests to a server. Every statement of the platform takes milliseconds."""

    connection_s: float
    """Seconds for a free or a new connection. Also the time that a request waits for a full pool (if a server hangs): the bulkhead."""
    answer_s: float


PRIMARY = Patience(1.0, 1.5)
REPLICA = Patience(0.3, 0.5)
"""Shorter, because the primary can still be asked."""
PROBE = Patience(3.0, 1.5)
"""Longer: no customer waits for a probe, and a new connection takes time while the machine is busy with a start."""
Row = Mapping[str, Any]
Rows = list[Row]


_BROKEN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, or ended by an administrator
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors of a broken connection, which say nothing about the statement's outcome."""


class Demoted(DependencyUnavailable):
    """The server refused to write, because it is not the primary (any more). Nothing happened, so a retry is safe."""


class LostRace(Exception):
    """Another transaction was first: a constraint was violated, or a deadlock was resolved. Rolled back."""


class DatabaseLink:
    """One process's access to one server."""

    __slots__ = ("_pool", "breaker", "name", "primary", "proven_at")

    def __init__(self, name: str, pool: DatabasePool, *, primary: bool) -> None:
        self.name = name
        self.primary = primary
        self.breaker = Breaker()
        self.proven_at = 0.0
        """When a customer's request last showed that the server has its role and answers, in ``time.monotonic`` seconds."""
        self._pool = pool

    @classmethod
    async def open(cls, settings: StandinSettings, shard: int, port: int, *, primary: bool) -> Self:
        """A link without a connection: the first request opens one, so that a missing server does not delay the start."""
        connect = partial(
            asyncpg.connect,
            host=settings.host,
            port=port,
            user=settings.user,
            database=settings.database,
            ssl=False,  # a private network; asking for it costs a round trip
            timeout=PROBE.connection_s,  # to connect; the wait for a connection is bounded where it is asked for
            server_settings=session_settings(settings.instance, live=settings.live and primary),
        )
        return cls(f"shard {shard} {'primary' if primary else 'replica'}", DatabasePool(connect, settings.pool_size), primary=primary)

    async def read(self, sql: str, *arguments: Any) -> Rows:
        """The rows of a query. Raises :class:`DependencyUnavailable`.

        A read whose connection broke is repeated once on a new connection, because often only the connection was stale. A read that took too long is
        not repeated.
        """
        try:
            return await self._fetch(sql, arguments)
        except OutcomeUnknown as error:
            if isinstance(error.__cause__, TimeoutError):
                raise DependencyUnavailable(str(error)) from error
        try:
            return await self._fetch(sql, arguments)
        except OutcomeUnknown as error:
            raise DependencyUnavailable(str(error)) from error

    async def write(self, sql: str, *arguments: Any) -> Rows:
        """Execute one statement and return its rows, after the commit: in autocommit mode the server answers only then.

        Raises :class:`DependencyUnavailable` when it certainly did not happen (:class:`Fenced` while the row's range is being moved),
        :class:`OutcomeUnknown` when it may have, and :class:`LostRace`.
        """
        try:
            rows = await self._fetch(sql, arguments)
        except Demoted:
            rows = await self._fetch(sql, arguments)
        # A read proves nothing about a primary: one that was demoted answers reads too.
        self.proven_at = time.monotonic()
        return rows

    async def probe(self) -> bool:
        """Whether the server has its role and answers; ignores an open breaker, and closes it on success."""
        try:
            [row] = await self._fetch("SELECT pg_is_in_recovery()", (), probing=True)
        except (DependencyUnavailable, OutcomeUnknown):
            return False
        if self.primary and row["pg_is_in_recovery"]:
            self.breaker.failed()
            self._pool.expire()
            return False
        return True

    def close(self) -> None:
        """Drop every connection at once."""
        self._pool.terminate()

    async def _fetch(self, sql: str, arguments: tuple[Any, ...], *, probing: bool = False) -> Rows:
        patience = PROBE if probing else PRIMARY if self.primary else REPLICA
        if self.breaker.open and not probing:
            raise DependencyUnavailable(f"{self.name} is unavailable")
        try:
            connection = await self._pool.acquire(patience.connection_s)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            self.breaker.failed()
            raise DependencyUnavailable(f"{self.name} cannot be reached") from error
        try:
            rows: Rows = await connection.fetch(sql, *arguments, timeout=patience.answer_s)
        except (asyncpg.ExclusionViolationError, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError) as error:
            self.breaker.succeeded()
            raise LostRace(str(error)) from error
        except (asyncpg.QueryCanceledError, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError) as error:
            self.breaker.failed()  # it answered with an error: too slow, or out of a resource
            raise DependencyUnavailable(f"{self.name}: {error}") from error
        except _BROKEN as error:
            self._lost(connection)
            raise OutcomeUnknown(f"the connection to {self.name} was lost during the request") from error
        except asyncpg.ReadOnlySQLTransactionError as error:
            self._lost(connection)
            raise Demoted(f"{self.name} does not accept writes") from error
        except asyncpg.PostgresError as error:
            if error.sqlstate != REFUSED:
                raise
            self.breaker.succeeded()
            raise Fenced(f"{self.name}: {error}") from error
        except asyncio.CancelledError:
            drop(connection)
            raise
        finally:
            self._pool.release(connection)
        self._answered()
        return rows

    def _answered(self) -> None:
        self.breaker.succeeded()
        if not self.primary:
            self.proven_at = time.monotonic()

    def _lost(self, connection: Any) -> None:
        """Expire the pool: if one connection leads to a wrong or dead server, all others do too."""
        self.breaker.failed()
        drop(connection)
        self._pool.expire()
