"""The objectives for which a plan is said to have enough requests are those that the judges can decide."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.measures import sampling
from closeshave.plan import Limits, LocustFile, Phase, Plan, Role, Traffic
from closeshave.shapes import RampShape
from closeshave.target import Claim, Measure, Objective, Target
from closeshave.topology import Shard, Topology
from closeshave.trial import fitting, outlook, prospects
from closeshave.trial.preparation import prepare

TOPOLOGY = Topology(("east", "west"), tuple(Shard(at, at, at, "east", "west") for at in (1, 2, 3, 4)))
PLAN = Plan(
    "p",
    "e",
    "t",
    1,
    Limits(300, 100_000),
    (Phase("calm", Role.CALM, 100, 10), Phase("broken", Role.FAULT, 50, 8)),
    traffic=Traffic(requests_per_session=11, per_session={"login": 0.5, "book": 0.3}),
)
FOUR_NINES = Objective("availability", (), Measure.AVAILABILITY, at_least=0.9999)


def told(plan: Plan, *objectives: Objective) -> tuple[prospects.Prospect, ...]:
    """Of a target with these objectives."""
    return prospects.prospects(plan, Target("t", "T", (Claim("X", "x", ("load",)),), objectives), TOPOLOGY)


OBJECTIVES: list[tuple[Objective, int, float]] = [
    (FOUR_NINES, 29_956, 11_000),
    (Objective("a", (), Measure.AVAILABILITY, at_least=0.999, per="region"), 2_995, 5_500),
    (Objective("a", (), Measure.AVAILABILITY, at_least=0.999, per="shard"), 2_995, 2_750),
    (Objective("a", (), Measure.AVAILABILITY, at_least=0.999, window="run"), 2_995, 11_000 + 4_400),
    (Objective("e", (), Measure.ERROR_RATE, at_most=0.01), 299, 11_000),
    (Objective("l", (), Measure.LATENCY, at_most=0.1, percentile=0.95), 59, 11_000),
    (Objective("l", (), Measure.LATENCY, at_most=0.1, percentile=0.95, operations=("book",)), 59, 300),
    # Half a log-in a session would be five a second; they keep a pace of one.
    (Objective("l", (), Measure.LATENCY, at_most=0.1, percentile=0.95, operations=("login",)), 59, 100),
    (Objective("l", (), Measure.LATENCY, at_most=0.1, percentile=0.95, except_operations=("login",)), 59, 10_900),
    (Objective("l", (), Measure.LATENCY, at_most=0.1, percentile=0.95, at_least_chances=5_000), 5_000, 11_000),
]


def test_of_a_locust_file_of_ones_own_nothing_is_foretold_that_nobody_stated() -> None:
    """Not of one of its requests, and in the closed model of none."""
    looks = Objective("looks", (), Measure.AVAILABILITY, at_least=0.9, operations=("GET look",))
    own = replace(PLAN, traffic=replace(PLAN.traffic, locust=LocustFile("shop.py")))
    assert [found.objective for found in told(own, FOUR_NINES, looks)] == [FOUR_NINES]
    closed = replace(PLAN, traffic=replace(PLAN.traffic, locust=LocustFile("shop.py", model="closed", users=5)))
    assert told(closed, FOUR_NINES, looks) == ()


@pytest.mark.parametrize(("objective", "needs", "expects"), OBJECTIVES)
def test_needs_and_expectations_are_as_calculated_by_hand(objective: Objective, needs: int, expects: float) -> None:
    """10 sessions/s for 100 s of 11 requests each."""
    (found,) = told(PLAN, objective)
    assert found.needs == needs
    assert found.expects == pytest.approx(prospects.COMES * expects)
    assert found.enough == (prospects.COMES * expects >= needs)


@pytest.mark.parametrize(
    "objective",
    [
        Objective("i", (), Measure.INTEGRITY),
        Objective("t", (), Measure.THROUGHPUT, at_least=10),
        Objective("s", (), Measure.AVAILABILITY, at_least=0.99, sliding=10),
        Objective("w", (), Measure.CACHE_HIT_RATIO, at_least=0.95, warm=True),
        Objective("o", (), Measure.AVAILABILITY, at_least=0.99, per="operation"),
        Objective("one", (), Measure.AVAILABILITY, at_least=1.0),
    ],
    ids=lambda objective: objective.id,
)
def test_objectives_that_cannot_be_foreseen_are_left_out(objective: Objective) -> None:
    """They have a verdict after the run in any case."""
    assert told(PLAN, objective) == ()


@given(st.floats(0.5, 0.99999), st.floats(0.6, 0.999))
def test_fewer_requests_than_needed_decide_nothing_and_as_many_do(bound: float, confidence: float) -> None:
    """By the arithmetic of the judges, if no request breaks the promise."""
    (found,) = told(PLAN, replace(FOUR_NINES, at_least=bound, confidence=confidence))
    assert sampling.share_bounds(found.needs, found.needs, confidence)[0] >= bound - 1e-9
    if found.needs > 1:
        assert sampling.share_bounds(found.needs - 1, found.needs - 1, confidence)[0] < bound + 1e-9


@given(st.floats(0.05, 1))
def test_the_best_result_of_so_many_requests_is_what_the_judge_would_say(factor: float) -> None:
    """For a sample of that size without a breach."""
    (found,) = told(fitting.fitted(PLAN, factor), FOUR_NINES)
    n = int(found.expects)
    assert found.settles == pytest.approx(sampling.share_bounds(n, n, 0.95)[0], abs=1e-4)


def test_a_plan_of_the_proposed_length_decides_the_objective() -> None:
    """At the same rate; where only phases with faults count, a longer calm phase does not help."""
    (found,) = told(PLAN, FOUR_NINES)
    lasting_s = prospects.lasting_s(PLAN, found)
    assert lasting_s is not None
    (longer,) = told(PLAN.lasting((100 + lasting_s - PLAN.duration_s, 50)), FOUR_NINES)
    assert longer.enough
    (broken,) = told(PLAN, replace(FOUR_NINES, window="fault"))
    assert prospects.lasting_s(PLAN, broken) is None


def test_a_rate_that_changes_counts_by_its_mean() -> None:
    """A ramp from zero has half of the sessions."""
    ramp = replace(PLAN, phases=(Phase("calm", Role.CALM, 100, 10, RampShape("ramp", 0.0, 1.0)),))
    assert told(ramp, FOUR_NINES)[0].expects == pytest.approx(prospects.COMES * 5_500)


@pytest.mark.parametrize(
    ("scale", "said", "unsaid"),
    [
        (1.0, ["enough requests for a verdict", "availability (availability at least 99.99 %)"], ["too few"]),
        (0.5, ["enough requests for a verdict", "99.99 %"], ["too few"]),
        (
            0.21,
            [
                "too few requests on this machine: availability (availability at least 99.99 %) will be inconclusive. It needs 29,956",
                "about 26,778 are expected, which are enough for 99.989 % at best; 1.1 times the rate or limits.duration: 787s would be enough",
                "enough requests for a verdict, if no request breaks the promise: availability per region (availability at least 99.9 %)",
            ],
            [],
        ),
    ],
)
def test_the_nightly_plan_says_what_it_will_not_decide(scale: float, said: list[str], unsaid: list[str]) -> None:
    """At half its rate the calm phase can become long enough within the limit; at 0.21 it cannot, and the sufficient rate is stated."""
    lines = " | ".join(outlook.foreseen(prepare("nightly", rate_scale=scale)))
    assert all(each in lines for each in said), lines
    assert not any(each in lines for each in unsaid), lines


def test_too_few_as_planned_is_told_also_if_a_smaller_rate_would_bring_enough(tmp_path: Path) -> None:
    """At a smaller rate calm lasts longer. That must not look as if the plan as it is written were long enough."""
    (tmp_path / "plan.yaml").write_text(
        """\
