"""The confusion matrix itself: every defect has its case, draws are by weight, bounds are the stated ones, and results survive an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.plan import read_plan
from closeshave.standin.switches import Defect
from closeshave.target import read_target
from closeshave.trial.preparation import prepare
from tests.tiers import thorough
from tests.traffic.loads import FOUR
from truth import __main__ as command
from truth import damages, defects, disturbed, drawing, drill_matrix, matrix, result, sabotage
from truth.breaking import Planted
from truth.result import Result
from truth.rows import ROWS
from truth.stage import HERE, TARGET

CALM = HERE / "plans" / "calm.yaml"
KNOWN = Result("a", "defect", "calm", True, "fail", "x: fail", "because", "row", "run", 1, 0.5, 7)


def test_every_defect_of_the_stand_in_has_a_case() -> None:
    """Or a row of promises that it breaks (:mod:`truth.rows`); those have tests of their own."""
    in_rows = {row.breaking.defect for row in ROWS if isinstance(row.breaking, Planted)}
    assert {case.defect for case in defects.CASES} | in_rows == set(Defect)
    assert len(defects.CASES) == len({case.defect for case in defects.CASES})


PLANS = {case.plan for case in (*defects.CASES, *damages.CASES, *sabotage.CASES, *disturbed.CASES)}
PLANS |= {*command.CLEAN, *drill_matrix.CLEAN}
OF_EACH_SORT = {"failover"}
"""Of the others the matrix itself would say at once that they cannot be carried out."""


@pytest.mark.parametrize("plan", [*sorted(OF_EACH_SORT), *thorough(*sorted(PLANS - OF_EACH_SORT))])
def test_every_plan_can_be_carried_out(plan: str) -> None:
    """With the common target."""
    assert prepare(str(HERE / "plans" / f"{plan}.yaml"), target=str(TARGET)).plan.name == f"truth-{plan}"


def test_the_verdicts_meant_for_breaches_exist() -> None:
    """A breach of integrity is searched under the name that the judge gives it."""
    named = {name.removeprefix("integrity/") for case in defects.CASES for name in case.verdicts if name.startswith("integrity/")}
    assert named <= set(INVARIANTS)


def test_the_short_form_is_three_defects_two_damages_and_a_clean_run() -> None:
    """As CI runs it."""
    cases = [name for name in command.SHORT if name in set(Defect)]
    damaged = [name for name in command.SHORT if name in {case.name for case in damages.CASES}]
    assert (len(cases), len(damaged), len(command.SHORT)) == (3, 2, 6)


def test_the_whole_matrix_has_twenty_clean_runs() -> None:
    """Over every plan with a planted defect."""
    assert len(command.CLEAN) == 20
    assert {case.plan for case in defects.CASES} <= set(command.CLEAN)


def test_franchises_are_drawn_by_their_share_of_the_traffic() -> None:
    """A hundred by weight have far more traffic than a hundred at random would, and the same seed draws the same."""
    plan = read_plan(CALM)
    ids, weights = drawing.traffic(plan, FOUR)
    assert weights.sum() == pytest.approx(1)
    drawn = drawing.by_weight(plan, FOUR, 100, 1)
    assert len(drawn.franchises) == 100
    assert drawn.franchises <= set(ids.tolist())
    assert drawn.share > 10 * 100 / len(ids)
    assert drawing.by_weight(plan, FOUR, 100, 1) == drawn


def test_the_hottest_are_the_fewest_franchises_with_the_share() -> None:
    """From the most popular on."""
    drawn = drawing.hottest(read_plan(CALM), FOUR, 0.1)
    assert 0.05 < drawn.share < 0.1
    assert len(drawn.franchises) < 100


@pytest.mark.parametrize(("share", "trials", "probability"), [(0.0, 100, 0.0), (0.5, 1, 0.5), (0.01, 100, 0.634), (0.05, 300, 1.0)])
def test_detection_grows_with_the_length_of_the_run(share: float, trials: int, probability: float) -> None:
    """One minus the probability of a miss every time."""
    assert drawing.detection(share, trials) == pytest.approx(probability, abs=1e-3)


@pytest.mark.parametrize(("alarms", "n", "bound"), [(0, 20, 0.139), (0, 300, 0.01), (1, 20, 0.216), (2, 2, 1.0)])
def test_the_bound_on_false_alarms_is_clopper_and_pearsons(alarms: int, n: int, bound: float) -> None:
    """With none among n close to 3/n."""
    assert matrix.false_alarm_bound(alarms, n) == pytest.approx(bound, abs=1e-3)


def test_results_survive_an_interruption(tmp_path) -> None:
    """What was saved is read again."""
    path = tmp_path / "results.json"
    assert result.load(path) == {}
    result.save(path, {"a": KNOWN})
    assert result.load(path) == {"a": KNOWN}


def test_the_matrix_says_what_was_missed() -> None:
    """A missed defect is never hidden among the right results."""
    missed = Result("b", "clean", "calm", False, "fail", "latency/all: fail", "slow", "", "run", 1, None, 7)
    page = matrix.render({"a": KNOWN, "b": missed})
    assert "**1 of 1**" in page
    assert "**0 of 1**" in page
    assert "**missed** | latency/all: fail" in page


@pytest.mark.parametrize("sort", drill_matrix.SORTS)
def test_drills_have_a_page_of_their_own(sort: str) -> None:
    """A matrix of drills alone does not replace the page on defects, and what was missed is never hidden."""
    missed = Result("b", sort, "restore", False, "pass", "drill/restore: pass", "nothing seen", "", "run", 1, None, 7)
    assert [place for place, _ in command.pages({"b": missed})] == [command.DRILLS_PAGE]
    places = dict(command.pages({"a": KNOWN, "b": missed}))
    assert places.keys() == {command.PAGE, command.DRILLS_PAGE}
    assert "drill/restore" not in places[command.PAGE]
    assert "**0 of 1**" in places[command.DRILLS_PAGE]
    assert "nothing seen" in places[command.DRILLS_PAGE]


def test_every_case_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Or one would stand for the other, unseen."""
    names = [case.defect for case in defects.CASES] + [case.name for case in (*damages.CASES, *sabotage.CASES, *disturbed.CASES)]
    assert len(command.cases(tmp_path)) == len(names) + len(command.CLEAN) + len(drill_matrix.CLEAN)


def test_every_plan_of_a_sabotaged_drill_is_carried_out_clean_too() -> None:
    """Ten clean drills; one that nothing can pass would fail for any reason."""
    assert len(drill_matrix.CLEAN) == 10
    assert {case.plan for case in (*sabotage.CASES, *disturbed.CASES)} == set(drill_matrix.CLEAN)


def test_the_target_states_every_promise_that_a_defect_breaks() -> None:
    """Its objectives give the verdicts that are meant."""
    stated = {objective.id for objective in read_target(TARGET).objectives}
    own = {"left-behind"}
    assert {name.split("/")[0] for case in defects.CASES for name in case.verdicts} <= stated | own


def test_a_case_that_needs_an_environment_of_its_own_is_carried_out_there() -> None:
    """The others stay together and in order, so that their environment is started once."""
    assert command.placed(["old-certificate", "clean-01", "clean-drill-10", "page-flipped"], "embedded") == {
        "embedded": ["clean-01", "page-flipped"],
        "embedded-tls": ["old-certificate", "clean-drill-10"],
    }
