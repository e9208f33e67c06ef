"""When each plan with a schedule was last carried out, with which result, and when it is due again. Pure: the present is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from closeshave.comparison.nights import Night
from closeshave.judge.verdict import Status
from closeshave.vocabulary import Exit

CONCLUSIVE = frozenset({Status.PASS.value, Status.FAIL.value})


class DueState(StrEnum):
    """How a plan stands to its schedule; the worst one last."""

    KEPT = "kept"
    FAILED = "failed"
    OVERDUE = "overdue"
    NEVER = "never carried out"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A plan that is to be carried out again and again."""

    plan: str
    every_s: float


@dataclass(frozen=True, slots=True)
class DueRow:
    """One plan, and its runs as far as they matter here."""

    plan: str
    every_s: float
    state: DueState
    last: Night | None
    """The newest run that came to a result. An inconclusive one shows neither that the platform can do it nor that it cannot."""
    tried: Night | None
    """A newer run without a result."""
    due: datetime | None
    """When it is due; ``None`` for a plan that was never carried out, which is due now."""
    overdue_s: float
    """How long ago it was due; 0 if it is not."""

    @property
    def late(self) -> bool:
        """Whether it should have been carried out by now."""
        return self.state in {DueState.OVERDUE, DueState.NEVER}

    @property
    def failed(self) -> bool:
        """Whether its last result is a fail, however long ago."""
        return self.last is not None and self.last.status == Status.FAIL.value


def rows(plans: Iterable[Scheduled], nights: Sequence[Night], now: datetime) -> tuple[DueRow, ...]:
    """A row for each plan, in the order of the plans. Runs that began after ``now`` do not count."""
    past = [(at, night) for night in nights if (at := _instant(night.at)) is not None and at <= now]
    return tuple(
        _row(plan, sorted(((at, each) for at, each in past if each.plan == plan.plan), key=lambda one: one[0]), now) for plan in plans
    )


def exit_code(found: Sequence[DueRow]) -> int:
    """1 if the last result of a plan is a fail, else 3 if one is overdue or was never carried out, else 0."""
    if any(row.failed for row in found):
        return Exit.FAIL
    return Exit.INCONCLUSIVE if any(row.late for row in found) else 0


def sentence(found: Sequence[DueRow]) -> str:
    """The answer in one sentence."""
    if not found:
        return "No plan says how often it is to be carried out (key every)."
    late = [row.plan for row in found if row.late]
    failed = [row.plan for row in found if row.failed]
    said = [f"overdue: {', '.join(late)}"] if late else []
    said += [f"failed at the last time: {', '.join(failed)}"] if failed else []
    return f"{'; '.join(said).capitalize()}." if said else "Every plan was carried out in time and passed."


def _row(plan: Scheduled, runs: Sequence[tuple[datetime, Night]], now: datetime) -> DueRow:
    concluded = [one for one in runs if one[1].status in CONCLUSIVE]
    newest = runs[-1][1] if runs else None
    if not concluded:
        return DueRow(plan.plan, plan.every_s, DueState.NEVER, None, newest, None, 0.0)
    at, last = concluded[-1]
    due = at + timedelta(seconds=plan.every_s)
    overdue_s = max(0.0, (now - due).total_seconds())
    state = DueState.OVERDUE if overdue_s else DueState.FAILED if last.status == Status.FAIL.value else DueState.KEPT
    return DueRow(plan.plan, plan.every_s, state, last, None if newest is last else newest, due, overdue_s)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
