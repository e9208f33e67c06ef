"""The distribution of response times, calm and under faults, over a logarithmic axis. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closeshave.report import words
from closeshave.report.distribution import Distribution
from closeshave.report.figures.figure import Mark
from closeshave.report.figures.scale import Scale, area, decades, lanes, line, round_steps, text_px

WIDTH, LEFT, RIGHT, LABEL, HEIGHT = 1120.0, 62.0, 12.0, 13.0, 170.0


@dataclass(frozen=True, slots=True)
class Percentile:
    """A labelled vertical mark of one distribution."""

    style: str
    name: str
    x: float
    row: int
    """Which line of labels it is written on, so that none overlap."""


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
    x = Scale(float(edges[0]), float(edges[-1]), LEFT, WIDTH - RIGHT, logarithmic=True)
    percentiles = _percentiles(distributions, x)
    top = (1 + max(one.row for one in percentiles)) * LABEL + 6
    bottom = top + HEIGHT
    steps = round_steps(max(float(one.share.max()) for one in distributions), 4)
    y = Scale(0, steps[-1], bottom, top)
    middles = x.all(np.sqrt(edges[:-1] * edges[1:]))
    marks: list[Mark] = []
    for one in distributions:
        heights = y.all(one.share)
        marks += [
            Mark(f"{one.role}-area", area(middles, heights, bottom)),
            Mark(f"{one.role}-line", line(middles, heights), f"{one.role}, {words.count(one.n)} requests"),
        ]
    return Spread(
        width=WIDTH,
        height=bottom + 26,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=top,
        bottom=bottom,
        x_ticks=tuple((x(power), words.seconds(power / 1_000)) for power in decades(x.low, x.high)),
        y_ticks=tuple((y(step), words.ratio(step)) for step in steps),
        marks=tuple(marks),
        percentiles=percentiles,
    )


def _percentiles(distributions: tuple[Distribution, ...], x: Scale) -> tuple[Percentile, ...]:
    marks = sorted(
        (x(value), one.role, name)
        for one in distributions
        for name, value in (("p50", one.p50_ms), ("p95", one.p95_ms), ("p99", one.p99_ms))
    )
    rows = lanes([[(at, at + text_px(f"{name} {role}") + 8)] for at, role, name in marks])
    return tuple(Percentile(role, name, at, row) for (at, role, name), (row, _) in zip(marks, rows, strict=True))
