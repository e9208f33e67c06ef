"""How the answer of a search looks: on a terminal, as Markdown, as a page. It decides nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.capacity import charts, directory
from closeshave.capacity.level import LevelResult, LevelStatus
from closeshave.capacity.result import CapacityResult, StateCapacity, stated
from closeshave.files import write_atomically
from closeshave.report import words
from closeshave.report.github import Annotation, Level
from closeshave.report.html import TEMPLATES

COLUMNS = ("level", "purpose", "arrivals/s", "requests/s", "answered well/s", "p95", "judged", "answer")
MARKS = {LevelStatus.HOLDS: "✔", LevelStatus.BROKEN: "✘", LevelStatus.UNKNOWN: "?"}
STYLES = {LevelStatus.HOLDS: "green", LevelStatus.BROKEN: "red", LevelStatus.UNKNOWN: "yellow"}
HEADLINES = {0: "✔ Found:", 1: "✘ Refuted:", 3: "? Unknown:", 130: "? Interrupted:"}
STATUSES = {0: "pass", 1: "fail"}
TITLES = {
    "throughput.png": "Answered well against offered",
    "latency.png": "Response time against the rate, with the objectives",
    "states.png": "Capacity by state of failure",
}


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A level as people read it."""

    cells: tuple[str, ...]
    status: LevelStatus
    why: str


def rows(state: StateCapacity) -> tuple[LevelRow, ...]:
    """One for each level, in the order in which they were driven."""
    return tuple(_row(number, one) for number, one in enumerate(state.levels, start=1))


def _row(number: int, one: LevelResult) -> LevelRow:
    figures = one.figures
    cause = f", {one.cause.value}" if one.cause else ""
    cells = (
        str(number),
        one.ask.purpose.value,
        f"{one.ask.rate:.4g}",
        words.UNKNOWN if figures is None else f"{figures.offered_per_s:,.1f}",
        words.UNKNOWN if figures is None else f"{figures.goodput_per_s:,.1f}",
        words.UNKNOWN if figures is None else words.seconds(figures.p95_s),
        f"{one.ask.length_s:g} s",
        f"{MARKS[one.status]} {one.status.value}{cause}",
    )
    return LevelRow(cells, one.status, words.clean(one.why))


def headline(found: CapacityResult) -> str:
    """``✔ Found:``."""
    return HEADLINES[found.exit_code]


def notes(found: CapacityResult) -> Iterator[str]:
    """What else a reader must know."""
    about = found.about
    yield words.clean(
        f"plan {about.plan}, environment {about.environment}, target {about.target}, on {about.scale}, seed {about.seed}, {about.started_at}"
    )
    kept = ", ".join(f"{one.id}: p{one.percentile * 100:g} within {one.at_most_s * 1e3:g} ms" for one in found.objectives)
    yield words.clean(f"at the capacity these hold: {kept}; and {found.availability:.0%} of the requests are answered well")
    for state in found.states:
        yield from (words.clean(f"{state.state}: {text}") for text in remarks(state))


def remarks(state: StateCapacity) -> Iterator[str]:
    """What was seen of a state besides its capacity."""
    if state.limiting is not None:
        yield f"limiting resource: {state.limiting.sentence}"
    if state.overload is not None:
        yield state.overload.sentence
    yield from (one.sentence for one in state.drifts)
    yield from state.found.remarks


def show(found: CapacityResult, console: Console) -> None:
    """Each level, what was seen, and the answer last."""
    whole = not console.is_terminal
    for state in found.states:
        if not state.levels:
            continue
        table = Table(box=box.SIMPLE_HEAD, title=words.clean(state.state), title_justify="left")
        for name in COLUMNS:
            table.add_column(name, justify="left" if name in {"purpose", "answer"} else "right", no_wrap=True)
        for row in rows(state):
            table.add_row(*map(Text, row.cells[:-1]), Text(row.cells[-1], style=STYLES[row.status]))
        console.print(table)
    for line in notes(found):
        console.print(Text(f"  {line}"), soft_wrap=whole)
    style = {0: "green", 1: "bold red"}.get(found.exit_code, "yellow")
    console.print(Text(f"{headline(found)} ", style=style).append(words.clean(found.sentence), style="default"), soft_wrap=whole)


def write(found: CapacityResult, place: Path) -> Path:
    """Markdown, the pictures and the page, beside ``capacity.json``; the answer is the path of the page. Raises :class:`OSError`."""
    drawn = charts.render(found)
    (place / directory.CHARTS).mkdir(exist_ok=True)
    for name, content in drawn.items():
        write_atomically(place / directory.CHARTS / name, content)
    write_atomically(place / directory.MARKDOWN, markdown(found))
    write_atomically(place / directory.PAGE, page(found, drawn))
    return place / directory.PAGE


def markdown(found: CapacityResult) -> str:
    """What fits the summary page of a CI job."""
    lines = [
        f"## {headline(found)} capacity of {_cell(found.about.environment)}, plan {_cell(found.about.plan)}",
        "",
        _cell(found.sentence, 3_000),
        "",
    ]
    lines += ["| state | capacity | limit |", "|---|---|---|"]
    for state in found.states:
        limit = state.limiting.sentence if state.limiting is not None else words.UNKNOWN
        lines.append(f"| {_cell(state.state)} | {_cell(stated(state), 400)} | {_cell(limit, 400)} |")
    for state in found.states:
        if state.levels:
            lines += ["", f"### {_cell(state.state)}", "", f"| {' | '.join((*COLUMNS, 'why'))} |", f"|{'---|' * (len(COLUMNS) + 1)}"]
            lines += [f"| {' | '.join(map(_cell, (*row.cells, row.why)))} |" for row in rows(state)]
    return "\n".join([*lines, "", *(f"- {_cell(one, 500)}" for one in notes(found)), ""])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("closeshave.capacity"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clean"] = words.clean
    return environment


def page(found: CapacityResult, drawn: dict[str, bytes]) -> str:
    """One HTML file without scripts; its pictures are inside of it."""
    pictures = [(TITLES[name], base64.b64encode(content).decode("ascii")) for name, content in drawn.items()]
    return (
        _environment()
        .get_template("capacity.html.j2")
        .render(
            css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - the package's own file
            found=found,
            rows=rows,
            stated=stated,
            remarks=lambda state: list(remarks(state)),
            notes=list(notes(found)),
            columns=COLUMNS,
            headline=headline(found),
            status=STATUSES.get(found.exit_code, "inconclusive"),
            pictures=pictures,
        )
    )


def annotated(found: CapacityResult, plan: str) -> Iterator[Annotation]:
    """What a CI job shows at the plan; ``plan`` is its path."""
    if found.exit_code:
        level = Level.ERROR if found.exit_code == 1 else Level.WARNING
        yield Annotation(level, "capacity", found.sentence, plan, 1)


def _cell(text: str, most: int = 200) -> str:
    """Text that is no Markdown of its own."""
    said = words.clean(text).replace("\n", " ")
    for letter in "\\`*_<>|[]":
        said = said.replace(letter, f"\\{letter}")
    return said if len(said) <= most else f"{said[: most - 1]}…"
