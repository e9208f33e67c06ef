"""Worse, better, same or unknown: what a gate says of each metric, and of all. Pure.

*Worse*: in each of two stages of fresh blocks the mean change is above what is tolerated and unlikely by chance. Both stages are independent, so the
larger of their probabilities, squared, is one by itself; Holm's procedure over the metrics keeps the probability of any false alarm below that of the
rules.
*Better* is the same in the other direction, but one stage is enough where it is unlikely enough by itself.
*Same* is said only where a change of the size that the plan states would have been noticed, and the interval rules it out. Everything else is *unknown*.

Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from closeshave.gate.design import Side
from closeshave.gate.effects import NOTHING, MeanChange, of_ratios, of_shares
from closeshave.gate.power import blocks_needed, never_failed, noticeable
from closeshave.gate.rules import BETTER_ALONE, BLOCKS_MIN, MetricRule, Rules
from closeshave.plurals import counted


class GateAnswer(StrEnum):
    """What a gate says, the least harmful first."""

    SAME = "same"
    """Not worse, and a change of the stated size would have been noticed."""
    BETTER = "better"
    """Less of it than the base, and not by chance."""
    UNKNOWN = "unknown"
    """Nothing is claimed; the reason says what was missing."""
    WORSE = "worse"
    """More of it than the base, and not by chance."""

    @property
    def severity(self) -> int:
        """The larger one wins a merge."""
        return [*GateAnswer].index(self)


@dataclass(frozen=True, slots=True)
class LegFigure:
    """What one leg measured of one metric."""

    value: float
    """Seconds, seconds per request, or a share from 0 to 1."""
    n: int
    """How many requests are in it."""


@dataclass(frozen=True, slots=True)
class BlockChange:
    """What one block says of one metric."""

    base: float
    candidate: float
    change: float
    """The logarithm of the ratio, or the difference of the shares: above zero the candidate is worse."""
    requests: int
    """Of the candidate."""


Changes = Mapping[str, BlockChange]
"""What one block says, by metric. Where the machine disturbed a leg, the metrics that it may have changed are absent."""


@dataclass(frozen=True, slots=True)
class MetricAnswer:
    """What a gate says of one metric."""

    metric: str
    """As the plan calls it."""
    answer: GateAnswer
    """The answer."""
    base: float | None
    """Mean over all blocks: of ratios the geometric one. ``None`` without a block."""
    candidate: float | None
    """The same of the candidate."""
    effect: MeanChange
    """Over the blocks of all stages together."""
    stages: tuple[MeanChange, ...]
    """Of each stage alone."""
    by_chance: float | None
    """The probability of what the stages agree on if there is no change; ``None`` where they do not agree on one for the worse."""
    noticeable: float | None
    """The smallest change that this gate would have called worse with a probability of 80 %."""
    blocks_needed: int | None
    """Blocks of a stage that *same* or *worse* would need; ``None`` where the gate decided, or nobody could run so many."""
    reason: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate says."""

    answer: GateAnswer
    metrics: tuple[MetricAnswer, ...]


def change_of(legs: Sequence[tuple[Side, LegFigure | None]], rule: MetricRule) -> BlockChange | None:
    """What the legs of a block say of a metric; ``None`` where one of them has no figure of it."""
    sides = {side: [figure for of, figure in legs if of is side] for side in Side}
    if not all(sides.values()) or any(figure is None for figures in sides.values() for figure in figures):
        return None
    base, candidate = ([figure for figure in sides[side] if figure is not None] for side in (Side.BASE, Side.CANDIDATE))
    requests = sum(figure.n for figure in candidate)
    if rule.ratio:
        if any(figure.value <= 0 for figure in (*base, *candidate)):
            return None
        before, after = _geometric([figure.value for figure in base]), _geometric([figure.value for figure in candidate])
        return BlockChange(before, after, math.log(after / before), requests)
    if not (requests and sum(figure.n for figure in base)):
        return None
    before, after = _pooled(base), _pooled(candidate)
    return BlockChange(before, after, after - before, requests)


