"""Witnesses of a failing verdict: whole rows of the history, ready for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.verdict import Witness


def row(rows: pd.DataFrame, position: int, why: str, **more: Any) -> Witness:
    """The row at ``position`` as a JSON-ready mapping, missing values as ``None``, and ``why`` it is a breach."""
    return {**plain(rows, position), **more, "why": why}


def plain(rows: pd.DataFrame, position: int) -> dict[str, Any]:
    """The row at ``position`` as a dict of plain Python values."""
    return {str(name): _value(rows[name].iloc[position]) for name in rows.columns}


def first_and_worst(guilty: Flags, order: Ints, badness: Ints, name: Ints) -> tuple[int, ...]:
    """Positions of the first wrong row by ``order`` and of the one with the greatest ``badness``; a single position where both are the same row.

    ``name`` (an ID) breaks ties, so that the answer does not depend on the order of rows.
    """
    positions = np.flatnonzero(guilty)
    if not len(positions):
        return ()
    first = positions[np.lexsort((name[positions], -badness[positions], order[positions]))[0]]
    worst = positions[np.lexsort((name[positions], order[positions], -badness[positions]))[0]]
    return (int(first),) if first == worst else (int(first), int(worst))


def _value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return _value(value.item())
    return value
