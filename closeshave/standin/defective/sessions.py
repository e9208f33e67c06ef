"""Sessions that end with the loss of their region's database, or too early."""

from __future__ import annotations

from collections.abc import Callable

from closeshave.standin.caches import Tier
from closeshave.standin.sessions import TTL_S, Sessions
from closeshave.standin.switches import Defect, Switches

SHORT_TTL_S = TTL_S // 24


class DefectiveSessions(Sessions):
    """Sessions with planted defects."""

    __slots__ = ("_is_lost", "_lost", "_switches")

    def __init__(self, tiers: dict[str, Tier], switches: Switches, is_lost: Callable[[str], bool]) -> None:
        """``is_lost`` says whether a region's own database cannot be reached now."""
        super().__init__(tiers)
        self._switches = switches
        self._is_lost = is_lost
        self._lost: set[str] = set()

    async def alive(self, region: str, session: str, now_s: float) -> bool:
        """Correct, unless its region was lost once: then false for ever."""
        if not self._switches.on(Defect.LOST_SESSIONS):
            self._lost.clear()
        elif self._is_lost(region):
            self._lost.add(session)
        return session not in self._lost and await super().alive(region, session, now_s)

    def _lives_s(self) -> int:
        """Correct, unless the defect shortens it."""
        return SHORT_TTL_S if self._switches.on(Defect.SHORT_LIVED_SESSIONS) else super()._lives_s()
