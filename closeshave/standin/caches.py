"""The Valkey tiers: a breaker each, and an answer of ``None`` instead of an error.

A tier may vanish at any time and none of them holds the truth, so its users never see an exception: they get ``None`` and do without,
each in the way that its own docstring states.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from closeshave.standin.breaker import Breaker
from closeshave.standin.visit import book_cache_time

if TYPE_CHECKING:  # imported by Tier.open when the process already serves
    from closeshave.standin.valkey import Command, Store

OPENING_S = 0.5
"""How long a request of the first moments waits for the tier to be opened."""


class Tier:
    """One tier's primary, as seen by one process."""

    __slots__ = ("_lost", "_opened", "_port", "_store", "breaker", "name")

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.breaker = Breaker()
        self._port = port
        self._opened = asyncio.Event()
        self._store: Store | None = None
        self._lost: type[Exception]

    async def open(self) -> None:
        """Load the client, off the event loop. A database can be used, and the process be ready, before this is done."""
        valkey = await asyncio.to_thread(importlib.import_module, "closeshave.standin.valkey")
        self._store = valkey.Store(self._port)
        self._lost = valkey.StoreLost
        self._opened.set()

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
        if self._store:
            await self._store.close()

    async def _run(self, commands: Sequence[Command]) -> list[Any] | None:
        if self._store is None:
            try:
                await asyncio.wait_for(self._opened.wait(), OPENING_S)
            except TimeoutError:
                return None
            assert self._store is not None
        try:
            answers = await self._store.run(commands)
        except self._lost:
            self.breaker.failed()
            return None
        self.breaker.succeeded()
        return answers
