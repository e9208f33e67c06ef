"""Every known answer of this room is asked twice: as usual, and (thorough) as a run of a hundred million operations is judged."""

import mmap
import tempfile

import numpy as np
import pytest

from closeshave.history.room import Room
from closeshave.judge.evidence import blocks


def _in_a_file(_self, count, dtype):
    """What :meth:`Room.array` does with a long column."""
    size = max(1, count * np.dtype(dtype).itemsize)
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype, count)


@pytest.fixture(scope="module", autouse=True, params=["whole", pytest.param("blocks", marks=pytest.mark.thorough)])
def _both_ways(request):
    """Blocks of three rows, in several threads, and columns in mapped files."""
    if request.param == "whole":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ROWS", 3)
        patch.setattr(blocks, "FEW", 4)
        patch.setattr(blocks, "LONG_BYTES", 0)
        patch.setattr(blocks, "processors", lambda: 2)
        patch.setattr(Room, "array", _in_a_file)
        yield
