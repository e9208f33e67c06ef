"""Integrity: every kind of breach that the final state, the provider's ledger and the history can show, each a verdict of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from closeshave.history import Outcome
from closeshave.judge import bookings, cached, double, freshness, logins, payments, residency, sessions, tenancy
from closeshave.judge.columns import equal
from closeshave.judge.dossier import Dossier
from closeshave.judge.finding import Finding, unknown
from closeshave.judge.verdict import IntegrityFigures, Status, Verdict
from closeshave.target import Measure, Objective

SEARCHES: Mapping[str, Callable[[Dossier], Finding]] = {
    "lost": bookings.lost,
    "phantom": bookings.phantom,
    "double_booked": double.double_booked,
    "idempotency": bookings.repeated,
    "misplaced": bookings.misplaced,
    "residency_breaches": residency.breaches,
    "duplicate_payments": payments.duplicate,
    "missing_payments": payments.missing,
    "orphan_payments": payments.orphan,
    "stale_sessions": sessions.stale,
    "stale_offers": freshness.stale_offers,
    "stale_pages": freshness.stale_pages,
    "stale_cache": cached.stale,
    "leaked": tenancy.leaked,
    "lost_sessions": logins.lost_sessions,
    "unresolved": bookings.unresolved,
}
"""Every kind of breach by the name of its verdict."""

PLACES = frozenset({"misplaced", "residency_breaches"})
"""Breaches that show only to who looks into the databases."""

DOUBTS = frozenset({"unresolved"})
"""Findings that ask for evidence instead of convicting: they make the run inconclusive, never failed."""

WHERE_SEEN = frozenset({"stale_offers", "stale_pages", "leaked", "lost_sessions"})
"""Findings about what not every scenario does: where nobody did it, there is no verdict, which is neither a pass nor in the way of one."""


def speaks(finding: Finding) -> bool:
    """Whether there is anything to say. A judge that failed has said so by another verdict."""
    return finding.name not in WHERE_SEEN or finding.n > 0


def verdict(objective: Objective, finding: Finding) -> Verdict:
    """What a finding means for the objective: one breach fails it, and nothing looked at proves nothing."""
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
    )
    if finding.count is None:
        return replace(blank, status=Status.INCONCLUSIVE, reason=finding.unknown, gates=not finding.not_run)
    if finding.count and finding.doubt:
        return replace(blank, status=Status.INCONCLUSIVE, reason=f"{finding.count:,} {finding.what}, but {finding.doubt}")
    if finding.count:
        status = Status.INCONCLUSIVE if finding.name in DOUBTS else Status.FAIL
        return replace(blank, status=status, reason=f"{finding.count:,} {finding.what}", witnesses=finding.witnesses)
    if not finding.n and finding.name not in DOUBTS:
        return replace(blank, status=Status.INCONCLUSIVE, reason=f"nothing happened in this run by which {finding.name} could be judged")
    return blank


def judge(dossier: Dossier, findings: Mapping[str, Finding]) -> tuple[Verdict, ...]:
    """A verdict for each objective and each invariant that it names; one that names none answers for all that no other one names."""
    promised = [each for each in dossier.case.target.objectives if each.measure is Measure.INTEGRITY]
    named = {name for objective in promised for name in objective.invariants}
    rest = tuple(name for name, finding in findings.items() if name not in named and speaks(finding) and _applies(dossier, name))
    return tuple(
        verdict(objective, findings.get(name) or unknown(name, f"there is no invariant of the name {name}"))
        for objective in promised
        for name in objective.invariants or rest
    )


def _applies(dossier: Dossier, name: str) -> bool:
    """Residency is promised only where a region's data must stay in it; money and shards concern only a platform that has to do with them."""
    case = dossier.case
    if name in payments.SEARCHES and case.history.captures is None:
        return not {"pay_intent", "pay_confirm"} & set(case.missing)
    if name == "misplaced" and "franchises" in case.missing:
        return False
    return name != "residency_breaches" or bool(case.history.manifest.topology.resident)


def figures(dossier: Dossier, findings: Mapping[str, Finding]) -> IntegrityFigures:
    """Counts by name; ``None`` for what could not be counted."""

    def count(name: str) -> int | None:
        return findings[name].count if name in findings else None

    return IntegrityFigures(
        acknowledged=_acknowledged(dossier),
        lost=count("lost"),
        phantom=count("phantom"),
        double_booked=count("double_booked"),
        duplicate_payments=count("duplicate_payments"),
        orphan_payments=count("orphan_payments"),
        misplaced=count("misplaced"),
        stale_sessions=count("stale_sessions"),
        residency_breaches=count("residency_breaches") if _applies(dossier, "residency_breaches") else None,
        unresolved=count("unresolved"),
    )


def _acknowledged(dossier: Dossier) -> int:
    """Bookings that customers and canaries were promised."""
    effects = dossier.case.history.effects
    creating = effects["operation"][equal(effects["action"], "create")]
    created = dossier.case.operations["id"].isin(creating).to_numpy() & equal(dossier.case.operations["outcome"], Outcome.OK)
    return int(np.count_nonzero(created))
