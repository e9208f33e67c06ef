"""The clock of another machine: whatever the network does, the true offset is within the stated uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.machines.offsets import DRIFT, OffsetCurve, RoundTrip

MS = 1_000_000
delays = st.integers(0, 400 * MS)
trips_there = st.lists(st.tuples(st.integers(0, 3_600_000 * MS), delays, st.integers(0, 50 * MS), delays), min_size=1, max_size=25)


def measured(offset_ns: float, rate: float, start_ns: int, there_ns: int, thinking_ns: int, back_ns: int) -> RoundTrip:
    """What is noted when the other clock is ``offset_ns`` ahead at 0 and runs ``rate`` faster than ours."""

    def theirs(at_ns: int) -> int:
        return round(at_ns * (1 + rate) + offset_ns)

    received, replied = start_ns + there_ns, start_ns + there_ns + thinking_ns
    return RoundTrip(start_ns, theirs(received), theirs(replied), replied + back_ns)


@given(st.integers(-(10**15), 10**15), st.floats(-DRIFT * 0.99, DRIFT * 0.99), trips_there, st.integers(0, 3_600_000 * MS))
def test_the_true_offset_is_within_the_uncertainty(
    offset_ns: int, rate: float, there: list[tuple[int, int, int, int]], asked_ns: int
) -> None:
    """Any delays, however lopsided, any drift up to the stated one, at any instant."""
    curve = OffsetCurve(measured(offset_ns, rate, *each) for each in there)
    found = curve.at(asked_ns)
    truth_ns = offset_ns + asked_ns * rate
    assert abs(found.offset_ns - truth_ns) <= found.uncertainty_ns + 2
    assert curve.contradiction_ns <= 2
    theirs = np.array([round(asked_ns + truth_ns)], dtype=np.int64)
    ours = int((theirs - curve.offsets_ns(theirs))[0])
    # The row's instant may lie at a turn of the curve, where either side's offset is as good.
    assert abs(ours - asked_ns) <= 2 * found.uncertainty_ns + 2 + round(2 * DRIFT * found.uncertainty_ns)


@given(trips_there)
def test_the_best_of_all_round_trips_is_used(there: list[tuple[int, int, int, int]]) -> None:
    """At each instant no round trip would have made it less uncertain: compared with a search through all."""
    trips = [measured(0, 0.0, *each) for each in there]
    curve = OffsetCurve(trips)
    for at_ns in (0, *(each.at_ns for each in trips)):
        least_ns = min(each.uncertainty_ns + abs(at_ns - each.at_ns) * DRIFT for each in trips)
        assert curve.at(at_ns).uncertainty_ns == pytest.approx(least_ns, abs=3)


def test_a_clock_that_jumps_is_uncertain_by_the_jump() -> None:
    """A machine that was suspended for two seconds: no single offset is true, and that is said."""
    before, after = RoundTrip(0, 100, 100, 200), RoundTrip(1000 * MS, 3000 * MS, 3000 * MS, 1000 * MS + 200)
    curve = OffsetCurve([before, after])
    assert curve.contradiction_ns == pytest.approx(2000 * MS, rel=0.01)
    assert curve.at(0).uncertainty_ns > 1900 * MS
    assert OffsetCurve([before, RoundTrip(1, 2000 * MS, 2000 * MS, 90_000)]).contradiction_ns > 1900 * MS, (
        "also by one that is not the best"
    )


@pytest.mark.parametrize("trip", [RoundTrip(0, 5, 4, 10), RoundTrip(0, 5, 50, 10), RoundTrip(10, 5, 5, 0)])
def test_what_cannot_be_is_no_measurement(trip: RoundTrip) -> None:
    """A machine that says nonsense does not move the estimate."""
    with pytest.raises(ValueError, match="no round trip"):
        OffsetCurve([trip])
    assert OffsetCurve([trip, RoundTrip(0, 1007, 1007, 14)]).at(7).offset_ns == 1000


def test_the_worst_uncertainty_of_a_run_is_that_of_its_widest_gap() -> None:
    """Measured at 0 s and 20 s, in between not: ten seconds from either."""
    curve = OffsetCurve([RoundTrip(0, 0, 0, 0), RoundTrip(20_000 * MS, 20_000 * MS, 20_000 * MS, 20_000 * MS)])
    assert curve.worst_uncertainty_ns(0, 20_000 * MS) == pytest.approx(10 * MS, abs=3)
