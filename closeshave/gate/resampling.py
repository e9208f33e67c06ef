"""How often the rules of a gate are wrong: gates composed at random from recorded blocks. Pure.

Blocks of A against A give the rate of false alarms, blocks with a planted change the rate of alarms. Within one gate no block is used twice. The interval
states only how exactly the share was counted: the gates share their blocks, so what the blocks themselves do not show, no number of gates does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.gate.decision import Changes, GateAnswer, better, suspicious, worse
from closeshave.gate.rules import CONFIDENCE, Rules
from closeshave.judge.measures.sampling import share_bounds


@dataclass(frozen=True, slots=True)
class Resampled:
    """What the composed gates said."""

    gates: int
    blocks: int
    """How many different blocks they were composed of."""
    answers: Mapping[GateAnswer, int]
    """``same`` stands for all that are neither worse nor better."""
    worse: Mapping[str, int]
    """Gates that said worse, by metric."""
    second_stages: int
    """Gates that needed their second stage."""

    def bounds(self, answer: GateAnswer) -> tuple[float, float]:
        """Bounds of the share of gates with this answer, each at 95 %."""
        return share_bounds(self.answers.get(answer, 0), self.gates, CONFIDENCE)


def resample(rules: Rules, blocks: Sequence[Changes], gates: int, seed: int) -> Resampled:
    """Compose so many gates. Raises :class:`ValueError` for fewer blocks than a gate of two stages needs."""
    needed = 2 * rules.blocks
    if len(blocks) < needed:
        raise ValueError(f"a gate needs {needed} blocks, and only {len(blocks)} are recorded")
    random = np.random.default_rng(seed)
    answers: Counter[GateAnswer] = Counter()
    metrics: Counter[str] = Counter()
    second = 0
    for _ in range(gates):
        chosen = [blocks[place] for place in random.permutation(len(blocks))[:needed]]
        stages: list[Sequence[Changes]] = [chosen[: rules.blocks]]
        if suspicious(rules, stages[0]):
            second += 1
            stages.append(chosen[rules.blocks :])
        bad = worse(rules, stages)
        # The keys alone: of a mapping a counter would add the values.
        metrics.update(list(bad))
        answers[GateAnswer.WORSE if bad else GateAnswer.BETTER if better(rules, stages) else GateAnswer.SAME] += 1
    return Resampled(gates, len(blocks), dict(answers), dict(metrics), second)
