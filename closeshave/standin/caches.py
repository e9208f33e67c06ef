"""The Valkey tiers: short timeouts, a breaker for each, and the result ``None`` instead of an error.

A tier may be lost at any time, and the databases hold all data, so its users never see an exception: they get ``None`` and continue without it, as
their docstrings describe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from closeshave.standin.breaker import Breaker
from closeshave.standin.visit import book_cache_time
from closeshave.standin.wire import Command, QueryRefused, ReadOnly, Wire

TIMEOUT_S = 0.1
"""Seconds to connect and for an answer. A healthy tier answers within a millisecond; after this time the database is quicker."""


class Tier:
    """One process's connection to a tier's primary. Connects when it is first used."""

    __slots__ = ("_connecting", "_host", "_port", "_wire", "breaker", "name")

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.breaker: Breaker = Breaker()
        self._host = host
        self._port = port
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None

    async def run(self, *commands: Command) -> list[Any] | None:
        """The answers to commands that are sent together; ``None`` when the tier is not available."""
        if self.breaker.open:
            return None
        started = perf_counter()
        try:
            return await self._run(commands)
        finally:
            book_cache_time(started)

    async def probe(self) -> bool:
        """Whether the tier accepts writes; ignores an open breaker, and closes it on success. A demoted primary fails this."""
        return await self._run([("SET", "closeshave:probe", "1", "EX", "5")]) is not None

    def close(self) -> None:
        """Drop the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def ask(self, commands: Sequence[Command]) -> list[Any] | None:
        """The same as :meth:`run` for one node of a cluster: errors are answers, and nothing is counted."""
        return await self._run(commands, refusals=True)

    async def _run(self, commands: Sequence[Command], *, refusals: bool = False) -> list[Any] | None:
        wire = self._wire
        try:
            if wire is None or wire.closed:
                wire = await self._connected()
            answers = await wire.ask(commands, TIMEOUT_S, refusals=refusals)
        except (OSError, TimeoutError, ReadOnly, QueryRefused) as error:
            self.breaker.failed()
            if (self.breaker.open or isinstance(error, ReadOnly)) and wire is self._wire:
                self.close()  # it leads to a server that is dead, frozen, or demoted to read-only
            return None
        self.breaker.succeeded()
        return answers

    async def _connected(self) -> Wire:
        """A new connection, opened once for all requests that need it at the same time. Raises :class:`OSError` and :class:`TimeoutError`."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._made)
        # A request that times out does not close it for the others.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> Wire:
        async with asyncio.timeout(TIMEOUT_S):
            return await Wire.connect(self._host, self._port)

    def _made(self, task: asyncio.Task[Wire]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._wire = task.result()
