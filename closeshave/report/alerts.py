"""The alerts of a run as tables show them, with every figure as a text. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from closeshave.judge.verdict import AlertFigures
from closeshave.report import words

MOST = 200
"""Rows of a page: a monitoring that is not ours may tell without an end. All are in ``summary.json``."""
NONE = "—"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as a row."""

    name: str
    classified: str
    """Severity and category."""
    about: str
    fault: str
    """The fault's ID; empty for an alert that belongs to none."""
    verdict: str
    """The ID of the verdict on it; empty if the plan does not expect it."""
    raised: str
    harmed: str
    """When the first customer was harmed."""
    after: str
    """The time to alert."""
    ended: str
    missing: bool
    """Whether it was expected and not raised."""
    going: bool
    """Whether it did not end while the harness listened."""


def rows(alerts: Iterable[AlertFigures]) -> tuple[AlertRow, ...]:
    """A row for each alert, in the same order."""
    return tuple(_row(one) for one in alerts)


def _row(one: AlertFigures) -> AlertRow:
    raised = one.raised_at_s is not None
    return AlertRow(
        name=words.clean(one.name),
        classified=words.clean(", ".join(filter(None, (one.severity, one.category)))) or NONE,
        about=words.clean(words.scope(one.scope)) if one.scope else NONE,
        fault=one.fault or "",
        verdict=f"alert/{one.fault}/{one.name}" if one.expected else "",
        raised=words.instant(one.raised_at_s) if raised else "not raised",
        harmed=NONE if one.fault is None else "nobody" if one.harmed_at_s is None else words.instant(one.harmed_at_s),
        after=_after(one),
        ended=words.instant(one.ended_at_s) if one.ended_at_s is not None else "not ended" if raised else NONE,
        missing=not raised,
        going=raised and one.ended_at_s is None,
    )


def _after(one: AlertFigures) -> str:
    if one.after_s is None:
        return NONE
    return words.seconds(one.after_s) + ("" if one.harmed_at_s is not None else " after the injection")
