"""Verdicts on data loss: how far back the missing writes of a fail-over reach, and whether two primaries acknowledged at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closeshave.judge.evidence.columns import Flags, ints, one_of
from closeshave.judge.evidence.timeline import Life, shards_of
from closeshave.judge.evidence.witness import effect_witness, first_and_worst
from closeshave.judge.evidence.writes import among
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.loss import resolution_ns
from closeshave.judge.verdict import Exposure, Status, Verdict
from closeshave.judge.verdicts.exposure import enough
from closeshave.judge.witnesses import Witness
from closeshave.plurals import counted, plural
from closeshave.target import Measure, Objective

WITHIN = "acknowledged within the allowed loss window before the primary ended"
NEWEST_NS = 1_000_000_000
"""A bound of 0 s asks whether any acknowledged write is missing. The newest are lost first, so some must have been acknowledged this shortly before."""
NEWEST = "acknowledged in the last second before the primary ended"
AFTER = "that started after the promotion"


def judge(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    """One verdict for each loss objective that covers the fault, and one on split brain where a primary was promoted."""
    objectives = [each for each in analysis.evidence.target.objectives if each.measure is Measure.LOSS and each.covers(life.fault)]
    losses = ((_loss(analysis, life, objective), objective) for objective in objectives)
    exposed = (
        enough(each, Exposure(each.n, f"{plural(each.n, 'write')} {WITHIN if objective.at_most else NEWEST}"), objective.at_least_chances)
        for each, objective in losses
    )
    return (
        *exposed,
        *(enough(each, Exposure(each.n, f"acknowledged {plural(each.n, 'write')} {AFTER}")) for each in _split_brain(analysis, life)),
    )


def _loss(analysis: Analysis, life: Life, objective: Objective) -> Verdict:
    assert objective.at_most is not None
    blank = Verdict(
        id=f"{objective.id}/{life.fault.id}",
        claims=objective.claims,
        status=Status.INCONCLUSIVE,
        measure=Measure.LOSS.value,
        scope=f"fault:{life.fault.id}",
        measured=None,
        bound=objective.at_most,
        unit="s",
        reason=_why_no_figure(analysis, life),
    )
    return blank if blank.reason else _measured(analysis, life, blank, round(objective.at_most * 1e9))


def _why_no_figure(analysis: Analysis, life: Life) -> str:
    if life.injected_ns is None:
        return f"{life.fault.id} was never injected"
    if analysis.evidence.history.bookings is None:
        return "the final state is missing, so it is unknown what was lost"
    if not shards_of(analysis.evidence, life.fault):
        return f"{life.fault.id} affects no shard, so there is no data whose loss could be measured"
    return ""


def _measured(analysis: Analysis, life: Life, blank: Verdict, bound_ns: int) -> Verdict:
    """Missing writes fail the objective even with incomplete evidence; a pass needs complete evidence."""
    loss = analysis.losses.by_fault[life.fault.id]
    back_ns = bound_ns or NEWEST_NS
    gap_ns = resolution_ns(analysis.evidence, analysis.writes, life, back_ns)
    count = int(np.count_nonzero(loss.lost))
    low_ns, high_ns = loss.unsure_ns
    n = _acknowledged(analysis, life, back_ns)
    figures = replace(blank, measured=loss.window_ns / 1e9, n=n, confidence=_interval(loss.unsure_ns, gap_ns))
    seen = _seen_alone(analysis, loss.lost)
    far = f"{low_ns / 1e9:.3f} s" if low_ns == high_ns else f"between {low_ns / 1e9:.3f} s and {high_ns / 1e9:.3f} s"
    window = f"{seen}the oldest was acknowledged {far} before the primary ended; the bound is {bound_ns / 1e9:g} s"
    uncertainty_ns = analysis.evidence.history.uncertainty_ns
    missing = f"{counted(count, 'acknowledged write is missing', 'acknowledged writes are missing')}, {window}"
    # However sure the clocks are: with a bound of 0 s no acknowledged write may be missing, also none that was under way when the primary ended.
    if low_ns - uncertainty_ns > bound_ns or (count and not bound_ns):
        doubt = _doubt(analysis, life, high_ns)
        witnesses = () if doubt else _witnesses(analysis, loss.lost, "acknowledged, but missing from the final state")
        status = Status.INCONCLUSIVE if doubt else Status.FAIL
        return replace(figures, status=status, reason=missing + (doubt and f", but {doubt}"), witnesses=witnesses)
    if high_ns > bound_ns and low_ns != high_ns:
        return replace(figures, reason=f"{missing}: it is unknown when exactly the primary ended")
    if (excess_ns := high_ns - bound_ns) and abs(excess_ns) <= uncertainty_ns:
        return replace(figures, reason=f"{missing}: the difference is within the uncertainty of the clocks")
    if life.observed_ns is None:
        return replace(figures, reason=f"{life.fault.id} was injected, but no probe saw it take effect: nothing could be lost")
    if unseen := unread(analysis, life) or _too_coarse(gap_ns, back_ns):
        return replace(figures, reason=unseen)
    said = missing if count else ""
    if not bound_ns and gap_ns is not None:
        said = f"no acknowledged write is missing; for at most {gap_ns / 1e9:.3f} s of the last second none was acknowledged"
    return replace(figures, status=Status.PASS, reason=said)


def _doubt(analysis: Analysis, life: Life, window_ns: int) -> str:
    """How other programs disturbed the machine while these writes waited to be replicated: a standby without processor time lags behind."""
    assert life.injected_ns is not None
    end_ns = analysis.losses.by_fault[life.fault.id].last_ack_ns or life.injected_ns
    found = analysis.evidence.doubts_within(end_ns - window_ns, end_ns + 1)
    return f"while they were being replicated, {found[0].cause}" if found else ""


def _too_coarse(gap_ns: int | None, back_ns: int) -> str:
    """Why a loss could not be seen; empty if it could."""
    if gap_ns is not None and gap_ns <= back_ns:
        return ""
    seen = "no write was" if gap_ns is None else f"for {gap_ns / 1e9:.1f} s no write was"
    return f"{seen} acknowledged in the {back_ns / 1e9:g} s before the fault, so a loss could not be seen"


def unread(analysis: Analysis, life: Life) -> str:
    """Which writes of the fault's shards could not be looked up in the final state, and why; empty if all could."""
    here = one_of(ints(analysis.writes.rows["shard"], -1), shards_of(analysis.evidence, life.fault))
    if not (here & analysis.writes.unread).any():
        return ""
    return f"it is unknown what was lost, because the final state was only partly read: {analysis.evidence.unread_said}"


