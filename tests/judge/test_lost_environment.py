"""If the whole environment is lost without a fault, its last answers fail nothing; what it answered before counts."""

from __future__ import annotations

import pytest

from closeshave.history import Mark
from closeshave.judge.verdict import Status
from closeshave.target import Measure, Objective
from closeshave.vocabulary import MarkKind
from tests.judge.histories import AVAILABILITY, INTEGRITY, KILL, LATENCY, LOSS, RECOVERY, Run, ns

PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
THROUGHPUT = Objective("throughput", ("C1",), Measure.THROUGHPUT, at_least=5.0)
EVERYTHING = (AVAILABILITY, LATENCY, THROUGHPUT, RECOVERY, LOSS, INTEGRITY)


def lost(run: Run, at: float) -> None:
    """At this second every part ran for the last time; the final state could not be read."""
    run.marks.append(Mark(ns(at), MarkKind.ENVIRONMENT_LOST, "every part of the environment has ended, and no fault caused that"))
    run.bookings = run.captures = None


def going(bad_from: float) -> Run:
    """Ten requests a second, well answered until a second, and not at all from then on."""
    run = Run(EVERYTHING, (KILL,))
    run.steady(round((bad_from - 10) * 10), 10, bad_from)
    for index in range(150):
        run.bad(bad_from + index / 10, took=5.0)
    return run


def test_an_environment_that_is_lost_breaks_no_promise() -> None:
    """It was complete at second 60 and then ended part by part: no verdict fails, and the run is inconclusive."""
    run = going(60.1)
    assert run.assess().status is FAIL, "without the mark these are outages"
    lost(run, 60)
    assessment = run.assess()
    assert FAIL not in {verdict.status for verdict in assessment.verdicts}
    assert assessment.status is INCONCLUSIVE
    assert "answers later than 60.0 s are not used" in run.verdict("complete").reason


def test_what_it_broke_before_counts() -> None:
    """An outage that began ten seconds earlier was caused by the platform."""
    run = going(60.1)
    lost(run, 70.1)
    assert run.verdict("availability/all").status is FAIL


@pytest.mark.parametrize(("took", "recorded"), [(1.0, 1), (1.000000001, 0)])
def test_an_answer_counts_if_it_came_while_all_parts_were_there(took: float, recorded: int) -> None:
    """A request that was in progress then may have been lost with the part that handled it."""
    run = Run((AVAILABILITY,))
    run.op(59, took=took)
    lost(run, 60)
    assert run.assess(breaches=False).load.recorded == recorded


def test_a_recovery_longer_than_the_run_is_not_missing() -> None:
    """20 s are allowed from second 120 on: lost after 15 s of outage, the platform may still have recovered in time."""
    run = Run((RECOVERY,), (KILL,))
    run.life(healed=None, verified=None)
    run.probes(100, 190, down=((120, 190),))
    assert run.verdict("recovery/kill").status is FAIL, "without the mark it did not recover"
    lost(run, 135)
    assert run.verdict("recovery/kill").status is INCONCLUSIVE


def test_a_fault_that_was_open_then_is_not_called_unhealed() -> None:
    """Nothing is left that could be healed."""
    run = Run(EVERYTHING, (KILL,))
    run.life(healed=None, verified=None)
    run.steady(2000, 10, 125)
    run.probes(100, 125)
    lost(run, 125)
    assert run.assess().status is INCONCLUSIVE
