"""Verdicts on recovery: did the platform do what the plan expected of it, within the target's recovery time?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.recovery import Recovery
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts import left_behind
from closeshave.judge.verdicts.exposure import enough
from closeshave.judge.witnesses import Witness
from closeshave.plan import Expected
from closeshave.plurals import plural
from closeshave.target import Measure, Objective

NO_OBJECTIVE = "recovery"
"""ID prefix for faults that no recovery objective covers: what the plan expects of the platform is still judged, without a bound."""


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """One verdict for each recovery objective that covers the fault, and one on franchises that stayed without service; none without canaries."""
    if not analysis.evidence.plan.probed:
        return ()
    objectives = [each for each in analysis.evidence.target.objectives if each.measure is Measure.RECOVERY and each.covers(life.fault)]
    found = tuple(_exposed(_verdict(analysis, life, objective), objective) for objective in objectives or (None,))
    return (*found, *left_behind.judge(analysis, life))


def _exposed(verdict: Verdict, objective: Objective | None) -> Verdict:
    probes = plural(verdict.n, "probe of its scope", "probes of its scope")
    return enough(verdict, Exposure(verdict.n, probes), objective.at_least_chances if objective else None)


def _verdict(analysis: Analysis, life: Life, objective: Objective | None) -> Verdict:
    blank = Verdict(
        id=f"{objective.id if objective else NO_OBJECTIVE}/{life.fault.id}",
        claims=objective.claims if objective else (),
        status=Status.INCONCLUSIVE,
        measure=Measure.RECOVERY.value,
        scope=f"fault:{life.fault.id}",
        measured=None,
        bound=objective.at_most if objective else None,
        unit="s",
    )
    if life.injected_ns is None:
        return replace(blank, reason=f"{life.fault.id} was never injected")
    found = analysis.recoveries[life.fault.id]
    figures = replace(blank, measured=_since(found.restored_ns, life), confidence=_interval(found, life), n=found.probes)
    if life.observed_ns is None:
        return replace(figures, reason=f"{life.fault.id} was injected, but no probe saw it take effect: there was nothing to recover from")
    if found.blind:
        return replace(figures, reason=f"the recovery could not be measured: {found.blind}")
    status, reason = _answer(analysis.evidence, life, found, figures.bound)
    return replace(figures, status=status, reason=reason, witnesses=_witnesses(analysis.evidence, found) if status is Status.FAIL else ())


def _since(instant: int | None, life: Life) -> float | None:
    return None if instant is None or life.injected_ns is None else (instant - life.injected_ns) / 1e9


def _interval(found: Recovery, life: Life) -> tuple[float, float] | None:
    """The interval in which the recovery lies; ``None`` where there was none."""
    low, high = _since(found.earliest_ns, life) or 0.0, _since(found.latest_ns, life)
    return None if high is None else (low, high)


def _answer(evidence: Evidence, life: Life, found: Recovery, bound_s: float | None) -> tuple[Status, str]:
    """First what the plan expects of the platform, then how long it took.

    A platform that got less time than the bound cannot fail. Without a recovery objective no time was promised, so no recovery is too long.
    """
    name, alone = life.fault.id, life.fault.expected is not Expected.RESTORED
    if life.fault.expected is Expected.TOLERATES and found.impact_ns is not None:
        told = f"the plan expects the platform to tolerate {name}, but {np.count_nonzero(found.failed)} of {found.probes} probes failed"
        if np.any(found.sure):
            return Status.FAIL, told
        return Status.INCONCLUSIVE, f"{told}, all of them while other programs disturbed the machine"
    if alone and found.self_recovered is not True:
        return _not_alone(evidence, life, found, bound_s)
    if found.latest_ns is None:
        return _not_at_all(evidence, life, found, bound_s)
    return _in_time(evidence, life, found, bound_s)


def _not_alone(evidence: Evidence, life: Life, found: Recovery, bound_s: float | None) -> tuple[Status, str]:
    """When the harness healed the fault, or when the history ends, the scope had not yet recovered and held."""
    name, failing_s = life.fault.id, _since(found.failing_ns, life) or 0.0
    given_s = _since(life.unaided_until_ns, life) or 0.0
    healed = life.healed_ns is not None and life.healed_ns <= life.horizon_ns
    until = f"before the harness healed {name}" if healed else f"before the history of {name} ends"
    if bound_s is not None and failing_s > bound_s + _uncertainty_s(evidence):
        return Status.FAIL, f"service did not recover by itself in the {given_s:.1f} s {until}; the bound is {bound_s:g} s"
    if bound_s is None:
        return (
            Status.INCONCLUSIVE,
            f"service did not recover by itself in the {given_s:.1f} s {until}; no objective says how long it may take",
        )
    if given_s < bound_s:
        return (
            Status.INCONCLUSIVE,
            f"service had not recovered {until}: the platform was given {given_s:.1f} s of the allowed {bound_s:g} s",
        )
    held_s = evidence.plan.canaries.hold
    return (
        Status.INCONCLUSIVE,
        f"it is unknown whether service had recovered: after {given_s:.1f} s it had not held for {held_s:g} s {until}",
    )


def _not_at_all(evidence: Evidence, life: Life, found: Recovery, bound_s: float | None) -> tuple[Status, str]:
    looked_s, failing_s = (life.horizon_ns - (life.injected_ns or 0)) / 1e9, _since(found.earliest_ns, life) or 0.0
    if bound_s is not None and failing_s > bound_s + _uncertainty_s(evidence):
        return Status.FAIL, f"service had not recovered {failing_s:.1f} s after {life.fault.id}; the bound is {bound_s:g} s"
    return Status.INCONCLUSIVE, f"the history of {life.fault.id} ends after {looked_s:.1f} s, before its recovery could be measured"


def _in_time(evidence: Evidence, life: Life, found: Recovery, bound_s: float | None) -> tuple[Status, str]:
    """A bound inside the interval (widened by the uncertainty of the clocks) cannot be decided. A recovery exactly at the bound is in time."""
    low, high = _interval(found, life) or (0.0, 0.0)
    if bound_s is None or high + (_uncertainty_s(evidence) if high else 0.0) <= bound_s:
        return Status.PASS, ""
    took = f"recovery from {life.fault.id} took between {low:.3f} s and {high:.3f} s"
    if low - _uncertainty_s(evidence) > bound_s:
        return Status.FAIL, f"{took}; the bound is {bound_s:g} s"
    why = " (other programs disturbed the machine in between)" if not np.array_equal(found.failed, found.sure) else ""
    return Status.INCONCLUSIVE, f"{took}{why}: it is unknown whether that is within {bound_s:g} s"


def _uncertainty_s(evidence: Evidence) -> float:
    return evidence.history.uncertainty_ns / 1e9


def _witnesses(evidence: Evidence, found: Recovery) -> tuple[Witness, ...]:
    guilty = first_and_worst(found.sure, evidence.intended_ns, evidence.intended_ns, evidence.ids)
    whys = ("the first probe that failed", "the last probe that failed")
    return tuple(operation_witness(evidence.operations, position, why) for position, why in zip(guilty, whys, strict=False))
