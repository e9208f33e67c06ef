"""The results as a table: on the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from proving.rows import LATE_MS_MAX, Row

HEADS = ("kind", "scope", "late (ms)", "observed (s)", "effect (s)", "undone (s)", "proven healed (s)", "left")
INTRODUCTION = """# Every kind of fault, measured on {environment}

Made by `python -m proving --environment {environment}` (`make faults` does it on the embedded one): every kind that works there, once, under load.

* *Late*: how much later than scheduled the injection began (at most {late_ms_max:g} ms).
* *Observed*: from the injection until a probe that shares no code with it saw the fault.
* *Effect*: from the injection until operations in the fault's scope showed it by errors, latency or cache misses, compared with the minute before;
  the deadline of the kind is in brackets.
* *Undone*: from the injection until the undo began. *Proven healed*: from there until the heal was proven.
* *Left*: what is wrong or was left behind.
"""


def terminal(rows: Sequence[Row]) -> Table:
    """The table for the terminal: a fault that is not as expected is red."""
    table = Table()
    for head in HEADS:
        table.add_column(head, no_wrap=head in {"kind", "scope"})
    for row in rows:
        table.add_row(*cells(row), style="" if row.well else "red")
    return table


def page(rows: Sequence[Row], environment: str, when: str) -> str:
    """The page for the documentation, in Markdown."""
    good = sum(row.well for row in rows)
    introduction = INTRODUCTION.format(environment=environment, late_ms_max=LATE_MS_MAX)
    lines = [introduction, f"{good} of {len(rows)} kinds are as expected; measured {when}.", ""]
    lines += [_line(HEADS), _line(["---"] * len(HEADS)), *(_line(cells(row)) for row in rows)]
    return "\n".join(lines) + "\n"


def cells(row: Row) -> list[str]:
    """A row's texts, one for each head."""
    return [
        row.kind,
        row.scope,
        _number(row.late_ms),
        _number(row.observed_s),
        _effect(row),
        _number(row.undone_s),
        _number(row.proven_s),
        row.left or "nothing",
    ]


def _effect(row: Row) -> str:
    if row.effect_within_s is None:
        return "none expected"
    shown = "none" if row.effect_s is None else f"{row.effect_s:.2f}"
    return f"{shown} (of {row.effect_within_s:g})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"
