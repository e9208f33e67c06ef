"""Planted defects, as the running platform sees them: a file that only tests write, looked at now and then.

The platform has none of its own. Each use of a switch in its code is one line that does nothing while the switch is off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

LOOK_EVERY_S = 0.2


class Defect(StrEnum):
    """The promises that can be broken on purpose."""

    DOUBLE_BOOKING = "double-booking"
    """Overlapping bookings are accepted when they are made at the same time."""


RACE_S = 0.1
"""How long a double booking's gap between looking and writing is: two requests of the same moment meet in it."""


class Switches:
    """Which defects are on now. The file names one a line; absent means none."""

    __slots__ = ("_clock", "_looked_at", "_on", "_path", "_stamp")

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path)
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._on: frozenset[str] = frozenset()

    def on(self, defect: Defect) -> bool:
        """Whether ``defect`` is planted; up to :data:`LOOK_EVERY_S` behind the file."""
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return defect in self._on

    async def race(self) -> None:
        """Between looking for a free barber and writing the booking: widens the gap when double bookings are to happen."""
        if self.on(Defect.DOUBLE_BOOKING):
            await asyncio.sleep(RACE_S)

    def _look(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._on = frozenset(self._path.read_text().split())
                self._stamp = stamp
        except FileNotFoundError:
            self._on, self._stamp = frozenset(), None
