"""Rounds of probes while the load runs: each is asked in a thread of the trial's process when it is due, and recorded in a directory of the run.

A round judges nothing, and one that fails or hangs disturbs nobody: its probes are then inconclusive.
"""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.deployment import OWN_REQUESTS
from closeshave.files import append_line, unexpected
from closeshave.plan import ProbeRound
from closeshave.probes import carrying
from closeshave.probes.catalogue import PROBES, matching
from closeshave.probes.places import MILD, ProbePlace
from closeshave.trial.state import Trial
from closeshave.vocabulary import DESCRIPTION, ENVIRONMENT, LOGS, ROUNDS, TARGET, MarkKind

FINISH_S = 60.0
"""How long a round that is under way may go on after the load."""


class ProbeRounds:
    """The rounds of a trial; used by its main thread."""

    def __init__(self, trial: Trial, start_ns: int) -> None:
        self._trial = trial
        plan = trial.prepared.plan
        self._waiting = [(start_ns + round((plan.starts_s(each.phase) + each.at) * 1e9), each) for each in plan.rounds]
        self._threads: list[threading.Thread] = []

    def look(self) -> None:
        """Begin every round that is due."""
        for due in [due for due in self._waiting if due[0] <= now_ns()]:
            self._waiting.remove(due)
            self._trial.say(f"round of probes {due[1].id}: {', '.join(due[1].probes)}")
            thread = threading.Thread(target=self._carry_out, args=(due[1],), name=f"round {due[1].id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Wait for those that are under way, but not without end."""
        for thread in self._threads:
            thread.join(FINISH_S)
            if thread.is_alive():
                self._trial.mark(
                    MarkKind.NOTE, f"{thread.name} of probes still asks {FINISH_S:g} s after the load; what it does not record is unknown"
                )

    def _carry_out(self, asked: ProbeRound) -> None:
        trial, place = self._trial, self._trial.run / ROUNDS / asked.id
        try:
            (place / LOGS).mkdir(parents=True)
            for name in (TARGET, ENVIRONMENT, DESCRIPTION):
                shutil.copyfile(trial.run / name, place / name)
            found = ProbePlace(trial.serving, trial.prepared.definition, MILD)
            probes = tuple(PROBES[name] for name in matching(asked.probes))
            carrying.conduct(place, found, trial.prepared.target, probes, datetime.now(UTC), _nobody, sent=self._sent)
        except Exception as error:  # noqa: BLE001 - whatever a round does wrong, the trial goes on; its probes are then inconclusive
            unexpected.keep(error, trial.run, f"round of probes {asked.id}")
            trial.mark(MarkKind.NOTE, f"round {asked.id} of probes failed: {unexpected.told(error)}")

    def _sent(self, region: str) -> None:
        # The edge counts it, and no sender does.
        append_line(Path(self._trial.serving.root, OWN_REQUESTS), {"region": region})


def _nobody(_said: str) -> None:
    """A round is asked beside a display that shows other things."""
