"""Steady-state objectives: shares, percentiles, throughput and the burn rate, over everything or for each part, whole windows or sliding ones.

The rule of decision
--------------------
*Pass* when the confidence bound on the bad side still meets the objective; *fail* when even the bound on the good side violates it;
*inconclusive* in between, with the number of requests that would decide it. So:

* It does not pass by chance: 100 requests without a failure do not prove 99.99 % (29,956 would), and a platform that is truly worse than its
  objective passes in at most 5 runs of 100, whatever the length of the run.
* It is not flaky: a platform that is truly better fails in at most 5 runs of 100. If the measured figure alone was compared with the bound, a
  platform exactly at its bound would fail every second run, and one failure among 5,000 requests would disprove 99.99 %, although a platform that
  keeps it shows such a sample two times in five.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closeshave.judge.evidence.columns import Flags
from closeshave.judge.evidence.evidence import ASKED_NS, Evidence
from closeshave.judge.evidence.windows import Span, blindness, few, origin_ns, spans, within
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.parts import Part, parts
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts import burning, shares, sliding, throughput, times
from closeshave.judge.verdicts.exposure import enough
from closeshave.plan import Expected
from closeshave.plurals import plural
from closeshave.target import MEASURES, TIMES, Measure, Objective

REPORTED_BY_FRANCHISES = frozenset({Measure.DATABASE_TIME, Measure.CACHE_TIME, Measure.CACHE_HIT_RATIO})
"""Measures that only the headers of the franchise extension report."""
PARTS_OF_FRANCHISES = frozenset({"shard", "franchise_decile"})
"""Parts that a platform without franchises does not have."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where an objective holds: the phases of its window, or the time in which one fault was in effect."""

    spans: tuple[Span, ...]
    fault: str = ""
    never: str = ""
    """Why there was no such time; empty when there was."""


def judge(analysis: Analysis, objective: Objective) -> tuple[Verdict, ...]:
    """One verdict for each part that the objective is stated per, and for a degraded window for each fault as well."""
    evidence = analysis.evidence
    if unable := _unable(evidence, objective):
        return (_blank(objective, Part(f"{objective.id}/all", "all", evidence.customers), unable),)
    kinds = evidence.of_kinds(objective.operations) if objective.operations else None
    held_up = {window.span for window in evidence.held_up}
    lateness = Lateness(
        within(evidence.intended_ns, [*(window.span for window in evidence.late if window.span not in held_up), *evidence.blind]),
        within(evidence.intended_ns, held_up),
    )
    found = []
    for stretch in _stretches(analysis, objective):
        base = evidence.customers & within(evidence.intended_ns, stretch.spans)
        base = base if kinds is None else base & kinds
        base = base & ~evidence.of_kinds(objective.except_operations) if objective.except_operations else base
        for part in parts(evidence, objective, base):
            named = _named(objective, part, stretch)
            blank = stretch.never and _blank(objective, named, stretch.never)
            found.append(blank or _cautious(evidence, objective, named, stretch.spans, lateness))
    return tuple(
        enough(each, Exposure(each.n, plural(each.n, "request in the scope", "requests in the scope")), objective.at_least_chances)
        for each in found
    )


def _unable(evidence: Evidence, objective: Objective) -> str:
    """Why this platform cannot show whether it keeps the objective; empty when it can."""
    if objective.measure in REPORTED_BY_FRANCHISES or objective.per in PARTS_OF_FRANCHISES:
        return evidence.missing.get("franchises", "")
    if objective.operations and all(operation in evidence.missing for operation in objective.operations):
        return "; ".join(f"{operation}: {evidence.missing[operation]}" for operation in objective.operations)
    return ""


def _stretches(analysis: Analysis, objective: Objective) -> Iterator[Stretch]:
    if objective.window != "degraded":
        yield Stretch(spans(analysis.evidence.history.manifest, objective.window))
        return
    for life in analysis.lives:
        if life.fault.expected is not Expected.DEGRADES or not objective.covers(life.fault):
            continue
        start = life.injected_ns
        never = f"{life.fault.id} was never injected" if start is None else ""
        never = never or ("" if life.observed_ns is not None else f"{life.fault.id} was injected, but no probe saw it take effect")
        yield Stretch(() if start is None else (Span(start, life.unaided_until_ns),), life.fault.id, never)


def _named(objective: Objective, part: Part, stretch: Stretch) -> Part:
    """A part of one fault's time carries the fault's name too."""
    if not stretch.fault:
        return part
    rest = part.id.removeprefix(f"{objective.id}/")
    suffix = "" if rest == "all" else f"/{rest}"
    return replace(part, id=f"{objective.id}/{stretch.fault}{suffix}", scope=part.scope if suffix else f"fault:{stretch.fault}")


@dataclass(frozen=True, slots=True)
class Lateness:
    """Requests in windows in which the generator was late, or of which it recorded nothing."""

    limited: Flags
    held_up: Flags
    """Of these windows, those in which other programs held the generator up."""


