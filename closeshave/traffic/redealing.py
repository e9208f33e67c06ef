"""Shares of the load that are dealt again, because the load machine that had them was lost: from a stated instant on, to those that are left. Pure.

Every process computes all arrivals from the seed, so it is enough to say from when, who loses and who takes over. An arrival belongs to the instant
at which it is due, not to the clock of whoever looks: one that is due before the stated instant stays with the machine that was lost, and nobody
else ever sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, TypeAdapter

from closeshave.files import write_atomically

REDEALS_MAX = 1000
_Index = Annotated[int, Field(ge=0, lt=2**15)]
Owners = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Redeal:
    """One step: what these processes had from an instant on, others have."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    from_ns: Annotated[int, Field(ge=0, lt=2**62)]
    """Nanoseconds after the load's start: what is due from then on is dealt again."""
    lost: Annotated[tuple[_Index, ...], Field(min_length=1, max_length=2**15)]
    """The indices of the processes that were lost."""
    left: Annotated[tuple[_Index, ...], Field(min_length=1, max_length=2**15)]
    """Those of the processes that take over, each the same part of it."""


Redeals = tuple[Redeal, ...]
_CODEC: TypeAdapter[Redeals] = TypeAdapter(Annotated[Redeals, Field(max_length=REDEALS_MAX)])


def owners(at_ns: npt.NDArray[np.int64], among: int, redeals: Sequence[Redeal] = ()) -> Owners:
    """The index of the process to which each arrival belongs after all steps. ``at_ns``: when all arrivals of the load are due, ascending."""
    found = (np.arange(len(at_ns)) % among).astype(np.int16)
    for step in redeals:
        lost = np.zeros(among, dtype=np.bool_)
        lost[list(step.lost)] = True
        first = int(np.searchsorted(at_ns, step.from_ns, side="left"))
        moved = first + np.flatnonzero(lost[found[first:]])
        found[moved] = np.array(step.left, dtype=np.int16)[np.arange(len(moved)) % len(step.left)]
    return found


def dealt(at_ns: npt.NDArray[np.int64], index: int, among: int, redeals: Sequence[Redeal] = ()) -> npt.NDArray[np.int64]:
    """The numbers of the arrivals that belong to the process of this index, ascending."""
    if not redeals:
        return np.arange(index, len(at_ns), among, dtype=np.int64)
    return np.flatnonzero(owners(at_ns, among, redeals) == index).astype(np.int64)


def save(path: Path, redeals: Redeals) -> None:
    """Raises :class:`OSError`."""
    write_atomically(path, _CODEC.dump_json(redeals))


def read(path: Path) -> Redeals:
    """All steps so far; none while there is no file. Raises :class:`OSError`, and :class:`ValueError` for a file that holds something else."""
    try:
        return _CODEC.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
