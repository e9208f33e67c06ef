"""Checks the running load once a second, and stops the trial when an abort rule requires it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from closeshave.clock import now_ns
from closeshave.faults.ledger import Ledger
from closeshave.history import Mark, record
from closeshave.plan import Fault
from closeshave.traffic.live import Live, void
from closeshave.trial import ratecap, schedule, standing
from closeshave.trial.aborts import Bounds, Watch
from closeshave.trial.disturbances import Disturbances, InstantCounts
from closeshave.trial.ended import EndedByThemselves
from closeshave.trial.figures import Gauge, Reading
from closeshave.trial.liveness import Liveness
from closeshave.trial.slots import ACTIONS
from closeshave.trial.standing import LoadStanding
from closeshave.trial.state import EnvironmentLost, SafetyStop, Trial
from closeshave.vocabulary import MarkKind

LOOK_EVERY_NS = 1_000_000_000


class Monitor:
    """The state of the checks of one trial since its load began at ``start_ns``."""

    def __init__(self, trial: Trial, start_ns: int) -> None:
        plan, topology = trial.prepared.plan, trial.manifest.topology
        shards, others = len(topology.shards), len(topology.regions) - 1
        probes_per_s = (plan.canaries.home_per_s + others * plan.canaries.away_per_s) * (
            shards if plan.traffic.locust is None else plan.probed
        )
        real = not trial.driver.ours
        aborts = replace(plan.aborts, integrity=real if plan.aborts.integrity is None else plan.aborts.integrity)
        bounds = Bounds(aborts, trial.prepared.target.error_budget, topology, probes_per_s)
        self._watch = Watch(bounds, start_ns / 1e9)
        self._live = Live(trial.run, void(trial.serving))
        self._disturbances = Disturbances(trial.run, ignores_disturbed=not real)
        self._liveness = Liveness(trial.serving, start_ns)
        self._ended = EndedByThemselves(trial.serving)
        self._first_fault_ns = schedule.first_ns(plan, start_ns, by_people=trial.prepared.gameday is not None)
        self._run = trial.run
        self._ledger = Ledger(trial.run)
        self._faults = {fault.id: fault for fault in plan.faults}
        self._slots = plan.tells_effects
        self._looked_ns = start_ns
        self._gauge = Gauge(start_ns / 1e9, topology.regions, tuple(one.id for one in topology.clusters))
        self.reading: Reading | None = None
        """What the last look saw, for a person; ``None`` before the first one."""

    @property
    def doubled(self) -> str:
        """A slot for which two bookings were acknowledged, as a sentence; empty as long as none was seen."""
        return self._watch.doubled

    @property
    def burnt(self) -> float | None:
        """Share of the month's error budget that the load has cost so far; ``None`` without a budget."""
        return self._watch.burnt

    def look(self) -> None:
        """Check, unless the last check was just now. Raises :class:`SafetyStop` and :class:`EnvironmentLost`."""
        at_ns = now_ns()
        if at_ns - self._looked_ns < LOOK_EVERY_NS:
            return
        self._looked_ns = at_ns
        if reason := self._liveness.gone(at_ns):
            record(self._run, Mark(self._liveness.whole_ns, MarkKind.ENVIRONMENT_LOST, reason))
            raise EnvironmentLost(reason)
        broken = self._broken()
        self._check_application(bool(broken) or self._faulted(at_ns))
        seen = InstantCounts(at_ns / 1e9, self._live.tallies(), self._live.effects(ACTIONS), broken)
        # Counters that cannot be read are no reason to stop: these figures are for a person only.
        with suppress(OSError):
            self.reading = self._gauge.look(seen.at_s, ratecap.offered(self._run), self._live.answers())
        try:
            self._decide(at_ns, seen)
        finally:
            self._told(at_ns)

    def _decide(self, at_ns: int, seen: InstantCounts) -> None:
        """Raises :class:`SafetyStop`."""
        for counted in self._disturbances.due(seen):
            reason = self._watch.look(counted.at_s, counted.tallies, counted.effects, counted.broken)
            if reason and not self._liveness.going(at_ns):
                cause = self._disturbances.cause(counted.at_s)
                raise SafetyStop(f"{reason}; other programs may have caused that: {cause}" if cause else reason)

    def _told(self, at_ns: int) -> None:
        """For whoever watches from another process. A disk that is full is no reason to stop."""
        with suppress(OSError):
            standing.save(self._run, LoadStanding(at_ns, self.burnt, self._watch.bounds.aborts.budget, self.doubled, self._slots))

    def _check_application(self, faulted: bool) -> None:
        """Tell of instances that have ended by themselves. Raises :class:`EnvironmentLost` when a region has none left."""
        told, reason = self._ended.look(faulted=faulted)
        for sentence in told:
            record(self._run, Mark(now_ns(), MarkKind.NOTE, sentence))
        if reason:
            raise EnvironmentLost(reason)

    def _faulted(self, at_ns: int) -> bool:
        """Whether the first fault is due: its experiment may begin at any moment."""
        return self._first_fault_ns is not None and at_ns >= self._first_fault_ns - LOOK_EVERY_NS

    def _broken(self) -> list[Fault]:
        """Faults that may be in effect: planned in the ledger and not proven healed."""
        return [self._faults[standing.fault] for standing in self._ledger.open() if standing.fault in self._faults]
