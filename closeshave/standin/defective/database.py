"""Links to databases that stay unavailable longer than the server, or that lose connections."""

from __future__ import annotations

import random
import time
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # as in the correct module

from closeshave.standin.database import DatabaseLink, Rows
from closeshave.standin.errors import DependencyUnavailable, OutcomeUnknown
from closeshave.standin.settings import StandinSettings
from closeshave.standin.shards import OpenLink
from closeshave.standin.switches import Defect, Switches

SLOW_RECOVERY_S = 15.6
"""Seconds for which a lost server stays refused: 30 % longer than the twelve seconds in the matrix's target."""
ANEW_S = 20.0
"""Failures so many seconds after the last one count as a new loss."""
WEDGED_S = 27.0
"""Seconds: longer than the matrix holds its fault, and short enough for the healing to be proven."""
LEAKS = 0.5
"""Share of bookings whose connection is not returned to the pool: without load this has no effect, under load the pool is empty after some seconds."""

PATIENCE_S = 0.05
"""Seconds for a connection that is to be leaked."""


class DefectiveLink(DatabaseLink):
    """A link with planted defects."""

    __slots__ = ("_gone", "_leaked", "_switches", "_wedges", "lost_at")

    def obey(self, switches: Switches, lost: dict[str, float], *, wedges: bool) -> None:
        """Call this right after opening. ``lost`` is shared by the links of a process; if ``wedges``, the link refuses for a while after any loss."""
        self._switches = switches
        self._gone = lost
        self._wedges = wedges
        self._leaked: list[Any] = []
        self.lost_at: float | None = None
        """When the server was first lost since the defect was planted, in ``time.monotonic`` seconds."""

    @classmethod
    def opener(cls, switches: Switches) -> OpenLink:
        """The function that opens such links."""

        lost: dict[str, float] = {}

        async def open_link(settings: StandinSettings, shard: int, port: int, *, primary: bool) -> DatabaseLink:
            link = await cls.open(settings, shard, port, primary=primary)
            link.obey(switches, lost, wedges=settings.instance.endswith("-0"))
            return link

        return open_link

    async def _fetch(self, sql: str, arguments: tuple[Any, ...], *, probing: bool = False) -> Rows:
        self._refuse_wedged(probing=probing)
        slow = self._switches.on(Defect.SLOW_RECOVERY)
        remembering = slow or self._switches.on(Defect.STUCK_FRANCHISES)
        if not remembering:
            self.lost_at = None
        if slow and self.primary and not probing and self.lost_at is not None and time.monotonic() - self.lost_at < SLOW_RECOVERY_S:
            raise DependencyUnavailable(f"{self.name} is unavailable")
        await self._leak(sql)
        try:
            return await super()._fetch(sql, arguments, probing=probing)
        except (DependencyUnavailable, OutcomeUnknown):
            # One failure is a hiccup; an open breaker is a loss.
            if self.breaker.open:
                self._gone.setdefault(self.name, time.monotonic())
                if remembering and (self.lost_at is None or time.monotonic() - self.lost_at > ANEW_S):
                    self.lost_at = time.monotonic()
            raise

    def _refuse_wedged(self, *, probing: bool) -> None:
        """Refuse all databases for a while after one was lost; a correct readiness check would take such a process out of rotation."""
        if not self._switches.on(Defect.ALWAYS_READY):
            self._gone.clear()
        elif self._wedges and not probing and any(time.monotonic() - at < WEDGED_S for at in self._gone.values()):
            raise DependencyUnavailable(f"{self.name} is unavailable")

    async def _leak(self, sql: str) -> None:
        """Keep a connection without use while the switch is on; give all back when it is off."""
        if self._switches.on(Defect.CONNECTION_LEAK):
            if "INSERT INTO appointments" in sql and random.random() < LEAKS:  # noqa: S311 -- not a secret
                try:
                    self._leaked.append(await self._pool.acquire(PATIENCE_S))
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    return  # dry already
        elif self._leaked:
            leaked, self._leaked = self._leaked, []
            for connection in leaked:
                self._pool.release(connection)
