"""Begins faults and drills at the instants of the plan."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.clock import now_ns
from closeshave.history import PhaseTime
from closeshave.scope import scope_text
from closeshave.trial import schedule
from closeshave.trial.begun import begin, unhealed
from closeshave.trial.state import Trial
from closeshave.vocabulary import MarkKind


class PlanSchedule:
    """The schedule of one trial, whose phases are these."""

    def __init__(self, trial: Trial, times: Sequence[PhaseTime]) -> None:
        self._trial = trial
        self.ends_ns = times[-1].ended_ns
        """When the load ends."""
        self.stopped = ""
        """A schedule always comes to its end."""
        self._waiting = list(schedule.due(trial.prepared.plan, times[0].started_ns))
        self._begun: list[schedule.Due] = []

    def look(self, now: int) -> None:
        """Begin what is due. Raises :class:`OSError`."""
        trial = self._trial
        running = [item for item in self._begun if unhealed(trial, item.fault.id)]
        for item in list(self._waiting):
            go, at_ns = schedule.decide(item, running, self.ends_ns, now)
            if go is schedule.Go.WAIT:
                continue
            self._waiting.remove(item)
            if go is schedule.Go.SKIP:
                trial.mark(MarkKind.FAULT_SKIPPED, item.fault.id)
                trial.say("an earlier fault is not healed yet", f"{item.fault.id} is skipped", "yellow")
                continue
            begin(trial, item.fault, at_ns)
            self._begun.append(item)
            running.append(item)
            trial.say(f"{item.fault.id}: {item.fault.kind} {scope_text(item.fault.scope)} in {(at_ns - now_ns()) / 1e9:.1f} s")

    def finish(self, why: str) -> None:
        """The load is over; ``why``, if it ended early. Nothing more begins."""
