"""A rate limit that callers share, so that requests outside the measured window stay within a platform's cap too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SHARE = 0.8
"""The share of a cap that is used: the platform counts in its own windows, and requests may arrive late."""


class Pace:
    """Lets calls through one after the other, with a least gap between two. A late call does not shorten the next gap."""

    def __init__(
        self, per_s: float | None, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """``per_s`` is the cap in requests per second; ``None``: calls do not wait."""
        self._gap_s = 0.0 if per_s is None else 1 / (SHARE * per_s)
        self._clock, self._sleep = clock, sleep
        self._lock, self._free_s = threading.Lock(), float("-inf")

    def wait(self) -> None:
        """Return when the caller may send one request. Safe for several threads."""
        if not self._gap_s:
            return
        with self._lock:
            at_s = max(self._clock(), self._free_s)
            self._free_s = at_s + self._gap_s
        # Not under the lock: meanwhile others may reserve their own turn.
        while (left_s := at_s - self._clock()) > 0:
            self._sleep(left_s)


FREE = Pace(None)
"""A pace for platforms without a cap."""
