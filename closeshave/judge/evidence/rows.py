"""Rows of long tables that lie beside each other, such as effects and their operations: each column is gathered when it is first asked for.

A frame of ten million effects with their operations would need two gigabytes, and most judges look at five of its twenty columns. What is selected of it
again are places, and not copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeshave.history.room import Room
from closeshave.judge.evidence import blocks

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What judges need of a frame: a column by its name, a selection by a mask or by places, its length."""

    sources: Sequence[tuple[pd.DataFrame, Places]]
    """Tables, and for each row here its place there. A name that several have is that of the first one."""
    room: Room
    """Where long columns are kept."""
    own: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Further columns, parallel to the places."""
    known: dict[str, pd.Series] = field(default_factory=dict)
    """Columns that were asked for."""

    def __len__(self) -> int:
        """How many rows."""
        return len(self.sources[0][1])

    @overload
    def __getitem__(self, wanted: str) -> pd.Series: ...
    @overload
    def __getitem__(self, wanted: NDArray[np.bool_]) -> Rows: ...
    def __getitem__(self, wanted: str | NDArray[np.bool_]) -> pd.Series | Rows:
        """The column of this name, or the rows that are true. Raises :class:`KeyError`."""
        if not isinstance(wanted, str):
            return self.take(np.flatnonzero(wanted))
        if wanted not in self.known:
            self.known[wanted] = self._column(wanted)
        return self.known[wanted]

    def __contains__(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return name in self.own or any(name in frame for frame, _ in self.sources)

    def take(self, places: Places) -> Rows:
        """The rows at these places."""
        sources = [(frame, _taken(there, places, self.room)) for frame, there in self.sources]
        return Rows(sources, self.room, {name: _taken(values, places, self.room) for name, values in self.own.items()})

    def assign(self, **columns: NDArray[Any]) -> Rows:
        """The same rows with further columns, or with others in their place."""
        known = {name: column for name, column in self.known.items() if name not in columns}
        return replace(self, own={**self.own, **columns}, known=known)

    def frame(self) -> pd.DataFrame:
        """All columns, in memory: for the few rows that a question leaves."""
        names = dict.fromkeys([str(name) for frame, _ in self.sources for name in frame] + list(self.own))
        return pd.DataFrame({name: self[name].array for name in names}, copy=False)

    def _column(self, name: str) -> pd.Series:
        if name in self.own:
            return pd.Series(self.own[name], copy=False)
        for frame, places in self.sources:
            if name in frame:
                return pd.Series(gathered(frame[name].array, places, self.room), copy=False)
        raise KeyError(name)


Table = pd.DataFrame | Rows
"""What has columns by name."""


def gathered(column: Any, places: Places, room: Room) -> Any:
    """The values of a column at these places."""
    if isinstance(column, pd.Categorical):
        made: Any = pd.Categorical
        return made.from_codes(_taken(column.codes, places, room), dtype=column.dtype, validate=False)
    if isinstance(column, pd.arrays.IntegerArray):
        whole: Any = column
        return pd.arrays.IntegerArray(_taken(whole._data, places, room), _taken(whole._mask, places, room))  # noqa: SLF001 - pandas has no other way
    values = column.to_numpy() if isinstance(column, pd.arrays.NumpyExtensionArray) else column
    return _taken(values, places, room) if isinstance(values, np.ndarray) else column.take(places)


def _taken(values: NDArray[Any], places: Places, room: Room) -> NDArray[Any]:
    return blocks.into(room.array(len(places), values.dtype), lambda part: values[places[part]])
