"""Look at the running load once a second, and stop the trial when going on would cost more than it can show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closeshave import processes
from closeshave.clock import now_ns
from closeshave.deployment import Deployment
from closeshave.environments.errors import EnvironmentFailed
from closeshave.faults.ledger import Ledger
from closeshave.plan import Fault
from closeshave.traffic.live import Live
from closeshave.trial.aborts import Bounds, Watch
from closeshave.trial.slots import ACTIONS
from closeshave.trial.state import SafetyStop, Trial

LOOK_EVERY_NS = 1_000_000_000


class Overseer:
    """Holds what was seen of one trial since its load began at ``start_ns``."""

    def __init__(self, trial: Trial, start_ns: int) -> None:
        plan, topology = trial.prepared.plan, trial.manifest.topology
        shards, others = len(topology.shards), len(topology.regions) - 1
        probes_per_s = shards * (plan.canaries.home_per_s + others * plan.canaries.away_per_s)
        real = trial.manifest.evidence == "measured"
        aborts = replace(plan.aborts, integrity=real if plan.aborts.integrity is None else plan.aborts.integrity)
        bounds = Bounds(aborts, trial.prepared.target.error_budget, topology, probes_per_s)
        self._watch = Watch(bounds, start_ns / 1e9)
        self._live = Live(trial.run)
        self._deployment = trial.serving
        self._ledger = Ledger(trial.run)
        self._faults = {fault.id: fault for fault in plan.faults}
        self._looked_ns = start_ns

    def look(self) -> None:
        """Look, unless the last look was just now. Raises :class:`SafetyStop`, and :class:`EnvironmentFailed` when the environment is no more."""
        at_ns = now_ns()
        if at_ns - self._looked_ns < LOOK_EVERY_NS:
            return
        self._looked_ns = at_ns
        if reason := gone(self._deployment):
            raise EnvironmentFailed(reason)
        if reason := self._watch.look(at_ns / 1e9, self._live.tallies(), self._live.effects(ACTIONS), self._broken()):
            raise SafetyStop(reason)

    def _broken(self) -> list[Fault]:
        """Faults that may be in effect: planned in the ledger and not proven healed."""
        return [self._faults[standing.fault] for standing in self._ledger.open() if standing.fault in self._faults]


def gone(deployment: Deployment) -> str:
    """Why there is nothing left to judge, in a sentence; empty while anything runs, or where nothing of it runs here.

    No fault ends every part at once, the edges and the payment provider too: what a dead machine answers says nothing of the platform.
    """
    root = Path(deployment.root)
    if not deployment.processes or any(processes.find(root, process) for process in deployment.processes):
        return ""
    cause = "; has the container engine been stopped or restarted?" if deployment.networks else ""
    return f"every part of the environment has ended, and no fault ended them{cause}"
