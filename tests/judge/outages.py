"""Histories with one outage of a shard, and what is said of the recovery from it."""

from typing import Any

import pytest

from closeshave.judge.verdict import FaultFigures, Status, Verdict
from closeshave.plan import Fault
from closeshave.target import Objective
from tests.judge.histories import KILL, RECOVERY, Run

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def outage(*down: tuple[float, float], fault: Fault = KILL, objective: Objective | None = RECOVERY, **life: Any) -> Run:
    """Ten probes a second at shard 1 all along; those due inside ``down`` fail."""
    run = Run((objective,) if objective else (), (fault,))
    run.life(**life)
    run.probes(100, 190, down=down)
    return run


def verdict(run: Run) -> Verdict:
    """What is said of the recovery from the kill."""
    return run.verdict("recovery/kill")


def back_at(seconds: float) -> Any:
    """The middle between a failed probe 0.1 s before and the answer, 10 ms after it was sent, to the good one at this second after the injection."""
    return pytest.approx(seconds - 0.045, abs=1e-6)


def figures(run: Run) -> FaultFigures:
    """The figures of the kill, as in the report."""
    return run.assess(breaches=False).faults[0]
