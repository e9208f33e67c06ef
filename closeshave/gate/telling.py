"""How a gate's answer looks: on a terminal, as Markdown, as JUnit, as a page. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import Environment, PackageLoader, StrictUndefined
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.files import write_atomically
from closeshave.gate import directory
from closeshave.gate.decision import GateAnswer, MetricAnswer, percent
from closeshave.gate.design import Side
from closeshave.gate.result import BrokenPromise, GateResult, unsteady
from closeshave.gate.rules import MetricRule
from closeshave.judge.waivers import OF_A_GATE
from closeshave.plan import GATE_SHARES
from closeshave.report import words
from closeshave.report.github import Annotation, Level
from closeshave.report.html import TEMPLATES

STYLES = {GateAnswer.WORSE: "bold red", GateAnswer.UNKNOWN: "yellow", GateAnswer.BETTER: "green", GateAnswer.SAME: "green"}
MARKS = {GateAnswer.WORSE: "✘", GateAnswer.UNKNOWN: "?", GateAnswer.BETTER: "✔", GateAnswer.SAME: "✔"}
COLUMNS = ("metric", "answer", "base", "candidate", "change", "interval", "noticed", "blocks")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric as people read it."""

    metric: str
    answer: GateAnswer
    waived: str
    cells: tuple[str, ...]
    """Base, candidate, change, interval, smallest noticeable change, blocks."""
    reason: str


def rows(found: GateResult) -> tuple[MetricRow, ...]:
    """One for each metric."""
    waived = {one.metric: f"waived until {one.waived.until} by {one.waived.owner}: {one.waived.reason}" for one in found.waived}
    return tuple(_row(one, waived.get(one.metric, "")) for one in found.metrics)


def _row(one: MetricAnswer, waived: str) -> MetricRow:
    rule = MetricRule(one.metric, 0.0, 0.0)
    unit = "ratio" if one.metric in GATE_SHARES else "s"
    low, high = one.effect.low, one.effect.high

    def change(value: float | None) -> str:
        return words.UNKNOWN if value is None else percent(rule, value)

    interval = "—" if low is None and high is None else f"{change(low)} to {change(high)}"
    cells = (
        words.quantity(one.base, unit),
        words.quantity(one.candidate, unit),
        change(one.effect.mean),
        interval,
        change(one.noticeable),
        " + ".join(str(each.blocks) for each in one.stages),
    )
    return MetricRow(words.clean(one.metric), one.answer, words.clean(waived), cells, words.clean(one.reason))


def show(found: GateResult, console: Console) -> None:
    """Each metric, what broke, and the answer last."""
    whole = not console.is_terminal
    if found.metrics:
        table = Table(box=box.SIMPLE_HEAD)
        for name in COLUMNS:
            table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=True)
        for row in rows(found):
            answer = Text(f"{MARKS[row.answer]} {row.answer.value}", style=STYLES[row.answer])
            table.add_row(Text(row.metric), answer.append(" waived" if row.waived else "", style="dim"), *map(Text, row.cells))
        console.print(table)
    for line in notes(found):
        console.print(Text(f"  {line}"), soft_wrap=whole)
    style = "bold red" if found.exit_code == 1 else STYLES[found.answer]
    console.print(Text(f"{headline(found)} ", style=style).append(words.clean(explanation(found)), style="default"), soft_wrap=whole)


def explanation(found: GateResult) -> str:
    """The sentence of the result, for a place after its headline: without the answer, where it begins with it."""
    return found.sentence.removeprefix(f"{found.answer.value.capitalize()}: ")


def headline(found: GateResult) -> str:
    """``✘ Fail:``."""
    if found.exit_code == 1 and found.answer is not GateAnswer.WORSE:
        return f"{MARKS[GateAnswer.WORSE]} Fail:"
    return f"{MARKS[found.answer]} {found.answer.value.capitalize()}:"


def notes(found: GateResult) -> Iterator[str]:
    """What else a reader must know."""
    legs = [leg for block in found.blocks for leg in block.legs]
    yield words.clean(
        f"{found.base} against {found.candidate}: {len(found.blocks)} blocks, {len(legs)} legs, plan {found.plan}, seed {found.seed}"
    )
    for block in found.blocks:
        if block.spoilt:
            yield words.clean(f"thrown away: stage {block.stage}, block {block.number}: {block.spoilt}")
    disturbed = [leg for leg in legs if leg.disturbed > 0.01]
    if disturbed:
        most = max(leg.disturbed for leg in disturbed)
        yield f"other programs disturbed {len(disturbed)} of {len(legs)} legs, at most {words.ratio(most)} of one; that time counts for no response time"
    if told_of := unsteady(found.blocks):
        yield told_of
    for one in found.unlike:
        yield words.clean(f"the baseline differs in what changes no figure: {one}")


def write(found: GateResult, place: Path) -> Path:
    """JUnit, Markdown and the page, beside ``gate.json``; the answer is the path of the page. Raises :class:`OSError`."""
    write_atomically(place / directory.JUNIT, junit(found))
    write_atomically(place / directory.MARKDOWN, markdown(found))
    write_atomically(place / directory.PAGE, page(found))
    return place / directory.PAGE


