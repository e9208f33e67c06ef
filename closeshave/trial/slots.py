"""Finds two acknowledged bookings of one slot while the load runs. Pure: takes effects and an instant.

Overlaps of different starts, and everything that needs the final state, are left to the judges; this check must be cheap and never report a false
breach.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from closeshave.history import Effect
from closeshave.plan import Fault

ACTIONS = frozenset({"create", "cancel", "reschedule"})
"""Actions that take or release a slot."""
SETTLED_S = 2.0
"""A second acknowledgement waits this long, because another worker may not have written the record of a cancel yet."""


@dataclass(slots=True)
class Slots:
    """Slots that customers hold, as far as is known without the final state."""

    _held: dict[tuple[int, int | None, int | None], int] = field(default_factory=dict)
    """Franchise, barber and start → the booking."""
    _released: set[int] = field(default_factory=set)
    """Bookings that a customer tried to cancel or move: the platform may give their slots to others."""
    _doubts: list[tuple[float, int, str]] = field(default_factory=list)
    """When a slot was acknowledged twice, the earlier booking, and the message."""
    _broken: frozenset[str] = frozenset()

    def look(self, at_s: float, effects: Iterable[Effect], broken: Sequence[Fault]) -> str:
        """A message about a slot for which two bookings were acknowledged; empty when there is none."""
        now = frozenset(fault.id for fault in broken)
        if now != self._broken:
            # Bookings may be lost with a primary; then their slots may be booked again. A loss objective judges that.
            self._held.clear()
            self._doubts.clear()
            self._broken = now
        for effect in effects:
            if effect.booking is None or effect.action not in ACTIONS:
                continue
            if effect.action != "create":
                self._released.add(effect.booking)
            else:
                self._take(at_s, effect, effect.booking)
        settled = [story for since_s, first, story in self._doubts if at_s - since_s >= SETTLED_S and first not in self._released]
        return settled[0] if settled else ""

    def _take(self, at_s: float, effect: Effect, booking: int) -> None:
        slot = (effect.franchise, effect.barber, effect.starts_at)
        first = self._held.setdefault(slot, booking)
        if first != booking:
            story = f"bookings {first} and {booking} of franchise {effect.franchise} were both acknowledged for the same slot of barber {effect.barber}"
            self._doubts.append((at_s, first, story))
            self._held[slot] = booking
