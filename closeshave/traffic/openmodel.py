"""The open model: sends a worker's share of a load, from its ready signal to its last record. For Locust processes only.

Workers and trial communicate by files in the run directory: each worker says that it is ready, the trial says when all of them start.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import gevent
import numpy as np
import numpy.typing as npt
from locust.env import Environment

from closeshave.api.spoken import spoken
from closeshave.clients import web
from closeshave.clock import now_ns
from closeshave.files import write_atomically
from closeshave.history import Source
from closeshave.loadgen.carrier import Stopped, stop_waiting
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.loop import NEVER_NS
from closeshave.loadgen.proxy import RequestProxy
from closeshave.loadgen.records import FLUSH_INTERVAL_S
from closeshave.loadgen.scheduler import Arrivals, Scheduler
from closeshave.loadgen.sleep import sleep_until
from closeshave.loadgen.stats import EngineStats
from closeshave.loadgen.tls import TlsSettings
from closeshave.loadgen.worker import WorkerPlace, place_of
from closeshave.traffic import conventions, learning, redealing, runfiles
from closeshave.traffic.arrivalstold import ArrivalsTold
from closeshave.traffic.load import Load, part
from closeshave.traffic.recorder import EngineRecorder
from closeshave.traffic.redealing import Redeals
from closeshave.traffic.runfiles import SenderKind
from closeshave.traffic.session import Counters, Over, Surroundings, Window

_LOG = logging.getLogger(__name__)

GO_POLL_S = 0.005
LEASE_S = 5.0
"""Seconds after which a leased load ends that nobody renews."""
GRACE_S = 1.5
"""Seconds that requests in flight may take after a stop, for which an operator waits."""
CREW = 20_000
"""The most visits with a greenlet at the same time: they wait for an answer, or pause within a task. Between tasks they need none."""


def _nothing() -> None:
    """The senders have nothing running but requests in flight."""


class LoadLease:
    """A file that must be touched at least every :data:`LEASE_S` seconds. By the monotonic clock: the other one may jump."""

    def granted(self) -> int | None:
        """What is due from then on must not be begun yet: nanoseconds after the load's start; ``None`` while the file does not say."""
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen, self._seen_ns = 0, now_ns()

    def over(self, at_ns: int) -> bool:
        """Whether nobody has touched the file for too long."""
        with contextlib.suppress(OSError):
            touched = self._path.stat().st_mtime_ns
            if touched != self._seen:
                self._seen, self._seen_ns = touched, at_ns
        return at_ns - self._seen_ns > LEASE_S * 1e9


VisitSteps = Iterator[int]
"""A running visit: yields the instants at which it continues, in monotonic nanoseconds."""


class Senders(Protocol):
    """The arrivals of a load, and how one is carried out."""

    at_ns: npt.NDArray[np.int64]
    """All arrivals, of all workers, ascending, nanoseconds after the start. Each worker carries out those that are dealt to it."""

    def __init__(self, load: Load, worker: Worker) -> None:
        """Compute all arrivals; may raise any exception."""
        ...

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Carry out the arrival with this number."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """The worker's own counts: arrivals that are due and not yet begun count as intended too."""

    counters: Counters
    agenda: Arrivals
    window: Window

    @property
    def intended(self) -> int:
        return self.counters.intended + (0 if self.window.closed else self.agenda.overdue(now_ns()))

    @property
    def sent(self) -> int:
        return self.counters.sent

    @property
    def requests(self) -> int:
        return self.counters.requests


