"""Whether a canary probed often enough: at every rate that a calibration may find, and while its writes fail, so that no reads follow them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.measures.canary import _thin

SECOND_NS = 1_000_000_000
LASTS_S = 40
RATES_PER_S = st.integers(10, 1500).map(lambda hundredths: hundredths / 100)


def writes(rate_per_s: float, first_s: float) -> np.ndarray:
    """Writes take turns with reads: every other probe, when each of them fails."""
    return np.round((first_s + np.arange(0, LASTS_S + 2 / rate_per_s, 2 / rate_per_s)) * SECOND_NS).astype(np.int64)


@given(RATES_PER_S, st.floats(0, 1))
def test_a_canary_whose_writes_fail_is_not_too_rare(rate_per_s: float, early: float) -> None:
    """The platform is the reason why their reads are missing."""
    due = writes(rate_per_s, -early * 2 / rate_per_s)
    assert _thin(due, 0, LASTS_S * SECOND_NS, rate_per_s) is None


@given(RATES_PER_S.filter(lambda rate_per_s: 1 <= rate_per_s <= 6), st.floats(0, 1), st.integers(1, 5))
def test_a_canary_that_left_out_three_writes_is_too_rare(rate_per_s: float, early: float, after: int) -> None:
    """No probe for the time of eight, which is longer than a window may be empty."""
    due = writes(rate_per_s, -early * 2 / rate_per_s)
    due = np.delete(due, np.arange(after, after + 3))
    ends_s = 2 * (after + 5) / rate_per_s
    assert _thin(due, 0, round(ends_s * SECOND_NS), rate_per_s) is not None


def test_the_rate_of_a_calibrated_run_is_not_too_rare() -> None:
    """At 0.99 per second two writes are exactly four probes apart, which was the length of a window."""
    due = writes(0.99, 0.15)
    assert _thin(due, 0, LASTS_S * SECOND_NS, 0.99) is None
