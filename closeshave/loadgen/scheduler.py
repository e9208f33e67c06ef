"""The open model: due items are begun at their time or as soon after as possible, on greenlets from a pool; no due item is dropped.

An *agenda* knows which item is due when; the scheduler sets one timer in the shared epoll for the next instant, and gives each due item to a greenlet
of its crew. If the whole crew is busy, due items stay on the agenda with their intended time until a greenlet is free.
"""

from __future__ import annotations

import heapq
import time
from array import array
from collections.abc import Callable
from typing import Any, Final, Protocol

import gevent
from gevent.event import Event
from greenlet import getcurrent, greenlet

from closeshave.loadgen.loop import NEVER_NS, Loop
from closeshave.loadgen.rates import Instants
from closeshave.loadgen.timerfd import TimerFd

_now_ns: Final = time.monotonic_ns

_RECRUITS = 4
"""The most greenlets that are added to the crew at once."""

Serve = Callable[[int, Any], None]
"""``(intended_ns, subject)``: carries out a due item, on a greenlet that may wait. ``subject`` comes from the agenda; ``None`` for a plain arrival."""


class Agenda(Protocol):
    """Which items are due when."""

    next_ns: int
    """When the next item is due, monotonic nanoseconds; :data:`NEVER_NS` while there is none."""

    def take(self) -> tuple[int, Any]:
        """Remove and return the next item with its instant. Only while :attr:`next_ns` is not NEVER_NS."""
        ...

    def overdue(self, now_ns: int) -> int:
        """How many items are due and not yet taken."""
        ...


class Arrivals:
    """Arrivals that were computed before, and sessions that were parked for their think time (the partly-open model)."""

    def __init__(self, instants: Instants, start_ns: int) -> None:
        """``instants`` count from ``start_ns``."""
        # An array of machine integers: eight bytes an arrival, and reading one makes no numpy scalar.
        self._due = array("q", (instants + start_ns).tobytes())
        self._at = 0
        self._allowed = len(self._due)
        """How many of them may be taken so far."""
        self._parked: list[tuple[int, int, Any]] = []
        self._parkings = 0
        self.next_ns = self._next()

    def take(self) -> tuple[int, Any]:
        """The next arrival, or the next session whose think time is over."""
        if self._parked and self._parked[0][0] == self.next_ns:
            due_ns, _, subject = heapq.heappop(self._parked)
        else:
            due_ns, subject = self._due[self._at], None
            self._at += 1
        self.next_ns = self._next()
        return due_ns, subject

    def park(self, subject: Any, until_ns: int) -> None:
        """Continue ``subject`` at ``until_ns``."""
        self._parkings += 1
        heapq.heappush(self._parked, (until_ns, self._parkings, subject))
        self.next_ns = self._next()

    def overdue(self, now_ns: int) -> int:
        """How many arrivals are due and not begun; parked sessions have been begun."""
        return _position(self._due, now_ns, self._at) - self._at

    def replace(self, instants: Instants, start_ns: int) -> None:
        """Other arrivals instead of those that have not been taken; all of them may be taken."""
        self._due = self._due[: self._at] + array("q", (instants + start_ns).tobytes())
        self._allowed = len(self._due)
        self.next_ns = self._next()

    def allow(self, before_ns: int) -> None:
        """From now on an arrival may be taken only if it is due before this instant. Call :meth:`Scheduler.look_again` then."""
        self._allowed = _position(self._due, before_ns - 1, self._at)
        self.next_ns = self._next()

    @property
    def begun(self) -> int:
        """How many arrivals have been taken."""
        return self._at

    def _next(self) -> int:
        arrival = self._due[self._at] if self._at < self._allowed else NEVER_NS
        return min(arrival, self._parked[0][0]) if self._parked else arrival


def _position(due: array[int], now_ns: int, low: int) -> int:
    """The position, at least ``low``, after the last one that is due by ``now_ns``."""
    high = len(due)
    while low < high:
        middle = (low + high) // 2
        if due[middle] <= now_ns:
            low = middle + 1
        else:
            high = middle
    return low


