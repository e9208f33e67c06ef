"""One epoll for all sockets and timers of a worker, watched by the gevent hub with a single watcher.

gevent would give every socket two libev watchers and start and stop one for each wait: about 20 µs a request. Here a socket is registered once
for its lifetime; when it is ready, the hub switches straight to the greenlet that waits for it. Level-triggered: a greenlet that waits has
drained its socket, and an idle socket that becomes readable has been closed by the server (or is at fault), and is dropped at once.

Make the loop after ``fork``: an epoll shared by two processes delivers the one's events to the other.
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
"""Later than anything, and still an integer that compiled code need not put into an object."""

_READ = 1
"""libev's EV_READ: the hub's watcher waits for the epoll's own descriptor to become readable."""
_BATCH = 256
_ROUNDS = 8
"""How often the epoll may be asked again before libev's loop (timers, other greenlets) gets its turn."""
_BUSY = 4
"""It is asked again after this many events at once: likely more have come meanwhile, and a turn of libev costs more than an empty poll."""


_SWEEP = 1024
"""Entries of closed connections that the heap of deadlines may hold before it is swept."""


class Expiring(Protocol):
    """Something with a deadline that moves with every request."""

    deadline_ns: int
    """When to expire it; :data:`NEVER_NS` while nothing is awaited."""
    watched_ns: int
    """When the loop will next look at it; :data:`NEVER_NS` when it will not."""

    def expire(self) -> None:
        """The deadline has passed."""
        ...


class Loop:
    """Wakes what waits: greenlets for sockets, callbacks for timers, deadlines."""

    def __init__(self) -> None:
        """Open the epoll and start watching it from this thread's hub. Raises :class:`OSError`."""
        self.epoll = get_original("select", "epoll")()
        self.ready: dict[int, Callable[[int], Any]] = {}
        """By descriptor: called with the events, in the hub. A waiting greenlet's ``switch`` or a callback that never blocks."""
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
        """Wake ``callback`` when ``fd`` is readable. Change what is called by assigning to :attr:`ready`."""
        self.epoll.register(fd, EPOLLIN)
        self.ready[fd] = callback

    def unregister(self, fd: int) -> None:
        """Unregister ``fd``; call before closing it, since its number may be given out again at once."""
        if self.ready.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def want(self, fd: int, events: int) -> None:
        """Wait for other events than readable from now on."""
        self.epoll.modify(fd, events)

    def watch(self, item: Expiring) -> None:
        """See to it that ``item`` is looked at when its deadline has passed.

        Lazy: a request moves its connection's deadline by assignment, and this is needed only if the deadline lies before the next look. So a
        connection costs one entry in a heap per timeout period, not one timer per request.
        """
        item.watched_ns = item.deadline_ns
        self._sequence += 1
        heapq.heappush(self._deadlines, (item.deadline_ns, self._sequence, item))
        if item.deadline_ns < self._armed_ns:
            self._armed_ns = item.deadline_ns
            self._timer.arm(item.deadline_ns)

    def forget(self, item: Expiring) -> None:
        """Never look at ``item`` again: it is gone. Its entry is swept out once such entries are most of the heap."""
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
        """Stop watching and give up the descriptors; sockets are their connections' own."""
        self._watcher.stop()
        self._watcher.close()
        self.unregister(self._timer.fd)
        self._timer.close()
        self.epoll.close()

    def _dispatch(self) -> None:
        """The hot path of the hub: hand each ready descriptor to the greenlet that waits for it."""
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
