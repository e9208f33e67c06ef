"""Known failures that do not count until a day: shown all the time, with their owner. Pure; the day is that on which the run was started.

Promises and invariants can be waived. Whether a run can be trusted cannot: with its own preconditions waived, a run without evidence would pass.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from closeshave.judge.verdict import NotRun, Status, Verdict, Waived
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.plan import Waiver

OF_A_GATE = "gate/"
"""With it the IDs of a gate's verdicts begin: ``gate/p95/book``. With them a metric is waived."""
IDLE = "waive/"
"""With it the IDs of waivers that waive nothing begin, among what a run was not asked."""


def applied(verdicts: Iterable[Verdict], waivers: Sequence[Waiver], started_at: str) -> list[Verdict]:
    """The verdicts, of which those that are waived on the day of the run no longer gate. ``started_at`` is the run's, in ISO 8601."""
    on = day_of(started_at)
    return [_applied(verdict, waivers, on) for verdict in verdicts]


def any_promise(verdicts: Iterable[Verdict]) -> bool:
    """Whether a verdict on a promise, an invariant, a fault or a drill counts."""
    return any(verdict.gates for verdict in verdicts if kind_of(verdict) is not VerdictKind.PRECONDITION)


def nothing_counts(verdicts: Sequence[Verdict]) -> bool:
    """Whether promises were waived, and none is left that counts."""
    promises = [verdict for verdict in verdicts if kind_of(verdict) is not VerdictKind.PRECONDITION]
    return any(verdict.waived is not None for verdict in promises) and not any_promise(promises)


def idle(verdicts: Sequence[Verdict], waivers: Sequence[Waiver]) -> tuple[NotRun, ...]:
    """Waivers of which no verdict of the run has the ID: a misspelt one would otherwise be noticed in the night in which it should have helped.

    Waivers of a gate's metrics are left out: no single run has their verdicts.
    """
    names = [verdict.id for verdict in verdicts]
    return tuple(
        NotRun(f"{IDLE}{one.verdict}", f"waiver of {one.verdict}", f"no verdict of this run has this ID (waived by {one.owner})")
        for one in waivers
        if not one.verdict.startswith(OF_A_GATE) and not any(fnmatch.fnmatchcase(name, one.verdict) for name in names)
    )


def in_force(name: str, waivers: Iterable[Waiver], on: date | None) -> Waiver | None:
    """The first waiver of the verdict with this ID that still holds on a day; none where the day is not known."""
    return next((one for one in waivers if on is not None and on <= one.until and fnmatch.fnmatchcase(name, one.verdict)), None)


def day_of(started_at: str) -> date | None:
    """The day of an instant by UTC; ``None`` for text that is none, which only a damaged file holds."""
    try:
        instant = datetime.fromisoformat(started_at)
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC).date()


def _applied(verdict: Verdict, waivers: Sequence[Waiver], on: date | None) -> Verdict:
    if verdict.status is Status.PASS or not verdict.gates or kind_of(verdict) is VerdictKind.PRECONDITION:
        return verdict
    found = in_force(verdict.id, waivers, on)
    if found is None:
        return verdict
    waived = Waived(found.owner, found.reason, found.until.isoformat())
    return replace(
        verdict, gates=False, waived=waived, reason=f"waived until {waived.until} by {waived.owner} ({waived.reason}): {verdict.reason}"
    )
