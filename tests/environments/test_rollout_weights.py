"""Weights give a new release its share of a region's requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.environments.rollout.weights import MOST, for_share


@pytest.mark.parametrize(
    ("new", "old", "share", "expected"),
    [
        (["a"], ["b"], 0.1, {"a": 1, "b": 9}),
        (["a"], ["b"], 0.5, {"a": 1, "b": 1}),
        (["a"], ["b", "c"], 0.1, {"a": 2, "b": 9, "c": 9}),
        (["a", "b"], ["c"], 0.5, {"a": 1, "b": 1, "c": 2}),
        (["a", "b"], [], 0.1, {"a": 1, "b": 1}),
        ([], ["a"], 0.5, {"a": 1}),
    ],
)
def test_known_weights(new: list[str], old: list[str], share: float, expected: dict[str, int]) -> None:
    """Together the new ones get their share, each of them the same."""
    assert for_share(new, old, share) == expected


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 99))
def test_the_share_is_as_wanted(new: int, old: int, percent: int) -> None:
    """As well as whole weights up to 256 can give it."""
    names, others = [f"n{place}" for place in range(new)], [f"o{place}" for place in range(old)]
    found = for_share(names, others, percent / 100)
    assert all(0 <= weight <= MOST for weight in found.values())
    got = sum(found[name] for name in names) / sum(found.values())
    assert got == pytest.approx(percent / 100, abs=0.02)
