"""Intended = sent + late + blind, exactly, whatever is in the records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.machines.reckoning import ArrivalCounts, BlindTime, reckon, with_told

S = 1_000_000_000
TEN = np.arange(10, dtype=np.int64) * S
"""One arrival a second."""


@pytest.mark.parametrize(
    ("recorded", "blind", "counts"),
    [
        ([1, 3, 5, 7, 9], [], ArrivalCounts(5, 5, 0, 0)),
        ([1, 1, 1, 3, 3, 5, 7, 9, -1, -1], [], ArrivalCounts(5, 5, 0, 0)),
        ([1, 3, 9], [], ArrivalCounts(5, 3, 2, 0)),
        ([1, 3], [BlindTime(5 * S, 10 * S)], ArrivalCounts(5, 2, 0, 3)),
        ([1, 9], [BlindTime(5 * S, 9 * S)], ArrivalCounts(5, 2, 1, 2)),
        ([], [BlindTime(0, 10 * S)], ArrivalCounts(5, 0, 0, 5)),
        ([1, 3, 5, 7, 9, 2], [], ArrivalCounts(5, 5, 0, 0, foreign=1)),
        ([1, 3, 5, 7, 9, 11], [], ArrivalCounts(5, 5, 0, 0, foreign=1)),
    ],
)  # fmt: skip
def test_the_second_of_two_processes(recorded: list[int], blind: list[BlindTime], counts: ArrivalCounts) -> None:
    """It was dealt the arrivals 1, 3, 5, 7 and 9. What is recorded was sent, also in a blind window."""
    assert reckon(TEN, np.arange(1, 10, 2), np.array(recorded, dtype=np.int64), blind) == counts
    assert counts.reconciled == (counts.foreign == 0)


@given(
    st.lists(st.integers(0, 60 * S), max_size=60).map(sorted),
    st.integers(1, 5),
    st.lists(st.integers(-1, 80), max_size=60),
    st.lists(st.tuples(st.integers(0, 60 * S), st.integers(0, 30 * S)), max_size=3),
)
def test_nothing_is_lost_and_nothing_is_counted_twice(at: list[int], among: int, recorded: list[int], blind: list[tuple[int, int]]) -> None:
    """Over all processes, the arrivals are those of the load; each is one of the three."""
    at_ns, windows = np.array(at, dtype=np.int64), [BlindTime(start, start + length) for start, length in blind]
    each = [reckon(at_ns, np.arange(index, len(at), among), np.array(recorded, dtype=np.int64), windows) for index in range(among)]
    assert all(one.intended == one.sent + one.late + one.blind for one in each)
    total = sum(each, ArrivalCounts())
    assert total.intended == len(at)
    assert total.sent == len({number for number in recorded if 0 <= number < len(at)})


@pytest.mark.parametrize(
    ("counts", "begun", "late", "then", "said"),
    [
        (ArrivalCounts(5, 3, 2, 0), 3, 2, ArrivalCounts(5, 3, 2, 0), ""),
        (ArrivalCounts(5, 3, 2, 0), 4, 1, ArrivalCounts(5, 4, 1, 0), ""),
        (ArrivalCounts(9, 3, 2, 4), 5, 0, ArrivalCounts(9, 5, 0, 4), ""),
        (ArrivalCounts(5, 3, 2, 0), 2, 3, None, "it says that it began 2 arrivals and did not come to 3; of 5 that were due, its records hold 3"),
        (ArrivalCounts(5, 3, 2, 0), 3, 0, None, "it says that it began 3 arrivals and did not come to 0; of 5 that were due, its records hold 3"),
        (ArrivalCounts(5, 5, 0, 0), 6, -1, None, "it says that it began 6 arrivals and did not come to -1; of 5 that were due, its records hold 5"),
    ],
)  # fmt: skip
def test_what_the_process_says_must_fit(counts: ArrivalCounts, begun: int, late: int, then: ArrivalCounts | None, said: str) -> None:
    """A visit may have had nothing to send; an arrival that was neither begun nor late may not be."""
    assert with_told(counts, begun, late) == (then or counts, said)
    assert (then or counts).reconciled
