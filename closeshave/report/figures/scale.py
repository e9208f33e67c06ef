"""From figures to pixels: scales, round tick marks and SVG path data. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closeshave.report.series import Floats


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps the values from ``low`` to ``high`` to the pixels from ``start_px`` to ``end_px``; outside it holds the edge."""

    low: float
    high: float
    start_px: float
    end_px: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of one value."""
        return float(self.all(np.array([value]))[0])

    def all(self, values: Floats) -> Floats:
        """The pixels of many values; NaN stays NaN."""
        clipped = np.clip(values, self.low, self.high)
        if self.logarithmic:
            share = (np.log(clipped) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (clipped - self.low) / (self.high - self.low)
        pixels: Floats = self.start_px + share * (self.end_px - self.start_px)
        return pixels


def round_steps(high: float, most: int) -> list[float]:
    """Round values from 0 that reach ``high``, with at most ``most`` steps between them: 1, 2 or 5 times a power of ten."""
    if high <= 0:
        return [0.0, 1.0]
    rough = high / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [step * number for number in range(math.ceil(high / step - 1e-9) + 1)]


def time_steps(span_s: float, most: int = 12) -> list[float]:
    """Round instants within the span, as clocks count."""
    for step in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400):
        if span_s / step <= most:
            return [float(step * number) for number in range(int(span_s // step) + 1)]
    return [0.0, span_s]


def decades(low: float, high: float) -> list[float]:
    """The powers of ten around positive values, at least one decade."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def line(xs: Floats, ys: Floats) -> str:
    """Path data through the points; a NaN breaks the line, and a point with no neighbour is drawn as a dot's width."""
    parts: list[str] = []
    drawing = False
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        if math.isnan(y):
            drawing = False
            continue
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}" + ("" if drawing else "h.1"))
        drawing = True
    return "".join(parts)


def area(xs: Floats, ys: Floats, base_px: float) -> str:
    """Path data of the area between the points and the base line."""
    if not len(xs):
        return ""
    return (
        f"M{xs[0]:.1f} {base_px:.1f}"
        + "".join(f"L{x:.1f} {y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        + f"V{base_px:.1f}Z"
    )


def bars(xs: Floats, ys: Floats, width_px: float, base_px: float) -> str:
    """Path data of one bar for every value that rises above the base line, at least a pixel and a half high so that one failure shows."""
    parts = [
        f"M{x:.1f} {base_px:.1f}V{min(y, base_px - 1.5):.1f}h{width_px:.2f}V{base_px:.1f}Z"
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True)
        if y < base_px - 1e-6
    ]
    return "".join(parts)


def text_px(text: str, size_px: float = 11.5) -> float:
    """About how wide a text is drawn. Only for keeping labels apart, so the mean width of a letter will do."""
    return 0.56 * size_px * len(text)


def lanes(choices: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[int, int]]:
    """For each thing, in order of start, the first lane and the first of its possible extents in it that overlaps none before it.

    The answer is (lane, index of the extent); a thing that fits nowhere opens a lane with its first extent.
    """
    taken: list[list[tuple[float, float]]] = []
    chosen = []
    for extents in choices:
        fits = (
            (lane, index)
            for lane, others in enumerate(taken)
            for index, (start, end) in enumerate(extents)
            if all(end <= left or right <= start for left, right in others)
        )
        lane, index = next(fits, (len(taken), 0))
        if lane == len(taken):
            taken.append([])
        taken[lane].append(extents[index])
        chosen.append((lane, index))
    return chosen
