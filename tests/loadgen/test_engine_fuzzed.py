"""Answers that differ by one byte from those in the fuzzing corpus; the corpus itself is replayed with all others in ``tests/fuzz``."""

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.loadgen import fuzzing


@given(st.sampled_from(sorted(TARGETS["engine"].corpus.iterdir())), st.data())
def test_similar_inputs_pass_too(path, data):
    """A few inputs that differ in one step."""
    told = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        told[data.draw(st.integers(0, len(told) - 1))] = data.draw(st.integers(0, 255))
    fuzzing.one(bytes(told))
