"""Figures as people write them: ``2.3 s``, ``118 ms``, ``99.95 %``. Pure; what is unknown is the word *unknown*, never a zero."""

from __future__ import annotations

import math
from collections.abc import Mapping

from closeshave.files import plaintext
from closeshave.judge.integrity.registry import TITLES
from closeshave.judge.verdict import Status, Verdict
from closeshave.judge.verdictkinds import ALERTS, DRILLS, PRECONDITIONS, VerdictKind, kind_of
from closeshave.plurals import counted
from closeshave.target import FROM_BELOW, MEASURES, Measure, Objective, Target

UNKNOWN = "unknown"
clean = plaintext.clean

_TITLES: Mapping[str, str] = {
    **{measure.value: kind.title for measure, kind in MEASURES.items()},
    **TITLES,
    **PRECONDITIONS,
    **DRILLS,
    **ALERTS,
}


def seconds(value: float | None) -> str:
    """A duration given in seconds, in the unit that a person would choose."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value < 0:
        return f"-{seconds(-value)}"
    if 0 < value < 0.9995:
        return f"{_significant(value * 1000)} ms"
    if value < 120:
        return f"{_significant(value)} s"
    if value < 3600:
        return _two_units(round(value), 60, "min", "s")
    return _two_units(round(value / 60), 60, "h", "min")


def ratio(value: float | None) -> str:
    """A share between 0 and 1 as a percentage, with as many digits as its distance from 0 or 1 deserves.

    A share below 1 is never shown as 100 %, and one above 0 is never shown as 0 %.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value in {0.0, 1.0}:
        return f"{value:.0%}".replace("%", " %")
    if not 0 < value < 1:
        return f"{_significant(value * 100)} %"
    gap = min(value, 1 - value) * 100
    decimals = max(1, math.ceil(-math.log10(gap)) + 1)
    return f"{_trimmed(f'{value * 100:.{decimals}f}')} %"


def count(value: float | None) -> str:
    """A number of things, with thousands set apart."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def per_second(value: float | None) -> str:
    """A rate per second."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:,.0f}/s" if value >= 100 else f"{_significant(value)}/s"


def instant(value: float | None) -> str:
    """A point of the run's time axis: seconds after its first phase began."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:,.1f} s"


def times(value: float | None) -> str:
    """A multiple of what is allowed."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{_significant(value)} times"


_BY_UNIT = {"s": seconds, "ratio": ratio, "1/s": per_second, "count": count, "times": times}


def quantity(value: float | None, unit: str) -> str:
    """A figure in one of the units of :class:`Verdict`; an unknown unit is written behind the number."""
    spoken = _BY_UNIT.get(unit)
    return spoken(value) if spoken else f"{count(value)} {unit}"


def bound(verdict: Verdict) -> str:
    """What was promised, with its direction."""
    sort = kind_of(verdict)
    if sort is VerdictKind.PRECONDITION:
        return "yes"
    if sort is VerdictKind.INTEGRITY or (verdict.unit == "count" and verdict.bound == 0):
        return "none"
    if verdict.bound is None:
        return "—"
    return f"{'≥' if verdict.measure in FROM_BELOW else '≤'} {quantity(verdict.bound, verdict.unit)}"


def measured(verdict: Verdict) -> str:
    """What was measured. The figure of an inconclusive verdict without observations is unknown, whatever its number is."""
    if kind_of(verdict) is VerdictKind.PRECONDITION:
        return {Status.PASS: "yes", Status.INCONCLUSIVE: UNKNOWN, Status.FAIL: "no"}[verdict.status]
    if verdict.status is Status.INCONCLUSIVE and not verdict.n:
        return UNKNOWN
    if verdict.measure == Measure.RESILIENCE:
        return f"{quantity(verdict.measured, verdict.unit)}, {tried(verdict.exposure.chances if verdict.exposure else 0, verdict.n)}"
    return quantity(verdict.measured, verdict.unit)


def tried(families: int, of: int) -> str:
    """The coverage of a resilience score, which never stands without it: half of it may mean three families that kept all, or six that kept half."""
    return f"{count(families)} of {counted(of, 'family', 'families')} tried"


def interval(verdict: Verdict) -> str:
    """The confidence interval of a verdict; a dash where none belongs to the figure."""
    if verdict.confidence is None or measured(verdict) == UNKNOWN:
        return "—"
    low, high = (quantity(edge, verdict.unit) for edge in verdict.confidence)
    return low if low == high else f"{low} to {high}"


def exposed(verdict: Verdict) -> str:
    """How often what it forbids could have happened, to stand beside its count; empty where nothing is known of that.

    For breaches that are counted a pass also says what it would have missed; of a share or a time its confidence says that.
    """
    found = verdict.exposure
    if found is None:
        return ""
    text = f"of {count(found.chances)} {found.of}"
    if verdict.status is not Status.PASS or verdict.unit != "count" or not found.chances:
        return text
    return f"{text}; a defect in fewer than {ratio(found.missed_share_at_most)} of them would have been missed"


def objective_of(verdict: Verdict, target: Target | None) -> Objective | None:
    """The objective that a verdict answers: its ID begins with the objective's."""
    if target is None:
        return None
    named = [one for one in target.objectives if verdict.id == one.id or verdict.id.startswith(f"{one.id}/")]
    return max(named, key=lambda one: len(one.id), default=None)


def title(verdict: Verdict, target: Target | None = None) -> str:
    """What was measured, in words: ``Response time p95``, ``Double booked``."""
    text = _TITLES.get(verdict.measure) or spaced(verdict.measure).capitalize()
    objective = objective_of(verdict, target)
    if objective is not None and objective.percentile is not None:
        text += f" p{_trimmed(f'{objective.percentile * 100:.3f}')}"
    return text


def place(verdict: Verdict) -> str:
    """Where it was measured: its scope, or what its ID says more exactly (``reconciled/edges``)."""
    part = verdict.id.partition("/")[2]
    return spaced(part) if verdict.scope == "all" and kind_of(verdict) is VerdictKind.PRECONDITION and part else scope(verdict.scope)


def scope(text: str) -> str:
    """``region:us-east-1`` as *us-east-1*, ``shard:1`` as *shard 1*, ``all`` as *everything*."""
    if text == "all":
        return "everything"
    kind, separator, name = text.partition(":")
    if not separator:
        return text
    return name if kind in {"region", "fault", "drill", "operation"} else f"{spaced(kind)} {name}"


def spaced(text: str) -> str:
    """An identifier as words."""
    return text.replace("_", " ").replace("-", " ")


def _two_units(smaller: int, each: int, large: str, small: str) -> str:
    whole, rest = divmod(smaller, each)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def _significant(value: float) -> str:
    """Three digits at most; a zero behind the point only where the figure is not a whole number."""
    if value >= 99.95 or abs(value - round(value)) <= 1e-6 * value:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else _trimmed(f"{value:.2g}")


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
