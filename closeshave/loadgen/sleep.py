"""Waits for an instant with the shared epoll's timer.

gevent's own timers are up to a millisecond late, because its loop sleeps in whole milliseconds; a timerfd has the kernel's resolution.
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
    """A greenlet and the instant at which it continues (:class:`closeshave.loadgen.loop.Expiring`)."""

    deadline_ns: int
    wake: Callable[[object], object]
    watched_ns: int = NEVER_NS

    def expire(self) -> None:
        """Go on."""
        self.wake(None)


def sleep_until(loop: Loop, due_ns: int) -> None:
    """Let other greenlets run until ``due_ns`` of the monotonic clock, or for one round of the loop if that has passed."""
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
