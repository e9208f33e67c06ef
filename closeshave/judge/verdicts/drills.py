"""Verdicts on drills: whether the end state is as it must be, what a restore brought back, what the drill took and cost, and whether all is put back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from closeshave.history import OLDEST_LOST, DrillEnding
from closeshave.judge.evidence.columns import Flags, ints
from closeshave.judge.evidence.drills import DrillLife, customers_in_calm, customers_within
from closeshave.judge.evidence.witness import effect_witness, first_and_worst, operation_witness
from closeshave.judge.measures import logged_out
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.drills import (
    exact,
    figures,
    loss_said,
    lost_rows,
    restoration,
    restores_rows,
    says_loss,
    unseen_s,
    writes_within,
)
from closeshave.judge.measures.fenced import fence_of, open_again_s, waits
from closeshave.judge.measures.restored import Restoration
from closeshave.judge.verdict import DrillFigures, Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.judge.witnesses import DrillWitness, Witness
from closeshave.plurals import counted, plural
from closeshave.vocabulary import MarkKind

__all__ = ["figures", "judge"]

ROUNDING = 1e-9


def judge(analysis: Analysis, life: DrillLife) -> tuple[Verdict, ...]:
    """The verdicts on one drill: on its end state, on what it may take and cost as far as the plan says, and on its way back."""
    told = figures(analysis, life)
    return (_end_state(analysis, life), *_rows(analysis, life), *_bounds(analysis, life, told), _put_back(analysis, life))


def _blank(life: DrillLife, measure: str, name: str, unit: str, bound: float | None) -> Verdict:
    return Verdict(
        id=f"{name}/{life.drill.id}",
        claims=life.drill.claims,
        status=Status.INCONCLUSIVE,
        measure=measure,
        scope=f"drill:{life.drill.id}",
        measured=None,
        bound=bound,
        unit=unit,
    )


def _end_state(analysis: Analysis, life: DrillLife) -> Verdict:
    blank = _blank(life, "drill", "drill", "count", 0.0)
    if why := _not_judged(analysis, life):
        return replace(blank, reason=why)
    assert life.ended is not None  # or it would not be judged
    doubts = analysis.evidence.doubts_within(life.ended.began_ns, life.ended.ended_ns)
    if life.ended.how == DrillEnding.OVERDUE and doubts:
        return replace(blank, reason=f"{life.ended.why}; but meanwhile {doubts[0].cause}")
    if life.ended.how in {DrillEnding.FAILED, DrillEnding.OVERDUE}:
        step = life.steps[-1].step if life.steps else ""
        witness = DrillWitness("this step could not be done", life.drill.id, step, life.ended.why)
        return replace(blank, status=Status.FAIL, measured=1.0, n=1, reason=life.ended.why, witnesses=(witness,))
    broken = [proof for proof in life.proofs if not proof.holds]
    if broken:
        witnesses = tuple(
            DrillWitness("this does not hold", life.drill.id, proof.what, proof.saw) for proof in (broken[0], broken[-1])[: len(broken)]
        )
        reason = f"its end state is not as it must be: {broken[0].what}: {broken[0].saw}"
        return replace(blank, status=Status.FAIL, measured=float(len(broken)), n=len(life.proofs), reason=reason, witnesses=witnesses)
    return _as_expected(life, doubts[0].cause if doubts else "", blank)


def _release(life: DrillLife) -> str:
    """What is wrong with how a deploy treated its release; empty if it is as the plan expects."""
    expected, stopped_at = life.drill.expected.stopped, life.stopped_at
    if expected is None:
        return life.ended.why if life.ended is not None and stopped_at is not None else ""
    if stopped_at is None:
        return f"the release was rolled out to its end; the plan expects it to be stopped at {expected:.0%}"
    if stopped_at > expected + ROUNDING:
        return (
            f"the release was stopped only at {stopped_at:.0%}, not at {expected:.0%}: {life.ended.why if life.ended is not None else ''}"
        )
    return ""


def _as_expected(life: DrillLife, cause: str, blank: Verdict) -> Verdict:
    """The verdict on a drill that came to its end, and whose proofs hold. ``cause``: what disturbed the machine meanwhile."""
    why = _release(life)
    if why and cause:
        # Both releases were disturbed alike, or so it seems: what one machine does to one of them is not known.
        return replace(blank, reason=f"{why}; but meanwhile {cause}")
    if why:
        step = life.steps[-1].step if life.steps else ""
        witness = DrillWitness("this release was not treated as the plan expects", life.drill.id, step, why)
        return replace(blank, status=Status.FAIL, measured=1.0, n=1, reason=why, witnesses=(witness,))
    if not life.proofs:
        return replace(blank, reason="its end state was not proven: no proof is in the history")
    return replace(blank, status=Status.PASS, measured=0.0, n=len(life.proofs), reason=life.ended.why if life.ended is not None else "")


def _not_judged(analysis: Analysis, life: DrillLife) -> str:
    """Why the drill says nothing about the platform; empty when it does."""
    name = life.drill.id
    if life.ended is None:
        skipped = next(
            (mark for mark in analysis.evidence.history.marks if mark.kind == MarkKind.FAULT_SKIPPED and mark.fault == name), None
        )
        early = analysis.evidence.history.manifest.interrupted
        begun = "was not carried out to its end" if life.in_ledger else "was never begun"
        why = (
            skipped.why or "an earlier fault or drill was not over in time"
            if skipped
            else f"the run ended early ({early})"
            if early
            else f"its process ended before it said how; see logs/fault-{name}.log"
        )
        return f"{name} {begun}: {why}"
    return f"{name} was disturbed: {life.ended.why}" if life.ended.how == DrillEnding.DISTURBED else ""


def _rows(analysis: Analysis, life: DrillLife) -> Iterator[Verdict]:
    """The verdict on the rows of a restore; none for a drill that restores nothing."""
    if not restores_rows(life):
        return
    blank = _blank(life, "drill_rows", "drill-rows", "count", 0.0)
    found = _not_judged(analysis, life) or restoration(analysis, life)
    if isinstance(found, str):
        yield replace(blank, reason=found)
        return
    to_a_target = exact(life)
    # Without a target, what is missing is its loss, and what came while it was restored may be there.
    missing, missing_count = (found.missing, found.missing_count) if to_a_target else ((), 0)
    beyond, beyond_count = (found.beyond, found.beyond_count) if to_a_target else ((), 0)
    wrong = missing_count + beyond_count + found.different_count
    told = replace(blank, measured=float(wrong), n=found.before + found.after)
    seen = (
        f"{counted(found.before, 'acknowledged write')} from before the target, {found.after:,} from after it, {found.between:,} under way at it; "
        f"{counted(found.compared, 'row')} compared with the final state; {_sharpness(found)}"
    )
    if wrong:
        said = [
            _said(
                missing_count,
                "write that was acknowledged before the target is missing",
                "writes that were acknowledged before the target are missing",
            ),
            _said(
                beyond_count,
                "write that was requested only after the target is there",
                "writes that were requested only after the target are there",
            ),
            _said(
                found.different_count,
                "row differs from the same version in the final state",
                "rows differ from the same version in the final state",
            ),
        ]
        witnesses = (*missing, *beyond, *found.different)
        yield replace(told, status=Status.FAIL, reason=f"{', '.join(filter(None, said))} ({seen})", witnesses=witnesses)
        return
    if to_a_target and not found.before:
        yield replace(told, reason=f"no write was acknowledged before the target, so nothing could be missing ({seen})")
    elif to_a_target and not found.after:
        yield replace(told, reason=f"no write was requested after the target, so a restore that goes too far could not be seen ({seen})")
    elif analysis.incomplete:
        yield replace(told, reason=analysis.incomplete)
    else:
        passed = replace(told, status=Status.PASS, reason=seen)
        yield enough(passed, Exposure(found.before + found.after, "acknowledged writes before and after the target"))


def _said(count: int, one: str, many: str) -> str:
    return f"{count:,} {plural(count, one, many)}" if count else ""


def _sharpness(found: Restoration) -> str:
    before, after = found.gap_ns
    told = [f"the last one before it {before / 1e9:.3f} s before"] if before is not None else []
    told += [f"the first one after it {after / 1e9:.3f} s after"] if after is not None else []
    return f"{' and '.join(told) or 'none near it'}; the clocks are certain to {found.unsure_ns / 1e6:.3g} ms"


def _bounds(analysis: Analysis, life: DrillLife, told: DrillFigures) -> Iterator[Verdict]:
    expected, why = life.drill.expected, _not_judged(analysis, life)
    if expected.duration is not None:
        yield _duration(analysis, life, told, expected.duration, why)
    if expected.failed_requests is not None:
        yield _failed_requests(analysis, life, expected.failed_requests, why)
    if expected.loss is not None:
        yield _loss(analysis, life, told, expected.loss, why)
    if expected.refusal is not None:
        yield _refusal(analysis, life, told, expected.refusal, why)
    if expected.lost_sessions is not None:
        yield _lost_sessions(analysis, life, expected.lost_sessions, why)


def _duration(analysis: Analysis, life: DrillLife, told: DrillFigures, bound_s: float, why: str) -> Verdict:
    blank = _blank(life, "drill_duration", "drill-duration", "s", bound_s)
    if why or life.ended is None or told.duration_s is None:
        return replace(blank, reason=why or "its duration is not in the history")
    found = replace(blank, measured=told.duration_s, n=1)
    split = ", ".join(f"{step.name} {step.duration_s:.1f} s" for step in told.steps)
    if not life.carried_out and life.stopped_at is None:
        return replace(found, measured=None, n=0, reason=f"it was not carried out to its end ({split})")
    if told.duration_s <= bound_s:
        return replace(found, status=Status.PASS, reason=split)
    if doubts := analysis.evidence.doubts_within(life.ended.began_ns, life.ended.ended_ns):
        return replace(found, reason=f"it took {told.duration_s:.1f} s ({split}), but meanwhile {doubts[0].cause}")
    slowest = max(told.steps, key=lambda step: step.duration_s, default=None)
    witness = DrillWitness("the step that took the longest", life.drill.id, slowest.name if slowest else "", split)
    return replace(
        found, status=Status.FAIL, reason=f"it took {told.duration_s:.1f} s; the bound is {bound_s:g} s ({split})", witnesses=(witness,)
    )


def _failed_requests(analysis: Analysis, life: DrillLife, bound: float, why: str) -> Verdict:
    blank = _blank(life, "drill_failed_requests", "drill-failed-requests", "ratio", bound)
    if why:
        return replace(blank, reason=why)
    evidence = analysis.evidence
    rows = customers_within(evidence, life)
    n = int(np.count_nonzero(rows))
    if not n:
        return replace(blank, reason="no customer's request was due in its scope, so it could cost none")
    bad: Flags = rows & ~evidence.good
    count, proven = int(np.count_nonzero(bad)), int(np.count_nonzero(bad & ~evidence.touched))
    found = replace(blank, measured=count / n, n=n)
    said = f"{count:,} of {counted(n, 'request')} in its scope {plural(count, 'was', 'were')} not good"
    if count <= bound * n + ROUNDING:
        return enough(replace(found, status=Status.PASS), Exposure(n, plural(n, "request", "requests")))
    if proven <= bound * n + ROUNDING:
        return replace(found, reason=f"{said}; without those that other programs disturbed it would be {proven:,}")
    calm = customers_in_calm(evidence, life)
    usual = int(np.count_nonzero(calm & ~evidence.good)) / max(1, int(np.count_nonzero(calm)))
    if usual > bound:
        return replace(
            found, reason=f"{said}, but in calm, without the drill, {usual:.3%} were not good either: it is unknown what it cost"
        )
    shown = first_and_worst(bad & ~evidence.touched, evidence.intended_ns, evidence.response_ns, evidence.ids)
    witnesses = tuple(operation_witness(evidence.operations, position, "not good during the drill") for position in shown)
    return replace(found, status=Status.FAIL, reason=f"{said} ({count / n:.3%}); the bound is {bound:.3%}", witnesses=witnesses)


def _loss(analysis: Analysis, life: DrillLife, told: DrillFigures, bound_s: float, why: str) -> Verdict:
    blank = _blank(life, "drill_loss", "drill-loss", "s", bound_s)
    if thing := says_loss(life):
        return _loss_as_said(life, blank, why, thing)
    found = why or (_restored_loss(analysis, life) if restores_rows(life) else _moved_loss(analysis, life))
    if isinstance(found, str):
        return replace(blank, reason=found)
    n, witnesses = found
    window_s, lost = told.loss_window_s or 0.0, told.lost_writes or 0
    measured = replace(blank, measured=window_s, n=n)
    said = f"{counted(lost, 'acknowledged write is missing', 'acknowledged writes are missing')}, the oldest from {window_s:.3f} s before"
    if window_s > bound_s or (lost and not bound_s):
        return replace(measured, status=Status.FAIL, reason=f"{said}; the bound is {bound_s:g} s", witnesses=witnesses)
    if not restores_rows(life) and _unread_near(analysis, life):
        # What is missing beyond the bound is missing, whatever else was not read; what is within it may not be all.
        return replace(
            blank, reason=f"it is unknown what was lost, because the final state was only partly read: {analysis.evidence.unread_said}"
        )
    return enough(
        replace(measured, status=Status.PASS, reason=said if lost else ""), Exposure(n, f"acknowledged {plural(n, 'write', 'writes')}")
    )


def _loss_as_said(life: DrillLife, blank: Verdict, why: str, thing: str) -> Verdict:
    """The loss of files or keys (``thing``), against those that were acknowledged before."""
    found = loss_said(life)
    if why or found is None or blank.bound is None:
        return replace(blank, reason=why or f"{life.drill.id} compared nothing with what was acknowledged")
    window_s, lost, acknowledged = found
    if not acknowledged:
        return replace(blank, reason=f"no {thing} was acknowledged before it, so nothing could be lost")
    measured = replace(blank, measured=window_s, n=acknowledged)
    gone = counted(lost, f"acknowledged {thing} is missing", f"acknowledged {thing}s are missing")
    said = f"{gone}, the oldest from {window_s:.3f} s before" if lost else ""
    if window_s > blank.bound or (lost and not blank.bound):
        oldest = next((str(step.facts[OLDEST_LOST]) for step in life.steps if step.facts.get(OLDEST_LOST)), "")
        witness = DrillWitness("acknowledged, but not there afterwards", life.drill.id, life.steps[-1].step, f"{oldest}; {said}")
        return replace(measured, status=Status.FAIL, reason=f"{said}; the bound is {blank.bound:g} s", witnesses=(witness,))
    return enough(
        replace(measured, status=Status.PASS, reason=said),
        Exposure(acknowledged, f"acknowledged {plural(acknowledged, thing, f'{thing}s')}"),
    )


def _restored_loss(analysis: Analysis, life: DrillLife) -> tuple[int, tuple[Witness, ...]] | str:
    """How many writes a restore could have lost, and those that it lost; or why that is not known."""
    found = restoration(analysis, life)
    if isinstance(found, str):
        return found
    return (found.before, found.missing) if found.before else "no write was acknowledged before it, so nothing could be lost"


def _moved_loss(analysis: Analysis, life: DrillLife) -> tuple[int, tuple[Witness, ...]] | str:
    """The same for a drill that restores nothing."""
    if analysis.evidence.history.bookings is None:
        return "the final state is missing, so it is unknown what was lost"
    rows, near = lost_rows(analysis, life)
    if not near.any():
        return "no write was acknowledged near it, so nothing could be lost"
    ended = ints(analysis.writes.rows["ended_ns"], 0)
    shown = first_and_worst(rows, ended, ended, ints(analysis.writes.rows["operation"], -1))
    why = "acknowledged, but missing from the final state"
    return int(np.count_nonzero(near)), tuple(
        effect_witness(analysis.evidence.operations, analysis.writes.rows, index, why) for index in shown
    )


def _unread_near(analysis: Analysis, life: DrillLife) -> bool:
    """Whether a write near the drill could not be looked up in the final state."""
    _, near = lost_rows(analysis, life)
    return bool((near & analysis.writes.unread).any())


def _refusal(analysis: Analysis, life: DrillLife, told: DrillFigures, bound_s: float, why: str) -> Verdict:
    blank = _blank(life, "drill_refusal", "drill-refusal", "s", bound_s)
    if why or life.ended is None:
        return replace(blank, reason=why)
    if not life.carried_out:
        return replace(blank, reason="it was not carried out to its end, so it is unknown how long it would have refused writes")
    if told.writes_refused_s is None:
        return replace(blank, reason="nobody wrote in its scope, so no write could be refused")
    evidence, fence = analysis.evidence, fence_of(life)
    met = waits(evidence, fence) if fence is not None else None
    said = f"no write was accepted for {told.writes_refused_s:.3f} s"
    if fence is not None and met is not None:
        there = counted(len(met.positions), "write met the fence", "writes met the fence")
        said = f"the fence stood for {(fence.to_ns - fence.from_ns) / 1e9:.3f} s; {there}, the longest waited for {met.longest_s:.3f} s"
    n = len(writes_within(evidence, life)) if met is None else len(met.positions)
    found = replace(blank, measured=told.writes_refused_s, n=n, reason=said)
    if told.writes_refused_s <= bound_s:
        return _accepted(analysis, life, found, bound_s)
    if doubts := evidence.doubts_within(life.ended.began_ns, life.ended.ended_ns):
        return replace(found, reason=f"{said}, but meanwhile {doubts[0].cause}")
    if met is None or not len(met.positions):
        witnesses: tuple[Witness, ...] = (DrillWitness("writes were refused for too long", life.drill.id, life.steps[-1].step, said),)
    else:
        worst = int(met.positions[int(np.argmax(met.waited_ns))])
        witnesses = (operation_witness(evidence.operations, worst, "waited for the move of its franchise"),)
    return replace(found, status=Status.FAIL, reason=f"{said}; the bound is {bound_s:g} s", witnesses=witnesses)


def _accepted(analysis: Analysis, life: DrillLife, found: Verdict, bound_s: float) -> Verdict:
    """A refusal within its bound passes where writes would have shown a longer one."""
    evidence, fence = analysis.evidence, fence_of(life)
    if fence is None:
        if (blind_s := unseen_s(evidence, life)) > bound_s:
            return replace(
                found,
                reason=f"{found.reason}, but no write was due to a shard in its scope for {blind_s:.3f} s: a longer refusal could not be seen",
            )
        return replace(found, status=Status.PASS)
    if found.n:
        return replace(found, status=Status.PASS)
    after_s = open_again_s(evidence, fence)
    if after_s is not None and after_s <= bound_s:
        reason = (
            f"{found.reason}, but the first one after it was accepted {after_s:.3f} s after it began, so nobody would have waited longer"
        )
        return replace(found, status=Status.PASS, n=1, reason=reason)
    there = "none was accepted after it" if after_s is None else f"the first one after it was accepted only {after_s:.3f} s after it began"
    return replace(found, reason=f"{found.reason}, and {there}: it is unknown how long a customer would have waited")


def _lost_sessions(analysis: Analysis, life: DrillLife, bound: float, why: str) -> Verdict:
    """The share of the customers whose session it cost. How many logged in again, and how fast, is said in any case: no plan states that load."""
    blank, evidence = _blank(life, "drill_lost_sessions", "drill-lost-sessions", "ratio", bound), analysis.evidence
    lost = logged_out.lost_by(evidence, life)
    if why or lost is None:
        return replace(blank, reason=why or "it is unknown when it was over")
    seen = logged_out.seen_after(evidence, life)
    if not seen:
        return replace(
            blank, reason="no customer asked for anything that needs a session after it began, so it is unknown whether one was lost"
        )
    again = int(np.count_nonzero(lost.again))
    failed = int(np.count_nonzero(lost.again & ~evidence.good))
    said = (
        f"{lost.customers:,} of {counted(seen, 'customer')} {plural(lost.customers, 'was', 'were')} refused as not logged in; "
        f"{counted(again, 'log-in', 'log-ins')} followed, at most {lost.busiest:,} in a second, {failed:,} of them not good"
    )
    found = replace(blank, measured=lost.customers / seen, n=seen, reason=said)
    if lost.customers <= bound * seen + ROUNDING:
        return enough(replace(found, status=Status.PASS), Exposure(seen, plural(seen, "customer", "customers")))
    shown = first_and_worst(lost.refused, evidence.started_ns, evidence.started_ns, evidence.ids)
    witnesses = tuple(operation_witness(evidence.operations, position, "refused as not logged in") for position in shown)
    return replace(found, status=Status.FAIL, reason=f"{said}; the bound is {bound:.3%}", witnesses=witnesses)


def _put_back(analysis: Analysis, life: DrillLife) -> Verdict:
    """Whether everything is as before: a precondition, because what was judged later may have been judged on a changed platform."""
    name = life.drill.id
    trouble = ""
    if life.in_ledger and life.put_back_ns is None:
        said = [mark.why for mark in analysis.evidence.history.marks if mark.kind == MarkKind.HEAL_UNPROVEN and mark.fault == name]
        trouble = f"it is not proven that everything that {name} changed was put back{f': {said[0]}' if said else ''}"
    elif life.in_ledger:
        trouble = next(
            (mark.why for mark in analysis.evidence.history.marks if mark.kind == MarkKind.HEAL_CHECK_WORTHLESS and mark.fault == name), ""
        )
    return Verdict(
        id=f"healed/{name}",
        claims=(),
        status=Status.INCONCLUSIVE if trouble else Status.PASS,
        measure="healed",
        scope=f"drill:{name}",
        measured=0.0 if trouble else 1.0,
        bound=1.0,
        unit="count",
        n=1,
        reason=trouble,
    )
