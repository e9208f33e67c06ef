"""A trend as text: for other programs, on a terminal, as a page."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.comparison.multiples import multiples
from closeshave.comparison.nights import kind_of, title_of
from closeshave.comparison.page import rendered
from closeshave.comparison.trend import Shift, Trend
from closeshave.files.plaintext import clean
from closeshave.report import words

SCHEMA = "closeshave.trend/1"
_SHIFT = TypeAdapter(Shift)


def told(found: Trend) -> dict[str, Any]:
    """Plain values."""
    return {
        "schema": SCHEMA,
        "sentence": found.sentence,
        "nights": [{"run": each.run, "at": each.at, "status": each.status, "figures": dict(each.figures)} for each in found.nights],
        "unmeasured": list(found.unmeasured),
        "changes": [{**_SHIFT.dump_python(each, mode="json"), "sentence": each.sentence} for each in found.shifts],
    }


def show(found: Trend, console: Console) -> None:
    """The newest value of each figure, and the changes."""
    whole = not console.is_terminal
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("figure")
    for name in ("nights", "newest", "level"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last change")
    for row in rows(found):
        table.add_row(*(Text(each) for each in row[:4]), Text(row[4], style=row[5]))
    console.print(table)
    for each in found.shifts:
        console.print(
            Text(f"{'✘' if each.worse else '✔'} ", style="red" if each.worse else "green").append(clean(each.sentence), style="default"),
            soft_wrap=whole,
        )
    console.print(Text(clean(found.sentence)), soft_wrap=whole)


def rows(found: Trend) -> tuple[tuple[str, str, str, str, str, str], ...]:
    """For each figure: title, nights, newest value, level now, last change, and its style."""
    told_rows = []
    for name, points in found.series.items():
        unit = kind_of(name).unit
        last = next((each for each in reversed(found.shifts) if each.figure == name), None)
        change = f"{words.quantity(last.before, unit)} → {words.quantity(last.after, unit)}, {last.nights_after} nights ago" if last else ""
        style = "" if last is None else "red" if last.worse else "green"
        level = words.quantity(last.after, unit) if last else ""
        at, value = points[-1]
        newest = words.quantity(value if at == len(found.nights) - 1 else None, unit)
        told_rows.append((clean(title_of(name)), str(len(points)), newest, level, change, style))
    return tuple(told_rows)


def page(found: Trend) -> str:
    """One HTML file with small multiples."""
    return rendered("trend.html.j2", trend=found, rows=rows(found), picture=multiples(found) if found.series else None)