def suspicious(rules: Rules, stage: Sequence[Changes]) -> tuple[str, ...]:
    """The metrics for which the first stage gives a reason to run the second."""
    return tuple(rule.metric for rule in rules.metrics if _agrees(rules, rule, effect(rule, stage)))


def worse(rules: Rules, stages: Sequence[Sequence[Changes]]) -> Mapping[str, float]:
    """The metrics that both stages call worse, by Holm's procedure, each with the probability of it by chance."""
    if len(stages) < 2:
        return {}
    chances = {}
    for rule in rules.metrics:
        effects = [effect(rule, stage) for stage in stages]
        if all(_agrees(rules, rule, one) for one in effects):
            chances[rule.metric] = max(one.by_chance_worse for one in effects) ** 2
    return {metric: chances[metric] for metric in holm(chances, rules.false_alarm, len(rules.metrics))}


def better(rules: Rules, stages: Sequence[Sequence[Changes]]) -> frozenset[str]:
    """The metrics that all stages call better."""
    chances = {}
    for rule in rules.metrics:
        effects = [effect(rule, stage) for stage in stages]
        if all(_enough(one) and one.mean is not None and one.mean < -rule.tolerated for one in effects):
            chances[rule.metric] = max(one.by_chance_better for one in effects) ** len(effects)
    level = rules.false_alarm if len(stages) > 1 else BETTER_ALONE
    return frozenset(holm(chances, level, len(rules.metrics)))


def holm(chances: Mapping[str, float], level: float, hypotheses: int) -> tuple[str, ...]:
    """The names that are rejected, the most unlikely first. Names that are absent count with a probability of 1."""
    found = []
    for step, name in enumerate(sorted(chances, key=lambda each: chances[each])):
        if chances[name] > level / (hypotheses - step):
            break
        found.append(name)
    return tuple(found)


def effect(rule: MetricRule, blocks: Sequence[Changes]) -> MeanChange:
    """What some blocks say of a metric."""
    changes = [block[rule.metric].change for block in blocks if rule.metric in block]
    return of_ratios(changes) if rule.ratio else of_shares(changes)


def decide(rules: Rules, stages: Sequence[Sequence[Changes]]) -> Decision:
    """The answer of a gate, from the blocks of its one or two stages."""
    bad, good = worse(rules, stages), better(rules, stages)
    return concluded(tuple(_answer(rules, rule, stages, bad, good) for rule in rules.metrics))


def concluded(metrics: tuple[MetricAnswer, ...]) -> Decision:
    """The worst answer counts; without a metric it is unknown."""
    return Decision(max((one.answer for one in metrics), key=lambda each: each.severity, default=GateAnswer.UNKNOWN), metrics)


def doubted(decision: Decision, endless: Mapping[str, int]) -> Decision:
    """The answer where percentiles did not exist in some legs of the candidate (metric → in how many): such a leg is the slowest of all and is in no
    figure, so of its metric neither same nor better is said."""
    return concluded(tuple(_doubted(one, endless.get(one.metric, 0)) for one in decision.metrics))


def _doubted(one: MetricAnswer, legs: int) -> MetricAnswer:
    if not legs or one.answer not in {GateAnswer.SAME, GateAnswer.BETTER}:
        return one
    why = f"in {counted(legs, 'leg')} of the candidate so many requests were not answered well that there is no such percentile"
    return replace(one, answer=GateAnswer.UNKNOWN, reason=f"{why}; in the others: {one.reason}")


def percent(rule: MetricRule, change: float) -> str:
    """A change in words: ``+3.1 %``, or ``+0.12 percentage points`` for shares."""
    if rule.ratio:
        return f"{math.expm1(change) * 100:+.1f} %"
    return f"{change * 100:+.3g} percentage points"


