"""Connections to one server, a few at most, each lent to one request at a time.

asyncpg's own pool costs as much as the query: it makes a task for every wait, and a proxy for every connection. This one lends the connection that was
given back last, and waits only where none is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no annotations; its errors are told apart in the module of the links

Connect = Callable[[], Awaitable[Any]]
"""Makes a new asyncpg connection."""


class Pool:
    """Connects when a connection is requested and none is free, up to ``size`` of them; further requests wait in line."""

    __slots__ = ("_connect", "_expired", "_free", "_lent", "_line", "_made", "_size")

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._size = size
        self._free: list[Any] = []
        self._lent: set[Any] = set()
        self._expired: set[Any] = set()
        """Of those that are lent."""
        self._made = 0
        """Connections that exist or are being made."""
        self._line: deque[asyncio.Future[Any]] = deque()
        """Those who wait get a connection, or ``None``: the right to make one."""

    async def acquire(self, timeout_s: float) -> Any:
        """A connection, to be given back by :meth:`release`. Raises :class:`TimeoutError`, and what connecting raises."""
        if connection := self._any_free():
            return connection
        async with asyncio.timeout(timeout_s):
            return await self._own() if self._made < self._size else await self._wait()

    def release(self, connection: Any) -> None:
        """Give back a connection; a closed or expired one is given up, and another may be made in its place."""
        self._lent.discard(connection)
        if connection in self._expired or connection.is_closed():
            self._expired.discard(connection)
            drop(connection)
            self._made -= 1
            self._serve(None)
        elif not self._serve(connection):
            self._free.append(connection)

    def expire(self) -> None:
        """Use none of the present connections again: those that are free are closed now, those that are lent when they are given back."""
        free, self._free = self._free, []
        self._made -= len(free)
        self._expired |= self._lent
        for connection in free:
            drop(connection)
            self._serve(None)

    def terminate(self) -> None:
        """Drop every connection at once, lent or not."""
        for connection in (*self._free, *self._lent):
            drop(connection)

    def _any_free(self) -> Any:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                self._lent.add(connection)
                return connection
            self._made -= 1  # the server closed it meanwhile
        return None

    async def _own(self) -> Any:
        self._made += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._made -= 1
            self._serve(None)
            raise
        self._lent.add(connection)
        return connection

    async def _wait(self) -> Any:
        turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            connection = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # too late: it was served in the same moment
                self._pass_on(turn.result())
            raise
        return await self._own() if connection is None else connection

    def _pass_on(self, connection: Any) -> None:
        if connection is None:
            self._serve(None)
        else:
            self.release(connection)

    def _serve(self, connection: Any) -> bool:
        """Hand a connection, or the right to make one, to the first in line; false when none waits."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                if connection is not None:
                    self._lent.add(connection)
                turn.set_result(connection)
                return True
        return False


def drop(connection: Any) -> None:
    """Close a connection without waiting for the server, which may be frozen."""
    with contextlib.suppress(asyncpg.InterfaceError):  # it has noticed by itself
        connection.terminate()
