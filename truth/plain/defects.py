"""Defects that can be planted in the plain platform: a share of the affected requests is handled wrongly, the others correctly."""

from __future__ import annotations

import random
from enum import StrEnum


class Defect(StrEnum):
    """A planted defect."""

    DOUBLE_BOOKING = "double-booking"
    """A share of the bookings of a taken slot is accepted."""
    LOST_BOOKING = "lost-booking"
    """A share of the acknowledged bookings is not stored."""
    DOUBLE_CHARGE = "double-charge"
    """A share of the confirmed payments is captured twice."""
    REFUSED_THOUGH_FREE = "refused-though-free"
    """A share of the bookings of a free slot is refused as a conflict."""


class Planted:
    """The current defects with their shares. Not thread-safe: used under the shop's lock."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 -- not a secret
        self._shares: dict[Defect, float] = {}
        self.struck: dict[Defect, list[int]] = {defect: [] for defect in Defect}
        """What each defect affected: the booking, or for a refused one its start in seconds since the epoch."""

    def plant(self, defect: Defect, share: float) -> None:
        """Plant a defect from now on; a share of 0 removes it."""
        self._shares[defect] = share

    def strikes(self, defect: Defect, what: int) -> bool:
        """Whether the defect affects this one; if so, it is recorded."""
        struck = self._rng.random() < self._shares.get(defect, 0.0)
        if struck:
            self.struck[defect].append(what)
        return struck

    @property
    def shares(self) -> dict[str, float]:
        """The current defects by name."""
        return {defect.value: share for defect, share in self._shares.items() if share}
