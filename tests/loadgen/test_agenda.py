"""An agenda whose arrivals are bounded, and replaced by others, while it runs."""

from __future__ import annotations

import numpy as np

from closeshave.loadgen.loop import NEVER_NS
from closeshave.loadgen.scheduler import Arrivals

START_NS = 1_000


def agenda(*due_ns: int) -> Arrivals:
    """Arrivals so many nanoseconds after the start."""
    return Arrivals(np.array(due_ns, dtype=np.int64), START_NS)


def taken(of: Arrivals) -> list[int]:
    """All that may be taken now, in nanoseconds after the start."""
    found = []
    while of.next_ns < NEVER_NS:
        found.append(of.take()[0] - START_NS)
    return found


def test_what_is_due_at_the_bound_or_later_waits() -> None:
    """Until the bound is further on; it counts as overdue all the same."""
    of = agenda(5, 10, 10, 20)
    of.allow(START_NS + 10)
    assert taken(of) == [5]
    assert (of.begun, of.overdue(START_NS + 15)) == (1, 2)
    of.allow(START_NS + 11)
    assert taken(of) == [10, 10]
    of.allow(START_NS + 100)
    assert taken(of) == [20]
    assert of.overdue(START_NS + 100) == 0


def test_what_replaces_them_may_be_overdue_already() -> None:
    """Those that were begun stay begun, whatever comes."""
    of = agenda(5, 30)
    assert of.take()[0] == START_NS + 5
    of.replace(np.array([2, 6, 30], dtype=np.int64), START_NS)
    assert of.overdue(START_NS + 7) == 2
    assert taken(of) == [2, 6, 30]
    assert of.begun == 4
