"""Which release each leg of a gate runs, drawn from a seed before the first leg. Pure.

A block is two legs of each side, as base, candidate, candidate, base (ABBA) or the other way round (BAAB): a drift that is even over a block has the same
effect on both sides. Which of the two it is, is drawn for each block. So if the releases do not differ, the difference of a block is as likely to be above
zero as below, whatever its distribution is; the exact test of shares rests on this alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Side(StrEnum):
    """Which of the two releases a leg runs."""

    BASE = "base"
    """The one that is compared with."""
    CANDIDATE = "candidate"
    """The one that is to be released."""


ORDERS = (
    (Side.BASE, Side.CANDIDATE, Side.CANDIDATE, Side.BASE),
    (Side.CANDIDATE, Side.BASE, Side.BASE, Side.CANDIDATE),
)
"""ABBA and BAAB."""
STAGES = 2
_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Leg:
    """One trial of a gate."""

    side: Side
    seed: int
    """Of its plan. The first legs of both sides of a block have the same one, and so have the second ones: the same customers arrive in both."""


@dataclass(frozen=True, slots=True)
class Block:
    """Four legs, one after the other: the sample of a gate."""

    stage: int
    """From 1."""
    number: int
    """From 1 within its stage; numbers above the planned blocks are repetitions of blocks that were thrown away."""
    legs: tuple[Leg, ...]

    @property
    def name(self) -> str:
        """``stage 1, block 3``."""
        return f"stage {self.stage}, block {self.number}"

    @property
    def order(self) -> str:
        """``ABBA`` or ``BAAB``."""
        return "".join("A" if leg.side is Side.BASE else "B" for leg in self.legs)


def draw(seed: int, stage: int, blocks: int) -> tuple[Block, ...]:
    """So many blocks of a stage. The same arguments give the same blocks; more blocks begin with the same ones."""
    found = []
    for number in range(1, blocks + 1):
        # A generator for each block: none depends on how many were drawn before.
        random = np.random.default_rng([seed, stage, number])
        order = ORDERS[int(random.integers(len(ORDERS)))]
        first, second = (int(one) for one in random.integers(_SEEDS, size=2))
        found.append(Block(stage, number, tuple(Leg(side, (first, second)[order[:at].count(side)]) for at, side in enumerate(order))))
    return tuple(found)
