"""What levels at several sizes say: intervals cover the truth, claims end at 2.5 times what was measured, and too little is unknown."""

import dataclasses
import math

import pytest

from closeshave.capacity.scalability import ScalingFit, SizeLevel, UnknownScaling, scaling
from closeshave.capacity.scaling_told import plain, sentences
from closeshave.capacity.support import multiplied
from closeshave.capacity.usl import Coefficients
from tests.capacity.points import SIZES, levels

TRUTH = Coefficients(1000.0, 0.03, 0.0005)


def fitted(made: list[SizeLevel], seed: int = 1, resamples: int = 60) -> ScalingFit:
    """The fit, which must be one."""
    found = scaling(made, seed, resamples)
    assert isinstance(found, ScalingFit)
    return found


def covered(truth: Coefficients, noise: float, sets: int, resamples: int) -> dict[str, int]:
    """In how many of so many sets of levels each interval contains the truth."""
    found = dict.fromkeys(("one", "contention", "coherency", "measured", "extrapolated", "quoted"), 0)
    for seed in range(sets):
        fit = fitted(levels(truth, noise, seed), seed, resamples)
        for name, interval, true in (
            ("one", fit.per_one_per_s, truth.per_one_per_s),
            ("contention", fit.contention, truth.contention),
            ("coherency", fit.coherency, truth.coherency),
            ("measured", fit.at(16), truth.throughput_per_s(16)),
            ("extrapolated", fit.at(80), truth.throughput_per_s(80)),
        ):
            found[name] += interval.low <= true <= interval.high
        found["quoted"] += fit.quoted_per_s(80) <= truth.throughput_per_s(80)
    return found


@pytest.mark.parametrize(
    ("truth", "noise"),
    [
        (TRUTH, 0.02),
        (TRUTH, 0.1),
        (Coefficients(50.0, 0.2, 0.0), 0.02),
        (Coefficients(50.0, 0.0, 0.002), 0.02),
        (Coefficients(7.0, 0.0, 0.0), 0.02),
    ],
)
@pytest.mark.thorough
def test_intervals_cover_the_truth_in_90_of_100(truth: Coefficients, noise: float) -> None:
    """Of coefficients, also at their bounds, and of throughputs within and past the measured sizes. Of 300, so that chance decides less."""
    found = covered(truth, noise, 300, 200)
    assert {name: count for name, count in found.items() if count < 270} == {}


def test_intervals_cover_the_truth_mostly() -> None:
    """The quick one of the test above: at 90 of 100, fewer than 12 of 16 happen once in a hundred."""
    found = covered(TRUTH, 0.03, 16, 100)
    assert {name: count for name, count in found.items() if count < 12} == {}


def test_the_same_seed_gives_the_same_figures() -> None:
    """And another seed other intervals."""
    made = levels(TRUTH, 0.05, 3)
    assert fitted(made, seed=1) == fitted(made, seed=1) == fitted(made[::-1], seed=1)
    assert fitted(made, seed=1).contention != fitted(made, seed=2).contention


def test_intervals_contain_the_point_also_at_a_bound() -> None:
    """Where every resample has no coherency at all."""
    fit = fitted(levels(Coefficients(5.0, 0.1, 0.0), 0.0))
    assert 0 <= fit.coherency.low <= fit.coherency.point <= fit.coherency.high < 1e-6
    assert fit.contention.low <= 0.1 + 1e-6
    assert fit.contention.high >= 0.1 - 1e-6


@pytest.mark.parametrize(
    ("truth", "noise", "worse"),
    [
        (TRUTH, 0.01, False),
        (Coefficients(10, 0.3, 0.0), 0.01, False),
        (Coefficients(10, 0.0, 0.0), 0.02, True),
        (Coefficients(10, 0, 0), 0, True),
    ],
)
def test_a_fit_worse_than_a_straight_line_says_so(truth: Coefficients, noise: float, worse: bool) -> None:
    """Levels that lie on a line need no law."""
    fit = fitted(levels(truth, noise, 5))
    assert fit.worse_than_line is worse
    assert any("straight line describes these levels worse" in each for each in sentences(fit)) is not worse


def test_levels_that_the_law_cannot_describe_are_called_that() -> None:
    """A cliff between two sizes, seen by repeats that agree."""
    made = levels(TRUTH, 0.01, 2)
    assert not fitted(made).misfit
    made[3] = dataclasses.replace(made[3], throughputs_per_s=tuple(each / 2 for each in made[3].throughputs_per_s))
    fit = fitted(made)
    assert fit.misfit
    assert any("does not describe" in each for each in sentences(fit))
    # Another law, whose extrapolation would be larger than what was measured, if one believed it.
    straight = levels(Coefficients(100, 0.001, 0.0), 0.01, 2)
    straight[3] = dataclasses.replace(straight[3], throughputs_per_s=tuple(each * 0.8 for each in straight[3].throughputs_per_s))
    fit = fitted(straight)
    claimed = 1.1 * fit.measured_per_s
    assert fit.misfit
    assert fit.best()[1] > claimed
    assert str(fit.support(claimed)).endswith("not supported")
    assert fit.support(0.9 * fit.measured_per_s).within
    assert not any("Lower bound" in each for each in sentences(fit))


