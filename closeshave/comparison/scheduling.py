"""A schedule as text: for other programs, and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closeshave.comparison import retests
from closeshave.comparison.due import DueRow, DueState, sentence
from closeshave.comparison.nights import Night
from closeshave.comparison.retests import RetestRow, RetestState
from closeshave.files.plaintext import clean

SCHEMA = "closeshave.schedule/1"
DAY_S = 86_400.0
RETEST_STYLES = {RetestState.REMEDIED: "green", RetestState.OPEN: "", RetestState.FAILED: "red", RetestState.OVERDUE: "yellow"}
STYLES = {DueState.KEPT: "green", DueState.FAILED: "red", DueState.OVERDUE: "yellow", DueState.NEVER: "yellow"}


def told(found: Sequence[DueRow], again: Sequence[RetestRow] = ()) -> dict[str, Any]:
    """Plain values; times in ISO 8601, durations in seconds."""
    plans = [_plain(row) for row in found]
    return {"schema": SCHEMA, "sentence": sentence(found), "plans": plans, "deficiencies": [_retest(row) for row in again]}


def brief(found: Sequence[DueRow], again: Sequence[RetestRow] = ()) -> tuple[str, ...]:
    """A line for each plan and each deficiency."""
    deficiencies = (f"{row.state.value} {row.deficiency.run} {row.deficiency.id}" for row in again)
    return (*(f"{row.state.value} {row.plan}" for row in found), *deficiencies)


def show(found: Sequence[DueRow], console: Console, again: Sequence[RetestRow] = ()) -> None:
    """A table, and the answer in one sentence; the same of the deficiencies of game days, if there are any."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("plan", "every", "last result", "on", "due", ""):
        table.add_column(name, no_wrap=name in {"plan", "every"})
    for row in found:
        table.add_row(
            clean(row.plan),
            lasts(row.every_s),
            _result(row.last),
            clean(row.last.environment) if row.last is not None else "",
            f"{row.due:%Y-%m-%d}" if row.due is not None else "now",
            Text(remark(row), style=STYLES[row.state]),
        )
    if found:
        console.print(table)
    console.print(Text(sentence(found)), soft_wrap=not console.is_terminal)
    if again:
        _show_retests(again, console)


def _show_retests(again: Sequence[RetestRow], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("game day", "deficiency", "owner", "until", "re-tested by", ""):
        table.add_column(name, no_wrap=name == "until")
    for row in again:
        one = row.deficiency
        cells = (f"{one.run} {one.id}", one.what, one.owner, one.due.isoformat(), one.retest)
        table.add_row(*map(clean, cells), Text(row.state.value, style=RETEST_STYLES[row.state]))
    console.print(table)
    console.print(Text(retests.sentence(again)), soft_wrap=not console.is_terminal)


def remark(row: DueRow) -> str:
    """How a plan stands to its schedule, and a newer run that came to no result."""
    said = f"{row.state.value} by {lasts(row.overdue_s)}" if row.state is DueState.OVERDUE else row.state.value
    if row.tried is None:
        return said
    return f"{said}; {clean(row.tried.status)} on {clean(row.tried.at[:10])}, which does not count"


def lasts(seconds: float) -> str:
    """``7 days``, ``1 day``, ``5 hours``: rounded down to the largest unit of which there is at least one."""
    for size, name in ((DAY_S, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "under a minute"


def _result(night: Night | None) -> str:
    return f"{clean(night.status)} on {clean(night.at[:10])}" if night is not None else "—"


def _plain(row: DueRow) -> dict[str, Any]:
    return {
        "plan": row.plan,
        "every_s": row.every_s,
        "state": row.state.value,
        "last": _run(row.last),
        "tried": _run(row.tried),
        "due": _iso(row.due),
        "overdue_s": row.overdue_s,
    }


def _retest(row: RetestRow) -> dict[str, Any]:
    return {**asdict(row.deficiency), "due": row.deficiency.due.isoformat(), "state": row.state.value, "last": _run(row.last)}


def _run(night: Night | None) -> dict[str, str] | None:
    return None if night is None else {"run": night.run, "at": night.at, "status": night.status, "environment": night.environment}


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
