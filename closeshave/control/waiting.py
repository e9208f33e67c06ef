"""Waiting with a deadline for something that says what is still in its way, so that whoever gives up can say what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable


def obstacle(
    look: Callable[[], str],
    timeout_s: float,
    interval_s: float = 0.05,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Ask ``look`` what is in the way until nothing is, or for ``timeout_s`` seconds; returns what was seen last, empty when nothing is in the way.

    It is asked at least once, and a last time at the deadline.
    """
    deadline = clock() + timeout_s
    while seen := look():
        if (left_s := deadline - clock()) <= 0:
            return seen
        sleep(min(interval_s, left_s))
    return ""