class Scheduler:
    """Carries out an agenda with at most ``crew`` greenlets, which are added as needed."""

    def __init__(self, loop: Loop, agenda: Agenda, serve: Serve, crew: int, report: Callable[[Exception], None]) -> None:
        """``report`` gets exceptions of ``serve``; the crew goes on. Raises :class:`ValueError` for a crew below 1."""
        if crew < 1:
            raise ValueError(f"a crew of {crew}")
        self._loop, self._agenda, self._serve, self._limit, self._report = loop, agenda, serve, crew, report
        self._idle: list[Callable[[Any], Any]] = []
        self._crew: list[greenlet] = []
        self._busy = 0
        self.size = 0
        """How many greenlets have been needed at once so far."""
        self._hub = gevent.get_hub()
        self._timer = TimerFd()
        self._armed_ns = NEVER_NS
        self._drained = Event()
        self._ended = False
        loop.register(self._timer.fd, self._when_due)

    def run(self, until_ns: int = NEVER_NS) -> None:
        """Work until the agenda is empty and everything begun is done, but not after ``until_ns``; then end the crew."""
        self._rearm()
        if self._agenda.next_ns == NEVER_NS and self._busy == 0:
            self._drained.set()
        # gevent counts timeouts from when its loop last ran, which a long computation may have left behind.
        self._hub.loop.update_now()
        try:
            self._drained.wait(None if until_ns == NEVER_NS else max(0.0, (until_ns - _now_ns()) / 1e9))
        finally:
            self._end()

    def look_again(self) -> None:
        """Call this after adding an item from outside the crew: it may be due before the instant of the timer."""
        if self._agenda.next_ns < self._armed_ns:
            self._rearm()

    def _when_due(self, _events: int) -> None:
        """The timer's callback, in the hub: begin all due items."""
        agenda, idle = self._agenda, self._idle
        now_ns, recruited = _now_ns(), 0
        while agenda.next_ns <= now_ns:
            if idle:
                switch = idle.pop()
            elif recruited == _RECRUITS:
                # Members whose answers have come are served between two calls: who is only behind must not grow, which would set it back further.
                break
            elif self.size < self._limit:
                switch, recruited = self._recruit(), recruited + 1
            else:
                # A greenlet that becomes free takes what is due, and arms the timer again when nothing is due.
                self._timer.drain()
                self._armed_ns = NEVER_NS
                return
            self._busy += 1
            switch(agenda.take())
            now_ns = _now_ns()
        self._rearm()

    def _rearm(self) -> None:
        self._armed_ns = self._agenda.next_ns
        if self._armed_ns == NEVER_NS:
            self._timer.drain()
        else:
            # Arming also takes the last expiry out of the descriptor.
            self._timer.arm(self._armed_ns)

    def _recruit(self) -> Callable[[Any], Any]:
        member = greenlet(self._member, self._hub)
        self._crew.append(member)
        self.size += 1
        begin: Callable[[Any], Any] = member.switch
        return begin

    def _member(self, item: tuple[int, Any]) -> None:
        agenda, serve, pause, idle = self._agenda, self._serve, self._loop.pause, self._idle
        me = getcurrent().switch
        while True:
            try:
                serve(*item)
            except Exception as error:  # noqa: BLE001 - a journey's bug must not stop the load; it is reported
                self._report(error)
            if agenda.next_ns <= _now_ns():
                item = agenda.take()
                continue
            self._busy -= 1
            if agenda.next_ns < self._armed_ns:
                self._rearm()
            elif agenda.next_ns == NEVER_NS and self._busy == 0:
                self._drained.set()
            idle.append(me)
            item = pause()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._loop.unregister(self._timer.fd)
        self._timer.close()
        for member in self._crew:
            # From the hub: a member that is thrown into gives control back to its parent, which is the hub and not this greenlet.
            self._hub.loop.run_callback(member.throw, gevent.GreenletExit)
        gevent.sleep(0)
        self._crew.clear()
        self._idle.clear()
