"""The hash slots of a cluster: against the specification, and against another implementation of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from closeshave.hashslots import SLOTS, keys_in, runs, shares, slot_of, told, within

SOME_SLOTS = st.frozensets(st.integers(0, SLOTS - 1), max_size=200)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 0x31C3),  # the specification's own vector, below 16,384
        ("foo", 12182),
        ("bar", 5061),
        ("{user1000}.following", 3443),
        ("user1000", 3443),
        ("foo{}{bar}", key_slot(b"foo{}{bar}")),
        ("foo{{bar}}zap", key_slot(b"{bar")),
        ("foo{bar}{zap}", 5061),
        ("", 0),
    ],
)
def test_a_key_is_in_the_slot_of_the_specification(key: str, slot: int) -> None:
    """Also where braces decide, or seem to."""
    assert slot_of(key) == slot == slot_of(key.encode())


@given(st.binary() | st.lists(st.sampled_from([b"{", b"}", b"a", b"b"]), max_size=12).map(b"".join))
def test_every_key_is_in_the_slot_that_another_client_finds(key: bytes) -> None:
    """Whatever its bytes are, and however its braces lie."""
    assert slot_of(key) == key_slot(key)


@given(SOME_SLOTS)
def test_ranges_hold_the_same_slots_and_are_as_few_as_possible(slots: frozenset[int]) -> None:
    """None touches the next."""
    ranges = runs(slots)
    assert within(ranges) == slots
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(ranges))


@given(st.integers(1, 1_000))
def test_primaries_share_all_slots_almost_equally(primaries: int) -> None:
    """Each slot has one of them."""
    found = shares(primaries)
    sizes = [last - first + 1 for first, last in found]
    assert [slot for each in found for slot in range(each[0], each[1] + 1)] == list(range(SLOTS))
    assert max(sizes) - min(sizes) <= 1


@given(SOME_SLOTS.filter(bool), st.integers(1, 3))
def test_keys_are_found_for_any_slots(slots: frozenset[int], count: int) -> None:
    """Always the same ones, each once."""
    found = keys_in(slots, "a:", count)
    assert len(set(found)) == count
    assert {slot_of(key) for key in found} <= slots
    assert found == keys_in(slots, "a:", count)


def test_no_key_is_in_no_slot() -> None:
    """It would be looked for in vain."""
    with pytest.raises(ValueError, match="no slots"):
        keys_in(frozenset(), "a:", 1)


def test_slots_are_told_as_ranges() -> None:
    """For people."""
    assert told([3, 1, 2, 9]) == "1 to 3, 9"
    assert told([]) == "none"
