"""Pages that stay in the cache after the shop has changed, or that leave it too early."""

from __future__ import annotations

from closeshave.standin.caches import Tier
from closeshave.standin.franchises import TTL_S, Franchises
from closeshave.standin.shards import Shards
from closeshave.standin.switches import Defect, Switches

SHORT_TTL_S = TTL_S // 6


class DefectiveFranchises(Franchises):
    """Franchises with planted defects."""

    __slots__ = ("_switches",)

    def __init__(self, shards: Shards, caches: dict[str, Tier], switches: Switches) -> None:
        super().__init__(shards, caches)
        self._switches = switches

    async def forget_stale(self) -> None:
        """Correct, except for the drawn franchises: their cache entries are not removed."""
        for franchise in list(self._stale):
            if self._switches.hits(Defect.NEVER_INVALIDATED, franchise):
                self._stale.pop(franchise, None)
        await super().forget_stale()

    def _lives_s(self) -> int:
        """Correct, unless the defect shortens it."""
        return SHORT_TTL_S if self._switches.on(Defect.SHORT_LIVED_PAGES) else super()._lives_s()
