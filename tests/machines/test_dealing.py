"""Each arrival belongs to exactly one process of one machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen.rates import share
from closeshave.machines.dealing import deal, owner

machines = st.dictionaries(st.text("abcdef-0123456789", min_size=1, max_size=6), st.integers(1, 9), min_size=1, max_size=8)


@given(machines, st.integers(0, 400))
def test_all_machines_together_send_each_arrival_once(processes: dict[str, int], arrivals: int) -> None:
    """By the very function with which a process takes its share."""
    everything = np.arange(arrivals, dtype=np.int64)
    dealt = deal(processes)
    sent = [share(everything, index, one.among) for one in dealt for index in one.indices]
    assert sorted(np.concatenate(sent).tolist()) == everything.tolist()
    of = {index: one.machine for one in dealt for index in one.indices}
    assert all(owner(number, dealt[0].among) in of for number in range(arrivals))


@given(machines)
def test_who_joined_first_does_not_matter(processes: dict[str, int]) -> None:
    """The same machines get the same shares in the next run."""
    assert deal(processes) == deal(dict(reversed(processes.items())))
    assert {one.machine: one.processes for one in deal(processes)} == processes


def test_a_machine_without_a_process_is_refused() -> None:
    """It would be a machine that sends nothing, and nobody would notice."""
    with pytest.raises(ValueError, match="at least one process"):
        deal({"a": 1, "b": 0})
