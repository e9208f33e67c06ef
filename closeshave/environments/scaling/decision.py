"""Whether a region has too few instances, or too many. Pure: samples and instants are arguments.

What is remembered of one decision is an argument of the next. No clock is read, and nothing is started.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from closeshave.environments.scaling.rules import InstanceLimits, LoadSample, ScalingRules

CPU_OUT, MEMORY_OUT, LOAD_IN, RESPONSE_IN = "cpu above", "memory above", "load below", "response below"
LESS = 0.8
"""Once response times or queues forced more instances, they become fewer again only when customers ask less than this share of what they asked then: CPU
and memory do not tell that fewer would be too slow again."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What earlier samples showed."""

    since_s: Mapping[str, float] = field(default_factory=dict)
    """Condition → since when it holds without a break."""
    slow: int = 0
    """How many samples, up to the last, were above the response time."""
    changed_s: float | None = None
    """When the number of instances was changed last; ``None``: never."""
    too_few: int = 0
    """So many instances were too few by their response times or queues ..."""
    too_few_at_per_s: float = 0.0
    """... when customers asked so much."""


NOTHING = Remembered()


@dataclass(frozen=True, slots=True)
class ScalingDecision:
    """How many more instances there should be; negative: how many fewer. And why, as a clause; empty without a change."""

    change: int = 0
    why: str = ""


STAY = ScalingDecision()


def decide(known: Remembered, sample: LoadSample, rules: ScalingRules, limits: InstanceLimits) -> tuple[Remembered, ScalingDecision]:
    """What the sample means, and what is remembered for the next one. The change keeps the limits, whatever was measured."""
    known = _seen(known, sample, rules)
    wanted = _wanted(known, sample, rules, limits)
    count = max(limits.least, min(limits.most, sample.instances + wanted.change))
    if count == sample.instances:
        return known, STAY
    forced = wanted.change > 0 and _waits(known, sample, rules)
    after = Remembered(
        changed_s=sample.at_s,
        too_few=max(sample.instances, known.too_few) if forced else known.too_few,
        too_few_at_per_s=sample.asked_per_s if forced else known.too_few_at_per_s,
    )
    return after, ScalingDecision(count - sample.instances, wanted.why)


def _wanted(known: Remembered, sample: LoadSample, rules: ScalingRules, limits: InstanceLimits) -> ScalingDecision:
    """What the rules say, before the upper limit is kept."""
    if sample.instances < limits.least:
        return ScalingDecision(limits.least - sample.instances, f"{sample.instances} are fewer than the least, {limits.least}")
    if sample.instances > limits.most:
        return ScalingDecision(limits.most - sample.instances, f"{sample.instances} are more than the most, {limits.most}")
    if sample.instances == 0:
        # Nothing can be measured, and nobody is served here: any request is a reason.
        asked = f"customers send {sample.asked_per_s:.3g} requests/s, and no instance runs"
        return ScalingDecision(1, asked) if sample.asked_per_s > 0 else STAY
    return _by_load(known, sample, rules, limits)


def _by_load(known: Remembered, sample: LoadSample, rules: ScalingRules, limits: InstanceLimits) -> ScalingDecision:
    """What the load says of instances that run."""
    if known.changed_s is not None and sample.at_s - known.changed_s < rules.cooldown_s:
        return STAY
    if why := "; ".join(_too_few(known, sample, rules)):
        return ScalingDecision(rules.by, why)
    why = _too_many(known, sample, rules, limits)
    return ScalingDecision(-_fewer(sample, rules, limits), why) if why else STAY


def _seen(known: Remembered, sample: LoadSample, rules: ScalingRules) -> Remembered:
    # Without a request nobody waits.
    quick = sample.response_s is None or sample.response_s < rules.in_response_s
    holds = {
        CPU_OUT: sample.cpu > rules.out_cpu,
        MEMORY_OUT: sample.memory > rules.out_memory,
        LOAD_IN: sample.cpu < rules.in_cpu and sample.memory < rules.in_memory,
        RESPONSE_IN: quick,
    }
    since = {name: known.since_s.get(name, sample.at_s) for name, is_so in holds.items() if is_so}
    slow = sample.response_s is not None and sample.response_s > rules.out_response_s
    return replace(known, since_s=since, slow=known.slow + 1 if slow else 0)


def _lasts(known: Remembered, name: str, sample: LoadSample, for_s: float) -> bool:
    return name in known.since_s and sample.at_s - known.since_s[name] >= for_s


def _waits(known: Remembered, sample: LoadSample, rules: ScalingRules) -> bool:
    """Whether customers wait: by the response times or by the queue."""
    return known.slow >= rules.out_response_samples or sample.queue > rules.out_queue


def _too_few(known: Remembered, sample: LoadSample, rules: ScalingRules) -> Iterator[str]:
    if _lasts(known, CPU_OUT, sample, rules.out_cpu_s):
        yield f"CPU {sample.cpu:.0%}, above {rules.out_cpu:.0%} for {rules.out_cpu_s:.3g} s"
    if _lasts(known, MEMORY_OUT, sample, rules.out_memory_s):
        yield f"memory {sample.memory:.0%}, above {rules.out_memory:.0%} for {rules.out_memory_s:.3g} s"
    if known.slow >= rules.out_response_samples:
        yield f"response {(sample.response_s or 0.0) * 1000:.0f} ms, above {rules.out_response_s * 1000:.0f} ms in {known.slow} samples"
    if sample.queue > rules.out_queue:
        yield f"{sample.queue} requests waiting or in work, above {rules.out_queue}"


def _fewer(sample: LoadSample, rules: ScalingRules, limits: InstanceLimits) -> int:
    """How many are ended at once. The last one is ended only when nobody asks: see :func:`_too_many`."""
    return min(rules.by, sample.instances - max(limits.least, 1)) or (1 if limits.least == 0 else 0)


def _too_many(known: Remembered, sample: LoadSample, rules: ScalingRules, limits: InstanceLimits) -> str:
    fewer = _fewer(sample, rules, limits)
    left = sample.instances - fewer
    quiet = _lasts(known, LOAD_IN, sample, rules.in_load_s) and _lasts(known, RESPONSE_IN, sample, rules.in_response_for_s)
    if not fewer or not quiet:
        return ""
    if left == 0:
        return "nobody asks" if sample.asked_per_s == 0 else ""
    if sample.cpu * sample.instances / left > rules.out_cpu:
        # The others would have too much at once, and it would be started again.
        return ""
    if left <= known.too_few and sample.asked_per_s >= LESS * known.too_few_at_per_s:
        return ""
    return (
        f"CPU {sample.cpu:.0%} below {rules.in_cpu:.0%} and memory {sample.memory:.0%} below {rules.in_memory:.0%} for {rules.in_load_s:.3g} s, "
        f"response below {rules.in_response_s * 1000:.0f} ms for {rules.in_response_for_s:.3g} s"
    )
