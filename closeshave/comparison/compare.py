"""Two judged runs side by side. Pure.

The interval of a difference comes from the intervals of the two figures (the method of variance estimates recovery). It covers chance within the two
runs; it does not cover what differs from one run to the next on the same machine, which only repetition shows.

Source: G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in Medicine 27 (2008).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from closeshave.comparison.fingerprint import differences, unknown
from closeshave.comparison.stored import StoredRun
from closeshave.comparison.values import ComparedFigure, Comparison, Direction
from closeshave.judge.verdict import FaultFigures, LoadFigures, Status, Verdict
from closeshave.report import words
from closeshave.target import FROM_BELOW

LOAD = {
    "rate_completed": ("answered well, per second", "1/s", True),
    "send_lateness_p99_ms": ("send lateness p99", "s", False),
    "platform_cpu_ms_per_request": ("platform CPU per request", "s", False),
}
"""Figures of the load: title, unit, and whether more is better."""
FAULT = {
    "detect_s": ("time to detect", "s"),
    "fail_over_s": ("time to fail over", "s"),
    "restore_s": ("time to restore", "s"),
    "recovery_s": ("recovery", "s"),
    "loss_window_s": ("loss window", "s"),
    "lost_writes": ("lost writes", "count"),
    "leakage": ("leakage", "ratio"),
    "budget_burnt": ("budget burnt", "ratio"),
}
"""Figures of a fault: title and unit; of all of them less is better."""
_NO_VERDICT = "none"


def compare(base: StoredRun, other: StoredRun) -> Comparison:
    """What differs between two runs."""
    rows = tuple(_verdicts(base.summary.verdicts, other.summary.verdicts))
    return Comparison(
        base=base.summary.run.id,
        other=other.summary.run.id,
        base_status=base.summary.status.value,
        other_status=other.summary.status.value,
        base_started_at=base.summary.run.started_at,
        other_started_at=other.summary.run.started_at,
        differences=differences(base.fingerprint, other.fingerprint),
        unknown=tuple(dict.fromkeys((*unknown(base.fingerprint), *unknown(other.fingerprint)))),
        verdicts=tuple(sorted(rows, key=_interest)),
        figures=(
            *_load(base.summary.load, other.summary.load),
            *_faults(base.summary.faults, other.summary.faults),
            *_integrity(base.summary.integrity, other.summary.integrity),
        ),
    )


def difference(one: float, one_bounds: tuple[float, float], two: float, two_bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds of ``two - one``, from the bounds of both."""
    change = two - one
    below = math.hypot(max(0.0, two - two_bounds[0]), max(0.0, one_bounds[1] - one))
    above = math.hypot(max(0.0, two_bounds[1] - two), max(0.0, one - one_bounds[0]))
    return change - below, change + above


def _verdicts(base: Iterable[Verdict], other: Iterable[Verdict]) -> Iterator[ComparedFigure]:
    mine, theirs = {each.id: each for each in base}, {each.id: each for each in other}
    for name in dict.fromkeys((*mine, *theirs)):
        one, two = mine.get(name), theirs.get(name)
        shown = two or one
        assert shown is not None
        yield _figure(
            id=name,
            title=f"{words.title(shown)}, {words.place(shown)}",
            unit=shown.unit,
            base=_value(one),
            other=_value(two),
            bounds=(one.confidence if one else None, two.confidence if two else None),
            more_is_better=shown.measure in FROM_BELOW,
            base_status=one.status.value if one else _NO_VERDICT,
            other_status=two.status.value if two else _NO_VERDICT,
        )


def _load(one: LoadFigures, two: LoadFigures) -> Iterator[ComparedFigure]:
    for name in dict.fromkeys((*one.response_ms, *two.response_ms)):
        yield _figure(f"load/{name}", f"response time {name} in calm", "s", _ms(one.response_ms.get(name)), _ms(two.response_ms.get(name)))
    for name, (title, unit, more) in LOAD.items():
        scale = 1e-3 if "_ms" in name else 1.0
        values = [None if value is None else value * scale for value in (getattr(one, name, None), getattr(two, name, None))]
        yield _figure(f"load/{name}", title, unit, *values, more_is_better=more)


def _faults(base: Iterable[FaultFigures], other: Iterable[FaultFigures]) -> Iterator[ComparedFigure]:
    mine, theirs = {each.id: each for each in base}, {each.id: each for each in other}
    for name in dict.fromkeys((*mine, *theirs)):
        one, two = mine.get(name), theirs.get(name)
        for figure, (title, unit) in FAULT.items():
            values = [None if fault is None else getattr(fault, figure) for fault in (one, two)]
            if values != [None, None]:
                yield _figure(f"fault/{name}/{figure}", f"{name}: {title}", unit, *values)


def _integrity(one: object, two: object) -> Iterator[ComparedFigure]:
    mine, theirs = (dict(each) if isinstance(each, dict) else {} for each in (one, two))
    for name in dict.fromkeys((*mine, *theirs)):
        yield _figure(f"integrity/{name}", words.spaced(name), "count", mine.get(name), theirs.get(name))


def _figure(
    id: str,
    title: str,
    unit: str,
    base: float | None,
    other: float | None,
    *,
    bounds: tuple[tuple[float, float] | None, tuple[float, float] | None] = (None, None),
    more_is_better: bool = False,
    base_status: str = "",
    other_status: str = "",
) -> ComparedFigure:
    change = None if base is None or other is None else other - base
    interval = None
    if base is not None and other is not None and bounds[0] is not None and bounds[1] is not None:
        interval = difference(base, bounds[0], other, bounds[1])
    return ComparedFigure(
        id, title, unit, base, other, change, interval, _direction(interval, more_is_better=more_is_better), base_status, other_status
    )


def _direction(interval: tuple[float, float] | None, *, more_is_better: bool) -> Direction:
    if interval is None:
        return Direction.NO_INTERVAL
    low, high = (-interval[1], -interval[0]) if more_is_better else interval
    if low > 0:
        return Direction.WORSE
    return Direction.BETTER if high < 0 else Direction.UNDECIDED


def _interest(row: ComparedFigure) -> tuple[bool, bool, int]:
    """Changed ones first, then those that got worse or better, then as they were judged."""
    worst = max((Status(each).severity for each in (row.base_status, row.other_status) if each != _NO_VERDICT), default=0)
    return row.base_status == row.other_status, row.direction not in {Direction.WORSE, Direction.BETTER}, -worst


def _value(verdict: Verdict | None) -> float | None:
    """The figure of a verdict; unknown where an inconclusive one has no observations."""
    if verdict is None or (verdict.status is Status.INCONCLUSIVE and not verdict.n):
        return None
    return verdict.measured


def _ms(value: float | None) -> float | None:
    return None if value is None else value / 1e3
