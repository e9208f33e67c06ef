"""Everything that a plan tests has a verdict, and every other promise has a reason: nothing disappears because of a typing error or an empty phase."""

from dataclasses import replace

import pytest

from closeshave.judge import assess, exit_code
from closeshave.judge.asked import asked, unable
from closeshave.judge.verdict import Status
from closeshave.plan import Drill, Expected, Role
from closeshave.target import Claim, Measure, Objective, Target
from tests.judge.histories import AVAILABILITY, INTEGRITY, KILL, LATENCY, LOSS, RECOVERY, Run

RUN = Run((), (KILL,))
PLAN = RUN.plan
DEGRADED = Objective("weak", ("C1",), Measure.AVAILABILITY, at_least=0.9, window="degraded", faults=("cache.*",))


def test_where_nobody_knows_which_kinds_there_were_no_pattern_is_strange() -> None:
    """A run of an older version does not say; what its plan lacks is not run."""
    run = Run((AVAILABILITY, replace(RECOVERY, faults=("queue.*",))), (KILL,))
    run.steady(1000)
    old = replace(run.history, manifest=replace(run.history.manifest, kinds=()))
    said = assess(old, run.plan, run.target)
    assert [verdict.id for verdict in said.verdicts if verdict.id.endswith("/no-verdict")] == []


@pytest.mark.parametrize(
    ("pattern", "id"),
    [("shrad.*", "recovery/no-verdict"), ("shard.primary-kiled", "recovery/no-verdict"), ("shard.*", None), ("cache.*", None)],
)
def test_an_objective_that_no_plan_can_ever_judge_makes_the_run_inconclusive(pattern: str, id: str | None) -> None:
    """One wrong letter once turned a fail into a pass. A pattern for which only this plan has no fault is different: it is listed as not run."""
    run = Run((AVAILABILITY, replace(RECOVERY, faults=(pattern,))), (KILL,))
    run.steady(1000)
    said = run.assess()
    silent = [verdict for verdict in said.verdicts if verdict.id.endswith("/no-verdict")]
    assert [verdict.id for verdict in silent] == ([id] if id else [])
    assert all(verdict.status is Status.INCONCLUSIVE and verdict.gates and pattern in verdict.reason for verdict in silent)
    if id:
        assert exit_code(said) != 0


def test_an_objective_per_operation_without_operations_is_named() -> None:
    """There is no part to give a verdict on, but this must still be reported."""
    said = Run((replace(LATENCY, per="operation"),), ()).assess()
    assert "latency/no-verdict" in [verdict.id for verdict in said.verdicts]


def test_a_good_run_names_no_cause(good_ids: list[str]) -> None:
    """An objective that has a verdict is not reported as one without."""
    assert [name for name in good_ids if name.endswith("/no-verdict")] == []


@pytest.fixture
def good_ids() -> list[str]:
    """The IDs of verdicts that pass on a good run."""
    run = Run((AVAILABILITY, RECOVERY, LOSS, INTEGRITY, replace(AVAILABILITY, per="region", at_least=0.5)), (KILL,))
    run.steady(1000)
    return [verdict.id for verdict in run.assess().verdicts]


def test_an_objective_that_is_not_judged_is_named_although_another_one_answers_its_promise() -> None:
    """A plan that has lost its fault must not look as if it tested the whole promise."""
    run = Run((AVAILABILITY, RECOVERY), ())
    run.steady(1000)
    said = asked(run.plan, run.target)
    assert said.not_run == ()
    assert [(one.id, one.text, one.why) for one in said.in_part] == [
        ("part/recovery by shard.*", "C1 in part", "its objective needs a fault of shard.*, and the plan has none")
    ]
    assert said.in_part[0] in run.assess().not_asked


def test_an_objective_of_a_promise_that_nothing_answers_is_not_named_twice() -> None:
    """The promise is named, with the reason."""
    said = asked(Run((RECOVERY,), ()).plan, Run((RECOVERY,), ()).target)
    assert ([one.id for one in said.not_run], said.in_part) == (["C1"], ())


@pytest.mark.parametrize(
    ("objective", "faults", "why"),
    [
        (AVAILABILITY, (), ""),
        (replace(AVAILABILITY, window="fault"), (), ""),
        (RECOVERY, (KILL,), ""),
        (RECOVERY, (), "its objective needs a fault of shard.*, and the plan has none"),
        (LOSS, (replace(KILL, kind="cache.flushed"),), "its objective needs a fault of shard.*, and the plan has none"),
        (DEGRADED, (KILL,), "its objective needs a fault of cache.*, and the plan has none"),
        (DEGRADED, (replace(KILL, kind="cache.flushed"),), "expected: degrades"),
        (DEGRADED, (replace(KILL, kind="cache.flushed", expected=Expected.DEGRADES),), ""),
        (Objective("score", (), Measure.RESILIENCE, at_least=0.5), (), "needs a fault, and"),
        (INTEGRITY, (), ""),
    ],
)
def test_a_plan_judges_what_its_phases_and_faults_can(objective: Objective, faults: tuple, why: str) -> None:  # type: ignore[type-arg]
    """And says what it lacks for the rest."""
    found = unable(replace(PLAN, faults=faults), objective)
    assert (found == "") is (why == "")
    assert why in found


