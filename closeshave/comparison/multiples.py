"""Small multiples of a trend: one small chart a figure, with its levels and its changes. Drawn with matplotlib, without a display."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from closeshave.comparison.nights import kind_of, title_of
from closeshave.comparison.pictures import address
from closeshave.comparison.trend import Shift, Trend
from closeshave.report import words
from closeshave.report.charts import BLUE, GREEN, GREY, VERMILION

COLUMNS = 3


def multiples(found: Trend) -> str:
    """All figures, as an address that an image can have."""
    names = list(found.series)
    rows = max(1, math.ceil(len(names) / COLUMNS))
    figure = Figure(figsize=(11, 0.6 + 1.7 * rows), layout="constrained")
    plots = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for plot, name in zip(plots, names, strict=False):
        _draw(plot, name, found.series[name], [each for each in found.shifts if each.figure == name], found)
    for plot in plots[len(names) :]:
        plot.set_axis_off()
    return address(figure)


def _draw(plot: Axes, name: str, points: Sequence[tuple[int, float]], shifts: Sequence[Shift], found: Trend) -> None:
    unit = kind_of(name).unit
    places, values = [at for at, _ in points], [value for _, value in points]
    plot.plot(places, values, color=GREY, linewidth=0.7, marker="o", markersize=2.5)
    numbers = {night.run: at for at, night in enumerate(found.nights)}
    edges = [places[0] if places else 0, *(numbers[each.first_after] for each in shifts), (places[-1] if places else 0) + 1]
    levels = [each.before for each in shifts] + [shifts[-1].after] if shifts else []
    for at, level in enumerate(levels):
        plot.plot([edges[at] - 0.5, edges[at + 1] - 0.5], [level, level], color=BLUE, linewidth=1.6)
    for each in shifts:
        plot.axvline(numbers[each.first_after] - 0.5, color=VERMILION if each.worse else GREEN, linewidth=1.2, linestyle="--")
    plot.set_title(words.clean(title_of(name)), fontsize=8, loc="left", parse_math=False)
    plot.set_xlim(-0.5, max(len(found.nights) - 0.5, 0.5))
    plot.set_ylim(bottom=0 if unit != "ratio" else None)
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.quantity(value, unit)))
    plot.tick_params(labelsize=7)
    plot.grid(axis="y", color="#d0d4da", linewidth=0.5)
    plot.spines[["top", "right"]].set_visible(False)
