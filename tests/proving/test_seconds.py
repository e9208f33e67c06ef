"""Random seconds: what is drawn can be carried out, on any number of them, and is the same again."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave.trial.preparation import prepare
from proving import seconds
from proving.second_plans import CALM_S, EARLIEST_S, HOMES, LOST_AT_S, MARGIN_S, WARM_UP_S, Home, Second, plan, trials

SEEDS = range(20)


@pytest.mark.parametrize("home", Home)
def test_every_target_lies_within_the_load_and_before_what_would_hide_it(home: Home) -> None:
    """After some writes, before the drill; and before the region is lost, because later ones cannot reach its backup server."""
    for seed in SEEDS:
        for trial in trials(home, 12, 5, seed):
            for second in trial.seconds:
                begins_s = WARM_UP_S + CALM_S + second.at_s
                ends_s = WARM_UP_S + CALM_S + LOST_AT_S if home is Home.LOST else begins_s
                assert EARLIEST_S <= second.target_s <= ends_s - MARGIN_S
                assert second.back_s == begins_s - second.target_s
                assert home is Home.RUNS or trial.region == HOMES[second.shard]


def test_a_trial_is_the_same_however_many_follow_it() -> None:
    """So that what is there counts when more seconds are asked for; another seed draws others."""
    assert trials(Home.RUNS, 10, 5, 1) == trials(Home.RUNS, 20, 5, 1)[:2]
    assert [len(trial.seconds) for trial in trials(Home.RUNS, 12, 5, 1)] == [5, 5, 2]
    assert trials(Home.RUNS, 0, 5, 1) == ()
    drawn = {tuple(second.target_s for second in trials(Home.RUNS, 5, 5, seed)[0].seconds) for seed in SEEDS}
    assert len(drawn) == len(SEEDS)


@pytest.mark.parametrize("home", Home)
@pytest.mark.parametrize("count", [1, 10])
def test_the_plan_of_a_trial_can_be_carried_out(tmp_path: Path, home: Home, count: int) -> None:
    """As the command writes it, with each second in it."""
    (trial,) = trials(home, count, 10, 7)
    path = tmp_path / "plan.yaml"
    path.write_text(plan(trial))
    found = prepare(str(path)).plan
    assert [(drill.scope["shard"], drill.parameters["back"], drill.at) for drill in found.drills] == [
        (second.shard, second.back_s, second.at_s) for second in trial.seconds
    ]
    assert [fault.scope["region"] for fault in found.faults] == ([trial.region] if home is Home.LOST else [])


def test_trials_of_other_seconds_have_other_keys() -> None:
    """Or a recorded run would stand for seconds that it did not restore."""
    keys = [trial.key for home in Home for seed in (1, 2) for each in (2, 3) for trial in trials(home, 6, each, seed)]
    assert len(set(keys)) == len(keys)
    assert Second(1, 10, 20).back_s == WARM_UP_S + CALM_S + 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["--each", "0"],
        ["--each", "11"],
        ["--seconds", "0", "--lost", "0"],
        ["--seconds", "-1"],
        ["--seed", "x"],
        ["--rate-scale", "0"],
        ["--rate-scale", "2"],
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything starts."""
    with pytest.raises(SystemExit) as refused:
        seconds.main(arguments)
    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err
