"""The order in which effects are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Ints


@dataclass(frozen=True, slots=True)
class EffectOrder:
    """The effects whose operation was recorded, ordered by its start: parallel arrays."""

    effect: Ints
    """Row of the effect."""
    position: Ints
    """Row of its operation."""


def ordered(effects: pd.DataFrame, ids: Ints, started_ns: Ints, *, in_order: bool) -> EffectOrder:
    """The order in which effects are judged; it does not depend on the order in the files.

    ``ids`` and ``started_ns`` are those of the operations; ``in_order`` says whether the IDs ascend.
    """
    operation = effects["operation"].to_numpy()
    if not len(ids) or not len(operation):
        return EffectOrder(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    order = None if in_order else np.argsort(ids, kind="stable")
    at = np.searchsorted(ids, operation, sorter=order).clip(max=len(ids) - 1)
    position = at if order is None else order[at]
    known = np.flatnonzero(ids[position] == operation)
    action = pd.Categorical(effects["action"]).codes[known]
    # An effect without an action comes last, wherever its operation is.
    action = np.where(action < 0, np.iinfo(action.dtype).max, action)
    by = np.lexsort((action, operation[known], started_ns[position[known]]))
    return EffectOrder(known[by], position[known[by]])
