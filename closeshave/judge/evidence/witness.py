"""Rows of frames as the frozen values that a witness is made of, and which rows a failing verdict shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from closeshave.history import (
    BOOKINGS,
    CACHE_ENTRIES,
    CAPTURES,
    EFFECTS,
    JOBS,
    OPERATIONS,
    PLACEMENTS,
    Booking,
    CacheEntry,
    Capture,
    Effect,
    Job,
    Operation,
    Placement,
)
from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.rows import Table
from closeshave.judge.witnesses import EffectWitness, OperationWitness


def operation_witness(operations: pd.DataFrame, position: int, why: str) -> OperationWitness:
    """The operation at ``position``, with ``why`` it is a breach."""
    return OperationWitness(why, operation_at(operations, position))


def effect_witness(operations: pd.DataFrame, rows: Table, index: int, why: str) -> EffectWitness:
    """The effect at ``index`` of rows that lie beside their operations (``position``), with its operation and ``why`` it is a breach."""
    return EffectWitness(why, operation_at(operations, int(rows["position"].iloc[index])), effect_at(rows, index))


def operation_at(rows: Table, position: int) -> Operation:
    """The operation in a row."""
    return Operation(**_values(rows, OPERATIONS.names, position))


def effect_at(rows: Table, index: int) -> Effect:
    """The effect in a row as its recorder wrote it: positions in files, which may stand beside it, prove nothing."""
    return Effect(**_values(rows, EFFECTS.names, index))


def booking_at(rows: Table, position: int) -> Booking:
    """The booking of the final state in a row."""
    return Booking(**_values(rows, BOOKINGS.names, position))


def capture_at(rows: Table, position: int) -> Capture:
    """The charge in a row."""
    return Capture(**_values(rows, CAPTURES.names, position))


def cache_entry_at(rows: Table, position: int) -> CacheEntry:
    """The cache's entry in a row."""
    return CacheEntry(**_values(rows, CACHE_ENTRIES.names, position))


def job_at(rows: Table, position: int) -> Job:
    """The job in a row, with the effect that the row tells of."""
    return Job(**_values(rows, JOBS.names, position))


def placement_at(rows: Table, position: int) -> Placement:
    """What a database member holds, in a row."""
    return Placement(**_values(rows, PLACEMENTS.names, position))


def first_and_worst(guilty: Flags, order: Ints, badness: Ints, name: Ints) -> tuple[int, ...]:
    """Positions of the first wrong row by ``order`` and of the one with the greatest ``badness``; a single position where both are the same row.

    ``name`` (an ID) breaks ties, so that the answer does not depend on the order of rows.
    """
    positions = np.flatnonzero(guilty)
    if not len(positions):
        return ()
    soonest, baddest = _least(positions, order), _most(positions, badness)
    first = _least(_most(soonest, badness), name)[0]
    worst = _least(_least(baddest, order), name)[0]
    return (int(first),) if first == worst else (int(first), int(worst))


def _least(positions: Ints, key: Ints) -> Ints:
    """Those of the positions at which ``key`` is smallest. One after the other, because sorting millions of rows for the first of them takes long."""
    values = key[positions]
    found: Ints = positions[values == values.min()]
    return found


def _most(positions: Ints, key: Ints) -> Ints:
    values = key[positions]
    found: Ints = positions[values == values.max()]
    return found


def _values(rows: Table, names: list[str], position: int) -> dict[str, Any]:
    """The columns of one row as plain Python values, absent ones as ``None``."""
    one = rows.take(np.array([position]))
    return {name: _value(one[name].iloc[0]) for name in names}


def _value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return _value(value.item())
    return value
