"""A run below its plan's rate: the rate is shown next to the planned one, and with too little of it the run is inconclusive."""

from dataclasses import replace
from pathlib import Path

import pytest

from closeshave import history
from closeshave.conclusion import conclude
from closeshave.files.rundir import NoRun
from closeshave.history import Rate
from closeshave.judge import assess
from closeshave.judge.verdict import Status
from closeshave.report import rate as words
from tests import stored
from tests.judge.test_assess import whole

PLANNED = Rate("plan", 1.0, 23.0, 23.0, 135.0, 135.0)
CHOSEN = Rate("option", 0.5, 23.0, 11.5, 135.0, 270.0)
FOUND = Rate("calibration", 0.61, 23.0, 14.03, 135.0, 221.0, 2.0, 0.55, 0.0411, 0.31, 0.0, 0.2)
FAST = replace(FOUND, scale=1.0, sessions_per_s=23.0, calm_s=135.0)
TOO_SLOW = replace(FOUND, scale=0.19, sessions_per_s=4.37)


@pytest.mark.parametrize(
    ("rate", "status"),
    [
        (None, None),
        (PLANNED, None),
        (CHOSEN, None),
        (replace(CHOSEN, scale=0.01), None),
        (FOUND, Status.PASS),
        (FAST, Status.PASS),
        (replace(FOUND, scale=0.2), Status.PASS),
        (TOO_SLOW, Status.INCONCLUSIVE),
        (replace(FOUND, scale=0.0), Status.INCONCLUSIVE),
    ],
)
def test_too_little_of_the_plan_is_inconclusive(rate: Rate | None, status: Status | None) -> None:
    """If a calibration found the rate; a rate that the user chose is not judged."""
    run = whole()
    manifest = replace(run.history.manifest, rate=rate)
    found = assess(replace(run.history, manifest=manifest), run.plan, run.target)
    told = [one for one in found.verdicts if one.id == "rate"]
    assert [one.status for one in told] == ([] if status is None else [status])
    assert all(one.gates and one.measured == rate.scale and one.bound == 0.2 for one in told if rate)
    assert (found.status is Status.PASS) == (status is not Status.INCONCLUSIVE)
    if status is Status.INCONCLUSIVE:
        assert found.reasons[0].startswith("rate: this machine sustains")


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (PLANNED, "23 sessions/s, as planned"),
        (
            CHOSEN,
            "11.5 sessions/s of the planned 23 sessions/s, because of --rate-scale 0.5; the calm phases last 4 min 30 s instead of 2 min 15 s",
        ),
        (
            FOUND,
            (
                "this machine sustains 14 sessions/s of the planned 23 sessions/s (at most 55 % of 2 processors; a session costs 41.1 ms of processor "
                "time, and 0.31 processors are in use without load); the calm phases last 3 min 41 s instead of 2 min 15 s"
            ),
        ),
        (
            replace(FAST, others_cores=1.0),
            (
                "this machine sustains the planned 23 sessions/s (at most 55 % of 2 processors, of which other programs use 1; a session costs "
                "41.1 ms of processor time, and 0.31 processors are in use without load)"
            ),
        ),
    ],
)
def test_the_rate_is_stated_with_the_planned_one(rate: Rate, said: str) -> None:
    """And with its basis, if a calibration found it."""
    assert words.sentence(rate) == said


def test_a_machine_that_is_too_small_gets_advice() -> None:
    """A larger machine, or a rate that the user chooses."""
    said = words.too_little(TOO_SLOW)
    assert (
        "sustains 4.37 sessions/s of the planned 23 sessions/s, less than the 20 % that is needed for verdicts, so no load was sent" in said
    )
    assert "--rate-scale X" in said


def kept(place: Path, **changes: object) -> Path:
    """A passing run on a disk, with another manifest."""
    run = stored.made(place)
    history.save_manifest(run, replace(history.load_manifest(run), **changes))  # type: ignore[arg-type]
    return run


def test_a_run_is_judged_at_the_rate_and_the_lengths_that_it_had(tmp_path: Path) -> None:
    """Not at those in its plan file, and not at those that a later version would calculate from it."""
    found = conclude(kept(tmp_path / "run", rate_scale=0.5, lengths_s=(10.0, 100.0, 80.0)))
    assert [phase.sessions_per_s for phase in found.plan.phases] == [0.5, 0.5, 0.5]
    assert [phase.duration for phase in found.plan.phases] == [10, 100, 80]
    assert found.assessment.status is Status.PASS


def test_a_phase_that_should_have_been_longer_was_cut_short(tmp_path: Path) -> None:
    """The record says that it should have lasted 150 s."""
    found = conclude(kept(tmp_path / "run", lengths_s=(10.0, 150.0, 80.0)))
    assert any("the phase calm was cut short" in reason for reason in found.assessment.reasons)


@pytest.mark.parametrize("lengths_s", [(10.0, 100.0), (10.0, 100.0, 80.0, 5.0), (10.0, -1.0, 80.0), (0.0, 1.0, 1.0)])
def test_lengths_that_do_not_fit_the_phases_are_damage(tmp_path: Path, lengths_s: tuple[float, ...]) -> None:
    """It is unknown what was planned."""
    with pytest.raises(NoRun, match="lengths"):
        conclude(kept(tmp_path / "run", lengths_s=lengths_s))
