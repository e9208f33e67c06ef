"""Whether the server itself stood still for a while, as on a laptop that slept: what was pressed meanwhile has waited in its socket. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

BEAT_S = 0.5
"""How often the server shows that it goes on."""
STILL_S = 8.0
"""So long waits the page for the answer to a press: whoever pressed longer ago has been told that nobody answers."""
CATCH_UP_S = 1.0
"""For how long after that what has waited is read."""


@dataclass(slots=True)
class Pulse:
    """The beats of one server; instants are seconds of a clock that never goes back."""

    last_s: float
    """The last beat."""
    _went_on_s: float = -math.inf
    _stood_s: float = 0.0

    def beat(self, now_s: float) -> None:
        """The server goes on."""
        if now_s - self.last_s > STILL_S:
            self._went_on_s, self._stood_s = now_s, now_s - self.last_s
        self.last_s = now_s

    def stood_still_s(self, now_s: float) -> float | None:
        """For how long it stood still, if what it reads now may have been sent meanwhile; ``None``: it was sent just now."""
        self.beat(now_s)
        return self._stood_s if now_s - self._went_on_s < CATCH_UP_S else None
