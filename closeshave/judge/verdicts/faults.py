"""Faults as the report shows them, and the verdicts on the faults themselves: did they take effect, and were they proven healed?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import ints, member, one_of
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.timeline import Life, shards_of
from closeshave.judge.evidence.windows import origin_ns
from closeshave.judge.evidence.writes import MUTATING
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.loss import resolution_ns
from closeshave.judge.verdict import FaultFigures, Status, Verdict
from closeshave.judge.verdicts.budget import burn_rate, burnt
from closeshave.judge.verdicts.loss import unread
from closeshave.target import Measure
from closeshave.vocabulary import MarkKind

UNSEEN = "no independent probe saw it in effect"
IN_FLIGHT_NS = 1_000_000_000
"""Writes that were sent at most this long before a fault count as in flight: asynchronous replication loses only younger ones."""


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """``observed/ID`` and ``healed/ID``. Neither can fail the platform: a fault without effect or without a proven heal is a problem of the harness."""
    name = life.fault.id
    if life.injected_ns is None:
        skipped = next(
            (mark for mark in analysis.evidence.history.marks if mark.kind == MarkKind.FAULT_SKIPPED and mark.fault == name), None
        )
        early = analysis.evidence.history.manifest.interrupted
        why = (
            skipped.why or "an earlier fault was not healed in time"
            if skipped
            else f"the run ended early ({early})"
            if early
            else f"its {'injection failed' if life.begun else 'experiment ended before the injection'}; see logs/fault-{name}.log"
        )
        never = f"{name} was never injected: {why}"
        left = f"{never}; it is not proven that what the injection had begun was healed" if life.begun and life.verified_ns is None else ""
        return _verdict("observed", life, never), _verdict("healed", life, left or f"{never}; so there was nothing to heal")
    unseen = (
        "" if life.observed_ns is not None else f"{name} was injected, but {_said(analysis, MarkKind.FAULT_NOT_OBSERVED, name) or UNSEEN}"
    )
    if any(mark.kind == MarkKind.FAULT_ENDED_EARLY and mark.fault == name for mark in analysis.evidence.history.marks):
        saw = _said(analysis, MarkKind.FAULT_ENDED_EARLY, name)
        unseen = f"{name} ended before the harness healed it: something else undid it at an unknown time{f' ({saw})' if saw else ''}"
    unhealed = "" if life.verified_ns is not None else f"it is not proven that {name} was healed"
    unhealed = _fooled(analysis, name) or unhealed
    return (_verdict("observed", life, unseen), _verdict("healed", life, unhealed), *_in_flight(analysis, life))


def _fooled(analysis: Analysis, name: str) -> str:
    """Why the proof that it was healed is not valid; empty when it is."""
    why = _said(analysis, MarkKind.HEAL_CHECK_WORTHLESS, name)
    return f"it is not proven that {name} was healed: {why}" if why else ""


def _said(analysis: Analysis, kind: MarkKind, name: str) -> str:
    """What the first mark of this kind says of a fault; empty when it says nothing, or there is none."""
    return next((mark.why for mark in analysis.evidence.history.marks if mark.kind == kind and mark.fault == name), "")


def _in_flight(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """The verdict ``in-flight/ID``: a primary without a write just before it died had nothing to lose. Only for faults whose loss is judged."""
    promised = [each for each in analysis.evidence.target.objectives if each.measure is Measure.LOSS and each.covers(life.fault)]
    shards = shards_of(analysis.evidence, life.fault)
    if not promised or not shards or life.injected_ns is None:
        return ()
    effects = analysis.evidence.history.effects
    started = analysis.evidence.started_ns
    under_way = one_of(analysis.evidence.shard, shards) & (started >= life.injected_ns - IN_FLIGHT_NS) & (started <= life.injected_ns)
    writing = held_in(analysis.evidence.ids[under_way], ints(effects["operation"][member(effects["action"], MUTATING)], -1))
    count = int(np.count_nonzero(writing))
    trouble = "" if count else f"no write was sent in the last {IN_FLIGHT_NS / 1e9:g} s before {life.fault.id}: there was nothing to lose"
    return (replace(_verdict("in_flight", life, trouble), id=f"in-flight/{life.fault.id}", n=count),)


def unplanned(analysis: Analysis) -> tuple[Verdict, ...]:
    """Faults in the history that are not in the plan: then the judged run is not a run of this plan."""
    planned = {each.id for each in analysis.evidence.plan.disruptions}
    strangers = sorted({event.fault for event in analysis.evidence.history.faults} - planned)
    return tuple(
        Verdict(
            id=f"unplanned/{stranger}",
            claims=(),
            status=Status.INCONCLUSIVE,
            measure="fault",
            scope=f"fault:{stranger}",
            measured=None,
            bound=None,
            unit="count",
            reason=f"{stranger} was injected, but is not in the plan",
        )
        for stranger in strangers
    )


def _verdict(what: str, life: Life, trouble: str) -> Verdict:
    return Verdict(
        id=f"{what}/{life.fault.id}",
        claims=(),
        status=Status.INCONCLUSIVE if trouble else Status.PASS,
        measure=what,
        scope=f"fault:{life.fault.id}",
        measured=0.0 if trouble else 1.0,
        bound=1.0,
        unit="count",
        n=1,
        reason=trouble,
    )


def figures(analysis: Analysis, life: Life) -> FaultFigures:
    """Every figure that the evidence allows; the others are ``None``."""
    evidence, fault = analysis.evidence, life.fault
    origin = origin_ns(evidence.history.manifest)
    found = analysis.recoveries.get(fault.id)
    detect, fail_over, restore = _split(life, analysis)
    recovered = found.restored_ns if found and not found.blind else None
    loss = None
    if evidence.history.bookings is not None and life.injected_ns is not None and shards_of(evidence, fault):
        loss = analysis.losses.by_fault[fault.id]
        if not loss.lost.any() and unread(analysis, life):
            # That nothing was found missing says nothing, where not everything was looked for.
            loss = None
    objective_s = next((each.at_most for each in evidence.target.objectives if each.measure is Measure.LOSS and each.covers(fault)), None)
    told = analysis.leakages[fault.id]
    leak = None if told.unknown else told
    gap_ns = resolution_ns(evidence, analysis.writes, life, round(objective_s * 1e9)) if loss and objective_s is not None else None
    return FaultFigures(
        id=fault.id,
        kind=fault.kind,
        scope=",".join(f"{key}:{value}" for key, value in fault.scope.items()) or "all",
        expected=fault.expected.value,
        injected_at_s=_since(life.injected_ns, origin),
        observed_at_s=_since(life.observed_ns, origin),
        healed_at_s=_since(life.healed_ns, origin),
        healed_verified=life.verified_ns is not None,
        detect_s=detect,
        fail_over_s=fail_over,
        restore_s=restore,
        recovery_s=_since(recovered, life.injected_ns),
        self_recovered=found.self_recovered if found and not found.blind else None,
        loss_window_s=loss.window_ns / 1e9 if loss else None,
        lost_writes=int(np.count_nonzero(loss.lost)) if loss else None,
        loss_resolution_s=gap_ns / 1e9 if gap_ns is not None else None,
        split_brain_writes=int(np.count_nonzero(loss.split)) if loss and loss.promoted_ns is not None else None,
        leakage=leak.worse if leak else None,
        budget_burnt=burnt(evidence, life, recovered),
        touched=life.touched,
        leakage_at_most=leak.at_most if leak else None,
        under_sampled=leak.under_sampled if leak else None,
        burn_rate=burn_rate(evidence, life, recovered),
        begun=life.begun,
    )


def _split(life: Life, analysis: Analysis) -> tuple[float | None, float | None, float | None]:
    """Detect, fail over and restore, in seconds: each only where its two instants are known and in this order.

    A platform may serve again before its first signal, for example through a retry; then there is no fail-over time to report. A part during which
    other programs disturbed the machine is not stated, because they may have caused it.
    """
    evidence = analysis.evidence
    found = analysis.recoveries.get(life.fault.id)
    if found is None:
        return None, None, None
    detect = _part_s(evidence, life.injected_ns, found.detected_ns)
    if found.blind or found.impact_ns is None:
        return detect, None, None
    detected, working, restored = found.detected_ns, found.working_ns, found.restored_ns
    fail_over = _part_s(evidence, detected, working)
    restore = _part_s(evidence, working, restored)
    # The first write may be the very probe that ended the outage, sent after the middle of its interval: then all of it was failing over. Without
    # a fail-over to show for it, "restored in 0 s" would read as if nothing had taken any time.
    if restored is not None and working is not None and restored < working <= (found.latest_ns or 0) and fail_over is not None:
        restore = 0.0
    return detect, fail_over, restore


def _part_s(evidence: Evidence, start: int | None, end: int | None) -> float | None:
    """The time between two instants; ``None`` if one is unknown, if they are in the wrong order, or if other programs disturbed the machine in between."""
    if start is None or end is None or end < start or evidence.doubts_within(start, end):
        return None
    return (end - start) / 1e9


def _since(instant: int | None, start: int | None) -> float | None:
    return None if instant is None or start is None else (instant - start) / 1e9
