"""What fuzzing found and started from, again: ``make fuzz`` goes on from here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import fuzzing


@pytest.mark.parametrize("path", sorted(fuzzing.CORPUS.iterdir()), ids=lambda path: path.name)
def test_the_corpus_holds(path):
    """One file is one answer."""
    fuzzing.one(path.read_bytes())


@given(st.sampled_from(sorted(fuzzing.CORPUS.iterdir())), st.data())
def test_its_neighbours_hold(path, data):
    """A few of the inputs that are one step away from it."""
    told = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        told[data.draw(st.integers(0, len(told) - 1))] = data.draw(st.integers(0, 255))
    fuzzing.one(bytes(told))