class Worker:
    """One Locust process of a load: what its customers share, and its steps from ready to recorded."""

    def __init__(self, load: Load, kind: SenderKind, environment: Environment) -> None:
        """Open the records. For a user's own Locust file, Locust itself keeps the statistics, and nothing is learnt about bookings.

        Raises :class:`FileExistsError` when a worker of this name has already written some.
        """
        self.environment, local = environment, place_of(environment)
        self.place = WorkerPlace(*load.placed(local.index, local.count))
        self.name = runfiles.worker(kind, self.place.index)
        self.conventions = conventions.of(load.capabilities, load.topology, load.days, spoken(load.api))
        most = load.most(kind)
        self.window = Window(requests=None if most is None else part(most, self.place.index, self.place.count))
        self.told_to_stop = False
        number = runfiles.FIRST_NUMBER[kind] + self.place.index
        proxy = None if load.proxy is None else RequestProxy.of(load.proxy.url, load.edges.values(), ":".join(web.login(load.proxy) or ()))
        settings = Settings(
            Path(load.run) / runfiles.RECORDS, Source(kind), self.name, number, tls=TlsSettings(load.authority or None), proxy=proxy
        )
        self._own = load.traffic.locust is not None
        self.engine = Engine(settings, None if self._own else EngineStats(environment.stats).observe)
        self.recorder = EngineRecorder(self.engine.records)
        self.ending: Callable[[], None] = _nothing
        """Called when nothing more may start: ends whatever the senders have running."""
        self._load, self._kind, self._run = load, kind, Path(load.run)
        self._parent = os.getppid()
        self._lease = LoadLease(runfiles.lease_file(self._run)) if load.leased else None
        self._broken = 0
        self._agenda: Arrivals | None = None
        self._numbers: Sequence[int] = ()
        """Of the arrivals that are dealt to this worker, in the order in which they are begun."""
        self._redeals: Redeals = ()
        self._arrivals: ArrivalsTold | None = None
        self.learnt = self.conventions.learnt()
        self._closed = False
        self._cut_off = False
        """Whether it ended because nobody was there any more: what was due later is unknown, and not what was planned."""

    @property
    def orphaned(self) -> bool:
        """Whether the process that started this one has ended, or the lease of the load: then nothing could stop or judge it."""
        return os.getppid() != self._parent or (self._lease is not None and self._lease.over(now_ns()))

    def surroundings(self) -> Surroundings:
        """The objects that all customers of this worker share."""
        asleep = partial(sleep_until, self.engine.loop)
        return Surroundings(
            Source(self._kind),
            self._load.topology,
            self._load.tag,
            self.window,
            self.recorder,
            asleep,
            time.time,
            self.conventions,
            self.learnt,
        )

    def run(self, senders: Senders) -> None:
        """Signal ready, wait for the start, send until the end, record everything. Returns when no request is in flight any more."""
        # Present objects stay: the garbage collector need not check them again while requests wait.
        gc.collect()
        gc.freeze()
        write_atomically(runfiles.ready_file(self._run, self.name), f"{os.getpid()}\n")
        start_ns = self._await_start()
        if start_ns is None:
            return
        end_ns = self.window.end_ns = start_ns + round(self._load.duration_s * 1e9)
        self._numbers = range(self.place.index, len(senders.at_ns), self.place.count)
        agenda = self._agenda = Arrivals(senders.at_ns[self.place.index :: self.place.count], start_ns)
        self.engine.records.told = _Told(self.recorder.counters, agenda, self.window)
        # Perhaps nothing more is due before then, but a generator that ends before its load counts as dead.
        agenda.park(iter(()), end_ns)
        scheduler = Scheduler(self.engine.loop, agenda, partial(self._serve, senders, agenda), CREW, self._broke_off)
        share = partial(self._look_at_share, senders, agenda, start_ns, scheduler)
        share()
        watcher = gevent.spawn(self._watch_end, share)
        scheduler.run()
        watcher.kill()
        self._note_arrivals(agenda.begun)
        self._close(finished=not self._broken and not self.told_to_stop and not self._cut_off)

    def stop(self, **_: Any) -> None:
        """Start nothing more, wait shortly for requests in flight, then end them as *stopped*; everything sent is recorded on return."""
        self.told_to_stop = True
        self._close(finished=False)

    def _serve(self, senders: Senders, agenda: Arrivals, due_ns: int, visit: VisitSteps | None) -> None:
        """Begin the next arrival, or continue a visit whose pause is over."""
        fresh = visit is None
        if visit is None:
            visit = senders.begin(self._numbers[agenda.begun - 1], due_ns)
        try:
            agenda.park(visit, next(visit))
        except (StopIteration, Stopped):
            return
        except Over:
            if self.window.closed:
                self._note_arrivals(agenda.begun - fresh)
                while agenda.next_ns < NEVER_NS:
                    agenda.take()

    def _note_arrivals(self, begun: int) -> None:
        """Nothing more will be begun: the first time that this is known counts."""
        if self._arrivals is None and self._agenda is not None:
            at_ns = now_ns()
            late = self._agenda.overdue(at_ns) + self._agenda.begun - begun
            self._arrivals = ArrivalsTold(len(self._numbers), begun, late, at_ns, len(self._redeals))

    def _look_at_share(self, senders: Senders, agenda: Arrivals, start_ns: int, scheduler: Scheduler) -> None:
        """What this worker may begin by now, where a share that is lost is dealt again: nothing else may begin what another one was dealt.

        Raises :class:`OSError` and :class:`ValueError`.
        """
        if self._lease is None or not self._load.traffic.redeal or self.window.closed:
            return
        redeals = redealing.read(runfiles.redeals_file(self._run))
        if len(redeals) > len(self._redeals):
            dealt = partial(redealing.dealt, senders.at_ns, self.place.index, self.place.count)
            begun = np.frombuffer(self._numbers, dtype=np.int64) if isinstance(self._numbers, array) else dealt()
            begun = begun[: agenda.begun]
            rest = np.setdiff1d(dealt(redeals), begun, assume_unique=True)
            self._numbers = array("q", np.concatenate([begun, rest]).tobytes())
            agenda.replace(senders.at_ns[rest], start_ns)
            self._redeals = redeals
        agenda.allow(start_ns + (self._lease.granted() or 0))
        scheduler.look_again()

    def _broke_off(self, error: Exception) -> None:
        """Handle an error in a scenario: it ends one visit, is logged, and the load counts as unfinished."""
        _LOG.error("a visit ended with an error", exc_info=error)
        self._broken += 1

    def _close(self, *, finished: bool) -> None:
        self.window.closed = True
        if self._closed:
            return
        self._closed = True
        if self._agenda is not None:
            self._note_arrivals(self._agenda.begun)
        self.ending()
        self._await_answers()
        stop_waiting()
        self._await_answers()
        self.engine.close(finished=finished)
        if self._arrivals is not None:
            with contextlib.suppress(OSError):
                self._arrivals.save(self._run, self.name)
        if self._own:
            return
        try:
            self.learnt.save(self._run / runfiles.RECORDS / f"{self.name}{learning.SUFFIX}")
        except OSError as error:
            # A full disk shows in the records too; what was sent must not depend on it.
            _LOG.warning("what was learnt of the platform cannot be written: %s", error)

    def _await_start(self) -> int | None:
        go = runfiles.go_file(self._run, self._kind)
        while not go.exists():
            # The process that started this one is gone, so the start signal will never come.
            if self.orphaned or self.window.closed:
                return None
            gevent.sleep(GO_POLL_S)
        return int(go.read_text(encoding="utf-8"))

    def _watch_end(self, share: Callable[[], None]) -> None:
        """An end before the planned one: of the process that started this one, or of a load that people end. And whether the share is another one."""
        end = runfiles.end_file(self._run, self._kind)
        while not self.orphaned and not end.exists():
            try:
                share()
            except (OSError, ValueError) as error:
                _LOG.exception("it cannot be read what this worker may send", exc_info=error)
                self._cut_off = True
                break
            gevent.sleep(FLUSH_INTERVAL_S)
        self._cut_off = self._cut_off or self.orphaned
        self.window.closed = True

    def _await_answers(self) -> None:
        """Wait shortly until all sent requests are recorded; those that are not by then show as a difference in the reconciliation."""
        with gevent.Timeout(GRACE_S, exception=False):
            while self.recorder.counters.sent > self.recorder.recorded:
                gevent.sleep(GO_POLL_S)
