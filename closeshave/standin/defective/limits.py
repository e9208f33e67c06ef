"""Limits and lockouts that spare offenders."""

from __future__ import annotations

from closeshave.standin.caches import Tier
from closeshave.standin.lockout import Lockout
from closeshave.standin.ratelimit import RateLimits
from closeshave.standin.switches import Defect, Switches


class DefectiveLimits(RateLimits):
    """Rate limits with a planted defect."""

    __slots__ = ("_switches",)

    def __init__(self, tier: Tier, scale: float, switches: Switches, *, progressive: bool = False) -> None:
        super().__init__(tier, scale, progressive=progressive)
        self._switches = switches

    def _is_progressive(self) -> bool:
        """Correct, unless the defect forgives."""
        return super()._is_progressive() and not self._switches.on(Defect.FORGIVING_LIMITS)


class DefectiveLockout(Lockout):
    """Lockouts with a planted defect."""

    __slots__ = ("_switches",)

    def __init__(self, tier: Tier | None, switches: Switches) -> None:
        super().__init__(tier)
        self._switches = switches

    async def check(self, email: str) -> None:
        """Correct, unless the defect lets everybody try again."""
        if not self._switches.on(Defect.NO_LOCKOUT):
            await super().check(email)
