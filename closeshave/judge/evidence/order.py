"""The order in which effects are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.judge.evidence.columns import Ints
from closeshave.judge.evidence.joins import ascending
from closeshave.judge.evidence.places import Places


@dataclass(frozen=True, slots=True)
class EffectOrder:
    """The effects whose operation was recorded, ordered by its start: parallel arrays."""

    effect: Ints
    """Row of the effect."""
    position: Ints
    """Row of its operation."""


def ordered(effects: pd.DataFrame, places: Places, started_ns: Ints) -> EffectOrder:
    """The order in which effects are judged; it does not depend on the order in the files.

    ``places`` says where the operation of an ID is, ``started_ns`` is when each operation was sent.
    """
    operation = effects["operation"].to_numpy()
    position = places.at(operation)
    known = np.flatnonzero(position >= 0)
    if not len(known):
        return EffectOrder(known, known)
    position, operation = position[known], operation[known]
    action = pd.Categorical(effects["action"]).codes[known].astype(np.int64)
    # An effect without an action comes last, wherever its operation is.
    by = ascending(started_ns[position], operation, np.where(action < 0, action.max() + 1, action))
    return EffectOrder(known[by], position[by])
