"""From figures to pixels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.report.axis import Axis, Band, axis
from closeshave.report.figures import figure, recovery, scale
from closeshave.report.figures.timeline import timeline
from closeshave.report.series import series
from tests.report import judged, synthetic


@given(st.floats(1e-6, 1e9), st.integers(2, 12))
def test_round_steps_reach_the_highest_value_with_few_ticks(high, most):
    """The curve never leaves its panel, and the axis is never crowded."""
    steps = scale.round_steps(high, most)
    assert steps[-1] >= high * (1 - 1e-9)
    assert len(steps) <= most + 2


@given(st.floats(1e-3, 1e6), st.floats(1, 1e4))
def test_decades_enclose_what_is_measured(low, factor):
    """A logarithmic panel shows all of its curve."""
    powers = scale.decades(low, low * factor)
    assert powers[0] <= low * (1 + 1e-9)
    assert powers[-1] >= low * factor * (1 - 1e-6)
    assert len(powers) >= 2


def test_a_gap_breaks_the_line():
    """A second without a request has no percentile, and none is drawn through it."""
    drawn = scale.line(np.array([0.0, 1, 2, 3]), np.array([5.0, np.nan, 5, 5]))
    assert drawn.count("M") == 2


def test_one_failure_shows():
    """A single bad request in a panel of thousands is still a visible bar."""
    assert scale.bars(np.array([10.0]), np.array([99.9]), 4.0, 100.0).startswith("M10.0 100.0V98.5")
    assert scale.bars(np.array([10.0]), np.array([100.0]), 4.0, 100.0) == ""


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 100)), max_size=8))
def test_neither_bars_nor_labels_of_faults_overlap(spans):
    """Whatever overlaps in time gets a lane of its own."""
    bands = tuple(
        Band(f"fault-{number}", at, None, None, at + length, None, at + length) for number, (at, length) in enumerate(sorted(spans))
    )
    x = figure.time_scale(when := Axis(0, 300.0, (), bands, ()))
    placed = [(row, figure._sides(band, x)[side][0]) for band, (row, side) in zip(bands, figure._lanes(when), strict=True)]
    for number, (row, (start, end)) in enumerate(placed):
        for other, (left, right) in placed[number + 1 :]:
            assert row != other or end <= left or right <= start


def test_all_panels_of_the_timeline_lie_below_each_other():
    """Three panels, in order, inside the figure."""
    made = synthetic.history(rate_per_s=40)
    when = axis(made, judged.passed())
    drawn = timeline(series(made.operations, when), when)
    edges = [edge for panel in drawn.panels for edge in (panel.top, panel.bottom)]
    assert edges == sorted(edges)
    assert edges[-1] < drawn.height


def test_a_recovery_that_the_parts_do_not_explain_is_not_spread_over_them():
    """Without a signal from the platform there is nothing to split by."""
    fault = replace(judged.FAULTS[0], detect_s=None, fail_over_s=None, restore_s=None, recovery_s=8.0)
    assert recovery.split(fault) == [("not split", 8.0)]


def test_parts_of_a_recovery_add_up():
    """Detect, fail over and restore are the whole."""
    assert sum(value for _, value in recovery.split(judged.FAULTS[0])) == pytest.approx(3.4)


def test_a_recovery_that_was_not_measured_has_no_length():
    """It says so instead; where none was measured there is no chart."""
    unknown = replace(judged.FAULTS[0], detect_s=None, fail_over_s=None, restore_s=None, recovery_s=None)
    drawn = recovery.recovery((judged.FAULTS[1], unknown))
    assert drawn is not None
    assert drawn.rows[1].total == "recovery not measured"
    assert drawn.rows[1].parts == ()
    assert recovery.recovery((unknown,)) is None
