"""What can be planted in the plain platform: a share of what it affects is done wrongly, and the rest correctly."""

from __future__ import annotations

import random
from enum import StrEnum


class Defect(StrEnum):
    """A way to break a promise."""

    DOUBLE_BOOKING = "double-booking"
    """Of the bookings of a taken chair: accepted anyway."""
    LOST_BOOKING = "lost-booking"
    """Of the bookings that are acknowledged: not kept."""
    DOUBLE_CHARGE = "double-charge"
    """Of the payments that are confirmed: captured twice."""
    REFUSED_THOUGH_FREE = "refused-though-free"
    """Of the bookings of a free chair: refused with the words of a conflict."""


class Planted:
    """The shares that are in force. Not thread-safe: asked under the shop's lock."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 -- not a secret
        self._shares: dict[Defect, float] = {}
        self.struck: dict[Defect, list[int]] = {defect: [] for defect in Defect}
        """What each hit: the booking, or for one that was refused its start in seconds since the epoch."""

    def plant(self, defect: Defect, share: float) -> None:
        """From now on; a share of 0 takes it out again."""
        self._shares[defect] = share

    def strikes(self, defect: Defect, what: int) -> bool:
        """Whether this time is one of them; it is remembered."""
        struck = self._rng.random() < self._shares.get(defect, 0.0)
        if struck:
            self.struck[defect].append(what)
        return struck

    @property
    def shares(self) -> dict[str, float]:
        """By name, those in force."""
        return {defect.value: share for defect, share in self._shares.items() if share}
