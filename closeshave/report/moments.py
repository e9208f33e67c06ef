"""When something happened that a verdict is about: where a link to the timeline leads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closeshave.judge.verdict import Verdict
from closeshave.judge.witnesses import Witness, answered, operation_of
from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.target import Target

_ROLES = {"calm": ("calm",), "fault": ("fault",), "run": ("calm", "fault"), "degraded": ("fault",)}


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of the run's time axis in seconds; an instant has no length."""

    start_s: float
    end_s: float


def moment(verdict: Verdict, target: Target | None, axis: Axis) -> Moment | None:
    """The fault that a verdict judges, else its witnesses, else the phases of its objective's window; ``None`` for one on the run as a whole."""
    for band in axis.bands:
        if verdict.scope == f"fault:{band.fault}" or band.fault in verdict.id.split("/")[1:]:
            return Moment(band.start_s, max(band.end_s, band.recovered_s or 0.0, band.verified_s or 0.0))
    seen = [one for witness in verdict.witnesses if (one := instant(witness, axis)) is not None]
    if seen:
        return Moment(min(one.start_s for one in seen), max(one.end_s for one in seen))
    objective = words.objective_of(verdict, target)
    roles: Sequence[str] = _ROLES.get(objective.window, ()) if objective is not None and objective.measure != "integrity" else ()
    phases = [phase for phase in axis.phases if phase.role in roles]
    return Moment(min(one.start_s for one in phases), max(one.end_s for one in phases)) if phases else None


def instant(witness: Witness, axis: Axis) -> Moment | None:
    """When the operation of a witness was due and answered; ``None`` where it is none, or lies outside the run."""
    operation = operation_of(witness)
    if operation is None:
        return None
    start_s = (operation.intended_ns - axis.zero_ns) / 1e9
    if not 0 <= start_s <= axis.span_s:
        return None
    end_s = (operation.ended_ns - axis.zero_ns) / 1e9 if answered(operation) else start_s
    return Moment(start_s, min(max(start_s, end_s), axis.span_s))
