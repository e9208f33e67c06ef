"""A comparison as people read it: every figure as a text. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.comparison.fingerprint import FingerprintDifference
from closeshave.comparison.values import ComparedFigure, Comparison, Direction
from closeshave.report import words

MINUS = "\N{MINUS SIGN}"
MARKS = {Direction.WORSE: "▲ worse", Direction.BETTER: "▼ better", Direction.UNDECIDED: "may be chance", Direction.NO_INTERVAL: ""}
SECTIONS = {"machine": "machine", "parts": "versions", "plan": "plan, target, environment", "harness": "harness"}
"""What a page calls the sections of a fingerprint, in order."""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of a table of figures."""

    id: str
    title: str
    base: str
    other: str
    difference: str
    interval: str
    mark: str
    direction: str
    status: str
    """``pass → fail`` where it changed; else the status, or nothing for a figure that is no verdict."""
    changed: bool


def row(figure: ComparedFigure) -> ComparedRow:
    """A figure in words."""
    status = figure.other_status
    changed = figure.base_status != figure.other_status
    return ComparedRow(
        id=words.clean(figure.id),
        title=words.clean(figure.title),
        base=words.quantity(figure.base, figure.unit),
        other=words.quantity(figure.other, figure.unit),
        difference=_signed(figure.difference, figure.unit),
        interval="—"
        if figure.interval is None
        else f"{_signed(figure.interval[0], figure.unit)} to {_signed(figure.interval[1], figure.unit)}",
        mark=MARKS[figure.direction],
        direction=figure.direction.value,
        status=f"{figure.base_status} → {status}" if changed else status,
        changed=changed,
    )


def telling(comparison: Comparison) -> tuple[ComparedRow, ...]:
    """The rows that say something: another status, or a difference beyond chance."""
    chosen = [
        each
        for each in (*comparison.verdicts, *comparison.figures)
        if each.base_status != each.other_status or each.direction in {Direction.WORSE, Direction.BETTER}
    ]
    return tuple(map(row, chosen))


def load_rows(comparison: Comparison) -> tuple[ComparedRow, ...]:
    """The figures of load and faults, of which at least one run has a value."""
    return tuple(row(each) for each in comparison.figures if (each.base, each.other) != (None, None))


def conditions(comparison: Comparison) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Section → what differs there, in words. What is shown only says so."""
    found = []
    for section, title in SECTIONS.items():
        if ones := tuple(_condition(each) for each in comparison.differences if each.section == section):
            found.append((title, ones))
    return tuple(found)


def _condition(difference: FingerprintDifference) -> str:
    return words.clean(difference.text if difference.moves else f"{difference.text} (changes no figure)")


def _signed(value: float | None, unit: str) -> str:
    if value is None:
        return "—"
    # Of two shares the difference is no share of anything.
    text = f"{abs(value) * 100:.2g} points" if unit == "ratio" else words.quantity(abs(value), unit)
    return text if value == 0 else f"{'+' if value > 0 else MINUS}{text}"