def test_residuals_are_relative_to_the_law() -> None:
    """One for each size, in order."""
    fit = fitted(levels(TRUTH, 0.05, 4)[::-1])
    assert [each.size for each in fit.sizes] == list(SIZES)
    assert all(each.measured_per_s == pytest.approx(each.law.point * (1 + each.residual)) for each in fit.sizes)
    assert any(abs(each.residual) > 1e-3 for each in fit.sizes)


def test_claims_end_at_two_and_a_half_times_the_largest_level() -> None:
    """Of sizes, and of throughputs; the lower bound is what is quoted."""
    fit = fitted(levels(TRUTH, 0.02, 6))
    assert fit.size_max == 80
    assert fit.quoted_per_s(80) <= fit.at(80).point
    for beyond in (80.1, 0.9, math.nan):
        with pytest.raises(ValueError, match="sizes from 1 to 80"):
            fit.at(beyond)
        with pytest.raises(ValueError, match="sizes from 1 to 80"):
            fit.quoted_per_s(beyond)
    size, most = fit.best()
    assert 1 <= size <= 80
    assert most <= 2.5 * fit.measured_per_s
    claim = fit.support(100_000)
    assert not claim.supported
    assert str(claim) == f"extrapolated to {most:,.0f}/s, claimed 100,000/s, not supported"
    assert [*sentences(fit, 100_000)][-1] == str(claim)
    assert fit.support(most).supported
    assert fit.support(100).within


def test_a_law_that_falls_again_is_quoted_at_its_best_size() -> None:
    """More processes would do less."""
    fit = fitted(levels(Coefficients(100, 0.0, 0.01), 0.005, 1))
    size, most = fit.best()
    assert size == pytest.approx(10, rel=0.1)
    assert fit.quoted_per_s(80) < most
    assert fit.support(most * 1.2).supported is False


@pytest.mark.parametrize(
    ("made", "because"),
    [
        ([], "0 sizes measured, and the law needs at least 6"),
        (levels(TRUTH, sizes=SIZES[:5]), "5 sizes measured, and the law needs at least 6"),
        (levels(TRUTH, repeats=2), "size 1 has 2 repeats, and each needs at least 3"),
        ([*levels(TRUTH)[:5], SizeLevel(64, (1.0,))], "size 64 has 1 repeat, and each needs at least 3"),
        (levels(TRUTH, sizes=[2, 3, 4, 5, 6, 7]), "the smallest size is 2; sizes are multiples of the smallest one, which is 1"),
        ([*levels(TRUTH), *levels(TRUTH)], "a size is given twice; give its repeats together"),
    ],
)
def test_too_little_is_unknown(made: list[SizeLevel], because: str) -> None:
    """With the reason."""
    assert scaling(made, 1) == UnknownScaling(because)
    assert [*sentences(UnknownScaling(because), 9.0)] == [f"scaling: unknown, because {because}"]
    assert plain(UnknownScaling(because)) == {"status": "unknown", "because": because}


@pytest.mark.parametrize(
    ("size", "throughputs"),
    [(0.5, (1.0,)), (math.nan, (1.0,)), (math.inf, (1.0,)), (1, (0.0,)), (1, (-1.0,)), (1, (math.nan,)), (2, (1.0, math.inf))],
)
def test_a_level_that_is_no_measurement_is_refused(size: float, throughputs: tuple[float, ...]) -> None:
    """Whoever measured nothing has no level."""
    with pytest.raises(ValueError, match=r"finite"):
        SizeLevel(size, throughputs)


def test_a_figure_that_is_multiplied_ends_at_the_same_place() -> None:
    """2.5 times what was measured, and what was not measured supports nothing."""
    assert multiplied(100_000, 40_000, "1/s").supported
    assert str(multiplied(100_001, 40_000, "1/s")) == "extrapolated to 100,000/s, claimed 100,001/s, not supported"
    assert multiplied(9, 10, "count").within
    assert not multiplied(1, 0, "count").supported


def test_plain_values_hold_every_figure() -> None:
    """But the resamples."""
    fit = fitted(levels(TRUTH, 0.02, 6))
    told = plain(fit)
    assert told["status"] == "fitted"
    assert told["contention"]["low"] <= told["contention"]["point"] <= told["contention"]["high"]
    assert len(told["sizes"]) == 6
    assert told["quoted_per_s"] == fit.best()[1]
