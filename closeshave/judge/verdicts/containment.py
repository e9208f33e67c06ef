"""Verdicts on containment: how much of the traffic outside a fault's scope got worse because of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.timeline import Life
from closeshave.judge.evidence.witness import first_and_worst, operation_witness
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.containment import Leakage, leakage
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.judge.witnesses import Witness
from closeshave.plurals import plural
from closeshave.target import Measure, Objective


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """One verdict for each leakage objective that covers the fault."""
    objectives = [each for each in analysis.evidence.target.objectives if each.measure is Measure.LEAKAGE and each.covers(life.fault)]
    found = ((_verdict(analysis, life, objective), objective) for objective in objectives)
    return tuple(
        enough(
            each, Exposure(each.n, plural(each.n, "request outside the scope", "requests outside the scope")), objective.at_least_chances
        )
        for each, objective in found
    )


def _verdict(analysis: Analysis, life: Life, objective: Objective) -> Verdict:
    blank = Verdict(
        id=f"{objective.id}/{life.fault.id}",
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=Measure.LEAKAGE.value,
        scope=f"fault:{life.fault.id}",
        measured=None,
        bound=objective.at_most,
        unit="ratio",
    )
    assert objective.at_most is not None  # a target whose bound points the other way is refused
    found = analysis.leakages[life.fault.id]
    if found.unknown:
        return replace(blank, n=found.n, reason=f"it is unknown whether {life.fault.id} stayed in its scope: {found.unknown}")
    if life.observed_ns is None:
        return replace(blank, n=found.n, reason=f"{life.fault.id} was injected, but no probe saw it take effect: nothing could leak")
    figures = replace(blank, measured=found.worse, confidence=(found.at_least, found.at_most), n=found.n)
    said = f"{found.worse:.1%} of the traffic outside its scope got worse (at least {found.at_least:.1%}, at most {found.at_most:.1%})"
    if found.at_least > objective.at_most:
        reason = f"{said}; at most {objective.at_most:.1%} is allowed{_named(found)}"
        if doubt := _doubt(analysis, life, objective.at_most):
            return replace(figures, reason=f"{said}, but {doubt}")
        return replace(figures, status=Status.FAIL, reason=reason, witnesses=_witnesses(analysis, found))
    if found.at_most <= objective.at_most:
        return replace(figures, status=Status.PASS)
    return replace(figures, reason=f"{said}: too few requests to decide whether it stays within the allowed {objective.at_most:.1%}")


def _doubt(analysis: Analysis, life: Life, at_most: float) -> str:
    """How other programs disturbed these requests, if the undisturbed ones alone are not enough to fail; empty if they are."""
    evidence = analysis.evidence
    if not np.any(evidence.customers & evidence.touched):
        return ""
    alone = leakage(evidence, life, evidence.touched)
    if not alone.unknown and alone.at_least > at_most:
        return ""
    # Calm is included: the time of the fault is compared with it.
    causes = dict.fromkeys(doubt.cause for doubt in evidence.doubtful)
    return f"other programs may have caused that: {next(iter(causes))}"


def _named(found: Leakage) -> str:
    return f"; certainly {', '.join(f'franchise {each}' for each in found.named[:3])}" if found.named else ""


def _witnesses(analysis: Analysis, found: Leakage) -> tuple[Witness, ...]:
    evidence = analysis.evidence
    why = "a request outside the fault's scope that failed or was slow, unlike in calm"
    return tuple(
        operation_witness(evidence.operations, place, why)
        for place in first_and_worst(found.wrong, evidence.intended_ns, evidence.response_ns, evidence.ids)
    )
