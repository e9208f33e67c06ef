"""Pages that stay in the cache after the shop has changed."""

from __future__ import annotations

from closeshave.standin.caches import Tier
from closeshave.standin.franchises import Franchises
from closeshave.standin.shards import Shards
from closeshave.standin.switches import Defect, Switches


class DefectiveFranchises(Franchises):
    """Franchises with a planted defect."""

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
