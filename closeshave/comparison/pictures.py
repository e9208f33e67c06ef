"""Pictures of a comparison: the timelines of two runs above each other. Drawn with matplotlib, without a display."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from closeshave.report import words
from closeshave.report.charts import BLUE, GREY, ORANGE, PURPLE, SKY, VERMILION
from closeshave.report.curves import Curves

FIXED: Any = {"svg.hashsalt": "closeshave", "svg.fonttype": "path"}
"""The same figures give the same bytes."""


def timelines(base: tuple[str, Curves], other: tuple[str, Curves]) -> str:
    """Rate, response time and errors of both runs, on the same axes, as an address that an image can have."""
    both = (base, other)
    figure = Figure(figsize=(11, 9.2), layout="constrained")
    plots = figure.subplots(6, 1, sharex=True)
    tops = [
        max(float(np.nanmax(each.series.offered_per_s, initial=0.0)) for _, each in both),
        max(float(np.nanmax(each.series.not_good_per_s, initial=0.0)) for _, each in both),
    ]
    for at, (name, curves) in enumerate(both):
        _rate(plots[at], curves, tops[0])
        _times(plots[2 + at], curves)
        _errors(plots[4 + at], curves, max(tops[1], 1.0))
        for row in (at, 2 + at, 4 + at):
            _marks(plots[row], curves)
            plots[row].set_title(
                f"{'before' if at == 0 else 'now'}: {words.clean(name)}", loc="left", fontsize=8, color=GREY, parse_math=False
            )
    lowest = min((plot.get_ylim()[0] for plot in plots[2:4]), default=1.0)
    highest = max((plot.get_ylim()[1] for plot in plots[2:4]), default=1.0)
    for plot in plots[2:4]:
        plot.set_ylim(lowest, highest)
    plots[0].set_xlim(0, max(curves.axis.span_s for _, curves in both))
    plots[-1].set_xlabel("seconds after the first phase began")
    return address(figure)


def address(figure: Figure) -> str:
    """The figure as a ``data:`` address of an SVG image."""
    held = io.BytesIO()
    with mpl.rc_context(FIXED):
        FigureCanvasSVG(figure).print_svg(held, metadata={"Date": None})  # type: ignore[no-untyped-call]  # matplotlib leaves it unannotated
    return f"data:image/svg+xml;base64,{base64.b64encode(held.getvalue()).decode()}"


def _rate(plot: Axes, curves: Curves, top: float) -> None:
    middle = curves.series.starts_s + curves.series.bin_s / 2
    plot.plot(middle, curves.series.completed_per_s, color=BLUE, linewidth=1.1, label="answered well")
    plot.plot(middle, curves.series.offered_per_s, color="black", linewidth=0.8, linestyle="--", label="offered")
    plot.set_ylim(0, top * 1.08 or 1)
    plot.set_ylabel("per second", fontsize=8)
    plot.legend(loc="lower left", fontsize=7, ncols=2)


def _times(plot: Axes, curves: Curves) -> None:
    middle = curves.series.starts_s + curves.series.bin_s / 2
    for values, name, colour in (
        (curves.series.p50_ms, "p50", SKY),
        (curves.series.p95_ms, "p95", BLUE),
        (curves.series.p99_ms, "p99", PURPLE),
    ):
        plot.plot(middle, values, color=colour, linewidth=1.0, label=name)
    if np.isfinite(curves.series.p50_ms).any():
        plot.set_yscale("log")
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value / 1_000)))
    plot.set_ylabel("response time", fontsize=8)
    plot.legend(loc="upper left", fontsize=7, ncols=3)


def _errors(plot: Axes, curves: Curves, top: float) -> None:
    plot.bar(curves.series.starts_s, curves.series.not_good_per_s, width=curves.series.bin_s, align="edge", color=VERMILION)
    plot.set_ylim(0, top * 1.08)
    plot.set_ylabel("not good/s", fontsize=8)


def _marks(plot: Axes, curves: Curves) -> None:
    plot.grid(axis="y", color="#d0d4da", linewidth=0.5)
    plot.spines[["top", "right"]].set_visible(False)
    plot.tick_params(labelsize=8)
    for band in curves.axis.bands:
        plot.axvspan(band.start_s, band.end_s, color=ORANGE, alpha=0.14, linewidth=0)
        if band.recovered_s is not None:
            plot.axvspan(band.start_s, band.recovered_s, color=VERMILION, alpha=0.14, linewidth=0)
    for doubt in curves.axis.doubts:
        plot.axvspan(doubt.start_s, doubt.end_s, facecolor="none", edgecolor=GREY, hatch="//", alpha=0.35, linewidth=0)