name: short
environment: embedded
target: bookedbarber-smoke
seed: 1
limits: {duration: 3m, requests: 20000}
phases: [{name: calm, role: calm, duration: 10s, sessions_per_s: 5}]
"""
    )
    rows = {row["requests for a verdict"]: row for row in outlook.plain(prepare(str(tmp_path / "plan.yaml")))["requests_for_a_verdict"]}
    assert rows["login-latency"]["enough down to"] == "too few as planned"
    assert rows["availability"]["enough down to"] == "4 % of the rate"


def test_the_proposal_for_the_nightly_plan_is_enough() -> None:
    """The duration and the rate that it names."""
    prepared = prepare("nightly", rate_scale=0.21)
    longer = replace(prepared.written, limits=replace(prepared.written.limits, duration=787))
    topology = prepared.definition.topology
    assert all(each.enough for each in prospects.prospects(fitting.fitted(longer, 0.21), prepared.target, topology))
    assert all(each.enough for each in prospects.prospects(fitting.fitted(prepared.written, 0.21 * 1.14), prepared.target, topology))


def test_a_plan_that_is_too_short_as_written_is_not_blamed_on_the_machine() -> None:
    """It would be too short on any machine."""
    prepared = prepare("nightly")
    short = prepared.written.lasting((10, 30, 35, 45, 70))
    (line,) = [one for one in outlook.foreseen(replace(prepared, plan=short, written=short)) if "at least 99.99" in one]
    assert line.startswith("too few requests in this plan")
    assert "s more of calm would be enough" in line
