"""Where a figure changed over the nights. Pure.

Change points are found by PELT over the absolute deviations from the median of each segment (ruptures), so that one spike, however high, moves
nothing. A segment has at least five nights. A change point is then kept only if the two segments beside it differ by more than chance (Mann and
Whitney's test) and by more than a part of the figure that anybody would care about. It is a warning: nights are made on different days, by different
machines, with different neighbours; only a gate compares two releases.

Sources: R. Killick, P. Fearnhead, I. A. Eckley, "Optimal detection of changepoints with a linear computational cost", JASA 107 (2012); C. Truong,
L. Oudre, N. Vayatis, "Selective review of offline change point detection methods", Signal Processing 167 (2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from closeshave.comparison.fingerprint import FingerprintDifference, differences
from closeshave.comparison.nights import Night, kind_of, title_of
from closeshave.plurals import counted
from closeshave.report import words

SEGMENT_MIN = 5
"""Nights."""
LOOKED_AT = 120
"""Nights; the search takes time with the square of their number, and who acts on a change of half a year ago?"""
PENALTY = 3.0
"""What a change point must save, in deviations times the logarithm of the number of nights."""
BY_CHANCE = 0.01
"""The largest probability of such a difference of two segments; two segments of five can reach 0.008."""
LEAST_PART = 0.03
"""A change by a smaller part of the figure is not worth a warning."""
LEAST_SHARE = 0.0005
"""The same for shares: half a tenth of a percentage point."""
NAMED_MOST = 4
"""Figures that a sentence names."""
_NORMAL = 1.4826
"""The standard deviation of normal values in medians of their absolute deviations."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A figure changed its level between two nights."""

    figure: str
    last_before: str
    """The ID of the last run with the old level."""
    first_after: str
    """The ID of the first run with the new level."""
    before: float
    """The median of the nights before, back to the change point before that."""
    after: float
    nights_before: int
    nights_after: int
    worse: bool
    by_chance: float
    current: bool
    """Whether no other change of this figure came later."""
    differences: tuple[FingerprintDifference, ...] = ()
    """What differs in the conditions of the two runs."""

    @property
    def sentence(self) -> str:
        """The change in words."""
        unit = kind_of(self.figure).unit
        moved = f"from {words.quantity(self.before, unit)} to {words.quantity(self.after, unit)}"
        why = "; ".join(each.text for each in self.differences if each.moves) or "no difference in the recorded conditions"
        verb = "rose" if self.after > self.before else "fell"
        return f"{title_of(self.figure)} {verb} {moved} between {self.last_before} and {self.first_after} ({why})"


