"""What can be said of integrity while a load runs. Pure. Most of it only the judges can tell, from the final state; that is said, and is no pass."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from closeshave.history import Source
from closeshave.judge.integrity.registry import INVARIANTS
from closeshave.live.picture import HowKnown, IntegrityShown
from closeshave.loadgen.rows import INFO, METHODS
from closeshave.traffic.live import RowBatch
from closeshave.trial.standing import LoadStanding

WRITING = tuple(at for at, method in enumerate(METHODS) if method not in {"GET", "HEAD", "OPTIONS", "TRACE"})
DOUBLED, UNRESOLVED = "double_booked", "unresolved"
FROM_FINAL_STATE = "read from the final state, after the load"
FROM_HISTORY = "judged after the load"


def unknown_outcomes(batches: Iterable[RowBatch]) -> int:
    """Writes of customers that may have happened: nobody answered, or with an error that does not say."""
    found = (batch.rows for batch in batches if batch.source == Source.CUSTOMERS)
    return sum(int(np.count_nonzero((rows["outcome"] == INFO) & np.isin(rows["method"], WRITING))) for rows in found)


def shown(standing: LoadStanding | None, acknowledged: int, unresolved: int) -> tuple[IntegrityShown, ...]:
    """Every kind of breach that judges know. ``acknowledged`` counts bookings, ``unresolved`` writes, since the load began."""
    return (
        IntegrityShown("Bookings acknowledged to customers", HowKnown.COUNTED, acknowledged),
        *(_one(name, standing, unresolved) for name in INVARIANTS),
    )


def _one(name: str, standing: LoadStanding | None, unresolved: int) -> IntegrityShown:
    invariant = INVARIANTS[name]
    if name == UNRESOLVED:
        return IntegrityShown(
            invariant.title, HowKnown.COUNTED, unresolved, "writes that may have happened; each is looked up after the load"
        )
    if name == DOUBLED and standing is not None and standing.slots:
        if standing.doubled:
            return IntegrityShown(invariant.title, HowKnown.BROKEN, None, standing.doubled)
        return IntegrityShown(
            invariant.title, HowKnown.NONE_SEEN, None, "for slots with the same start; overlaps of others are judged after the load"
        )
    return IntegrityShown(invariant.title, HowKnown.UNKNOWN, None, FROM_FINAL_STATE if invariant.final_state else FROM_HISTORY)
