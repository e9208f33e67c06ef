"""Equal texts in a long column, such as a key that was used twice: told by numbers of the texts, and the few that look alike are compared themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from closeshave.history.room import Room
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.columns import Ints
from closeshave.judge.evidence.joins import held_in

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_WORD = 8


def hashes(column: pd.Series, room: Room) -> Ints:
    """A number for each text: equal texts have the same one, and different texts hardly ever. That of a missing text means nothing."""
    out: Ints = room.array(len(column), np.int64)
    found: Any = pa.array(column.array, from_pandas=True)
    at = 0
    for chunk in found.chunks if isinstance(found, pa.ChunkedArray) else [found]:
        blocks.into(out[at : at + len(chunk)], lambda part, chunk=chunk: _of_block(chunk[part.start : part.stop]))  # type: ignore[misc]  # the default
        at += len(chunk)
    return out


def _of_block(texts: Any) -> Ints:
    """Text by text as 64-bit words, those of one length at once."""
    plain = texts.cast(pa.large_string())
    _, ends, letters = plain.buffers()
    if not len(plain) or letters is None:
        return np.zeros(len(plain), dtype=np.int64)
    offsets = np.frombuffer(ends, np.int64, len(plain) + 1, 8 * plain.offset)
    data = np.frombuffer(letters, np.uint8)
    sizes = np.diff(offsets)
    out = np.empty(len(plain), dtype=np.uint64)
    for size in sorted(set(sizes.tolist())) if sizes.min() != sizes.max() else (int(sizes[0]),):
        mine = np.flatnonzero(sizes == size)
        whole = len(mine) == len(sizes)
        own = data[offsets[0] : offsets[-1]].reshape(-1, size) if whole and size else data[offsets[mine][:, None] + np.arange(size)]
        out[mine] = _mixed(own)
    return out.view(np.int64)


def _mixed(letters: NDArray[np.uint8]) -> NDArray[np.uint64]:
    count, size = letters.shape
    words = np.zeros((count, -(-size // _WORD) * _WORD), dtype=np.uint8)
    words[:, :size] = letters
    found = np.full(count, size, dtype=np.uint64)
    for word in words.view(np.uint64).T:
        found ^= word
        found *= _FACTOR
        found ^= found >> _HALF
    return found


def alike(told: Ints) -> Ints:
    """Positions of the numbers that occur more than once."""
    ordered = np.sort(told)
    return np.flatnonzero(held_in(told, ordered[1:][ordered[1:] == ordered[:-1]]))
