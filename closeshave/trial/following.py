"""Tells a person about the running load: each fault's steps as they happen, and its state once a second. Records and judges nothing."""

from __future__ import annotations

from collections.abc import Sequence

from closeshave.history import PhaseTime
from closeshave.trial import schedule
from closeshave.trial.board import State
from closeshave.trial.happenings import Course, Tail
from closeshave.trial.monitoring import Monitor
from closeshave.trial.state import Trial


class Following:
    """Follows one load, which began with the first of ``phases``."""

    def __init__(self, trial: Trial, phases: Sequence[PhaseTime], monitor: Monitor) -> None:
        self._trial = trial
        self._phases = phases
        self._monitor = monitor
        self._tail = Tail(trial.run)
        self._course = Course(schedule.due(trial.prepared.plan, phases[0].started_ns), trial.prepared.gameday is not None)

    def happenings(self) -> None:
        """Say what happened to faults since the last call."""
        for event in self._tail.new():
            if (said := self._course.take(event)) is not None:
                self._trial.say(said.sentence, said.fault, said.style)

    def state(self, now_ns: int) -> None:
        """Show how the load is doing."""
        begun_ns, ended_ns = self._phases[0].started_ns, self._phases[-1].ended_ns
        phase = schedule.current(self._phases, now_ns)
        self._trial.display.show(
            State(
                elapsed_s=max(0, now_ns - begun_ns) / 1e9,
                total_s=(ended_ns - begun_ns) / 1e9,
                phase=phase.name if phase else "starting",
                reading=self._monitor.reading,
                faults=self._course.standing(now_ns),
                burnt=self._monitor.burnt,
                burnt_max=self._trial.prepared.plan.aborts.budget,
            )
        )
