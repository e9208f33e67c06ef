"""Starts the process of a fault or a drill, and says whether it is over: for whoever decides when it begins, the plan's schedule or people."""

from __future__ import annotations

from closeshave.faults import child as experiment
from closeshave.faults import ledger
from closeshave.faults.forkserver import NoServer
from closeshave.plan import Disruption, Drill
from closeshave.trial import drilling
from closeshave.trial.state import Trial
from closeshave.vocabulary import MarkKind

FAULTS, DRILLING, EXPERIMENT = "closeshave.faults.forking", "closeshave.trial.drilling", "closeshave.faults.experiment"
"""The programs that fork a process for each fault; for each drill too, but with more to import; and that carry out one fault without a fork."""


def begin(trial: Trial, planned: Disruption, at_ns: int) -> None:
    """Start a fault's experiment, or a drill, by a fork if possible, because starting an interpreter would disturb the load. Raises :class:`OSError`."""
    trial.children[planned.id] = _child(trial, planned, at_ns)


def _child(trial: Trial, planned: Disruption, at_ns: int) -> experiment.Child:
    if isinstance(planned, Drill):
        written, module = drilling.order(trial.serving, trial.run, planned, at_ns, trial.prepared.target), DRILLING
    else:
        written, module = experiment.order(trial.serving, trial.run, planned, at_ns), EXPERIMENT
    if trial.forks is not None:
        try:
            return trial.forks.fork(written)
        except NoServer as error:
            trial.mark(MarkKind.NOTE, f"{planned.id} was started in an interpreter of its own: {error}")
    return experiment.begin(trial.serving, trial.run, written, module)


def unhealed(trial: Trial, planned: str) -> bool:
    """Whether a process that was started still runs, or died before the heal was proven: then no other fault may be injected."""
    return trial.children[planned].poll() is None or ledger.Ledger(trial.run).find(planned) is not None


def given_up(trial: Trial, planned: str) -> bool:
    """Whether its process has ended without a proof that it is healed: only the clean-up tries again."""
    # In this order: a process closes its entry of the ledger before it ends.
    return trial.children[planned].poll() is not None and ledger.Ledger(trial.run).find(planned) is not None
