"""When faults are due, and which may start."""

from itertools import pairwise

import pytest

from closeshave.plan import Expected, Fault, Limits, Phase, Plan, Role
from closeshave.trial.schedule import EARLY_NS, Due, Go, decide, due, phases

SECOND = 1_000_000_000
PLAN = Plan(
    name="two faults",
    environment="embedded",
    target="smoke",
    seed=1,
    limits=Limits(duration=100, requests=1000),
    phases=(Phase("warm", Role.WARM_UP, 10, 1), Phase("calm", Role.CALM, 20, 1), Phase("broken", Role.FAULT, 60, 1)),
    faults=(
        Fault("second", "cache.tier-lost", "broken", at=30, hold=10, expected=Expected.DEGRADES, scope={"tier": "cache"}),
        Fault("first", "shard.primary-killed", "broken", at=5, hold=20, expected=Expected.RECOVERS, scope={"shard": 1}),
    ),
)
START = 1_000 * SECOND
END = START + 90 * SECOND


def test_phases_follow_one_another_without_a_gap():
    """Each phase starts on the nanosecond at which the one before it ends."""
    times = phases(PLAN, START)
    assert [phase.name for phase in times] == ["warm", "calm", "broken"]
    assert times[0].started_ns == START
    assert all(one.ended_ns == other.started_ns for one, other in pairwise(times))
    assert times[-1].ended_ns == END


def test_faults_come_in_the_order_of_their_instants():
    """The plan may list faults in any order; what counts is when they are due."""
    assert [(item.fault.id, (item.at_ns - START) // SECOND) for item in due(PLAN, START)] == [("first", 35), ("second", 60)]


FIRST, SECOND_FAULT = due(PLAN, START)


@pytest.mark.parametrize(
    ("now_s", "unhealed", "expected"),
    [
        pytest.param(51.9, (), (Go.WAIT, 60.0), id="too early"),
        pytest.param(52.0, (), (Go.START, 60.0), id="early enough to be on time"),
        pytest.param(56.0, (), (Go.START, 60.0), id="exactly the least lead before"),
        pytest.param(56.5, (), (Go.START, 60.5), id="the lead begins late, so the instant moves"),
        pytest.param(56.0, (FIRST,), (Go.WAIT, 60.0), id="another one is not yet healed"),
        pytest.param(70.0, (), (Go.START, 74.0), id="late, but the hold still fits"),
        pytest.param(76.0, (), (Go.START, 80.0), id="the hold ends exactly with the load"),
        pytest.param(76.001, (), (Go.SKIP, 80.001), id="the hold would end after the load"),
        pytest.param(77.0, (FIRST,), (Go.SKIP, 81.0), id="waited for the other one until it was too late"),
    ],
)
def test_a_fault_starts_only_when_nothing_else_is_broken(now_s, unhealed, expected):
    """A fault waits until the one before it is proven healed and is skipped, with its name, when that takes too long."""
    go, at_ns = decide(SECOND_FAULT, unhealed, END, START + round(now_s * SECOND))
    assert (go, round((at_ns - START) / SECOND, 3)) == expected


def test_faults_that_the_plan_overlaps_start_together():
    """Overlapping windows are planned, so they are no reason to wait."""
    twin = Due(SECOND_FAULT.fault, SECOND_FAULT.at_ns + SECOND)
    assert decide(twin, (SECOND_FAULT,), END, twin.at_ns - EARLY_NS)[0] is Go.START
