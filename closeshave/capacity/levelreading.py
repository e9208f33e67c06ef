"""What the run of one level says: from its history to a result. Pure, but for the history that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from closeshave.capacity.judging import LevelObjective, judged
from closeshave.capacity.level import LevelAsk, LevelCause, LevelPurpose, LevelResult, LevelStatus, OverloadFigures
from closeshave.capacity.levelplan import AFTER, AFTER_S, IDLE, LEVEL
from closeshave.capacity.limiting import used
from closeshave.capacity.sample import LevelSample
from closeshave.capacity.states import FailureState
from closeshave.conclusion import Conclusion
from closeshave.history import FaultEdge, Source
from closeshave.judge.asked import named
from closeshave.judge.evidence.columns import Flags, equal
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.windows import NEVER_NS, Span, within
from closeshave.judge.measures.sampling import percentile_ns
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import Plan
from closeshave.target import Measure, Objective, Target
from closeshave.vocabulary import Exit, MarkKind

UNRESTED = 2.0
"""A platform is not at rest if a single request takes so many times as long as before the level before."""
UNRESTED_LEAST_MS = 5.0
"""And longer by so much."""
IDLE_REQUESTS = 10
"""With fewer requests before the rise nothing is said of rest."""
STATUS_REFUSED = (429, 503)
WELL_SHARE = 0.95
WELL_OVER_NS = 2_000_000_000
"""Well again: of the requests due in these two seconds, this share is answered well and within the objective."""
WELL_REQUESTS = 5
WHOLE = frozenset({"complete", "reconciled"})
"""The verdicts that say whether everything that was sent is recorded."""


def objectives(target: Target, plan: Plan) -> tuple[Objective, ...]:
    """The objectives on response times in calm that this plan tests. Those for single parts count over everything: a capacity is one figure."""
    return tuple(
        one
        for one in target.objectives
        if one.measure is Measure.LATENCY
        and one.window in {"calm", "run"}
        and one.at_most is not None
        and one.percentile is not None
        and (not plan.tests or named(plan.tests, one))
    )


def bounds(found: Sequence[Objective]) -> tuple[LevelObjective, ...]:
    """The same, as the judging of a level takes them."""
    return tuple(
        LevelObjective(one.id, one.percentile, one.at_most, one.confidence)
        for one in found
        if one.percentile is not None and one.at_most is not None
    )


def read(
    said: Conclusion,
    ask: LevelAsk,
    state: FailureState,
    promised: Sequence[Objective],
    took: tuple[float, float],
    idle_before_ms: float | None,
    pools: Callable[[Span], Mapping[str, float]],
) -> LevelResult:
    """The result of a level from its judged run. ``took``: seconds from the start of the search to the level's, and its own. ``pools``: what waited."""
    began_s, took_s = took
    blank = LevelResult(ask, LevelStatus.UNKNOWN, LevelCause.FAILED, took_s=took_s, began_s=began_s, run=said.run.name)

    def unknown(cause: LevelCause, why: str) -> LevelResult:
        return _changed(blank, cause, why)

    manifest = said.recorded.manifest
    if said.exit_code in {Exit.BROKEN, Exit.SAFETY}:
        return unknown(LevelCause.FAILED, manifest.interrupted or "the environment or the harness failed")
    if lack := incomplete(said.assessment.verdicts):
        return unknown(LevelCause.FAILED, lack)
    evidence = Evidence(said.recorded, said.plan, said.target)
    span = next((Span(phase.started_ns, phase.ended_ns) for phase in manifest.phases if phase.name == LEVEL), None)
    if span is None:
        return unknown(LevelCause.FAILED, "the level never ran")
    if state.kind:
        proven = in_effect(evidence, state, ask)
        if isinstance(proven, str):
            return unknown(LevelCause.FAULT, proven)
        span = proven
    sample = sample_of(evidence, span, promised)
    verdict = judged(sample, bounds(promised), final=ask.purpose is LevelPurpose.CONFIRM)
    idle_ms = _idle_ms(evidence)
    rested = idle_ms is None or idle_before_ms is None or idle_ms <= max(UNRESTED * idle_before_ms, idle_before_ms + UNRESTED_LEAST_MS)
    after = OverloadFigures(_well_after_s(evidence, promised), AFTER_S) if ask.purpose is LevelPurpose.OVERLOAD else None
    status, cause, why = verdict.status, verdict.cause, verdict.why
    if not rested and status is not LevelStatus.HOLDS:
        status, cause = LevelStatus.UNKNOWN, LevelCause.REST
        why = f"the platform was not at rest before it: a single request took {idle_ms:.3g} ms, and {idle_before_ms:.3g} ms before; {why}"
    return LevelResult(
        ask,
        status,
        cause,
        why,
        verdict.figures,
        took_s,
        began_s,
        idle_ms,
        0.0 if rested else None,
        said.run.name,
        after,
        {**used(said.recorded.resources, span), **pools(span)},
    )


