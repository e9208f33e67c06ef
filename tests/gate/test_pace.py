"""What a stage takes, from what was measured: known answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closeshave.gate import pace
from closeshave.gate.pace import LegTimes, StagePace

LEG = LegTimes(rollout_s=5.0, before_s=3.0, load_s=21.0, after_s=1.0)
QUICK = StagePace(blocks=6, legs=(LEG,) * 4, planned_load_s=21.0, calm_s=18.0, samples={"book": 1_050.0, "slots": 1_700.0})


def test_a_stage_is_its_blocks_and_a_block_its_legs() -> None:
    """6 blocks of 4 legs of 30 s: 720 s, just what is allowed."""
    assert (LEG.whole_s, QUICK.block_s, QUICK.stage_s) == (30, 120, pace.STAGE_MOST_S)
    (said,) = pace.foreseen(QUICK)
    assert said == (
        "6 blocks of 120 s: a stage takes 12.0 minutes on this machine (each of the 4 legs of a block 30 s: 5 s until its release serves, 3 s until its "
        "load, 21 s of load, 1 s until it is judged)"
    )


def test_both_sides_count_by_their_legs() -> None:
    """A base of 30 s and a candidate of 40 s, two legs of each: 140 s."""
    slow = replace(LEG, rollout_s=15.0)
    assert replace(QUICK, legs=(LEG, slow, slow, LEG)).block_s == 140


def test_without_releases_nothing_is_rolled_out() -> None:
    """So nothing is said of it."""
    (said,) = pace.foreseen(replace(QUICK, legs=(replace(LEG, rollout_s=0.0),) * 2))
    assert said == (
        "6 blocks of 50 s: a stage takes 5.0 minutes on this machine (each of the 2 legs of a block 25 s: 3 s until its load, 21 s of load, 1 s until it "
        "is judged)"
    )


def test_a_stage_that_takes_too_long_says_what_would_shorten_it() -> None:
    """Each way alone: 24 legs that are 15 s shorter, 6 minutes less; a sixth less with five blocks of six."""
    slow = replace(QUICK, legs=(replace(LEG, load_s=36.0),) * 4)
    first, second = pace.foreseen(slow)
    assert first.startswith("6 blocks of 180 s: a stage takes 18.0 minutes on this machine")
    assert second == (
        "a stage takes more than 12 minutes; shorter would be: a machine that sustains the plan's rate, because here each leg lasts 15 s longer "
        "(12.0 minutes); gate.blocks: 5, which notices only larger changes (15.0 minutes)"
    )


def test_a_calm_phase_that_brings_more_than_the_sample_is_named() -> None:
    """2,200 bookings in 36 s: 18 s bring 1,100, and 24 legs are 7.2 minutes shorter."""
    long = replace(
        QUICK,
        blocks=5,
        legs=(replace(LEG, load_s=39.0),) * 4,
        planned_load_s=39.0,
        calm_s=36.0,
        samples={"book": 2_200.0, "slots": 3_400.0},
    )
    _, second = pace.foreseen(long)
    assert second == (
        "a stage takes more than 12 minutes; shorter would be: a calm phase of 18 s instead of 36 s, which brings 1,000 requests of every key operation "
        "(10.0 minutes)"
    )


def test_a_slow_start_has_no_other_way() -> None:
    """The least number of blocks, and legs that are as long as they must be."""
    slow = replace(QUICK, blocks=5, legs=(replace(LEG, rollout_s=60.0),) * 4)
    assert list(pace.foreseen(slow))[-1] == "a stage takes more than 12 minutes; only a faster machine would shorten it"


def test_a_sample_that_is_too_small_is_told() -> None:
    """Where a leg may not last as long as it would need."""
    _, second = pace.foreseen(replace(QUICK, samples={"book": 612.4, "slots": 1_020.0}))
    assert second == (
        "a leg brings about 612 requests of book, fewer than 1,000: so small samples notice only larger changes; a larger limits.duration lets legs last "
        "longer"
    )


@pytest.mark.parametrize(
    ("done_s", "to_do", "said"),
    [
        ([120.0], 5, "120 s; about 10.0 minutes of this stage are left"),
        ([120.0, 180.0], 4, "180 s; about 10.0 minutes of this stage are left"),
        ([120.0], 0, "120 s; the stage is complete"),
    ],
)
def test_what_is_left_comes_from_the_blocks_so_far(done_s: list[float], to_do: int, said: str) -> None:
    """Their mean."""
    assert pace.left(done_s, to_do) == said


def test_the_parts_of_a_leg_are_between_its_instants() -> None:
    """From the beginning at 100 s: served at 105, load from 112 to 133, judged at 139. Logging in (2 s) and calibrating (4 s) may be left out."""
    steps = [("preparing", 105.0), ("logging in", 105.5), ("calibrating", 107.5), ("starting the load", 111.5), ("ending the load", 133.0)]
    assert pace.leg_times(100.0, 105.0, steps, (112.0, 133.0), 139.0) == LegTimes(5.0, 7.0, 21.0, 6.0)
    assert pace.leg_times(100.0, 105.0, steps, (112.0, 133.0), 139.0, ("logging in", "calibrating")) == LegTimes(5.0, 1.0, 21.0, 6.0)