def _cautious(evidence: Evidence, objective: Objective, part: Part, covered: Sequence[Span], lateness: Lateness) -> Verdict:
    """The verdict, limited to what a late generator or a disturbed machine still allows to say.

    If the generator was late, its lateness is part of every response time, so these requests can neither fail the platform nor pass it. Requests that
    other programs disturbed cannot fail it either, but a promise that was kept in spite of them is kept. That includes a few windows in which other
    programs held the generator up: with their requests, lateness included, and without them the promise must be kept. If the verdict would fail even
    if every such request had been answered well and at once, it stays a fail: one delay of the harness, or another busy program, must not excuse a
    platform.
    """
    whole = decide(evidence, objective, part, covered)
    doubtful = evidence.touched_within(_telling_ns(objective))
    limited = lateness.limited
    if _both(part.rows, lateness.held_up):
        kept = whole.status is Status.PASS and few(part.rows, lateness.held_up)
        # Without these requests a rate would be too low for the time that it is measured over.
        if kept and objective.measure is not Measure.THROUGHPUT:
            kept = decide(evidence, objective, replace(part, rows=part.rows & ~lateness.held_up), covered).status is Status.PASS
        limited = limited if kept else limited | lateness.held_up
    excused = limited | doubtful if whole.status is Status.FAIL else limited
    touched = _both(part.rows, excused)
    share = touched / max(1, int(np.count_nonzero(part.rows)))
    if not touched:
        disturbed = _both(part.rows, doubtful) / max(1, int(np.count_nonzero(part.rows)))
        told = f"{whole.reason}; other programs disturbed {disturbed:.0%} of these requests ({_causes(evidence, covered)})"
        return replace(whole, reason=told) if whole.status is Status.INCONCLUSIVE and disturbed else whole
    by_lateness = _both(part.rows, limited) > 0
    if whole.status is Status.FAIL and not (by_lateness and objective.measure is Measure.THROUGHPUT):
        alone = decide(evidence.assuming_good(excused), objective, part, covered)
        if alone.status is Status.FAIL:
            # The figures count all requests; the witnesses are requests that nothing excuses.
            return replace(whole, witnesses=alone.witnesses, reason=f"{whole.reason}{_apart(share)}")
    if np.any(part.rows & within(evidence.intended_ns, evidence.blind)):
        why = "; ".join(blindness(blind, origin_ns(evidence.history.manifest)) for blind in evidence.history.blind)
    elif not by_lateness:
        why = f"other programs disturbed {share:.0%} of these requests and may have caused the breach: {_causes(evidence, covered)}"
    else:
        why = f"the load generator was late in the windows of {share:.0%} of these requests, so their times include its own delay"
    return replace(whole, status=Status.INCONCLUSIVE, reason=why, witnesses=())


def _both(rows: Flags, some: Flags) -> int:
    """How many are in both. Of most runs nothing is late or disturbed, which is seen at once."""
    return int(np.count_nonzero(rows & some)) if some.any() else 0


def _apart(share: float) -> str:
    return f" (other programs disturbed {share:.0%} of these requests; the undisturbed ones alone break the promise)"


def _telling_ns(objective: Objective) -> int:
    """How much of each request's time matters: a request that takes longer than the latency bound has broken it at that instant."""
    return round(objective.at_most * 1e9) if objective.measure is Measure.LATENCY and objective.at_most is not None else ASKED_NS


def _causes(evidence: Evidence, covered: Sequence[Span]) -> str:
    """How other programs disturbed the run in these spans: each cause once, at most two."""
    found = dict.fromkeys(
        cause for span in covered for doubt in evidence.doubts_within(span.started_ns, span.ended_ns) for cause in [doubt.cause]
    )
    first = list(found)[:2]
    return "; ".join(first) + (f"; and {len(found) - 2} more" if len(found) > len(first) else "")


def decide(evidence: Evidence, objective: Objective, part: Part, covered: Sequence[Span]) -> Verdict:
    """The verdict on one part, as if generator and machine were in order."""
    blank = _blank(objective, part, "there were no requests of this kind to judge")
    if objective.measure is Measure.BURN_RATE:
        return burning.decide(evidence, objective, part, blank, covered)
    if objective.sliding is not None:
        return sliding.decide(evidence, objective, part, covered, lambda asked, some: _whole(evidence, asked, some, blank, covered))
    return _whole(evidence, objective, part, blank, covered)


def _whole(evidence: Evidence, objective: Objective, part: Part, blank: Verdict, covered: Sequence[Span]) -> Verdict:
    if objective.bound is None or (objective.measure in TIMES) != (objective.percentile is not None):
        raise ValueError(f"{objective.id} has no bound that can be judged")
    if objective.measure is Measure.THROUGHPUT:
        return throughput.decide(evidence, objective, part, blank, covered)
    judge_of = times.decide if objective.measure in TIMES else shares.decide
    return judge_of(evidence, objective, part, blank)


def _blank(objective: Objective, part: Part, why: str) -> Verdict:
    return Verdict(
        id=part.id,
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=objective.measure.value,
        scope=part.scope,
        measured=None,
        bound=objective.bound,
        unit=MEASURES[objective.measure].unit,
        reason=why,
    )
