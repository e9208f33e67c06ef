"""Verdicts on integrity: the result of each search for breaches, for each objective that covers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import Flags, equal, filled, ints
from closeshave.judge.evidence.joins import distinct
from closeshave.judge.evidence.writes import BOOKING
from closeshave.judge.integrity import asking
from closeshave.judge.integrity.finding import Finding, unknown
from closeshave.judge.integrity.registry import INVARIANTS, UNKNOWN
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.verdict import Exposure, IntegrityFigures, NotRun, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.target import Measure, Objective


def verdict(objective: Objective, finding: Finding) -> Verdict:
    """What a finding means for the objective: one breach fails it, and without exposure there is no pass."""
    blank = Verdict(
        id=f"{objective.id}/{finding.name}",
        claims=objective.claims,
        status=Status.PASS,
        measure=finding.name,
        scope="all",
        measured=None if finding.count is None else float(finding.count),
        bound=0.0,
        unit="count",
        n=finding.n,
        exposure=finding.exposure,
    )
    if finding.count is None:
        return replace(blank, status=Status.INCONCLUSIVE, reason=finding.unknown)
    doubts = INVARIANTS[finding.name].doubt
    if finding.count and finding.doubt:
        return replace(blank, status=Status.INCONCLUSIVE, reason=f"{finding.count:,} {finding.what}, but {finding.doubt}")
    if finding.count:
        status = Status.INCONCLUSIVE if doubts else Status.FAIL
        return replace(blank, status=status, reason=f"{finding.count:,} {finding.what}", witnesses=finding.witnesses)
    if finding.gap:
        return replace(blank, status=Status.INCONCLUSIVE, reason=finding.gap)
    if doubts:
        return blank
    return enough(blank, finding.exposure or Exposure(finding.n, "chances"), objective.at_least_chances)


def judge(analysis: Analysis, findings: Mapping[str, Finding]) -> tuple[Verdict, ...]:
    """A verdict for each objective and each invariant that it names.

    An objective that names none covers all judged invariants that no other one names.
    """
    silent = {each.id for each in not_asked(analysis, findings)}
    named = _named(analysis)
    rest = tuple(name for name in findings if name not in named and name not in silent)
    return tuple(
        verdict(objective, _whole(analysis, findings.get(name) or unknown(name, f"there is no invariant called {name}")))
        for objective in _promised(analysis)
        for name in objective.invariants or rest
    )


def not_asked(analysis: Analysis, findings: Mapping[str, Finding]) -> tuple[NotRun, ...]:
    """The invariants that no objective names and that this run does not judge (:mod:`.asking` has the rule), each with the reason."""
    if all(objective.invariants for objective in _promised(analysis)):
        return ()
    named = _named(analysis)
    why = {name: asking.unasked(analysis.evidence, finding) for name, finding in findings.items() if name not in named}
    return tuple(NotRun(name, name.replace("_", " "), reason) for name, reason in why.items() if reason)


def _promised(analysis: Analysis) -> list[Objective]:
    return [each for each in analysis.evidence.target.objectives if each.measure is Measure.INTEGRITY]


def _named(analysis: Analysis) -> set[str]:
    return {name for objective in _promised(analysis) for name in objective.invariants}


def _whole(analysis: Analysis, finding: Finding) -> Finding:
    """The finding; if a part of the final state is missing, it cannot pass and names that part."""
    unread = analysis.evidence.unread
    known = INVARIANTS.get(finding.name)
    if not unread or known is None or not known.final_state:
        return finding
    missing = "; ".join(f"{what}: {why}" for what, why in unread.items())
    return replace(finding, gap="; ".join(part for part in (finding.gap, f"the final state was only partly read: {missing}") if part))


def figures(analysis: Analysis, findings: Mapping[str, Finding]) -> IntegrityFigures:
    """Counts by name; ``None`` for what could not be counted."""
    acknowledged, customers = _acknowledged(analysis)
    counts = {name: findings[name].count if name in findings else None for name in UNKNOWN.breaches}
    return IntegrityFigures(acknowledged, customers, counts)


def _acknowledged(analysis: Analysis) -> tuple[int, int]:
    """Acknowledged bookings, of customers and canaries together and of customers alone; each once, however often it was requested."""
    evidence, effects = analysis.evidence, analysis.evidence.history.effects
    created = equal(effects["action"], "create")[evidence.order.effect] & evidence.ok[evidence.order.position]
    effect, position = evidence.order.effect[created], evidence.order.position[created]
    booking = [ints(effects[name], -1)[effect] for name in BOOKING]
    named = filled(effects, "booking")[effect]

    def count(promised: Flags) -> int:
        known = promised & named
        return int(np.count_nonzero(promised & ~named)) + distinct(*(column[known] for column in booking))

    return count(np.ones(len(effect), dtype=np.bool_)), count(evidence.customers[position])
