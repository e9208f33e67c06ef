"""The row of each promise, and go or no-go: from a target, the evidence of runs, an instant and a policy. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import Waiver
from closeshave.plurals import counted
from closeshave.readiness.advice import TestingPlan, better
from closeshave.readiness.evidence import DRILL, PROBE, RunEvidence, parts
from closeshave.readiness.results import PartResult, PromiseEvidence, Standings, found
from closeshave.readiness.standing import Policy, RunStanding, RunWorth, age, builds, standing
from closeshave.readiness.values import LedgerEvidence, LedgerRow, LedgerRun, PromiseOutcome, ReadinessLedger
from closeshave.report import ranking, words
from closeshave.target import Claim, Target
from closeshave.vocabulary import EvidenceGrade, Exit

NONE = "—"
NOT_TOLD = "not told"
KEPT: Mapping[str, PromiseOutcome] = {
    EvidenceGrade.REHEARSED: PromiseOutcome.REHEARSED,
    EvidenceGrade.MEASURED: PromiseOutcome.MEASURED,
    EvidenceGrade.VERIFIED: PromiseOutcome.VERIFIED,
}
"""What a promise that is kept is, by what its evidence can show; the weakest first."""
SHOWN_MOST = 5
"""Verdicts of a row that are kept as its evidence; the others are on the pages of their runs."""
NAMED_MOST = 2
"""Runs that a sentence names."""
IDS_MOST = 8


@dataclass(frozen=True, slots=True)
class PromiseDecision:
    """What is known of a promise, and by what."""

    outcome: PromiseOutcome
    why: str
    shown: tuple[tuple[PartResult, Verdict], ...] = ()
    """The verdicts that decide, the first one first."""
    missing: tuple[str, ...] = ()
    """Ways that no evidence covers."""
    waiver: Waiver | None = None


def ledger(
    target: Target, runs: Sequence[RunEvidence], now: datetime, policy: Policy, plans: Sequence[TestingPlan] = ()
) -> ReadinessLedger:
    """A row for every promise. ``now`` has its offset from UTC; ``plans`` are those that could test a promise."""
    current = builds(runs, target.name, now)
    known = [(run, standing(run, target.name, now, policy, current)) for run in runs]
    rows = tuple(_row(target, claim, known, now, policy, plans) for claim in target.claims)
    code, sentence = go(rows)
    return ReadinessLedger(
        target=target.name,
        title=target.title,
        at=now.isoformat(timespec="seconds"),
        environment=policy.environment,
        version=policy.version,
        age_max_days=policy.age_max_days,
        go=code == Exit.PASS,
        sentence=sentence,
        exit_code=int(code),
        counts={outcome: sum(row.outcome is outcome for row in rows) for outcome in PromiseOutcome},
        rows=rows,
        runs=tuple(_run(run, how) for run, how in sorted(known, key=lambda one: (_when(one[0]), one[0].path), reverse=True)),
    )


def go(rows: Sequence[LedgerRow]) -> tuple[Exit, str]:
    """The exit code and the sentence: go only if there is a must-have, and every one is verified."""
    needed = [row for row in rows if row.must_have]
    refuted = [row.id for row in needed if row.outcome is PromiseOutcome.REFUTED]
    others = [row.id for row in needed if row.outcome not in {PromiseOutcome.REFUTED, PromiseOutcome.VERIFIED}]
    if not needed:
        return Exit.INCONCLUSIVE, "No-go: no promise of this target is a must-have, so nothing shows that it is ready."
    told = f"{len(needed) - len(refuted) - len(others)} of {counted(len(needed), 'must-have')} verified"
    if refuted:
        rest = f"; not verified either: {_few(others)}" if others else ""
        return Exit.FAIL, f"No-go: {told}, {len(refuted)} refuted ({_few(refuted)}){rest}."
    if others:
        return Exit.INCONCLUSIVE, f"No-go: {told}; not verified: {_few(others)}."
    return Exit.PASS, f"Go: {told}."


def decide(target: Target, claim: Claim, known: PromiseEvidence) -> PromiseDecision:
    """The outcome of a promise. Of several results of one part the worst conclusive one counts; a part without one is missing."""
    refuting = [one for one in known.results if one.refutes]
    if refuting:
        return _refuted(refuting)
    waived = [one for one in known.results if one.waiver is not None]
    if waived:
        return _waived(waived)
    if set(claim.how) <= {"attest"}:
        if claim.owner:
            return PromiseDecision(PromiseOutcome.ATTESTED, f"attested by {claim.owner}; not measured")
        return PromiseDecision(PromiseOutcome.NOT_RUN, "it can only be attested, and nobody is named who does")
    if not known.results:
        return _without(claim, known)
    return _tested(target, claim, known)


def _refuted(refuting: Sequence[PartResult]) -> PromiseDecision:
    shown = _ordered((one, verdict) for one in refuting for verdict in one.failing)
    result, verdict = shown[0]
    where = " of the stand-in" if result.run.grade == EvidenceGrade.REHEARSED else ""
    return PromiseDecision(PromiseOutcome.REFUTED, f"{verdict.id}{where} in {result.run.id}: {verdict.reason or 'it failed'}", shown)


def _waived(waived: Sequence[PartResult]) -> PromiseDecision:
    waiver = min((one.waiver for one in waived if one.waiver is not None), key=lambda one: one.until)
    shown = _ordered((one, verdict) for one in waived for verdict in one.failing)
    return PromiseDecision(
        PromiseOutcome.WAIVED, f"waived by {waiver.owner} ({waiver.reason}): {shown[0][1].id} failed", shown, waiver=waiver
    )


def _without(claim: Claim, known: PromiseEvidence) -> PromiseDecision:
    missing = tuple(way for way in claim.how if way != "attest")
    if known.stale:
        return PromiseDecision(PromiseOutcome.EXPIRED, _clauses(known.stale), missing=missing)
    why = f"no run that tests it counts: {_clauses(known.worthless)}" if known.worthless else "no run tests it"
    return PromiseDecision(PromiseOutcome.NOT_RUN, why, missing=missing)


def _tested(target: Target, claim: Claim, known: PromiseEvidence) -> PromiseDecision:
    best: dict[str, PartResult] = {}
    for one in known.results:
        before = best.get(one.part)
        if one.status is Status.PASS and (before is None or _stronger(one, before)):
            best[one.part] = one
    used = (*best.values(), *_in_other_ways(claim, known.results, tuple(best.values())))
    kept = [verdict for one in used for verdict in one.verdicts]
    ways = {way for one in used for way in _ways(one)}
    missing = tuple(way for way in claim.how if way != "attest" and way not in ways)
    needed = dict.fromkeys((*parts(target, claim.id), *(one.part for one in known.results)))
    open_ = [part for part in needed if part not in best]
    if not open_ and not missing:
        outcome = KEPT[min((one.run.grade for one in used), key=list(KEPT).index)]
        paths = {one.run.path for one in used}
        shown = _ordered((one, verdict) for one in used for verdict in one.verdicts)
        return PromiseDecision(outcome, f"kept by {counted(len(kept), 'verdict')} of {counted(len(paths), 'run')}", shown)
    undecided = _ordered(
        (one, verdict) for one in known.results if one.part in open_ for verdict in one.verdicts if verdict.status is Status.INCONCLUSIVE
    )
    if undecided:
        result, verdict = undecided[0]
        return PromiseDecision(PromiseOutcome.INCONCLUSIVE, f"{verdict.id} in {result.run.id}: {verdict.reason}", undecided, missing)
    shown = _ordered((one, verdict) for one in best.values() for verdict in one.verdicts)
    lacking = ", ".join((*open_, *(f"by {way}" for way in missing)))
    return PromiseDecision(PromiseOutcome.INCONCLUSIVE, f"kept as far as it was tested; not tested: {lacking}", shown, missing)


def _in_other_ways(claim: Claim, results: Sequence[PartResult], best: Sequence[PartResult]) -> tuple[PartResult, ...]:
    """The strongest pass in each way of the promise in which the best ones were not made: a newer run with load alone does not take away an older one with
    faults. What they can show counts too."""
    used = list(best)
    for way in claim.how:
        if any(way in _ways(one) for one in used):
            continue
        found: PartResult | None = None
        for one in results:
            if one.status is Status.PASS and way in _ways(one) and (found is None or _stronger(one, found)):
                found = one
        used += [found] if found is not None else []
    return tuple(used[len(best) :])


def _stronger(one: PartResult, other: PartResult) -> bool:
    """By what it can show, then by age."""
    grades = list(KEPT)
    return (grades.index(one.run.grade), _when(one.run)) > (grades.index(other.run.grade), _when(other.run))


def _ways(result: PartResult) -> frozenset[str]:
    if result.ways:
        return result.ways
    if result.part.startswith(f"{DRILL} "):
        return frozenset({DRILL})
    return frozenset({PROBE}) if PROBE in result.run.ways else result.run.ways - {DRILL}


def _ordered(pairs: Iterable[tuple[PartResult, Verdict]]) -> tuple[tuple[PartResult, Verdict], ...]:
    """What is closest to its bound, or furthest past it, first."""
    return tuple(sorted(pairs, key=lambda pair: -(ranking.used(pair[1]) or 0.0)))


def _row(target: Target, claim: Claim, runs: Standings, now: datetime, policy: Policy, plans: Sequence[TestingPlan]) -> LedgerRow:
    decided = decide(target, claim, found(target, claim, runs, now.astimezone(UTC).date()))
    first = decided.shown[0] if decided.shown else None
    oldest = max((age(result.run, now) for result, _ in decided.shown), default=None)
    good_until = None
    if decided.outcome in KEPT.values() and oldest is not None:
        good_until = (now - oldest + timedelta(days=policy.age_max_days)).date().isoformat()
    waiver = decided.waiver
    return LedgerRow(
        id=claim.id,
        text=claim.text,
        how=claim.how,
        must_have=claim.needed,
        outcome=decided.outcome,
        measured=figure(first[1], target) if first else NONE,
        scale=scale(*first, target) if first else NONE,
        build=(first[0].run.build or NOT_TOLD) if first else NONE,
        age=days(oldest) if oldest is not None else NONE,
        why=decided.why,
        better=better(claim, decided.outcome, plans, decided.missing, good_until, waiver),
        owner=waiver.owner if waiver is not None else claim.owner,
        until=waiver.until.isoformat() if waiver is not None else good_until,
        evidence=tuple(_evidence(result.run, verdict, now) for result, verdict in decided.shown[:SHOWN_MOST]),
    )


def figure(verdict: Verdict, target: Target) -> str:
    """The figure with its interval and the promise: ``Response time p95 44 ms (42 ms to 47 ms), promised ≤ 1 s``."""
    if (probe := _probe(verdict)) is not None:
        found = words.UNKNOWN if verdict.measured is None else f"{words.count(verdict.measured)} not as promised"
        return f"{probe}: {counted(verdict.n, 'answer')}, {found}"
    between = words.interval(verdict)
    interval = f" ({between})" if between not in {NONE, words.measured(verdict)} else ""
    exposed = f" {told}" if (told := words.exposed(verdict)) else ""
    return f"{_titled(verdict, target)} {words.measured(verdict)}{interval}{exposed}, promised {words.bound(verdict)}"


def scale(result: PartResult, verdict: Verdict, target: Target) -> str:
    """``p95 41 ms at 300 requests/s on 4 regions``: what was measured, and at which rate and size."""
    measured = _probe(verdict) or f"{_titled(verdict, target)} {words.measured(verdict)}"
    return f"{measured} {result.run.scale or NOT_TOLD}"


def days(span: timedelta) -> str:
    """``3 days``, ``5 h``."""
    hours = span / timedelta(hours=1)
    if hours < 48:
        return f"{max(0, round(hours))} h"
    return counted(int(hours // 24), "day")


def _probe(verdict: Verdict) -> str | None:
    """The probe whose finding this is; ``None`` for every other verdict."""
    return verdict.id.rpartition("/")[2] if verdict.id.startswith(f"{PROBE}/") else None


def _titled(verdict: Verdict, target: Target) -> str:
    place = words.place(verdict)
    return words.title(verdict, target) + ("" if place == "everything" else f", {place}:")


def _evidence(run: RunEvidence, verdict: Verdict, now: datetime) -> LedgerEvidence:
    return LedgerEvidence(
        run=run.path,
        verdict=verdict.id,
        status=verdict.status.value,
        measured=words.measured(verdict),
        interval=words.interval(verdict),
        bound=words.bound(verdict),
        value=verdict.measured,
        confidence=verdict.confidence if verdict.confidence is not None and all(map(math.isfinite, verdict.confidence)) else None,
        unit=verdict.unit,
        n=verdict.n,
        grade=run.grade,
        build=run.build or NOT_TOLD,
        started_at=run.started.isoformat() if run.started else "",
        age_days=round(age(run, now) / timedelta(days=1), 3),
        scale=run.scale,
        reason=verdict.reason if verdict.status is not Status.PASS else "",
        report=run.report,
        anchor=run.anchors.get(verdict.id, ""),
    )


def _run(run: RunEvidence, how: RunStanding) -> LedgerRun:
    return LedgerRun(
        run=run.path,
        plan=run.plan,
        started_at=run.started.isoformat() if run.started else "",
        grade=run.grade,
        build=run.build or NOT_TOLD,
        counts=how.standing in {RunWorth.COUNTS, RunWorth.REFUTES},
        why=(*((how.why,) if how.why else ()), *run.remarks),
    )


def _when(run: RunEvidence) -> float:
    return run.started.timestamp() if run.started is not None else 0.0


def _clauses(several: Sequence[str]) -> str:
    more = len(several) - NAMED_MOST
    return "; ".join(several[:NAMED_MOST]) + (f"; and {counted(more, 'more run')}" if more > 0 else "")


def _few(ids: Sequence[str]) -> str:
    more = len(ids) - IDS_MOST
    return ", ".join(ids[:IDS_MOST]) + (f" and {more} more" if more > 0 else "")
