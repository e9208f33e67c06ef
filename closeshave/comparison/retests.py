"""Deficiencies that a game day found, and whether the plan that re-tests them has been carried out since. Pure: the present is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from closeshave.comparison.nights import Night
from closeshave.judge.verdict import Status
from closeshave.vocabulary import Exit


class RetestState(StrEnum):
    """How a deficiency stands."""

    REMEDIED = "re-tested and passed"
    OPEN = "open"
    FAILED = "re-tested and failed"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Deficiency:
    """What a game day showed to be wrong, who sees to it, until when, and which plan will show that it is right."""

    id: str
    """Unique in its game day: ``D1``."""
    run: str
    """The game day's run."""
    what: str
    """What is wrong, in a sentence."""
    owner: str
    """Who sees to it that it is corrected."""
    due: date
    """The day until which it is to be corrected and tested again."""
    retest: str
    """The name of the plan whose pass shows that it is corrected."""
    noted_at: str
    """When it was written down, ISO 8601, UTC. Only later runs count."""
    finding: str = ""
    """ID of the verdict that showed it; empty for what only people saw."""


@dataclass(frozen=True, slots=True)
class RetestRow:
    """A deficiency and the last run that could settle it."""

    deficiency: Deficiency
    state: RetestState
    last: Night | None


def rows(deficiencies: Iterable[Deficiency], nights: Sequence[Night], now: datetime) -> tuple[RetestRow, ...]:
    """A row for each deficiency, in the order of their days. A run settles it if it began after the deficiency was written down, and passed or failed. A
    pass in which the verdict that showed the deficiency was waived remedies nothing."""
    return tuple(_row(each, nights, now) for each in sorted(deficiencies, key=lambda one: (one.due, one.run, one.id)))


def exit_code(found: Sequence[RetestRow]) -> int:
    """3 if a deficiency is overdue, or failed when it was tested again; else 0."""
    return Exit.INCONCLUSIVE if any(row.state in {RetestState.OVERDUE, RetestState.FAILED} for row in found) else 0


def sentence(found: Sequence[RetestRow]) -> str:
    """The answer in one sentence; empty without deficiencies."""
    if not found:
        return ""
    bad = [f"{row.deficiency.run} {row.deficiency.id}" for row in found if row.state in {RetestState.OVERDUE, RetestState.FAILED}]
    waiting = sum(row.state is RetestState.OPEN for row in found)
    told = [f"overdue or failed again: {', '.join(bad)}"] if bad else []
    told += [f"{waiting} open"] if waiting else []
    return f"Deficiencies of game days: {'; '.join(told) or 'all re-tested and passed'}."


def _row(one: Deficiency, nights: Sequence[Night], now: datetime) -> RetestRow:
    noted = _instant(one.noted_at)
    later = [
        (at, night)
        for night in nights
        if night.plan == one.retest and night.status in {Status.PASS.value, Status.FAIL.value} and (at := _instant(night.at)) is not None
        and noted is not None and noted < at <= now
    ]  # fmt: skip
    last = max(later, key=lambda each: each[0])[1] if later else None
    accepted = last is not None and bool(one.finding) and one.finding in last.waived
    if last is not None and last.status == Status.PASS.value and not accepted:
        return RetestRow(one, RetestState.REMEDIED, last)
    if now.date() > one.due:
        return RetestRow(one, RetestState.OVERDUE, last)
    return RetestRow(one, RetestState.OPEN if last is None or accepted else RetestState.FAILED, last)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
