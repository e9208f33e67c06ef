"""Verdicts on recovery: did the platform do what the plan expected of it, within the target's recovery time?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge import aftermath
from closeshave.judge.case import Case
from closeshave.judge.dossier import Dossier
from closeshave.judge.recovery import Recovery
from closeshave.judge.timeline import Life
from closeshave.judge.verdict import Status, Verdict, Witness
from closeshave.judge.witness import first_and_worst, row
from closeshave.plan import Expected
from closeshave.target import Measure, Objective

NO_OBJECTIVE = "recovery"
"""ID prefix for faults that no recovery objective covers: what the plan expects of the platform is judged all the same, without a bound."""


def judge(dossier: Dossier, life: Life) -> tuple[Verdict, ...]:
    """One verdict for each recovery objective that covers the fault, and one on who was left behind."""
    objectives = [each for each in dossier.case.target.objectives if each.measure is Measure.RECOVERY and each.covers(life.fault)]
    found = tuple(_verdict(dossier, life, objective) for objective in objectives) or (_verdict(dossier, life, None),)
    return (*found, *aftermath.judge(dossier, life))


def _verdict(dossier: Dossier, life: Life, objective: Objective | None) -> Verdict:
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
    found = dossier.recoveries[life.fault.id]
    time_ns = None if found.restored_ns is None else found.restored_ns - life.injected_ns
    earliest_ns = 0 if found.last_bad_ns is None else found.last_bad_ns - life.injected_ns
    figures = replace(
        blank,
        measured=None if time_ns is None else time_ns / 1e9,
        confidence=None if time_ns is None else (earliest_ns / 1e9, time_ns / 1e9),
        n=found.probes,
    )
    if life.observed_ns is None:
        return replace(figures, reason=f"{life.fault.id} was injected, but no probe saw it bite: there was nothing to recover from")
    if found.blind:
        return replace(figures, reason=f"nobody could see the recovery: {found.blind}")
    status, reason = _answer(dossier.case, life, found, time_ns, figures.bound)
    return replace(figures, status=status, reason=reason, witnesses=_witnesses(dossier.case, found) if status is Status.FAIL else ())


def _answer(case: Case, life: Life, found: Recovery, time_ns: int | None, bound_s: float | None) -> tuple[Status, str]:
    """First what the plan expects of the platform, then how long it took."""
    assert life.injected_ns is not None
    name, looked_s = life.fault.id, (life.horizon_ns - life.injected_ns) / 1e9
    alone = life.fault.expected is not Expected.RESTORED
    if life.fault.expected is Expected.TOLERATES and found.impact_ns is not None:
        return Status.FAIL, f"{name} was to be tolerated, and {np.count_nonzero(found.failed)} of {found.probes} probes failed"
    if alone and found.self_recovered is False:
        assert life.healed_ns is not None
        left_s = (life.healed_ns - life.injected_ns) / 1e9
        return Status.FAIL, f"service did not recover by itself in the {left_s:.1f} s before the harness healed {name}"
    if time_ns is None or (alone and found.self_recovered is None):
        if time_ns is None and bound_s is not None and looked_s > bound_s:
            return Status.FAIL, f"service had not recovered {looked_s:.1f} s after {name}, {bound_s:g} s are allowed"
        return Status.INCONCLUSIVE, f"the history of {name} ends after {looked_s:.1f} s, before its recovery could be told"
    return _in_time(case, name, time_ns, bound_s)


def _in_time(case: Case, name: str, time_ns: int, bound_s: float | None) -> tuple[Status, str]:
    """Exactly at the bound is in time. Within the clocks' uncertainty of it nobody knows."""
    excess_ns = 0 if bound_s is None else time_ns - round(bound_s * 1e9)
    uncertainty_ns = case.history.manifest.anchor.uncertainty_ns
    if excess_ns and abs(excess_ns) <= uncertainty_ns:
        return Status.INCONCLUSIVE, f"recovery took {time_ns / 1e9:.3f} s, within the clocks' {uncertainty_ns / 1e9:g} s of the bound"
    if excess_ns > 0:
        return Status.FAIL, f"recovery from {name} took {time_ns / 1e9:.3f} s, {bound_s:g} s are allowed"
    return Status.PASS, ""


def _witnesses(case: Case, found: Recovery) -> tuple[Witness, ...]:
    guilty = first_and_worst(found.failed, case.intended_ns, case.intended_ns, case.ids)
    whys = ("the first probe that failed", "the last probe that failed")
    return tuple(row(case.operations, position, why) for position, why in zip(guilty, whys, strict=False))
