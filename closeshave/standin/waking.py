"""Uvicorn's server, woken by what happens.

Its own loop wakes ten times a second, which is a large part of what an idle instance costs where many processes share two cores.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

TICK_S = 1.0
"""Seconds between two looks of the server at itself; the ``Date`` of answers has no finer resolution."""


class WokenServer(uvicorn.Server):
    """Looks at itself once a second, and at once when it is told to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until a signal."""
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        # Uvicorn counts tenths of a second and renews the date at every tenth of them; 0 is such a one.
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._told.wait(), TICK_S)
            except TimeoutError:
                continue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the interpreter for a signal, between any two steps of the loop."""
        super().handle_exit(sig, frame)
        if self._loop is not None and self._told is not None:
            self._loop.call_soon_threadsafe(self._told.set)


def serve(application: ASGIApp, **settings: Any) -> None:
    """Serve until a signal. ``settings`` are those of :class:`uvicorn.Config`. Ends the process if it cannot be started, as ``uvicorn.run`` does."""
    server = WokenServer(uvicorn.Config(application, **settings))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
