"""``charts/*.png``: the same figures as pictures, for chat, tickets and slides. Drawn with matplotlib, without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from closeshave.judge.verdict import Assessment
from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.report.curves import Curves
from closeshave.report.distribution import Distribution
from closeshave.report.findings import Findings
from closeshave.report.headline import graded
from closeshave.report.recovery import bounds, given, split, total
from closeshave.report.series import Floats, TimeSeries

WIDTH = 11.0
"""Of every chart, in inches."""
BLUE, SKY, ORANGE, VERMILION, GREEN, PURPLE, GREY = "#0072b2", "#56b4e9", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#6b7280"
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""
PART_COLOURS = {"detect": ORANGE, "fail over": VERMILION, "restore": SKY, "not split": "#b8bec8"}
_PART_HATCHES = {"detect": "", "fail over": "///", "restore": "...", "not split": "xx"}


def render(findings: Findings, curves: Curves) -> dict[str, bytes]:
    """Every chart as a PNG image by its file name. What was not recorded has no chart."""
    when, what = curves.axis, curves.series
    title = f"{words.clean(findings.plan.name)}, {graded(findings.history.manifest.evidence)}"
    drawn: dict[str, Figure | None] = {
        "timeline.png": _stack(title, when, (_rate, _latency, _errors), what),
        "latency.png": _stack(f"{title}: response time", when, (_latency,), what),
        "errors.png": _stack(f"{title}: requests not answered well", when, (_errors,), what),
        "shards.png": _by_shard(f"{title}: by shard", when, what),
        "recovery.png": _recovery(f"{title}: recovery", findings.assessment),
        "distribution.png": _distribution(f"{title}: response times", curves.distributions),
    }
    return {name: _png(figure) for name, figure in drawn.items() if figure is not None}


def _sheet(height: float, *, above: float, rows: int = 1, columns: int = 1, between: tuple[float, float] = (0.0, 0.0)) -> Figure:
    """An empty figure with room for labels, in inches: ``above`` for titles, ``between`` two rows and two columns.

    Stated, because to measure every label takes matplotlib longer than to draw the charts.
    """
    left, right, below = 0.85, 0.15, 0.5
    figure = Figure(figsize=(WIDTH, height))
    down, across = between
    figure.subplots_adjust(
        left=left / WIDTH, right=1 - right / WIDTH, top=1 - above / height, bottom=below / height,
        hspace=_of_one(down, height - above - below, rows), wspace=_of_one(across, WIDTH - left - right, columns),
    )  # fmt: skip
    return figure


def _of_one(gap: float, all_of_it: float, parts: int) -> float:
    """A gap between parts as a share of one of them."""
    return gap / ((all_of_it - gap * (parts - 1)) / parts)


def _stack(title: str, when: Axis, panels: Sequence[Callable[[Axes, TimeSeries], None]], what: TimeSeries) -> Figure:
    figure = _sheet(1.4 + 2.1 * len(panels), above=0.6, rows=len(panels), between=(0.15, 0))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    plots = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for number, (plot, panel) in enumerate(zip(plots, panels, strict=True)):
        panel(plot, what)
        _dress(plot, when, labelled=number == 0)
    plots[-1].set_xlabel("seconds after the first phase began")
    return figure


def _rate(plot: Axes, what: TimeSeries) -> None:
    middle = what.starts_s + what.bin_s / 2
    plot.fill_between(middle, what.completed_per_s, color=SKY, alpha=0.35, linewidth=0)
    plot.plot(middle, what.completed_per_s, color=BLUE, linewidth=1.2, label="answered well")
    plot.plot(middle, what.offered_per_s, color="black", linewidth=0.9, linestyle="--", label="offered")
    plot.set_ylabel("requests per second")
    plot.set_ylim(bottom=0)
    plot.legend(loc="lower left", fontsize=8, ncols=2)


def _latency(plot: Axes, what: TimeSeries) -> None:
    middle = what.starts_s + what.bin_s / 2
    for values, name, colour, dashes in (
        (what.p50_ms, "p50", SKY, "-"),
        (what.p95_ms, "p95", BLUE, "-"),
        (what.p99_ms, "p99", PURPLE, "--"),
    ):
        plot.plot(middle, values, color=colour, linewidth=1.2, linestyle=dashes, label=name)
    if np.isfinite(what.p50_ms).any():
        plot.set_yscale("log")
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value / 1_000)))
    plot.set_ylabel("response time")
    plot.legend(loc="upper left", fontsize=8, ncols=3)


def _errors(plot: Axes, what: TimeSeries) -> None:
    _bars(plot, what, what.not_good_per_s)
    plot.set_ylabel("not good per second")
    plot.set_ylim(bottom=0, top=max(float(what.not_good_per_s.max()) * 1.08, 1.0))


def _bars(plot: Axes, what: TimeSeries, heights: Floats) -> None:
    """A bar for each interval of the series. They are drawn as one area: a thousand bars of their own take seconds."""
    plot.stairs(heights, np.append(what.starts_s, what.starts_s[-1:] + what.bin_s), fill=True, color=VERMILION)


def _by_shard(title: str, when: Axis, what: TimeSeries) -> Figure | None:
    if not what.shards:
        return None
    figure = _sheet(1.2 + 1.5 * len(what.shards), above=0.65, rows=len(what.shards), columns=2, between=(0.15, 0.75))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    plots = figure.subplots(len(what.shards), 2, sharex=True, sharey="col", squeeze=False)
    middle = what.starts_s + what.bin_s / 2
    for (bad, slow), shard in zip(plots, what.shards, strict=True):
        _bars(bad, what, shard.not_good_per_s)
        bad.set_ylabel(f"shard {shard.shard}")
        slow.plot(middle, shard.p95_ms, color=BLUE, linewidth=1.1)
        if np.isfinite(shard.p95_ms).any():
            slow.set_yscale("log")
        slow.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value / 1_000)))
        for plot in (bad, slow):
            _dress(plot, when, labelled=False)
    plots[0][0].set_title("not good per second", fontsize=9, loc="left")
    plots[0][1].set_title("response time p95", fontsize=9, loc="left")
    return figure


def _recovery(title: str, assessment: Assessment) -> Figure | None:
    faults, allowed_s = assessment.faults, bounds(assessment.verdicts)
    longest_s = max((sum(value for _, value in split(fault)) for fault in faults), default=0.0)
    if not longest_s:
        return None
    figure = Figure(figsize=(WIDTH, 1.3 + 0.6 * len(faults)), layout="constrained")
    plot = figure.add_subplot()
    plot.set_title(title, loc="left", fontsize=12, fontweight="bold", parse_math=False)
    named: set[str] = set()
    for row, fault in enumerate(faults):
        elapsed = 0.0
        for name, value in split(fault):
            label = "" if name in named else name
            named.add(name)
            plot.barh(
                row, value, left=elapsed, height=0.55, color=PART_COLOURS[name], hatch=_PART_HATCHES[name], edgecolor="white", label=label
            )
            elapsed += value
        allowed = allowed_s.get(fault.id)
        beside = ", ".join(filter(None, (total(fault), given(fault), "" if allowed is None else f"allowed {words.seconds(allowed)}")))
        plot.text(elapsed, row, f" {beside}", va="center", fontsize=9)
        # A bound far beyond every bar would make the bars invisible.
        if allowed is not None and allowed <= 4 * longest_s:
            plot.plot([allowed, allowed], [row - 0.4, row + 0.4], color="black", linewidth=1.5)
    plot.set_yticks(range(len(faults)), [words.clean(fault.id) for fault in faults])
    for tick in plot.get_yticklabels():
        tick.set_parse_math(False)
    plot.invert_yaxis()
    plot.margins(x=0.12)
    plot.set_xlim(left=0)
    plot.set_xlabel("seconds after injection")
    if named:
        plot.legend(fontsize=8, ncols=4)
    return figure


def _distribution(title: str, found: tuple[Distribution, ...]) -> Figure | None:
    if not found:
        return None
    figure = _sheet(3.4, above=0.4)
    plot = figure.add_subplot()
    plot.set_title(title, loc="left", fontsize=12, fontweight="bold", parse_math=False)
    for one, colour, dashes in zip(found, (BLUE, VERMILION), ("-", "--"), strict=False):
        plot.stairs(
            one.share,
            one.edges_ms,
            color=colour,
            fill=False,
            linewidth=1.4,
            linestyle=dashes,
            label=f"{one.role}, {words.count(one.n)} requests",
        )
        for name, value in (("p95", one.p95_ms), ("p99", one.p99_ms)):
            plot.axvline(value, color=colour, linewidth=0.8, linestyle=":")
            plot.text(value, plot.get_ylim()[1], f"{name} ", rotation=90, va="top", ha="right", fontsize=7, color=colour)
    plot.set_xscale("log")
    plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value / 1_000)))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.ratio(value)))
    plot.set_ylabel("share of requests")
    plot.legend(fontsize=8)
    return figure


def _dress(plot: Axes, when: Axis, *, labelled: bool) -> None:
    """Phases and fault bands behind the curves."""
    plot.set_xlim(0, when.span_s)
    plot.grid(axis="y", color="#d0d4da", linewidth=0.5)
    plot.spines[["top", "right"]].set_visible(False)
    for phase in when.phases:
        if phase.role == "warm-up":
            plot.axvspan(phase.start_s, phase.end_s, color=GREY, alpha=0.12, linewidth=0)
        elif phase.start_s > 0:
            plot.axvline(phase.start_s, color=GREY, linewidth=0.5, linestyle=":")
    for doubt in when.doubts:
        plot.axvspan(doubt.start_s, doubt.end_s, facecolor="none", edgecolor=GREY, hatch="//", alpha=0.35, linewidth=0)
    for band in when.bands:
        plot.axvspan(band.start_s, band.end_s, color=ORANGE, alpha=0.14, linewidth=0)
        if band.recovered_s is not None:
            plot.axvspan(band.start_s, band.recovered_s, color=VERMILION, alpha=0.14, linewidth=0)
        if labelled:
            where = plot.get_xaxis_transform()
            plot.text(band.start_s, 1.02, words.clean(band.fault), transform=where, fontsize=8, color="#8a3b00", parse_math=False)


def _png(figure: Figure) -> bytes:
    held = io.BytesIO()
    FigureCanvasAgg(figure).print_png(held)  # type: ignore[no-untyped-call]  # matplotlib leaves it unannotated
    return held.getvalue()
