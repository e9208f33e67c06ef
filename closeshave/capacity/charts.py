"""The pictures of a search: throughput against the offered rate, response times against the rate, and the capacity of each state. Drawn with matplotlib,
without a display."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from closeshave.capacity.level import LevelPurpose, LevelResult, LevelStatus
from closeshave.capacity.result import CapacityResult, StateCapacity
from closeshave.report import words
from closeshave.report.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

SIZE_IN = (8.0, 4.2)
BEYOND = 2.5
"""Nothing is claimed beyond so many times the largest measured rate."""
MARKERS = {LevelStatus.HOLDS: ("o", GREEN), LevelStatus.BROKEN: ("X", VERMILION), LevelStatus.UNKNOWN: ("D", ORANGE)}
"""Shapes as well as colours: who sees no colours can read them."""


def render(found: CapacityResult) -> dict[str, bytes]:
    """Every chart as a PNG image by its file name. What was not measured has no chart."""
    drawn: dict[str, Figure] = {}
    calm = next((one for one in found.states if one.levels), None)
    if calm is not None and _measured(calm):
        drawn["throughput.png"] = _throughput(found, calm)
        drawn["latency.png"] = _latency(found, calm)
    if any(one.requests_per_s is not None for one in found.states):
        drawn["states.png"] = _states(found)
    return {name: _png(figure) for name, figure in drawn.items()}


def _measured(state: StateCapacity) -> list[LevelResult]:
    return sorted((one for one in state.levels if one.figures is not None), key=lambda one: one.ask.rate)


def _sheet(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    figure.suptitle(words.clean(title), x=0.01, ha="left", fontsize=11, fontweight="bold", parse_math=False)
    plot: Axes = figure.subplots()
    plot.grid(alpha=0.25)
    return figure, plot


def _title(found: CapacityResult, what: str) -> str:
    return f"{found.about.plan}: {what}{f', {found.about.grade}' if found.about.grade else ''}"


def _throughput(found: CapacityResult, state: StateCapacity) -> Figure:
    figure, plot = _sheet(_title(found, "answered well against offered"))
    levels = _measured(state)
    offered = [one.figures.offered_per_s for one in levels if one.figures is not None]
    good = [one.figures.goodput_per_s for one in levels if one.figures is not None]
    most = max(offered)
    plot.plot([0, most], [0, most], color=GREY, linestyle="--", linewidth=0.9, label="all of it")
    for status, (marker, colour) in MARKERS.items():
        at = [place for place, one in enumerate(levels) if one.status is status and one.ask.purpose is not LevelPurpose.OVERLOAD]
        if at:
            plot.scatter([offered[i] for i in at], [good[i] for i in at], marker=marker, color=colour, label=status.value, zorder=3)
    above = [place for place, one in enumerate(levels) if one.ask.purpose is LevelPurpose.OVERLOAD]
    if above:
        plot.scatter([offered[i] for i in above], [good[i] for i in above], marker="s", color=PURPLE, label="overload", zorder=3)
    if state.requests_per_s is not None:
        plot.axvline(state.requests_per_s, color=BLUE, linewidth=1, label="capacity")
        end = state.requests_per_s * BEYOND
        plot.axvline(end, color=GREY, linestyle=":", label="claims end here")
        plot.axvspan(end, max(end * 1.1, most * 1.05), color=GREY, alpha=0.15, linewidth=0)
    plot.set_xlim(left=0)
    plot.set_ylim(bottom=0)
    plot.set_xlabel("offered requests per second")
    plot.set_ylabel("answered well per second")
    plot.legend(fontsize=8, loc="upper left")
    return figure


def _latency(found: CapacityResult, state: StateCapacity) -> Figure:
    figure, plot = _sheet(_title(found, "response time against the rate"))
    levels = _measured(state)
    for name, colour, style in (("p50_s", SKY, "-"), ("p95_s", BLUE, "-"), ("p99_s", PURPLE, "--")):
        points = [
            (one.figures.offered_per_s, value * 1e3)
            for one in levels
            if one.figures is not None
            and one.ask.purpose is not LevelPurpose.OVERLOAD
            and (value := getattr(one.figures, name)) is not None
        ]
        if points:
            plot.plot(*zip(*points, strict=True), color=colour, linestyle=style, marker=".", label=name.removesuffix("_s"))
    for objective in found.objectives:
        label = f"{objective.id}: p{objective.percentile * 100:g} ≤ {objective.at_most_s * 1e3:g} ms"
        plot.axhline(objective.at_most_s * 1e3, color=VERMILION, linestyle="--", linewidth=1, label=words.clean(label))
    if state.requests_per_s is not None:
        plot.axvline(state.requests_per_s, color=BLUE, linewidth=1, label="capacity")
    plot.set_yscale("log")
    plot.set_xlim(left=0)
    plot.set_xlabel("offered requests per second")
    plot.set_ylabel("milliseconds")
    plot.legend(fontsize=8, loc="upper left")
    return figure


def _states(found: CapacityResult) -> Figure:
    figure, plot = _sheet(_title(found, "capacity by state of failure"))
    known = list(found.states)
    values = [one.requests_per_s or 0.0 for one in known]
    bars = plot.bar(range(len(known)), values, color=[BLUE if place == 0 else ORANGE for place in range(len(known))], width=0.6)
    for bar, one in zip(bars, known, strict=True):
        text = f"{one.requests_per_s:,.0f}" if one.requests_per_s is not None else "unknown"
        plot.annotate(text, (bar.get_x() + bar.get_width() / 2, bar.get_height()), ha="center", va="bottom", fontsize=9)
    plot.set_xticks(range(len(known)), [words.clean(one.state) for one in known], parse_math=False)
    plot.set_ylim(0, max(values, default=1.0) * 1.15 if any(values) else 1.0)
    plot.set_ylabel("requests per second")
    return figure


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)  # type: ignore[no-untyped-call]  # matplotlib leaves it unannotated
    return content.getvalue()
