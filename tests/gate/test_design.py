"""The order of the legs of a gate is drawn from its seed, before the first of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from closeshave import quantiles
from closeshave.gate.design import Side, draw

SEEDS = st.integers(0, 2**62)


@given(SEEDS, st.integers(1, 2), st.integers(1, 20))
def test_each_block_has_two_legs_of_each_side_in_mirrored_order(seed, stage, blocks):
    """So an even drift has the same effect on both sides."""
    for block in draw(seed, stage, blocks):
        assert block.order in {"ABBA", "BAAB"}
        assert Counter(leg.side for leg in block.legs) == {Side.BASE: 2, Side.CANDIDATE: 2}


@given(SEEDS, st.integers(1, 10))
def test_both_sides_of_a_block_meet_the_same_customers(seed, blocks):
    """The first legs of both sides have one seed, and the second ones another one."""
    for block in draw(seed, 1, blocks):
        base, candidate = ([leg.seed for leg in block.legs if leg.side is side] for side in Side)
        assert base == candidate
        assert len(set(base)) == 2


@given(SEEDS, st.integers(1, 10))
def test_more_blocks_begin_with_the_same_ones(seed, blocks):
    """A gate that is continued, or that repeats a block, changes nothing of what was drawn before."""
    assert draw(seed, 1, blocks + 3)[:blocks] == draw(seed, 1, blocks)


def test_stages_and_seeds_have_different_legs():
    """The second stage must be fresh."""
    assert draw(1, 1, 6) != draw(1, 2, 6)
    assert {leg.seed for one in draw(1, 1, 6) for leg in one.legs}.isdisjoint(leg.seed for one in draw(2, 1, 6) for leg in one.legs)


def test_each_order_is_drawn_for_half_of_the_blocks():
    """The exact test of shares is exact only then. The bounds are exceeded by chance once in a million seeds."""
    n = 4000
    drawn = Counter(block.order for seed in range(n // 10) for block in draw(seed, 1, 10))
    assert quantiles.binomial(5e-7, n, 0.5) <= drawn["ABBA"] <= quantiles.binomial(1 - 5e-7, n, 0.5)
