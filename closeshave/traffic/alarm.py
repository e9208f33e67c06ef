"""Wakes greenlets on time. Locust processes only.

gevent's own timers come up to a millisecond late, because the loop under it sleeps in whole milliseconds. A timerfd that the loop watches
like a socket has the kernel's resolution; where there is none (outside Linux), gevent's timers have to do.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import os
import sys

import gevent
from gevent.hub import Waiter, get_hub

from closeshave.clock import now_ns

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | 0o2000000
_ABSOLUTE = 1
_READ = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """A queue of greenlets and the instants at which they want to go on. One per process, created after any fork."""

    def __init__(self) -> None:
        """Raises :class:`OSError` when the system has no timer left."""
        self._waiting: list[tuple[int, int, Waiter[None]]] = []
        self._order = itertools.count()
        self._descriptor = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
            if self._descriptor < 0:
                raise OSError(ctypes.get_errno(), "no timer descriptor")
            self._watcher = get_hub().loop.io(self._descriptor, _READ)
            self._watcher.start(self._ring)

    def sleep_until(self, due_ns: int) -> None:
        """Let others run until ``due_ns`` of the monotonic clock, or for one turn of the loop when that has passed."""
        now = now_ns()
        if due_ns <= now or self._descriptor < 0:
            gevent.sleep(max(0, due_ns - now) / 1e9)
            return
        # A waiter, not the greenlet itself: who is killed while asleep must not be woken later.
        waiter: Waiter[None] = Waiter()
        heapq.heappush(self._waiting, (due_ns, next(self._order), waiter))
        if self._waiting[0][2] is waiter:
            self._arm(due_ns)
        waiter.get()

    def _ring(self) -> None:
        os.read(self._descriptor, 8)
        now = now_ns()
        while self._waiting and self._waiting[0][0] <= now:
            heapq.heappop(self._waiting)[2].switch(None)
        if self._waiting:
            self._arm(self._waiting[0][0])

    def _arm(self, due_ns: int) -> None:
        when = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(due_ns, 1_000_000_000)))
        if self._libc.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(when), None):
            raise OSError(ctypes.get_errno(), "the timer cannot be set")
