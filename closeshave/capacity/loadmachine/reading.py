"""What the records of a paced load say of each of its levels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from closeshave.capacity.loadmachine.starting import CannotMeasure
from closeshave.capacity.loadmachine.values import PacedLevel
from closeshave.loadgen.convert import open_all

SETTLING_S = 0.5
"""The beginning of a level is not judged."""
EDGES = 2
"""An arrival at either edge of a level may be counted with its neighbour."""

Instants = npt.NDArray[np.int64]


def levels(records: Path, rates_per_s: Sequence[float], each_s: float) -> tuple[PacedLevel, ...]:
    """The levels of a load whose records lie in this directory. Raises :class:`CannotMeasure` where there are none."""
    try:
        workers = open_all(records)
    except (OSError, ValueError) as error:
        raise CannotMeasure(f"the records of the load cannot be read: {error}") from None
    if not workers:
        raise CannotMeasure("the load generator recorded nothing")
    intended, started = (np.concatenate([np.asarray(worker.rows[name]) for worker in workers]) for name in ("intended_ns", "started_ns"))
    if not len(intended):
        raise CannotMeasure("the load generator recorded nothing")
    return split(intended.astype(np.int64), started.astype(np.int64), rates_per_s, each_s)


def split(intended_ns: Instants, started_ns: Instants, rates_per_s: Sequence[float], each_s: float) -> tuple[PacedLevel, ...]:
    """Requests by level: when each was due and when it was sent. The first gap is half a period, as of evenly spaced arrivals. Pure."""
    begin_ns = int(intended_ns.min()) - int(0.5e9 / rates_per_s[0])
    found = []
    for index, rate in enumerate(rates_per_s):
        first = begin_ns + int((index * each_s + SETTLING_S) * 1e9)
        last = begin_ns + int((index + 1) * each_s * 1e9)
        here = (intended_ns >= first) & (intended_ns < last)
        late_ms = (started_ns[here] - intended_ns[here]) / 1e6
        due = round(rate * (each_s - SETTLING_S))
        lateness = float(np.quantile(late_ms, 0.99, method="inverted_cdf")) if len(late_ms) else each_s * 1000
        sent = int(here.sum())
        found.append(PacedLevel(rate, due, due if sent >= due - EDGES else sent, max(0.0, lateness)))
    return tuple(found)