def _seen_alone(analysis: Analysis, guilty: Flags) -> str:
    """How many of these writes were read on the old primary before it was rewound, as text; empty if it was not read."""
    alone = analysis.evidence.history.diverged
    if alone is None:
        return ""
    count = int(np.count_nonzero(guilty & among(analysis.writes.rows, alone)))
    return f"{count:,} of them {plural(count, 'was', 'were')} read on the old primary before it was rewound, "


def _interval(unsure_ns: tuple[int, int], gap_ns: int | None) -> tuple[float, float] | None:
    """The interval of the loss window: an older lost write could lie at most one gap (the resolution) before the oldest that was found."""
    return None if gap_ns is None else (unsure_ns[0] / 1e9, (unsure_ns[1] + gap_ns) / 1e9)


def _acknowledged(analysis: Analysis, life: Life, back_ns: int) -> int:
    """Writes of the fault's shards that were acknowledged within this time before the injection."""
    assert life.injected_ns is not None
    rows = analysis.writes.rows
    here = rows["shard"].isin(shards_of(analysis.evidence, life.fault)) & (rows["outcome"] == "ok")
    return int((here & rows["ended_ns"].between(life.injected_ns - back_ns, life.injected_ns)).sum())


def _split_brain(analysis: Analysis, life: Life) -> tuple[Verdict, ...]:
    if life.injected_ns is None or analysis.evidence.history.bookings is None:
        return ()
    loss = analysis.losses.by_fault[life.fault.id]
    if loss.promoted_ns is None:
        return ()
    count = int(np.count_nonzero(loss.split))
    writes = analysis.writes.rows
    after = (
        writes["shard"].isin(shards_of(analysis.evidence, life.fault))
        & (writes["started_ns"] > loss.promoted_ns)
        & (writes["outcome"] == "ok")
    )
    verdict = Verdict(
        id=f"split-brain/{life.fault.id}",
        claims=(),
        status=Status.FAIL if count else Status.PASS,
        measure="split_brain",
        scope=f"fault:{life.fault.id}",
        measured=float(count),
        bound=0.0,
        unit="count",
        n=int(after.sum()),
    )
    if not count:
        unseen = unread(analysis, life)
        return (replace(verdict, status=Status.INCONCLUSIVE, reason=unseen) if unseen else verdict,)
    why = "started after the promotion, was acknowledged, and is missing: the old primary acknowledged it"
    seen = _seen_alone(analysis, loss.split).removesuffix(", ")
    what = plural(
        count,
        "write that started after the promotion of the new primary was acknowledged and is missing",
        "writes that started after the promotion of the new primary were acknowledged and are missing",
    )
    reason = f"{count:,} {what}{seen and '; '}{seen}"
    return (replace(verdict, reason=reason, witnesses=_witnesses(analysis, loss.split, why)),)


def _witnesses(analysis: Analysis, guilty: Flags, why: str) -> tuple[Witness, ...]:
    """The operation of the oldest and of the newest such write, each with its effect."""
    rows = analysis.writes.rows
    ended = rows["ended_ns"].to_numpy()
    return tuple(
        effect_witness(analysis.evidence.operations, rows, index, why)
        for index in first_and_worst(guilty, ended, ended, ints(rows["operation"], -1))
    )
