"""The inputs that fuzzing found and started from, and inputs that differ in one step; ``make fuzz`` continues from here."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutating import mutated
from tests.fuzz.targets import CORPORA, TARGETS

INPUTS = [(name, path) for name, target in TARGETS.items() for path in sorted(target.corpus.iterdir())]


def test_every_corpus_has_a_target():
    """A directory that no target reads would be a test that cannot fail."""
    assert {path.name for path in CORPORA.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(("name", "path"), INPUTS, ids=lambda each: each if isinstance(each, str) else each.name)
def test_the_corpus_passes(name, path):
    """A value, or the error that the reader documents."""
    TARGETS[name].load()(path.read_bytes())


@settings(deadline=None)  # some of the readers need a tenth of a second, and the machine may be busy
@given(st.sampled_from(INPUTS), st.integers(0, 2**32))
def test_similar_inputs_pass(chosen, seed):
    """Bytes changed, and values of the JSON in them."""
    name, path = chosen
    rng, told = random.Random(seed), path.read_bytes()
    for _ in range(rng.randint(1, 3)):
        told = (mutated(told, rng) if rng.random() < 0.7 else None) or _bytes_changed(told, rng)
    TARGETS[name].load()(told)


def _bytes_changed(told: bytes, rng: random.Random) -> bytes:
    kept = bytearray(told or b"\0")
    for _ in range(rng.randint(1, 3)):
        kept[rng.randrange(len(kept))] = rng.randrange(256)
    return bytes(kept)
