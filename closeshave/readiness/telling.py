"""How a ledger looks: on a terminal, as Markdown, as JSON, as CSV. It decides nothing."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.plurals import counted
from closeshave.readiness.values import LedgerRow, LedgerRun, PromiseOutcome, ReadinessLedger
from closeshave.report import words
from closeshave.report.github import Annotation, Level

_CODEC = TypeAdapter(ReadinessLedger)
MARKS: Mapping[PromiseOutcome, str] = MappingProxyType(
    {
        PromiseOutcome.VERIFIED: "✔",
        PromiseOutcome.MEASURED: "◐",
        PromiseOutcome.REHEARSED: "○",
        PromiseOutcome.REFUTED: "✘",
        PromiseOutcome.INCONCLUSIVE: "?",
        PromiseOutcome.EXTRAPOLATED: "~",
        PromiseOutcome.ATTESTED: "·",
        PromiseOutcome.WAIVED: "!",
        PromiseOutcome.EXPIRED: "?",
        PromiseOutcome.NOT_RUN: "·",
    }
)
"""Shapes that say the outcome without colour. Only *verified* has the check mark."""
STYLES: Mapping[PromiseOutcome, str] = MappingProxyType(
    {
        PromiseOutcome.VERIFIED: "bold green",
        PromiseOutcome.REFUTED: "bold red",
        PromiseOutcome.NOT_RUN: "dim",
        PromiseOutcome.ATTESTED: "dim",
    }
)
UNSETTLED = (PromiseOutcome.REFUTED, PromiseOutcome.WAIVED, PromiseOutcome.INCONCLUSIVE, PromiseOutcome.EXPIRED)
"""Outcomes whose reason a terminal shows."""
COLUMNS = ("promise", "text", "must-have", "outcome", "measured", "scale", "evidence", "build", "age", "why", "what would make it better")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would take a cell for that begins so: a formula."""
CELL_MOST = 300


def outcome(row: LedgerRow) -> str:
    """``waived until 2026-12-24``; other outcomes are their word."""
    return f"{row.outcome.value} {row.until}" if row.outcome is PromiseOutcome.WAIVED else row.outcome.value


def headline(found: ReadinessLedger) -> str:
    """The sentence with its mark."""
    return f"{'✔' if found.go else '✘'} {words.clean(found.sentence)}"


def counts(found: ReadinessLedger) -> str:
    """``102 promises: 3 rehearsed, 99 not run``; outcomes that no promise has are left out."""
    told = ", ".join(f"{number} {name.value.removesuffix(' until')}" for name, number in found.counts.items() if number)
    return f"{counted(len(found.rows), 'promise')}: {told or 'none'}"


def conditions(found: ReadinessLedger) -> str:
    """Which evidence counts."""
    where = f" of runs on {found.environment}" if found.environment is not None else ""
    return words.clean(
        f"{found.title}, at {found.at}; evidence{where} of the newest build, at most {counted(found.age_max_days, 'day')} old, "
        f"judged again by Closeshave {found.version}"
    )


def told(found: ReadinessLedger) -> dict[str, Any]:
    """Plain values, for ``readiness.json``."""
    plain: dict[str, Any] = _plain(_CODEC.dump_python(found, mode="json"))
    return {"schema": plain.pop("schema"), **plain}


def show(found: ReadinessLedger, console: Console) -> None:
    """Counts first, a row a promise, then why, and go or no-go last."""
    whole = not console.is_terminal
    console.print(Text(conditions(found), style="dim"), soft_wrap=whole)
    console.print(Text(counts(found)), soft_wrap=whole)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("promise", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("what", min_width=20)
    table.add_column("age", no_wrap=True)
    for row in found.rows:
        mark = Text(f"{MARKS[row.outcome]} {outcome(row)}", style=STYLES.get(row.outcome, "yellow"))
        table.add_row(_text(row.id + ("" if row.must_have else " *")), mark, _text(row.measured if row.evidence else row.text), row.age)
    console.print(table)
    if any(not row.must_have for row in found.rows):
        console.print(Text("  * no must-have", style="dim"))
    for row in found.rows:
        if row.outcome in UNSETTLED:
            console.print(_text(f"  {MARKS[row.outcome]} {row.id}: {row.why}"), soft_wrap=whole)
    for run in idle(found):
        console.print(_text(f"  {said_of(run)}"), style="dim", soft_wrap=whole)
    console.print(Text(headline(found), style="bold green" if found.go else "bold red"), soft_wrap=whole)


def idle(found: ReadinessLedger) -> Iterator[LedgerRun]:
    """Runs that do not count, or of which something must be known."""
    return (run for run in found.runs if run.why)


def said_of(run: LedgerRun) -> str:
    """Of a run: whether it counts, and why not."""
    return words.clean(f"{run.run} {'counts, but' if run.counts else 'does not count:'} {'; '.join(run.why)}")


def brief(found: ReadinessLedger) -> tuple[str, ...]:
    """In as few words as possible."""
    return (*(f"{row.id} {outcome(row)}" for row in found.rows), found.sentence)


def markdown(found: ReadinessLedger) -> str:
    """What fits the summary page of a CI job."""
    lines = [f"## {headline(found)}", "", _cell(conditions(found), None), "", _cell(counts(found), None), ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(_cell(each) for each in cells(row))} |" for row in found.rows]
    several = [f"- {_cell(said_of(run), None)}" for run in idle(found)]
    return "\n".join([*lines, "", *(["### Runs with remarks", "", *several, ""] if several else [])])


def cells(row: LedgerRow) -> tuple[str, ...]:
    """A row as text, by :data:`COLUMNS`."""
    first = row.evidence[0] if row.evidence else None
    return (
        row.id,
        row.text,
        "yes" if row.must_have else "no",
        f"{MARKS[row.outcome]} {outcome(row)}",
        row.measured,
        row.scale,
        f"{first.run} {first.verdict}" if first else "—",
        row.build,
        row.age,
        row.why,
        row.better,
    )


def table(found: ReadinessLedger) -> str:
    """CSV (RFC 4180), for spreadsheets: a cell that would be a formula begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in found.rows:
        writer.writerow([harmless(each) for each in (*cells(row)[:3], outcome(row), *cells(row)[4:])])
    return written.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet carries out."""
    said = words.clean(cell)
    return f"'{said}" if said.lstrip(" ").startswith(FORMULA) else said


def annotated(found: ReadinessLedger, target: str) -> Iterator[Annotation]:
    """What a CI job shows at the target; ``target`` is its path."""
    for row in found.rows:
        if row.outcome is PromiseOutcome.REFUTED:
            level = Level.ERROR if row.must_have else Level.WARNING
            yield Annotation(level, f"{row.id}: refuted", row.why, target, 1)
    if not found.go:
        yield Annotation(Level.ERROR, "readiness: no-go", found.sentence, target, 1)


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor infinity, and no half of a surrogate."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return words.clean(value)
    if isinstance(value, dict):
        return {words.clean(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable):
        return [_plain(each) for each in value]
    return value


def _text(content: str) -> Text:
    return Text(words.clean(content).replace("\n", " "))


def _cell(text: str, most: int | None = CELL_MOST) -> str:
    """Text that is no Markdown of its own."""
    said = " ".join(words.clean(text, most).split())
    for letter in "\\`*_<>|[]":
        said = said.replace(letter, f"\\{letter}")
    return said