@dataclass(frozen=True, slots=True)
class Trend:
    """What many nights say."""

    nights: tuple[Night, ...]
    """Those that were looked at, in time order."""
    series: Mapping[str, tuple[tuple[int, float], ...]]
    """Figure → its nights by their place, with the value."""
    shifts: tuple[Shift, ...]

    @property
    def worse(self) -> tuple[Shift, ...]:
        """Changes for the worse that are still there."""
        return tuple(each for each in self.shifts if each.worse and each.current)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Figures that at least :data:`SEGMENT_MIN` nights have, and none of the newest that would make a new level: nothing is known of them now."""
        newest = len(self.nights) - SEGMENT_MIN
        return tuple(name for name, points in self.series.items() if len(points) >= SEGMENT_MIN and points[-1][0] < newest)

    @property
    def unknown(self) -> str:
        """Why these nights cannot say that nothing became worse, in a sentence; empty if they can."""
        gone = [title_of(name) for name in self.unmeasured]
        return self._changed if not self._enough else f"Not measured in the newest {SEGMENT_MIN} nights: {_few(gone)}." if gone else ""

    @property
    def sentence(self) -> str:
        """One line for the report of the newest night."""
        return " ".join(dict.fromkeys(filter(None, (self._changed, self.unknown))))

    @property
    def _enough(self) -> tuple[str, ...]:
        return tuple(name for name, points in self.series.items() if len(points) >= 2 * SEGMENT_MIN)

    @property
    def _changed(self) -> str:
        enough = self._enough
        if not enough:
            return f"{counted(len(self.nights), 'night')} stored; a change can be seen after {2 * SEGMENT_MIN}."
        if not self.shifts:
            return f"no change in {counted(len(enough), 'figure')} over {counted(len(self.nights), 'night')}."
        shown = sorted(self.shifts, key=lambda each: (not each.worse, not each.current, each.nights_after))
        more = f"; {len(shown) - 2} more" if len(shown) > 2 else ""
        return f"over {counted(len(self.nights), 'night')}: {'; '.join(each.sentence for each in shown[:2])}{more}."


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMED_MOST
    return ", ".join(names[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")


def trend(nights: Sequence[Night]) -> Trend:
    """The changes in all figures of nights that are in time order, of which the newest :data:`LOOKED_AT` are looked at."""
    chosen = tuple(nights)[-LOOKED_AT:]
    names = sorted({name for one in chosen for name in one.figures}, key=lambda each: (each.partition("/")[2], each))
    series = {name: tuple((at, one.figures[name]) for at, one in enumerate(chosen) if name in one.figures) for name in names}
    shifts = [shift for name, points in series.items() for shift in _shifts(name, points, chosen)]
    return Trend(chosen, series, tuple(sorted(shifts, key=lambda each: (each.first_after, each.figure))))


def change_points(values: Sequence[float]) -> tuple[int, ...]:
    """The places at which a new segment begins."""
    n = len(values)
    if n < 2 * SEGMENT_MIN:
        return ()
    signal = np.asarray(values, dtype=np.float64)
    noise = _noise(signal)
    if noise <= 0:
        return ()
    import ruptures  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types; here alone: whoever only reads nights need not wait for it

    found = ruptures.Pelt(model="l1", min_size=SEGMENT_MIN, jump=1).fit((signal / noise).reshape(-1, 1)).predict(pen=PENALTY * math.log(n))
    return tuple(int(each) for each in found[:-1])


def _shifts(name: str, points: Sequence[tuple[int, float]], nights: Sequence[Night]) -> list[Shift]:
    values = [value for _, value in points]
    kept: list[int] = []
    places = change_points(values)
    edges = [0, *places, len(values)]
    for at, place in enumerate(places, start=1):
        before, after = values[kept[-1] if kept else 0 : place], values[place : edges[at + 1]]
        if _matters(name, before, after) and by_chance(before, after) <= BY_CHANCE:
            kept.append(place)
    edges = [0, *kept, len(values)]
    shifts = []
    for at, place in enumerate(kept, start=1):
        before, after = values[edges[at - 1] : place], values[place : edges[at + 1]]
        old, new = float(np.median(before)), float(np.median(after))
        one, two = nights[points[place - 1][0]], nights[points[place][0]]
        shifts.append(
            Shift(
                figure=name,
                last_before=one.run,
                first_after=two.run,
                before=old,
                after=new,
                nights_before=len(before),
                nights_after=len(after),
                worse=(new < old) if kind_of(name).more_is_better else (new > old),
                by_chance=by_chance(before, after),
                current=at == len(kept),
                differences=differences(one.fingerprint, two.fingerprint),
            )
        )
    return shifts


def by_chance(before: Sequence[float], after: Sequence[float]) -> float:
    """The probability that two parts of one level differ so much in their ranks."""
    from scipy import stats  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    return float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)


def _matters(name: str, before: Sequence[float], after: Sequence[float]) -> bool:
    old, new = float(np.median(before)), float(np.median(after))
    least = LEAST_SHARE if kind_of(name).unit == "ratio" else LEAST_PART * abs(old)
    return abs(new - old) > least


def _noise(signal: npt.NDArray[np.float64]) -> float:
    """The standard deviation from night to night, from the differences of neighbours: a change of level is in one of them alone.

    Where most neighbours are equal, as with a figure that is mostly zero, it is the smallest difference that there is, so that equal values are no noise.
    """
    steps = np.abs(np.diff(signal))
    found = float(np.median(steps)) * _NORMAL / math.sqrt(2)
    if found > 0:
        return found
    moved = steps[steps > 0]
    return float(moved.min()) if len(moved) else 0.0
