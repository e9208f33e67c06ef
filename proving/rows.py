"""The results of a run for each of its faults. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closeshave.faults.kind import Kind
from closeshave.history import FaultEdge, Planning
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life, lives
from closeshave.vocabulary import MarkKind
from proving.effects import shown_ns

LATE_MS_MAX = 250.0
"""How far from its scheduled instant an injection may begin, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault in the table. Unknown values are ``None``."""

    kind: str
    scope: str
    late_ms: float | None
    """From the scheduled instant to the injection's beginning."""
    observed_s: float | None
    """From the injection until an independent probe saw it."""
    effect_s: float | None
    """From the injection until operations of customers or canaries showed it."""
    effect_within_s: float | None
    """The kind's own deadline for that; ``None`` if customers should not notice it."""
    undone_s: float | None
    """From the injection to the beginning of its undo."""
    proven_s: float | None
    """From the beginning of the undo to the proof of the heal."""
    left: str
    """What is wrong or was left behind; empty when nothing is."""

    @property
    def effect_due(self) -> bool:
        """Whether operations should have shown it and did not."""
        return self.effect_within_s is not None and self.effect_s is None

    @property
    def well(self) -> bool:
        """Injected on time, observed, with an effect where one is expected, undone, heal proven, nothing left."""
        known = None not in (self.late_ms, self.observed_s, self.undone_s, self.proven_s)
        return known and abs(self.late_ms or 0.0) <= LATE_MS_MAX and not self.effect_due and not self.left


def rows(evidence: Evidence, kinds: Mapping[str, Kind]) -> tuple[Row, ...]:
    """One row for each fault of the run's plan, in the order of the plan."""
    return tuple(_row(evidence, life, kinds[life.fault.kind]) for life in lives(evidence))


def superseded(found: Sequence[Row], newer: Sequence[Row]) -> list[Row]:
    """The rows of several runs: for each kind only the last run counts."""
    again = {row.kind for row in newer}
    return [*(row for row in found if row.kind not in again), *newer]


def _row(evidence: Evidence, life: Life, kind: Kind) -> Row:
    name = life.fault.id
    planned = next((event for event in evidence.history.faults if event.fault == name and event.edge == FaultEdge.PLANNED), None)
    strike_ns = planned.evidence.strike_ns if planned and isinstance(planned.evidence, Planning) else None
    shown = shown_ns(evidence, life, kind.effect_within_s) if kind.effect_within_s is not None else None
    late_ns = _between(strike_ns, life.injected_ns)
    return Row(
        kind=life.fault.kind,
        scope=", ".join(f"{key} {value}" for key, value in life.fault.scope.items()) or "everywhere",
        late_ms=None if late_ns is None else late_ns / 1e6,
        observed_s=_seconds(_between(life.injected_ns, life.observed_ns)),
        effect_s=_seconds(shown),
        effect_within_s=kind.effect_within_s,
        undone_s=_seconds(_between(life.injected_ns, life.healed_ns)),
        proven_s=_seconds(_between(life.healed_ns, life.verified_ns)),
        left="; ".join(_left(evidence, life)),
    )


def _left(evidence: Evidence, life: Life) -> list[str]:
    about: dict[str, str] = {
        MarkKind.FAULT_SKIPPED: "skipped: an earlier fault was not healed in time",
        MarkKind.FAULT_NOT_OBSERVED: "no probe saw it",
        MarkKind.FAULT_ENDED_EARLY: "ended before it was healed",
    }
    found = [
        f"{about[mark.kind]}{f': {mark.why}' if mark.why else ''}"
        for mark in evidence.history.marks
        if mark.kind in about and mark.fault == life.fault.id
    ]
    found += [
        f"unproven: {mark.detail}"
        for mark in evidence.history.marks
        if mark.kind == MarkKind.HEAL_UNPROVEN and mark.detail.startswith(life.fault.id)
    ]
    # What is left in the environment of a whole run cannot be assigned to one fault: it counts against every one of them.
    found += [f"left behind: {mark.detail}" for mark in evidence.history.marks if mark.kind == MarkKind.LEFT_BEHIND]
    return found


def _between(start_ns: int | None, end_ns: int | None) -> int | None:
    return None if start_ns is None or end_ns is None else end_ns - start_ns


def _seconds(span_ns: int | None) -> float | None:
    return None if span_ns is None else span_ns / 1e9
