"""The distribution of response times, calm and under faults, over a logarithmic axis. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.report import words
from closeshave.report.distribution import Distribution
from closeshave.report.figures.figure import Mark
from closeshave.report.figures.scale import Scale, area, decades, line, round_steps

WIDTH, LEFT, RIGHT, TOP, HEIGHT = 1120.0, 62.0, 12.0, 26.0, 170.0


@dataclass(frozen=True, slots=True)
class Percentile:
    """A labelled vertical mark of one distribution."""

    style: str
    name: str
    x: float
    row: int
    """Which line of labels it is written on, so that calm and fault never overlap."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The chart."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    percentiles: tuple[Percentile, ...]


def spread(distributions: tuple[Distribution, ...]) -> Spread | None:
    """The distributions drawn over each other; ``None`` when nothing was measured."""
    if not distributions:
        return None
    edges = distributions[0].edges_ms
    bottom = TOP + HEIGHT
    x = Scale(float(edges[0]), float(edges[-1]), LEFT, WIDTH - RIGHT, logarithmic=True)
    steps = round_steps(max(float(one.share.max()) for one in distributions), 4)
    y = Scale(0, steps[-1], bottom, TOP)
    middles = x.all(np.sqrt(edges[:-1] * edges[1:]))
    marks, percentiles = [], []
    for row, one in enumerate(distributions):
        heights = y.all(one.share)
        marks += [
            Mark(f"{one.role}-area", area(middles, heights, bottom)),
            Mark(f"{one.role}-line", line(middles, heights), f"{one.role}, {words.count(one.n)} requests"),
        ]
        percentiles += [
            Percentile(one.role, name, x(value), row) for name, value in (("p50", one.p50_ms), ("p95", one.p95_ms), ("p99", one.p99_ms))
        ]
    return Spread(
        width=WIDTH,
        height=bottom + 26,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=bottom,
        x_ticks=tuple((x(power), words.seconds(power / 1_000)) for power in decades(x.low, x.high)),
        y_ticks=tuple((y(step), words.ratio(step)) for step in steps),
        marks=tuple(marks),
        percentiles=tuple(percentiles),
    )