def _answer(
    rules: Rules, rule: MetricRule, stages: Sequence[Sequence[Changes]], bad: Mapping[str, float], good: frozenset[str]
) -> MetricAnswer:
    blocks = [block for stage in stages for block in stage if rule.metric in block]
    effects = tuple(effect(rule, stage) for stage in stages)
    whole = effect(rule, blocks) if blocks else NOTHING
    least = min((one.blocks for one in effects), default=0)
    seen = _noticeable(rules, rule, whole, blocks, least)
    changes = [block[rule.metric] for block in blocks]
    mean = _geometric if rule.ratio else _mean
    answer, reason, needed = _said(rules, rule, effects, whole, seen, bad, good)
    return MetricAnswer(
        metric=rule.metric,
        answer=answer,
        base=mean([each.base for each in changes]) if changes else None,
        candidate=mean([each.candidate for each in changes]) if changes else None,
        effect=whole,
        stages=effects,
        by_chance=bad.get(rule.metric),
        noticeable=seen,
        blocks_needed=needed,
        reason=reason,
    )


def _said(  # noqa: PLR0911 - an answer each
    rules: Rules,
    rule: MetricRule,
    effects: Sequence[MeanChange],
    whole: MeanChange,
    seen: float | None,
    bad: Mapping[str, float],
    good: frozenset[str],
) -> tuple[GateAnswer, str, int | None]:
    """GateAnswer, reason, and for unknown the blocks that a stage would need."""
    least = min((one.blocks for one in effects), default=0)
    if least < BLOCKS_MIN or whole.mean is None:
        return GateAnswer.UNKNOWN, f"{counted(least, 'block')} of a stage can be used; at least {BLOCKS_MIN} are needed", None
    changed = percent(rule, whole.mean)
    if rule.metric in bad:
        return (
            GateAnswer.WORSE,
            f"{changed}; in both stages more than the tolerated {percent(rule, rule.tolerated)}, and not by chance",
            None,
        )
    if rule.metric in good:
        return GateAnswer.BETTER, f"{changed}, and not by chance", None
    if seen is None:
        return GateAnswer.UNKNOWN, "the blocks have no spread, so it is unknown what would have been noticed", None
    if seen > rule.noticed:
        needed = blocks_needed(rules, rule, whole.spread)
        more = f"about {needed} blocks a stage would be enough" if needed else "no affordable number of blocks would be enough"
        return (
            GateAnswer.UNKNOWN,
            f"only a change of {percent(rule, seen)} would have been noticed, not one of {percent(rule, rule.noticed)}; {more}",
            needed,
        )
    if whole.high is None or whole.high >= rule.noticed:
        parts = " and ".join(percent(rule, one.mean) for one in effects if one.mean is not None)
        edge = "unknown" if whole.high is None else percent(rule, whole.high)
        told = f"the stages measured {parts}; the true change may be up to {edge}"
        return GateAnswer.UNKNOWN, told, _to_settle(rule, whole)
    return GateAnswer.SAME, f"{changed}; a change of {percent(rule, seen)} would have been noticed", None


def _to_settle(rule: MetricRule, whole: MeanChange) -> int | None:
    """How many blocks a stage needs until the interval around this mean leaves out either zero or the change to be noticed."""
    if whole.mean is None or not whole.spread:
        return None
    gap = max(whole.mean, rule.noticed - whole.mean)
    needed = math.ceil((1.7 * whole.spread / gap) ** 2)
    return max(needed, BLOCKS_MIN, whole.blocks + 1)


def _noticeable(rules: Rules, rule: MetricRule, whole: MeanChange, blocks: Sequence[Changes], least: int) -> float | None:
    seen = noticeable(rules, rule, whole.spread, least)
    if rule.ratio or seen is None:
        return seen
    requests = min((block[rule.metric].requests for block in blocks), default=0)
    return max(seen, never_failed(rules, rule, requests, least))


def _agrees(rules: Rules, rule: MetricRule, found: MeanChange) -> bool:
    """Whether a stage by itself speaks for a change for the worse."""
    return _enough(found) and found.mean is not None and found.mean > rule.tolerated and found.by_chance_worse <= rules.suspicion


def _enough(found: MeanChange) -> bool:
    return found.blocks >= BLOCKS_MIN


def _geometric(values: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _pooled(figures: Sequence[LegFigure]) -> float:
    return math.fsum(figure.value * figure.n for figure in figures) / sum(figure.n for figure in figures)