def markdown(found: GateResult) -> str:
    """What fits the summary page of a CI job."""
    lines = [
        f"## {headline(found)} {_cell(found.plan)}, {_cell(found.base)} against {_cell(found.candidate)}",
        "",
        _cell(found.sentence, 2_000),
        "",
    ]
    if found.metrics:
        lines += [f"| {' | '.join((*COLUMNS, 'why'))} |", f"|{'---|' * (len(COLUMNS) + 1)}"]
        for row in rows(found):
            answer = f"{MARKS[row.answer]} {row.answer.value}{', waived' if row.waived else ''}"
            lines.append(f"| {' | '.join(map(_cell, (row.metric, answer, *row.cells, row.waived or row.reason)))} |")
        lines.append("")
    lines += [f"- {_cell(one, 500)}" for one in notes(found)]
    lines += [f"- {one.side.value}: {_cell(one.verdict)} broken in {_cell(one.run)}: {_cell(one.reason, 300)}" for one in found.broken[:20]]
    return "\n".join([*lines, ""])


def junit(found: GateResult) -> bytes:
    """One test case a metric and one a broken promise. Unknown is an *error*, as an inconclusive verdict is."""
    suite = TestSuite(f"closeshave.gate.{words.clean(found.plan)}")
    suite.timestamp = found.started_at
    for name, value in (("base", found.base), ("candidate", found.candidate), ("seed", str(found.seed))):
        suite.add_property(name, words.clean(value))
    whole = TestCase("gate", suite.name)
    if not found.metrics:
        whole.result = [Error(words.clean(found.sentence), GateAnswer.UNKNOWN.value)]
    suite.add_testcase(whole)
    for row in rows(found):
        case = TestCase(f"{OF_A_GATE}{row.metric}", f"{suite.name}.metric")
        if row.waived and row.answer in {GateAnswer.WORSE, GateAnswer.UNKNOWN}:
            case.result = [Skipped(f"{row.answer.value}, {row.waived}")]
        elif row.answer is GateAnswer.WORSE:
            case.result = [Failure(row.reason, row.answer.value)]
        elif row.answer is GateAnswer.UNKNOWN:
            case.result = [Error(row.reason, row.answer.value)]
        suite.add_testcase(case)
    for number, one in enumerate(found.broken, start=1):
        case = TestCase(words.clean(f"{one.verdict} {number}"), f"{suite.name}.{one.side.value}")
        told = words.clean(f"{one.run}: {one.reason}")
        counts = one.side is Side.CANDIDATE and one.waived is None
        case.result = [Failure(told, "fail")] if counts else [Skipped(f"shown only: {told}")]
        suite.add_testcase(case)
    document = JUnitXml("closeshave")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser annotates half of itself
    suite.time = document.time = 0.0
    root = ElementTree.fromstring(document.tostring())  # type: ignore[no-untyped-call]  # noqa: S314 - as above; and it was written just now, here
    root.attrib.pop("skipped", None)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("closeshave.gate"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clean"] = words.clean
    return environment


def page(found: GateResult) -> str:
    """One HTML file without scripts."""
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - the package's own file
    status = {0: "pass", 1: "fail"}.get(found.exit_code, "inconclusive")
    template = _environment().get_template("gate.html.j2")
    return template.render(
        css=style,
        found=found,
        rows=rows(found),
        columns=COLUMNS,
        notes=list(notes(found)),
        headline=headline(found),
        status=status,
        marks=MARKS,
    )


def annotated(found: GateResult, plan: str) -> Iterator[Annotation]:
    """What a CI job shows at the plan; ``plan`` is its path."""
    for row in rows(found):
        if row.answer in {GateAnswer.WORSE, GateAnswer.UNKNOWN}:
            level = Level.NOTICE if row.waived else Level.ERROR if row.answer is GateAnswer.WORSE else Level.WARNING
            yield Annotation(level, f"{OF_A_GATE}{row.metric}: {row.answer.value}", row.waived or row.reason, plan, 1)
    for one in found.broken:
        yield Annotation(_level(one), one.verdict, f"{one.side.value}, {one.run}: {one.reason}", plan, 1)
    if not found.metrics:
        yield Annotation(Level.ERROR, "gate: unknown", found.sentence, plan, 1)


def refused(why: str) -> str:
    """Markdown of a gate that was refused before its first leg."""
    return f"## {MARKS[GateAnswer.UNKNOWN]} Unknown: {_cell(why, 1_000)}\n"


def refusal(why: str, plan: str) -> Iterator[Annotation]:
    """What a CI job shows of it."""
    yield Annotation(Level.ERROR, "gate: unknown", why, plan, 1)


def _level(one: BrokenPromise) -> Level:
    return Level.ERROR if one.side is Side.CANDIDATE and one.waived is None else Level.NOTICE


def _cell(text: str, most: int = 200) -> str:
    """Text that is no Markdown of its own."""
    said = words.clean(text).replace("\n", " ")
    for letter in "\\`*_<>|[]":
        said = said.replace(letter, f"\\{letter}")
    return said if len(said) <= most else f"{said[: most - 1]}…"
