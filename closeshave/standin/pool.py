"""A small pool of connections to one server, each used by one request at a time.

asyncpg's own pool costs as much as the query: it makes a task for every wait, and a proxy object for every connection. This one uses the connection
that was released last, and waits only if none is free.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no annotations; its errors are told apart in the module of the links

Connect = Callable[[], Awaitable[Any]]
"""Opens a new asyncpg connection."""


class DatabasePool:
    """Opens a connection when one is requested and none is free, up to ``size``; further requests wait in order."""

    __slots__ = ("_connect", "_expired", "_free", "_lent", "_line", "_made", "_size")

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._size = size
        self._free: list[Any] = []
        self._lent: set[Any] = set()
        self._expired: set[Any] = set()
        """The connections in use."""
        self._made = 0
        """The number of connections that exist or are being opened."""
        self._line: deque[asyncio.Future[Any]] = deque()
        """Waiting requests. Each gets a connection, or ``None``: the permission to open one."""

    async def acquire(self, timeout_s: float) -> Any:
        """A connection, which must be given back with :meth:`release`. Raises :class:`TimeoutError`, and exceptions of connecting."""
        if connection := self._any_free():
            return connection
        async with asyncio.timeout(timeout_s):
            return await self._own() if self._made < self._size else await self._wait()

    def release(self, connection: Any) -> None:
        """Give back a connection; a closed or expired one is dropped, and another may be opened instead."""
        self._lent.discard(connection)
        if connection in self._expired or connection.is_closed():
            self._expired.discard(connection)
            drop(connection)
            self._made -= 1
            self._serve(None)
        elif not self._serve(connection):
            self._free.append(connection)

    def expire(self) -> None:
        """Use none of the existing connections again: free ones are closed now, others when they are given back."""
        free, self._free = self._free, []
        self._made -= len(free)
        self._expired |= self._lent
        for connection in free:
            drop(connection)
            self._serve(None)

    def terminate(self) -> None:
        """Drop every connection at once, in use or not."""
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
        """Give a connection, or the permission to open one, to the first waiting request; false when none waits."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                if connection is not None:
                    self._lent.add(connection)
                turn.set_result(connection)
                return True
        return False


def drop(connection: Any) -> None:
    """Close a connection without waiting for the server, which may hang."""
    with contextlib.suppress(asyncpg.InterfaceError):  # it has noticed by itself
        connection.terminate()
