"""Every known answer of this room is asked twice: as usual, and (thorough) as a run of a hundred million operations is judged."""

import mmap

import numpy as np
import pytest

from closeshave.history.room import Room
from closeshave.judge.evidence import blocks


def _mapped(_self, count, dtype):
    """As :meth:`Room.array` makes a long column; the mapping has no file, which would be made a hundred times in each test."""
    return np.frombuffer(mmap.mmap(-1, max(1, count * np.dtype(dtype).itemsize)), dtype, count)


@pytest.fixture(scope="module", autouse=True, params=["whole", pytest.param("blocks", marks=pytest.mark.thorough)])
def _both_ways(request):
    """Blocks of a few rows, in several threads, and columns in mapped files. Blocks of three rows, of random runs and planted breaches, are in
    ``test_large_runs.py``: of every known answer they would take ten minutes."""
    if request.param == "whole":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ROWS", 64)
        patch.setattr(blocks, "FEW", 4)
        patch.setattr(blocks, "LONG_BYTES", 0)
        patch.setattr(blocks, "processors", lambda: 2)
        patch.setattr(Room, "array", _mapped)
        yield
