"""Waiting on the machine's monotonic clock: for an instant, or until a condition holds; never a fixed sleep."""

from __future__ import annotations

import time
from collections.abc import Callable

from closeshave.clock import now_ns

SECOND_NS = 1_000_000_000


def after(seconds: float) -> int:
    """The instant this many seconds from now, in monotonic nanoseconds."""
    return now_ns() + round(seconds * SECOND_NS)


def left_s(deadline_ns: int) -> float:
    """Seconds until ``deadline_ns``; 0 once it has passed."""
    return max(0.0, (deadline_ns - now_ns()) / SECOND_NS)


def wait_until(at_ns: int, stop: Callable[[], bool] = lambda: False, interval_s: float = 0.02) -> bool:
    """Wait for an instant. Returns false if ``stop`` returned true before; it is called every ``interval_s`` seconds, and once more at the end."""
    while (left := left_s(at_ns)) > 0:
        if stop():
            return False
        time.sleep(min(left, interval_s))
    return not stop()


def until(ready: Callable[[], bool], deadline_ns: int, interval_s: float = 0.05) -> bool:
    """Call ``ready`` until it returns true or the deadline has passed, at least once. Returns whether it returned true."""
    while not ready():
        if now_ns() >= deadline_ns:
            return False
        time.sleep(min(interval_s, left_s(deadline_ns)))
    return True
