"""The live cap: compares the senders' real rate with the highest rate that a platform's owner allows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.caps.chance import WINDOW_S
from closeshave.files import record_of
from closeshave.history import Source
from closeshave.traffic.runfiles import RECORDS

OVER_S = WINDOW_S
"""The window for the mean rate in seconds, so that bursts of random arrivals do not exceed the cap."""


@dataclass(slots=True)
class RateCap:
    """Checks the senders' own counters, which each of them writes several times a second."""

    allowed_per_s: float
    _counted: deque[tuple[float, int]] = field(default_factory=deque)

    def exceeded(self, requests: int, now_s: float) -> str:
        """Why the trial must stop: a higher rate than the cap in the last ten seconds. Empty otherwise, and in the first ten seconds."""
        while len(self._counted) > 1 and self._counted[1][0] <= now_s - OVER_S:
            self._counted.popleft()
        self._counted.append((now_s, requests))
        since_s, before = self._counted[0]
        if now_s - since_s < OVER_S:
            return ""
        per_s = (requests - before) / (now_s - since_s)
        if per_s <= self.allowed_per_s:
            return ""
        return f"{per_s:.0f} requests/s were sent for {OVER_S:g} s; the environment file allows {self.allowed_per_s:g}"


def requests(run: Path) -> int:
    """How many requests all senders of a run have sent so far, by their own counters.

    Raises :class:`OSError` for counters that cannot be read, because without them the cap cannot be checked.
    """
    return _sum(run, "*", "requests")


def offered(run: Path) -> int:
    """The requests of customers that were due so far, by the same counters. Raises :class:`OSError` as well."""
    return _sum(run, f"{Source.CUSTOMERS.value}-*", "intended")


def _sum(run: Path, workers: str, counter: str) -> int:
    try:
        return sum(int(record_of(path.read_bytes())[counter]) for path in (run / RECORDS).glob(f"{workers}.counters.json"))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise OSError(f"the senders' counters cannot be read: {type(error).__name__}: {error}") from None
