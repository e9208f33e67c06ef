"""How each fault's recovery splits into detecting, failing over and restoring. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.judge.verdict import FaultFigures
from closeshave.report import words
from closeshave.report.figures.scale import Scale, round_steps, text_px

WIDTH, LEFT, RIGHT, ROW = 1120.0, 190.0, 150.0, 58.0
TOP = 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a recovery in pixels; ``text`` fits inside or is empty."""

    name: str
    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A fault's bar. ``healed`` is the pixel at which the harness healed it, where that is on the scale."""

    fault: str
    y: float
    parts: tuple[Part, ...]
    total: str
    split: str
    """The parts in words, for those too narrow for theirs."""
    end: float
    healed: float | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """The chart: rows over one scale of seconds after injection."""

    width: float
    height: float
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    bottom: float


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
        return "recovery not measured"
    return words.seconds(fault.recovery_s) if fault.recovery_s else "0 s, service was not interrupted"


def recovery(faults: tuple[FaultFigures, ...]) -> Recovery | None:
    """One horizontal bar a fault, on one scale; ``None`` when no time of any fault is known."""
    longest = max((sum(value for _, value in split(fault)) for fault in faults), default=0.0)
    if not longest:
        return None
    steps = round_steps(longest, 8)
    x = Scale(0, steps[-1], LEFT, WIDTH - RIGHT)
    rows = tuple(_row(fault, x, TOP + number * ROW) for number, fault in enumerate(faults))
    bottom = TOP + len(faults) * ROW
    return Recovery(WIDTH, bottom + 24, tuple((x(step), words.seconds(step)) for step in steps), rows, bottom)


def _row(fault: FaultFigures, x: Scale, y: float) -> Row:
    parts, elapsed = [], 0.0
    for name, value in split(fault):
        start, end = x(elapsed), x(elapsed + value)
        text = f"{name} {words.seconds(value)}"
        parts.append(Part(name, start, end - start, text if text_px(text) < end - start - 6 else ""))
        elapsed += value
    healed = None
    if fault.healed_at_s is not None and fault.injected_at_s is not None and fault.healed_at_s - fault.injected_at_s <= x.high:
        healed = x(fault.healed_at_s - fault.injected_at_s)
    spoken = ", ".join(f"{name} {words.seconds(value)}" for name, value in split(fault))
    return Row(fault.id, y, tuple(parts), total(fault), spoken if fault.recovery_s is not None else "", x(elapsed), healed)
