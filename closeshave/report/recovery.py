"""How each fault's recovery splits into detecting, failing over and restoring, beside what it was allowed and what it was given. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from closeshave.judge.verdict import FaultFigures, Verdict
from closeshave.plan import Expected
from closeshave.report import words
from closeshave.target import Measure


class HealingOutcome(StrEnum):
    """How the healing of a fault ended, as tables say it."""

    PROVEN = "proven"
    NOT_PROVEN = "not proven"
    NOT_NEEDED = "not injected"


@dataclass(frozen=True, slots=True)
class RecoveryPart:
    """One part of a recovery; ``start`` and ``length`` are shares of the chart's width, 0 to 1."""

    name: str
    text: str
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class RecoveryBar:
    """A fault's recovery on the scale that all of them share. Instants are shares of the chart's width, ``None`` where there are none."""

    fault: str
    parts: tuple[RecoveryPart, ...]
    total: str
    split: str
    """The parts in words."""
    bound: float | None
    bound_text: str
    """The recovery time objective: it bounds what the bar shows."""
    given: float | None
    given_text: str
    """How long the platform was left alone with the fault. A longer recovery was helped."""
    alone: bool
    """Whether the bar shows a recovery by itself."""


@dataclass(frozen=True, slots=True)
class Recoveries:
    """The bars, and the marks of their scale as shares of its width, with their labels."""

    ticks: tuple[tuple[float, str], ...]
    bars: tuple[RecoveryBar, ...]


def split(fault: FaultFigures) -> list[tuple[str, float]]:
    """The named parts of a recovery in seconds, in order. What no part explains is *not split*, never spread over the others."""
    parts = [
        (name, value)
        for name, value in (("detect", fault.detect_s), ("fail over", fault.fail_over_s), ("restore", fault.restore_s))
        if value is not None and value > 0
    ]
    if fault.recovery_s is None:
        return parts
    rest = fault.recovery_s - sum(value for _, value in parts)
    return [*parts, ("not split", rest)] if rest > 0.05 else parts


def total(fault: FaultFigures) -> str:
    """The whole recovery in words."""
    if fault.recovery_s is None:
        return "recovery not measured" if fault.begun else str(HealingOutcome.NOT_NEEDED)
    return words.seconds(fault.recovery_s) if fault.recovery_s else "0 s, service was not interrupted"


def given_s(fault: FaultFigures) -> float | None:
    """How long the platform was left alone with the fault: from the injection until the harness began to heal it."""
    if fault.healed_at_s is None or fault.injected_at_s is None:
        return None
    return fault.healed_at_s - fault.injected_at_s


def given(fault: FaultFigures) -> str:
    """The same in words, to stand beside a recovery; empty where it is not known, or where the plan counts the healing as part of the recovery."""
    left_s = given_s(fault)
    return "" if left_s is None or fault.expected == Expected.RESTORED else f"given {words.seconds(left_s)}"


def recovered(fault: FaultFigures) -> str:
    """The recovery, and beside it the time that it was given."""
    return words.seconds(fault.recovery_s) + (f", {beside}" if (beside := given(fault)) else "")


def struck(fault: FaultFigures) -> str:
    """When it was injected."""
    return words.instant(fault.injected_at_s) if fault.begun else "never"


def healing(fault: FaultFigures) -> HealingOutcome:
    """How its healing ended: a fault that never began touched nothing, and has none."""
    if fault.healed_verified:
        return HealingOutcome.PROVEN
    return HealingOutcome.NOT_PROVEN if fault.begun else HealingOutcome.NOT_NEEDED


def bounds(verdicts: Iterable[Verdict]) -> Mapping[str, float]:
    """The tightest recovery time objective of each fault, in seconds."""
    found: dict[str, float] = {}
    for one in verdicts:
        if one.measure == Measure.RECOVERY and one.bound is not None:
            fault = one.scope.removeprefix("fault:")
            found[fault] = min(one.bound, found.get(fault, one.bound))
    return found


def recoveries(faults: Iterable[FaultFigures], verdicts: Iterable[Verdict]) -> Recoveries | None:
    """One bar a fault, on one scale; ``None`` when no time of any fault is known.

    The scale reaches the longest recovery, and each bound and each time given as far as they are at most four times as long: an objective of five
    minutes must not make a recovery of three seconds invisible.
    """
    known, allowed = tuple(faults), bounds(verdicts)
    longest = max((sum(value for _, value in split(fault)) for fault in known), default=0.0)
    if not longest:
        return None
    others = [one for fault in known for one in (allowed.get(fault.id), given_s(fault)) if one is not None and one <= 4 * longest]
    width = max([longest, *others]) * 1.02
    return Recoveries(
        ticks=tuple((at / width, words.seconds(at)) for at in _steps(width)),
        bars=tuple(_bar(fault, allowed.get(fault.id), width) for fault in known),
    )


def _bar(fault: FaultFigures, bound_s: float | None, width_s: float) -> RecoveryBar:
    parts, elapsed = [], 0.0
    for name, value in split(fault):
        parts.append(RecoveryPart(name, f"{name} {words.seconds(value)}", elapsed / width_s, value / width_s))
        elapsed += value
    left_s = given_s(fault)
    return RecoveryBar(
        fault=fault.id,
        parts=tuple(parts),
        total=total(fault),
        split=", ".join(part.text for part in parts) if fault.recovery_s is not None else "",
        bound=bound_s / width_s if bound_s is not None and bound_s <= width_s else None,
        bound_text="" if bound_s is None else f"allowed {words.seconds(bound_s)}",
        given=left_s / width_s if left_s is not None and left_s <= width_s and given(fault) else None,
        given_text=given(fault),
        alone=fault.self_recovered is not False or fault.expected == Expected.RESTORED,
    )


def _steps(width_s: float, most: int = 6) -> list[float]:
    """Round instants from 0 that lie within the scale: 1, 2 or 5 times a power of ten apart."""
    power = 1.0
    while width_s / power < most:
        power /= 10
    while width_s / (10 * power) > most:
        power *= 10
    step = next(factor * power for factor in (1, 2, 5, 10) if width_s / (factor * power) <= most)
    return [step * number for number in range(int(width_s / step) + 1)]
