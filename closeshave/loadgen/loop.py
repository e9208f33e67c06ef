"""One epoll for all sockets and timers of a worker, watched by the gevent hub with a single watcher.

gevent would give every socket two libev watchers and start and stop one for each wait: about 20 µs for each request. Here a socket is registered once
for its lifetime; when it is ready, the hub switches directly to the greenlet that waits for it. The epoll is level-triggered: a waiting greenlet has
read everything from its socket, and an idle socket that becomes readable was closed by the server (or has an error), and is closed at once.

Create the loop after ``fork``: an epoll that two processes share delivers events to the wrong one.
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import gevent
from gevent.monkey import get_original
from greenlet import greenlet

from closeshave.loadgen.timerfd import TimerFd

EPOLLIN, EPOLLOUT = select.EPOLLIN, select.EPOLLOUT

NEVER_NS: Final = 1 << 61
"""Later than any instant, and small enough for an unboxed integer in compiled code."""

_READ = 1
"""libev's EV_READ: the hub's watcher waits for the epoll's own descriptor to become readable."""
_BATCH = 256
_ROUNDS = 8
"""How often the epoll may be polled again before libev's loop (timers, other greenlets) runs."""
_BUSY = 4
"""It is polled again after this many events at once: probably more have come meanwhile, and a round of libev costs more than an empty poll."""


_SWEEP = 1024
"""How many entries of closed connections the heap of deadlines may hold before they are removed."""


class Expiring(Protocol):
    """An object with a deadline that changes with every request."""

    deadline_ns: int
    """When it expires; :data:`NEVER_NS` while it waits for nothing."""
    watched_ns: int
    """When the loop will next check it; :data:`NEVER_NS` when it will not."""

    def expire(self) -> None:
        """Called when the deadline has passed."""
        ...


class Loop:
    """Wakes greenlets for sockets, and calls callbacks for timers and deadlines."""

    def __init__(self) -> None:
        """Open the epoll and start watching it from this thread's hub. Raises :class:`OSError`."""
        self.epoll = get_original("select", "epoll")()
        self.ready: dict[int, Callable[[int], Any]] = {}
        """By descriptor: called with the events, in the hub. It is a waiting greenlet's ``switch`` or a callback that never blocks."""
        hub = gevent.get_hub()
        # The hub's own ``switch`` is Python code that looks for a hook that only the hub itself has.
        self.pause: Callable[[], Any] = greenlet.switch.__get__(hub)
        """Switch to the hub until another greenlet switches back; returns the value that it passes."""
        self._watcher = hub.loop.io(self.epoll.fileno(), _READ)
        self._watcher.start(self._dispatch)
        self._deadlines: list[tuple[int, int, Expiring]] = []
        self._sequence = 0
        self._stale = 0
        self._armed_ns = NEVER_NS
        self._timer = TimerFd()
        self.register(self._timer.fd, self._look_at_deadlines)

    def register(self, fd: int, callback: Callable[[int], Any]) -> None:
        """Call ``callback`` when ``fd`` is readable. To change the callback, assign to :attr:`ready`."""
        self.epoll.register(fd, EPOLLIN)
        self.ready[fd] = callback

    def unregister(self, fd: int) -> None:
        """Unregister ``fd``; call this before closing it, because its number may be used again at once."""
        if self.ready.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def want(self, fd: int, events: int) -> None:
        """Wait for other events than readable from now on."""
        self.epoll.modify(fd, events)

    def watch(self, item: Expiring) -> None:
        """Make sure that ``item`` is checked when its deadline has passed.

        A request changes its connection's deadline by assignment, and this call is needed only if the deadline is before the next check. So a
        connection costs one entry in a heap for each timeout period, not one timer for each request.
        """
        item.watched_ns = item.deadline_ns
        self._sequence += 1
        heapq.heappush(self._deadlines, (item.deadline_ns, self._sequence, item))
        if item.deadline_ns < self._armed_ns:
            self._armed_ns = item.deadline_ns
            self._timer.arm(item.deadline_ns)

    def forget(self, item: Expiring) -> None:
        """Never check ``item`` again, because it is closed. Its entry is removed once such entries are most of the heap."""
        item.deadline_ns = NEVER_NS
        if item.watched_ns == NEVER_NS:
            return
        item.watched_ns = NEVER_NS
        self._stale += 1
        heap = self._deadlines
        if self._stale > _SWEEP and 2 * self._stale > len(heap):
            heap[:] = [entry for entry in heap if entry[0] == entry[2].watched_ns]
            heapq.heapify(heap)
            self._stale = 0

    def close(self) -> None:
        """Stop watching and close the descriptors, except sockets, which belong to their connections."""
        self._watcher.stop()
        self._watcher.close()
        self.unregister(self._timer.fd)
        self._timer.close()
        self.epoll.close()

    def _dispatch(self) -> None:
        """The hot path of the hub: switch to the greenlet that waits for each ready descriptor."""
        poll, ready = self.epoll.poll, self.ready
        for _ in range(_ROUNDS):
            events = poll(0, _BATCH)
            for fd, mask in events:
                # An earlier one of the batch may have closed this descriptor.
                waiter = ready.get(fd)
                if waiter is not None:
                    waiter(mask)
            if len(events) < _BUSY:
                return

    def _look_at_deadlines(self, _events: int) -> None:
        self._timer.drain()
        self._armed_ns = NEVER_NS
        now_ns = time.monotonic_ns()
        heap = self._deadlines
        while heap and heap[0][0] <= now_ns:
            look_ns, _, item = heapq.heappop(heap)
            if look_ns != item.watched_ns:
                continue  # an entry outlived by an earlier look
            item.watched_ns = NEVER_NS
            if item.deadline_ns <= now_ns:
                item.expire()
            elif item.deadline_ns < NEVER_NS and item.watched_ns == NEVER_NS:
                self.watch(item)
        if heap and heap[0][0] < self._armed_ns:
            self._armed_ns = heap[0][0]
            self._timer.arm(self._armed_ns)
