"""One clock: ``CLOCK_MONOTONIC`` nanoseconds, shared by all processes of a machine, and its offset to wall-clock time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


def now_ns() -> int:
    """The current instant of the machine's monotonic clock, in nanoseconds. Comparable between processes, not between machines."""
    return time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class Anchor:
    """The same instant on both clocks, so that wall-clock times (logs, databases) can be converted to monotonic ones."""

    monotonic_ns: int
    wall_ns: int
    uncertainty_ns: int
    """Half the time between the two readings of the monotonic clock around that of the wall clock."""

    @classmethod
    def take(cls) -> Anchor:
        """Read both clocks now."""
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        return cls(monotonic_ns=(before + after) // 2, wall_ns=wall, uncertainty_ns=(after - before + 1) // 2)

    def to_monotonic_ns(self, wall: datetime) -> int:
        """Convert an aware wall-clock time to monotonic nanoseconds, with the microsecond resolution of :class:`datetime`."""
        elapsed = wall - datetime.fromtimestamp(self.wall_ns / 1e9, UTC)
        micros = elapsed.days * 86_400_000_000 + elapsed.seconds * 1_000_000 + elapsed.microseconds
        return self.monotonic_ns + micros * 1_000

    def to_wall(self, monotonic_ns: int) -> datetime:
        """The wall-clock time (UTC) of a monotonic instant."""
        return datetime.fromtimestamp((self.wall_ns + monotonic_ns - self.monotonic_ns) / 1e9, UTC)