def incomplete(verdicts: Sequence[Verdict]) -> str:
    """Why the records of a level are not all there, so that it may not have been as good as they say; empty if they are."""
    return next((f"{one.id}: {one.reason}" for one in verdicts if one.id in WHOLE and one.status is not Status.PASS), "")


def _changed(blank: LevelResult, cause: LevelCause, why: str) -> LevelResult:
    return LevelResult(blank.ask, LevelStatus.UNKNOWN, cause, why, took_s=blank.took_s, began_s=blank.began_s, run=blank.run)


def in_effect(evidence: Evidence, state: FailureState, ask: LevelAsk) -> Span | str:
    """The judged time, in which the fault is proven to be in effect, or why it is not."""
    history = evidence.history
    for mark in history.marks:
        if mark.kind in {MarkKind.FAULT_NOT_OBSERVED, MarkKind.FAULT_ENDED_EARLY} and mark.fault == "state":
            return f"{state.name} was not in effect during the whole level: {mark.why or mark.kind}"
    seen = next((one.at_ns for one in history.faults if one.edge == FaultEdge.OBSERVED), None)
    if seen is None:
        return f"no probe saw {state.name} take effect"
    healed = min((one.began_ns for one in history.faults if one.edge == FaultEdge.HEALED), default=NEVER_NS)
    begin = seen + round(state.settle_s * 1e9)
    end = begin + round(ask.length_s * 1e9)
    if end > healed:
        return f"{state.name} was healed {(end - healed) / 1e9:.1f} s before the level's end"
    return Span(begin, end)


def sample_of(evidence: Evidence, span: Span, promised: Sequence[Objective]) -> LevelSample:
    """The customers' requests around this time."""
    rows = evidence.customers
    status = evidence.operations["status"].to_numpy(dtype=np.int64, na_value=0)
    limit_ns = round(min((one.at_most for one in promised if one.at_most is not None), default=1.0) * 1e9)
    return LevelSample(
        begin_ns=span.started_ns,
        end_ns=span.ended_ns,
        due_ns=evidence.intended_ns[rows],
        sent_ns=evidence.started_ns[rows],
        ended_ns=evidence.ended_ns[rows],
        good=evidence.good[rows],
        refused=np.isin(status, STATUS_REFUSED)[rows],
        touched=evidence.touched_within(limit_ns)[rows],
        kinds={one.id: _about(evidence, one)[rows] for one in promised if one.operations or one.except_operations},
    )


def _about(evidence: Evidence, objective: Objective) -> Flags:
    if objective.operations:
        return evidence.of_kinds(objective.operations)
    return ~evidence.of_kinds(objective.except_operations)


def _phase(evidence: Evidence, name: str) -> Span | None:
    return next((Span(one.started_ns, one.ended_ns) for one in evidence.history.manifest.phases if one.name == name), None)


def _idle_ms(evidence: Evidence) -> float | None:
    """The median response time of canaries before the rise; of customers where there are no canaries."""
    span = _phase(evidence, IDLE)
    if span is None:
        return None
    for source in (Source.CANARY, Source.CUSTOMERS):
        rows = equal(evidence.operations["source"], source) & within(evidence.intended_ns, [span]) & evidence.good
        if np.count_nonzero(rows) >= IDLE_REQUESTS:
            return percentile_ns(evidence.response_ns[rows], 0.5) / 1e6
    return None


def _well_after_s(evidence: Evidence, promised: Sequence[Objective]) -> float | None:
    """Seconds from the end of the overload until the requests that are due are answered well and in time, for two seconds."""
    span = _phase(evidence, AFTER)
    if span is None:
        return None
    rows = (evidence.customers | equal(evidence.operations["source"], Source.CANARY)) & within(evidence.intended_ns, [span])
    limit_ns = round(max((one.at_most for one in promised if one.at_most is not None), default=1.0) * 1e9)
    due, well = evidence.intended_ns[rows], (evidence.good & (evidence.response_ns <= limit_ns))[rows]
    order = np.argsort(due)
    due, well = due[order], well[order]
    for at in range(len(due)):
        inside = (due >= due[at]) & (due < due[at] + WELL_OVER_NS)
        if well[at] and np.count_nonzero(inside) >= WELL_REQUESTS and np.mean(well[inside]) >= WELL_SHARE:
            return float(due[at] - span.started_ns) / 1e9
    return None
