"""With the shipped plans a platform that does not recover by itself fails, and a promise for which they had no time is inconclusive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.files.shipped import locate
from closeshave.judge.verdict import Status
from closeshave.plan import Expected, Fault, read_plan
from closeshave.target import Measure, read_target
from tests.judge.histories import KILL, Run

OURS = "recovery-before-the-heal"
PLANS = ("smoke", "nightly", "two-regions", "partition")


def faults(name: str) -> tuple[Fault, ...]:
    """What such a plan breaks: read when a test asks for it, because all workers of pytest-xdist list all tests."""
    found = read_plan(locate("scenarios", name)).faults
    assert found
    return found


def judged(name: str, fault: Fault, back_s: float) -> Run:
    """Shard 1 fails from the injection on for so long; the harness heals when the plan says so. Its scope is what the history has."""
    target = read_target(locate("environments/targets", read_plan(locate("scenarios", name)).target))
    objectives = tuple(one for one in target.objectives if one.measure is Measure.RECOVERY)
    here = replace(fault, phase=KILL.phase, at=KILL.at, scope=KILL.scope)
    run = Run(objectives, (here,))
    run.life(fault=here.id, healed=120 + fault.hold, verified=125 + fault.hold)
    run.probes(100, 190, down=((120, 120 + back_s),))
    return run


@pytest.mark.parametrize("name", PLANS)
def test_a_platform_that_never_recovers_by_itself_fails(name: str) -> None:
    """By the harness's bound; the bounds of five minutes and of one are inconclusive."""
    for fault in faults(name):
        assert fault.expected is not Expected.RESTORED
        run = judged(name, fault, fault.hold + 2)
        assert run.verdict(f"{OURS}/{fault.id}").status is Status.FAIL
        assert run.verdict(f"recovery/{fault.id}").status is Status.INCONCLUSIVE


@pytest.mark.parametrize("name", PLANS)
def test_a_platform_that_recovers_soon_keeps_both_bounds(name: str) -> None:
    """Two seconds are within every bound."""
    for fault in faults(name):
        run = judged(name, fault, 2.0)
        assert {run.verdict(f"{objective}/{fault.id}").status for objective in (OURS, "recovery")} == {Status.PASS}
