"""Waiting for an instant on the shared epoll's timer.

gevent's own timers come up to a millisecond late, because the loop under it sleeps in whole milliseconds; a timerfd has the kernel's resolution.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import gevent
from greenlet import getcurrent

from closeshave.loadgen.loop import NEVER_NS, Loop


@dataclass(slots=True, eq=False)
class _Sleeper:
    """A greenlet and when it continues (:class:`closeshave.loadgen.loop.Expiring`)."""

    deadline_ns: int
    wake: Callable[[object], object]
    watched_ns: int = NEVER_NS

    def expire(self) -> None:
        """Go on."""
        self.wake(None)


def sleep_until(loop: Loop, due_ns: int) -> None:
    """Let others run until ``due_ns`` of the monotonic clock, or for one turn of the loop when that has passed."""
    if due_ns <= time.monotonic_ns():
        gevent.sleep(0)
        return
    sleeper = _Sleeper(due_ns, getcurrent().switch)
    loop.watch(sleeper)
    try:
        loop.pause()
    except BaseException:
        # Who is ended while asleep must not be woken later.
        loop.forget(sleeper)
        raise
