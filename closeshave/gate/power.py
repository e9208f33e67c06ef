"""What a gate would have noticed: without it, *same* means nothing. Pure.

The spread that was measured is taken for the true one. With six blocks it is known to about a third, and so is the smallest noticeable effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from closeshave import quantiles
from closeshave.gate.rules import MetricRule, Rules

BLOCKS_MOST = 200
"""More blocks of a stage than this are not named: at some minutes each nobody runs them."""
_SPREADS = (np.arange(400) + 0.5) / 400
_DRAWN = 1500
_EXACT_MOST = 10
_STEPS = 40

Chance = Callable[[float], float]
"""How likely a stage agrees, by the true change in spreads of one block."""


def noticeable(rules: Rules, rule: MetricRule, spread: float | None, blocks: int, looks: int = 2) -> float | None:
    """The smallest change that is called worse with the power of the rules; ``None`` where the spread is not known.

    ``spread`` is the standard deviation of one block, ``looks`` the number of stages that must agree. In the unit of the metric's rule.
    """
    if spread is None or blocks < 2:
        return None
    if spread == 0:
        return rule.tolerated if not rule.ratio else None
    each = rules.power ** (1 / looks)
    tolerated = rule.tolerated / spread
    if rule.ratio or blocks > _EXACT_MOST:
        chance: Chance = by_t(rules.strictest, blocks - 1, 1 / math.sqrt(blocks), tolerated)
    else:
        chance = _by_signs(rules.strictest, blocks, tolerated)
    found = smallest(chance, each)
    return None if found is None else found * spread


def by_t(by_chance: float, degrees: int, error: float, tolerated: float) -> Chance:
    """For Student's t: the mean must be above what is tolerated, and unlikely by chance. ``error`` is the mean's standard error in spreads.

    The mean and the measured spread of normal values are independent, so the chance is the average over the spreads that may be measured.
    """
    measured = np.sqrt(quantiles.chi_square(_SPREADS, degrees) / degrees)
    needed = np.maximum(tolerated, quantiles.student(1 - by_chance, degrees) * measured * error)
    return lambda change: float(np.mean(quantiles.normal_at_most((change - needed) / error)))


def _by_signs(by_chance: float, blocks: int, tolerated: float) -> Chance:
    """For the exact test, by simulation: always the same blocks, so that the same spread has the same answer."""
    drawn = np.random.default_rng(blocks).standard_normal((_DRAWN, blocks))
    signs = np.array(np.meshgrid(*[[1.0, -1.0]] * blocks, indexing="ij"), dtype=np.float64).reshape(blocks, -1)

    def chance(change: float) -> float:
        values: npt.NDArray[np.float64] = drawn + change
        likely = np.mean(np.abs(values) @ signs >= values.sum(axis=1, keepdims=True) - 1e-9, axis=1)
        return float(np.mean((likely <= by_chance) & (values.mean(axis=1) > tolerated)))

    return chance


def smallest(chance: Chance, wanted: float) -> float | None:
    """The smallest change with at least this chance, by bisection; ``None`` where no change has it."""
    low, high = 0.0, 1.0
    while chance(high) < wanted:
        low, high = high, high * 2
        if high > 1e6:
            return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
        if high - low < 1e-4 * high:
            break
    return high


def never_failed(rules: Rules, rule: MetricRule, requests: int, blocks: int, looks: int = 2) -> float:
    """The smallest share of failures that is noticed where neither side had any: each block must have at least one.

    ``requests`` are the candidate's in the smallest block.
    """
    if requests <= 0:
        return 1.0
    in_each = rules.power ** (1 / (looks * blocks))
    return max(rule.tolerated, -math.expm1(math.log1p(-in_each) / requests))


def blocks_needed(rules: Rules, rule: MetricRule, spread: float | None) -> int | None:
    """How many blocks a stage needs for *same* to be possible with this spread; ``None`` above :data:`BLOCKS_MOST` or if it is not known."""
    if spread is None:
        return None

    def enough(blocks: int) -> bool:
        found = noticeable(rules, rule, spread, blocks)
        return found is not None and found <= rule.noticed

    if not enough(BLOCKS_MOST):
        return None
    low, high = 2, BLOCKS_MOST
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
