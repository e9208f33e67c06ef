"""What a person sees of a running load: a table on a terminal, a line anywhere else. Pure: text out of a state.

Text from plans and platforms goes into :class:`rich.text.Text`, which is never read as markup, and without control characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from closeshave.files.plaintext import clean
from closeshave.report import words
from closeshave.trial.figures import Figures, Reading

ALWAYS = 4
"""Lines that are shown in any case: the phase, the names of the columns, the figures of everything, the budget."""
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class FaultState:
    """A fault and its state, for a person."""

    id: str
    what: str
    """Its kind and scope."""
    state: str
    in_effect: bool
    over: bool
    """Nothing more will happen to it."""


@dataclass(frozen=True, slots=True)
class State:
    """A running load at one instant."""

    elapsed_s: float
    total_s: float
    phase: str
    reading: Reading | None
    """``None`` before anything was answered."""
    faults: tuple[FaultState, ...]
    burnt: float | None
    """Share of the month's error budget; ``None`` without one."""
    burnt_max: float
    """At which the trial stops itself."""


def table(state: State, height: int) -> RenderableType:
    """The state in at most half of ``height`` lines: regions are left out where they do not fit, and faults that are over before others."""
    spare = max(1, height // 2 - ALWAYS)
    faults = _worth_showing(state.faults, spare)
    spare -= max(1, len(faults))
    regions = state.reading.regions if state.reading and 1 < len(state.reading.regions) <= spare else ()
    return Group(_head(state), _figures(state, regions), *_faults(state.faults, faults), _budget(state))


def line(state: State) -> str:
    """The same on one line."""
    told = [f"offered {_per_s(state.reading.offered_per_s)}", *_cells(state.reading.all)] if state.reading else ["no answers yet"]
    at_work = [f"{one.id} {one.state}" for one in state.faults if one.in_effect]
    told += [f"error budget {_share(state.burnt)}"] if state.burnt is not None else []
    told += [f"faults: {', '.join(at_work)}"] if at_work else []
    return f"{state.phase}, {state.elapsed_s:.0f} of {state.total_s:.0f} s: {', '.join(told)}"


def _head(state: State) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    where = Text(f"{state.elapsed_s:.0f} of {state.total_s:.0f} s")
    grid.add_row(_text(state.phase, "bold"), where, ProgressBar(total=max(state.total_s, 1.0), completed=max(0.0, state.elapsed_s)))
    return grid


def _figures(state: State, regions: Sequence[tuple[str, Figures]]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("", no_wrap=True)
    for name in ("offered", "completed", "p50", "p95", "not good", "bookings"):
        # As wide as most figures, so that the columns stay where they are.
        grid.add_column(name, justify="right", no_wrap=True, min_width=7)
    if state.reading is None:
        grid.add_row("customers", *[UNKNOWN] * 6)
        return grid
    grid.add_row("customers", _per_s(state.reading.offered_per_s), *_values(state.reading.all))
    for region, figures in regions:
        grid.add_row(_text(f"  {region}", "dim"), "", *_values(figures))
    return grid


def _faults(known: Sequence[FaultState], shown: Sequence[FaultState]) -> Iterator[Text]:
    for one in shown:
        style = "red" if one.in_effect else "dim" if one.over else ""
        said = _text(one.id, "bold" if one.in_effect else "").append(f"  {clean(one.what)}  ", style="dim not bold")
        said.append(clean(one.state), style=f"not bold not dim {style}".strip())
        said.no_wrap, said.overflow = True, "ellipsis"
        yield said
    if len(known) > len(shown):
        yield Text(f"and {len(known) - len(shown)} more faults" if len(known) - len(shown) > 1 else "and 1 more fault", style="dim")
    if not known:
        yield Text("no faults in this plan", style="dim")


def _budget(state: State) -> Text:
    if state.burnt is None:
        return Text("no error budget: the target promises no availability over everything", style="dim", no_wrap=True, overflow="ellipsis")
    said = f"error budget: {_share(state.burnt)} of the month's is burnt; the trial stops itself at {_share(state.burnt_max)}"
    return Text(said, style="red" if state.burnt > state.burnt_max / 2 else "", no_wrap=True, overflow="ellipsis")


def _worth_showing(faults: Sequence[FaultState], room: int) -> list[FaultState]:
    """As many as there is room for, in their own order: those in effect first of all, then those to come, then those that are over."""
    if len(faults) <= room:
        return list(faults)
    # One line is needed to say how many are left out.
    first = sorted(faults, key=lambda one: (not one.in_effect, one.over))[: max(1, room - 1)]
    return [one for one in faults if one in first]


def _values(figures: Figures) -> tuple[str, ...]:
    share = UNKNOWN if figures.bad_share is None else _share(figures.bad_share)
    return _per_s(figures.completed_per_s), _ms(figures.p50_ms), _ms(figures.p95_ms), share, f"{figures.bookings:,}"


def _cells(figures: Figures) -> Iterator[str]:
    completed, p50, p95, bad, bookings = _values(figures)
    yield from (f"completed {completed}", f"p50 {p50}", f"p95 {p95}", f"not good {bad}", f"bookings {bookings}")


def _per_s(rate: float) -> str:
    return words.per_second(rate)


def _share(value: float) -> str:
    return words.ratio(value)


def _ms(value: float | None) -> str:
    return UNKNOWN if value is None else words.seconds(value / 1000)


def _text(content: str, style: str = "") -> Text:
    return Text(clean(content).replace("\n", " "), style=style)
