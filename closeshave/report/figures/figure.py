"""What a time chart consists of: panels over one axis, below a strip that shows phases, faults and the platform's own signals. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.report import words
from closeshave.report.axis import Axis, Band, Stretch
from closeshave.report.figures.scale import Scale, lanes, text_px, time_steps

WIDTH, LEFT, RIGHT = 1120.0, 62.0, 12.0
LABEL_GAP = 12.0
PHASE_STRIP, LANE, SIGNAL_STRIP, GAP, TITLE = 20.0, 24.0, 20.0, 14.0, 20.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A curve of a panel: ``style`` is its CSS class, ``name`` its word in the panel's legend."""

    style: str
    path: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A title, a plot between ``top`` and ``bottom``, labelled ticks as (pixel, text), and what is drawn."""

    title: str
    top: float
    bottom: float
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]

    @property
    def legend(self) -> list[tuple[float, Mark]]:
        """The named curves with the pixel at which each entry starts, set flush right."""
        placed: list[tuple[float, Mark]] = []
        x = WIDTH - RIGHT
        for mark in reversed([mark for mark in self.marks if mark.name]):
            x -= text_px(mark.name) + 34
            placed.insert(0, (x, mark))
        return placed


@dataclass(frozen=True, slots=True)
class Place:
    """A phase or a fault in pixels. Instants that are not known are ``None``."""

    label: str
    style: str
    start: float
    end: float
    y: float = 0.0
    observed: float | None = None
    recovered: float | None = None
    healed: float | None = None
    verified: float | None = None
    text_x: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Figure:
    """A whole chart."""

    id: str
    label: str
    """The description for a reader who cannot see it."""
    height: float
    plot_top: float
    plot_bottom: float
    phases: tuple[Place, ...]
    bands: tuple[Place, ...]
    signals: tuple[Place, ...]
    signals_y: float
    ticks: tuple[tuple[float, str], ...]
    panels: tuple[Panel, ...]
    width: float = WIDTH
    left: float = LEFT
    right: float = WIDTH - RIGHT


def time_scale(axis: Axis) -> Scale:
    """The horizontal scale that all time charts share."""
    return Scale(0, axis.span_s, LEFT, WIDTH - RIGHT)


def strip_height(axis: Axis) -> float:
    """How much room phases, faults and signals need above the first panel."""
    return _lane_y(_lanes(axis)) + (SIGNAL_STRIP if axis.ticks else 0)


def figure(id: str, label: str, axis: Axis, panels: tuple[Panel, ...]) -> Figure:
    """The chart of ``panels``, which lie below the strip that :func:`strip_height` leaves room for."""
    x = time_scale(axis)
    bottom = max(panel.bottom for panel in panels)
    rows = _lanes(axis)
    return Figure(
        id=id,
        label=label,
        height=bottom + 26,
        plot_top=min(panel.top for panel in panels),
        plot_bottom=bottom,
        phases=tuple(_phase(phase, x) for phase in axis.phases),
        bands=tuple(_band(band, x, row, side) for band, (row, side) in zip(axis.bands, rows, strict=True)),
        signals=tuple(
            Place(f"{tick.kind} {words.scope(tick.scope)} at {words.instant(tick.at_s)}", tick.kind, x(tick.at_s), x(tick.at_s))
            for tick in axis.ticks
        ),
        signals_y=_lane_y(rows),
        ticks=tuple((x(at), _clock(at, axis.span_s)) for at in time_steps(axis.span_s)),
        panels=panels,
    )


def _lanes(axis: Axis) -> list[tuple[int, int]]:
    """Lane and side of the label of each fault, so that neither bars nor labels ever overlap."""
    x = time_scale(axis)
    return lanes([[extent for extent, _, _ in _sides(band, x)] for band in axis.bands])


def _lane_y(rows: list[tuple[int, int]]) -> float:
    return PHASE_STRIP + (max((row for row, _ in rows), default=-1) + 1) * LANE


def _sides(band: Band, x: Scale) -> list[tuple[tuple[float, float], float, str]]:
    """Where the label of a band may stand: before it, else behind it, as far as the chart has room there: extent, x, anchor."""
    start, end = x(band.start_s), x(max(band.end_s, band.recovered_s or 0, band.verified_s or 0))
    room = text_px(_name(band), 12.5) + LABEL_GAP
    before = ((start - room, end + 8), start - LABEL_GAP, "end")
    behind = ((start - 8, end + room), end + LABEL_GAP, "start")
    return [side for side, fits in ((before, start - room > 0), (behind, end + room < WIDTH)) if fits] or [behind]


def _name(band: Band) -> str:
    return words.clean(band.fault, 48) + ("" if band.healed_s is not None else " (not healed)")


def _phase(phase: Stretch, x: Scale) -> Place:
    start, end = x(phase.start_s), x(phase.end_s)
    return Place(phase.name if text_px(phase.name) < end - start - 6 else "", phase.role, start, end)


def _band(band: Band, x: Scale, row: int, side: int) -> Place:
    def at(instant: float | None) -> float | None:
        return x(instant) if instant is not None else None

    _, text_x, anchor = _sides(band, x)[side]
    return Place(
        label=_name(band),
        style="band",
        start=x(band.start_s),
        end=x(band.end_s),
        y=PHASE_STRIP + row * LANE,
        observed=at(band.observed_s),
        recovered=at(band.recovered_s),
        healed=at(band.healed_s),
        verified=at(band.verified_s),
        text_x=text_x,
        anchor=anchor,
    )


def _clock(at_s: float, span_s: float) -> str:
    return f"{at_s:.0f} s" if span_s < 600 else f"{int(at_s // 60)}:{int(at_s % 60):02d}"
