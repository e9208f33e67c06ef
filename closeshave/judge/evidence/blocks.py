"""Arithmetic over long columns in blocks: what is computed on the way fits the processor's cache, and several processors share the work.

An expression over whole columns of a hundred million rows would make columns of 800 MB on the way to its result, one for each operator.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from closeshave.history.room import IN_MEMORY, Room

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
T = TypeVar("T")

ROWS = 1 << 18
"""Of a block."""
FEW = 8
"""So few blocks are not worth threads."""
MOST_BLOCKS = 4
"""Of the usual size in one, where the table of what is counted is long."""
LONG_BYTES = 16 << 20
"""Arrays of at least so many bytes are made in the room of the run, but for masks: these are many, and gone before a file would be worth it."""
_ROOM: ContextVar[Room] = ContextVar("room", default=IN_MEMORY)


@contextmanager
def kept_in(room: Room) -> Iterator[None]:
    """Within it, long arrays of this module are made there."""
    before = _ROOM.set(room)
    try:
        yield
    finally:
        _ROOM.reset(before)


def array(count: int, dtype: Any) -> NDArray[Any]:
    """An array without contents. Raises :class:`closeshave.history.room.NoRoom` if the disk is full."""
    kind = np.dtype(dtype)
    return _ROOM.get().array(count, kind) if kind.itemsize > 1 and count * kind.itemsize >= LONG_BYTES else np.empty(count, kind)


def each(count: int, work: Callable[[slice], T], rows: int = 0) -> list[T]:
    """``work`` on each block of ``count`` rows, its answers in the order of the rows. It runs in several threads and must not write where others do.

    ``rows`` is the size of a block, where it should not be the usual one.
    """
    size = rows or ROWS
    parts = [slice(start, min(count, start + size)) for start in range(0, count, size)]
    if alone(count):
        return [work(part) for part in parts]
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(work, parts))


def alone(count: int) -> bool:
    """Whether work on so many rows is done by one thread: there are few of them, or one processor."""
    return count <= FEW * ROWS or processors() < 2


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def into(out: NDArray[Any], of: Callable[[slice], Any]) -> NDArray[Any]:
    """``out``, filled with what ``of`` says of each block."""

    def fill(part: slice) -> None:
        out[part] = of(part)

    each(len(out), fill)
    return out


def mask(count: int, of: Callable[[slice], Any]) -> Flags:
    """A mask over ``count`` rows."""
    return into(array(count, np.bool_), of)


def counts(count: int, of: Callable[[slice], Any], size: int) -> Ints:
    """How often each number from 0 up to ``size`` occurs in what ``of`` gives of all blocks."""
    total, lock = np.zeros(size, dtype=np.int64), Lock()
    # Each block has a table of its own, which is added to the whole: it should not take longer than the counting.
    rows = ROWS * min(MOST_BLOCKS, max(1, -(-size // ROWS)))

    def add(part: slice) -> None:
        found = np.bincount(of(part), minlength=size)
        with lock:
            np.add(total, found, out=total)

    each(count, add, rows)
    return total


def true(rows: Flags, part: slice) -> Ints:
    """Which rows of a block are true. To take values by their places is up to four times quicker than by a mask."""
    found: Ints = np.flatnonzero(rows[part])
    found += part.start
    return found


def chosen(rows: Flags, of: Callable[[slice], NDArray[Any]], dtype: Any = np.int64) -> NDArray[Any]:
    """Of the rows that are true, what ``of`` gives of their block, one after the other."""
    sizes = each(len(rows), lambda part: int(np.count_nonzero(rows[part])))
    ends = np.cumsum([0, *sizes])
    out = array(int(ends[-1]), dtype)

    def fill(part: slice) -> None:
        at = part.start // ROWS
        if sizes[at]:
            out[ends[at] : ends[at + 1]] = of(part).take(true(rows, part) - part.start)

    each(len(rows), fill)
    return out
