"""The timeline: offered against completed rate, response time, and what was not good. Pure."""

from __future__ import annotations

import numpy as np

from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.report.figures.figure import GAP, TITLE, Figure, Mark, Panel, figure, strip_height, time_scale
from closeshave.report.figures.scale import Scale, area, bars, decades, line, round_steps
from closeshave.report.machine import Machine
from closeshave.report.series import Floats, Series

RATE_HEIGHT, LATENCY_HEIGHT, BAD_HEIGHT, PROCESSOR_HEIGHT = 120.0, 130.0, 64.0, 64.0


def timeline(series: Series, axis: Axis, machine: Machine | None = None) -> Figure:
    """Three panels below the strip of phases and faults, and a fourth where the machine's load was recorded."""
    top = strip_height(axis) + TITLE
    rate = _rate(series, axis, top)
    latency = latency_panel("Response time of requests due in each second", series, axis, rate.bottom + GAP + TITLE)
    bad = bad_panel(
        "Not good, requests per second",
        series.starts_s,
        series.not_good_per_s,
        series.bin_s,
        axis,
        latency.bottom + GAP + TITLE,
        BAD_HEIGHT,
    )
    label = "Timeline of the run: offered and completed requests per second, response time percentiles and requests not answered well"
    panels = (rate, latency, bad)
    return figure("timeline", label, axis, panels if machine is None else (*panels, _processor(machine, axis, bad.bottom + GAP + TITLE)))


def _rate(series: Series, axis: Axis, top: float) -> Panel:
    x, bottom = time_scale(axis), top + RATE_HEIGHT
    steps = round_steps(max(series.offered_per_s.max(), series.completed_per_s.max()), 4)
    y = Scale(0, steps[-1], bottom, top)
    middle = middles(series.starts_s, series.bin_s, x)
    return Panel(
        "Requests per second",
        top,
        bottom,
        tuple((y(step), words.count(step)) for step in steps),
        (
            Mark("completed-area", area(middle, y.all(series.completed_per_s), bottom)),
            Mark("completed", line(middle, y.all(series.completed_per_s)), "answered well"),
            Mark("offered", line(middle, y.all(series.offered_per_s)), "offered"),
        ),
    )


def _processor(machine: Machine, axis: Axis, top: float) -> Panel:
    """Who used the processors: without it a slow platform and a busy machine look the same."""
    x, bottom = time_scale(axis), top + PROCESSOR_HEIGHT
    y, at = Scale(0, 1, bottom, top), x.all(machine.at_s)
    curves = (
        ("generator", machine.generator, "load generator"),
        ("platform", machine.platform, "platform"),
        ("busy", machine.busy, "all processes"),
    )
    return Panel(
        "Processors in use, share of all cores",
        top,
        bottom,
        tuple((y(share), f"{share:.0%}".replace("%", " %")) for share in (0, 0.5, 1)),
        tuple(Mark(style, line(at, y.all(values)), name) for style, values, name in curves),
    )


def latency_panel(title: str, series: Series, axis: Axis, top: float) -> Panel:
    """p50, p95 and p99 on a logarithmic axis."""
    x, bottom = time_scale(axis), top + LATENCY_HEIGHT
    y = latency_scale(np.concatenate([series.p50_ms, series.p99_ms]), top, bottom)
    middle = middles(series.starts_s, series.bin_s, x)
    curves = (("p50", series.p50_ms), ("p95", series.p95_ms), ("p99", series.p99_ms))
    return Panel(title, top, bottom, latency_ticks(y), tuple(Mark(name, line(middle, y.all(values)), name) for name, values in curves))


def bad_panel(title: str, starts_s: Floats, per_s: Floats, bin_s: float, axis: Axis, top: float, height: float, high: float = 0.0) -> Panel:
    """Requests not answered well, as bars; ``high`` makes several panels share a scale."""
    x, bottom = time_scale(axis), top + height
    steps = round_steps(max(float(per_s.max(initial=0)), high), 2)
    y = Scale(0, steps[-1], bottom, top)
    width = x(bin_s) - x(0)
    return Panel(
        title,
        top,
        bottom,
        tuple((y(step), words.count(step)) for step in steps),
        (Mark("bad", bars(x.all(starts_s), y.all(per_s), width, bottom)),),
    )


def middles(starts_s: Floats, bin_s: float, x: Scale) -> Floats:
    """The pixels of the middle of each bin."""
    return x.all(starts_s + bin_s / 2)


def latency_scale(values_ms: Floats, top: float, bottom: float) -> Scale:
    """A logarithmic scale over whole decades around the values, which are in milliseconds."""
    known = values_ms[np.isfinite(values_ms) & (values_ms > 0)]
    powers = decades(float(known.min()), float(known.max())) if len(known) else [1.0, 10.0]
    return Scale(powers[0], powers[-1], bottom, top, logarithmic=True)


def latency_ticks(y: Scale) -> tuple[tuple[float, str], ...]:
    """Labelled powers of ten."""
    return tuple((y(power), words.seconds(power / 1_000)) for power in decades(y.low, y.high))
