"""Bars of recoveries, their bounds, and the time that they were given."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.verdict import Status
from closeshave.report import ranking, recovery
from tests.report import judged

KILLED = judged.FAULTS[0]
VERDICT = next(one for one in judged.verdicts() if one.id == "recovery/shard-primary-killed")


def test_a_recovery_that_the_parts_do_not_explain_is_not_spread_over_them():
    """Without a signal from the platform there is nothing to split by."""
    fault = replace(KILLED, detect_s=None, fail_over_s=None, restore_s=None, recovery_s=8.0)
    assert recovery.split(fault) == [("not split", 8.0)]


def test_parts_of_a_recovery_add_up():
    """Detect, fail over and restore are the whole."""
    assert sum(value for _, value in recovery.split(KILLED)) == pytest.approx(3.4)


def test_a_recovery_that_was_not_measured_has_no_length():
    """It says so instead; where none was measured there is no chart."""
    unknown = replace(KILLED, detect_s=None, fail_over_s=None, restore_s=None, recovery_s=None)
    drawn = recovery.recoveries((judged.FAULTS[1], unknown), ())
    assert drawn is not None
    assert drawn.bars[1].total == "recovery not measured"
    assert drawn.bars[1].parts == ()
    assert recovery.recoveries((unknown,), ()) is None


def test_the_bound_and_the_bar_are_on_one_scale():
    """A recovery of 3.4 s of 6.8 s reaches half of the way to its bound."""
    drawn = recovery.recoveries((KILLED,), (replace(VERDICT, bound=6.8),))
    assert drawn is not None
    bar = drawn.bars[0]
    assert bar.bound is not None
    assert sum(part.length for part in bar.parts) / bar.bound == pytest.approx(0.5)
    assert (bar.bound_text, bar.given_text, bar.alone) == ("allowed 6.8 s", "given 15 s", True)


def test_the_tightest_of_several_bounds_is_shown():
    """The one that is broken first."""
    assert recovery.bounds((VERDICT, replace(VERDICT, bound=60.0))) == {KILLED.id: 60.0}


def test_a_bound_far_beyond_every_recovery_is_told_and_not_drawn():
    """Five minutes would leave nothing to see of three seconds."""
    drawn = recovery.recoveries((KILLED,), (VERDICT,))
    assert drawn is not None
    assert (drawn.bars[0].bound, drawn.bars[0].bound_text) == (None, "allowed 5 min")


def test_where_healing_is_part_of_the_recovery_no_time_was_given():
    """An operator's step is expected, so nobody waited for the platform alone."""
    restored = replace(KILLED, expected="restored", self_recovered=None)
    assert (recovery.given(restored), recovery.recovered(restored)) == ("", "3.4 s")
    assert recovery.recovered(KILLED) == "3.4 s, given 15 s"


@pytest.mark.parametrize(("begun", "proven", "told"), [(True, True, "proven"), (True, False, "not proven"), (False, False, "not injected")])
def test_a_fault_that_never_began_had_nothing_to_heal(begun, proven, told):
    """One that began and was not injected may have left something: that is not proven."""
    fault = replace(KILLED, begun=begun, healed_verified=proven, injected_at_s=None, recovery_s=None)
    assert recovery.healing(fault) == told
    assert recovery.total(fault) == ("recovery not measured" if begun else "not injected")


@pytest.mark.parametrize(
    ("status", "measured", "share"),
    [(Status.PASS, 150.0, 0.5), (Status.FAIL, 600.0, 2.0), (Status.INCONCLUSIVE, 600.0, 2.0), (Status.INCONCLUSIVE, 150.0, None)],
)
def test_a_recovery_that_was_helped_uses_nothing_of_its_bound(status, measured, share):
    """Healed after ten seconds of five minutes, back at once: half of the bound was not used, it was not tried."""
    assert ranking.used(replace(VERDICT, status=status, measured=measured)) == share


@given(st.floats(1e-3, 1e5))
def test_the_scale_has_a_few_round_marks(width):
    """At least two, at most seven, from zero, within the chart."""
    steps = recovery._steps(width)
    assert steps[0] == 0
    assert 2 <= len(steps) <= 7
    assert steps[-1] <= width * (1 + 1e-9)
