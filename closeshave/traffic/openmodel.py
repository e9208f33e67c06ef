"""The open model: starts each arrival at its time, keeps the records flowing to disk, and ends when the load does. Locust processes only.

The engine and the trial meet in files of the run directory: the engine says that it is ready, the trial says when to start.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import gevent
import numpy as np
import numpy.typing as npt
from gevent.pool import Group
from locust.env import Environment
from locust.exception import StopUser

from closeshave.clock import now_ns
from closeshave.files import write_atomically
from closeshave.traffic import signposts
from closeshave.traffic.alarm import Alarm
from closeshave.traffic.fasthttp import stop_waiting
from closeshave.traffic.load import Load
from closeshave.traffic.load import load as read_load
from closeshave.traffic.recorder import FLUSH_INTERVAL_S, Recorder
from closeshave.traffic.session import Over, Window

_LOG = logging.getLogger(__name__)

GO_POLL_S = 0.005
GRACE_S = 1.5
"""How long requests under way may take once the generator was told to stop: an operator waits for it."""

Begin = Callable[[int, int], None]
"""``(index, due_ns)``: carries out the arrival of this index, in a greenlet of its own."""


class Engine:
    """Carries out arrivals at their times, each in a greenlet of its own, so that none delays the next."""

    def __init__(self, run: Path, kind: str, at_ns: npt.NDArray[np.int64], duration_s: float, window: Window, recorder: Recorder) -> None:
        """``at_ns`` are the arrivals, ascending, nanoseconds after the start; ``window`` is closed by the engine."""
        self.alarm = Alarm()
        self._run, self._kind = run, kind
        self._at_ns, self._duration_s = at_ns, duration_s
        self._window, self._recorder = window, recorder
        self._begun = self._broken = 0
        self._visits = Group()
        self._complete = self._told_to_stop = self._finished = False

    def run(self, begin: Begin) -> None:
        """Announce readiness, wait for the start, send until the end, record everything. Returns when nothing is under way any more."""
        # What exists by now stays: the collector need not look at it again while requests wait.
        gc.collect()
        gc.freeze()
        write_atomically(signposts.ready_file(self._run, self._kind), f"{os.getpid()}\n")
        start_ns = self._await_start()
        if start_ns is None:
            return
        self._at_ns = self._at_ns + start_ns
        self._window.end_ns = start_ns + round(self._duration_s * 1e9)
        flusher = gevent.spawn(self._flush_regularly)
        self._dispatch(begin)
        self._visits.join()
        if not self._window.closed:
            # Nothing more is due, but a generator that ends before its load does is a dead one to those who watch it.
            self.alarm.sleep_until(self._window.end_ns)
        flusher.kill()
        self._complete = not self._broken and not self._told_to_stop
        self._close()

    def stop(self) -> None:
        """Start nothing more, give requests under way a moment, then end them as *stopped*; everything sent is recorded on return."""
        if not self._finished:
            self._told_to_stop = self._window.closed = True
            self._close()

    def _close(self) -> None:
        self._window.closed = True
        self._await_answers()
        stop_waiting()
        self._await_answers()
        if not self._finished:
            self._finished = True
            self._recorder.close(finished=self._complete)

    def _await_start(self) -> int | None:
        go, parent = signposts.go_file(self._run, self._kind), os.getppid()
        while not go.exists():
            # Whoever started this process is gone, so nobody will ever say go.
            if os.getppid() != parent or self._window.closed:
                return None
            gevent.sleep(GO_POLL_S)
        return int(go.read_text())

    def _carry_out(self, begin: Begin, index: int, due_ns: int) -> None:
        try:
            begin(index, due_ns)
        except Over:
            return
        except Exception:  # noqa: BLE001 -- whatever a scenario does wrong costs one visit, is told, and leaves the load unfinished
            _LOG.exception("arrival %d broke off", index)
            self._broken += 1

    def _dispatch(self, begin: Begin) -> None:
        for index, due_ns in enumerate(self._at_ns.tolist()):
            self.alarm.sleep_until(due_ns)
            if self._window.closed:
                return
            self._begun = index + 1
            self._visits.spawn(self._carry_out, begin, index, due_ns)

    def _flush_regularly(self) -> None:
        parent = os.getppid()
        while True:
            gevent.sleep(FLUSH_INTERVAL_S)
            self._recorder.flush(overdue=self._overdue())
            if os.getppid() != parent:
                # Nobody is left to stop this load or to judge it.
                self._window.closed = True

    def _overdue(self) -> int:
        """Arrivals that are due but not begun."""
        if self._window.closed:
            return 0
        return max(0, int(np.searchsorted(self._at_ns, now_ns(), side="right")) - self._begun)

    def _await_answers(self) -> None:
        """Wait until what was sent is recorded, for a moment; what is not by then stays a difference that the reconciliation names."""
        with gevent.Timeout(GRACE_S, exception=False):
            while self._recorder.counters.sent > self._recorder.recorded:
                gevent.sleep(GO_POLL_S)


class Senders(Protocol):
    """Who a generator sends for: what its arrivals are, and how one is carried out."""

    engine: Engine

    def __init__(self, load: Load, environment: Environment) -> None:
        """Plan everything; may raise anything."""
        ...

    def begin(self, index: int, due_ns: int) -> None:
        """Carry out the arrival of this index."""
        ...


def drive(environment: Environment, senders: type[Senders]) -> None:
    """Carry out the load that ``CLOSESHAVE_LOAD`` names, then end Locust. Raises :class:`StopUser`: its only user is done.

    What goes wrong ends Locust with exit code 1, because Locust itself would log it and try again for ever.
    """
    assert environment.runner is not None
    try:
        sending = senders(read_load(Path(os.environ[signposts.VARIABLE])), environment)
        environment.events.quitting.add_listener(lambda **_: sending.engine.stop())  # type: ignore[no-untyped-call]  # Locust's own gap
        sending.engine.run(sending.begin)
    except Exception:  # noqa: BLE001 -- see above
        _LOG.exception("the load cannot be carried out")
        environment.process_exit_code = 1
    environment.runner.quit()
    raise StopUser