def test_a_calm_objective_needs_a_calm_phase() -> None:
    """A plan of faults alone cannot say how the platform is in calm."""
    broken = replace(PLAN, phases=tuple(phase for phase in PLAN.phases if phase.role is Role.FAULT))
    assert "needs a calm phase" in unable(broken, AVAILABILITY)


CLAIMS = (
    Claim("C1", "served", ("load",)),
    Claim("C2", "restored", ("drill",)),
    Claim("C3", "audited", ("attest",), "finance"),
    Claim("C4", "scales", ("load", "capacity")),
    Claim("C5", "cache comes back", ("fault",)),
)
TARGET = Target("t", "T", CLAIMS, (AVAILABILITY, RECOVERY, Objective("cache", ("C5",), Measure.RECOVERY, at_most=5.0, faults=("cache.*",))))


def test_every_promise_is_tested_or_says_why_not() -> None:
    """A row each, which gates nothing."""
    found = asked(replace(PLAN, faults=(KILL,)), TARGET)
    assert [objective.id for objective in found.objectives] == ["availability", "recovery"]
    assert {row.id: row.why for row in found.not_run} == {
        "C2": "not run in this plan: it needs a drill, and a plan has none",
        "C3": "attested by finance",
        "C4": "not run in this plan: no objective in this target",
        "C5": "its objective needs a fault of cache.*, and the plan has none",
    }
    assert all(row.text for row in found.not_run)


def test_a_drill_tests_the_promises_that_it_names() -> None:
    """Those that need a drill and are named by none say so."""
    claims = (*CLAIMS, Claim("C6", "moved", ("drill",)))
    drill = Drill("back", "restore.latest", "break", 5, claims=("C2",))
    why = {row.id: row.why for row in asked(replace(PLAN, drills=(drill,)), replace(TARGET, claims=claims)).not_run}
    assert "C2" not in why
    assert why["C6"] == "not run in this plan: none of its drills names it (drills: claims)"


@pytest.mark.parametrize(("tests", "ids"), [(("avail*",), ["availability"]), (("recovery", "availability"), ["availability", "recovery"])])
def test_a_plan_may_name_what_it_tests(tests: tuple[str, ...], ids: list[str]) -> None:
    """Nothing else is judged, and the reason for the others is that."""
    found = asked(replace(PLAN, faults=(KILL,), tests=tests), TARGET)
    assert [objective.id for objective in found.objectives] == ids
    assert {row.why for row in found.not_run if row.id == "C5"} == {"its objective is not among those that this plan tests"}


def test_an_objective_that_the_plan_leaves_out_has_no_verdict_and_the_budget_stays() -> None:
    """The objective neither fails nor passes; the error budget is still a promise."""
    run = Run((AVAILABILITY, LATENCY), ())
    run.steady(1000, took=5.0)
    whole, plan = run.history, replace(run.plan, tests=("availability",))
    ids = [verdict.id for verdict in assess(whole, plan, run.target).verdicts]
    assert "availability/all" in ids
    assert "latency/all" not in ids
    assert run.target.error_budget is not None


def test_operations_that_are_left_out_do_not_count() -> None:
    """Log-ins are slow by design: they have a bound of their own."""
    strict = replace(LATENCY, except_operations=("login",))
    own = Objective("login", (), Measure.LATENCY, at_most=2.0, percentile=0.75, operations=("login",))
    run = Run((strict, LATENCY.__class__("all-latency", (), Measure.LATENCY, at_most=0.1, percentile=0.95), own), ())
    run.steady(400)
    run.steady(40, kind="login", took=0.4)
    status = {verdict.id: verdict.status for verdict in run.assess().verdicts}
    assert status["latency/all"] is Status.PASS
    assert status["all-latency/all"] is Status.FAIL
    assert status["login/all"] is Status.PASS


@pytest.mark.parametrize("more", [{"operations": ("slots",)}, {"window": "calm", "faults": ("shard.*",)}])
def test_keys_that_contradict_each_other_are_refused(more: dict) -> None:  # type: ignore[type-arg]
    """Otherwise one of them would be ignored without a message."""
    with pytest.raises(ValueError, match=r"exclude each other|faults is for"):
        replace(LATENCY, except_operations=("login",), **more)


def test_a_run_that_tested_no_promise_is_no_pass() -> None:
    """Everything was recorded and went well, and nothing was asked of it."""
    needs_a_fault = Objective("latency", ("C1",), Measure.LATENCY, at_most=0.1, percentile=0.95, window="degraded", faults=("shard.*",))
    for objectives, why in (
        ((), ": C1: not run in this plan: no objective in this target"),
        ((needs_a_fault,), ": C1: its objective needs a fault of shard.*, and the plan has none"),
    ):
        run = Run(objectives)
        run.steady(100)
        found = run.assess()
        assert found.status is Status.INCONCLUSIVE
        assert found.reasons == (f"promises/no-verdict: no promise of t was tested{why}",)
