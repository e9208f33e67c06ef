"""How long a scope was without service: t0, t_d, t_w, t_r and t_h of docs/glossary.md, found from what canaries saw.

Rules for the boundaries, each with an example in which the opposite rule would be wrong:

* A probe is a canary's write, or its read of what it wrote. Clean-up is not: the cancel of a booking that the fault lost is refused seconds after the
  recovery. Neither is a read of a write that was not acknowledged, or that was lost.
* A probe counts at the instant at which it was *due*. One that was sent before the fault and answered during the outage shows that the platform
  worked before; one that was due during the outage and answered late, after the recovery, shows that a customer waited.
* What was due during a hang and was answered within the canaries' latency by its end is *stuck*: answered together with others that were sent at other
  times. It counts as failed, otherwise every hang would be measured too short by that latency. It can extend an outage, but not begin one. The first of
  those answers is the most likely time of the recovery: the middle between the probes around it would be too early by half their distance.
* The search for t_r starts at the first probe that failed, not at t0. A primary that is cut off from etcd serves until its lease ends: ten good
  seconds, then ten seconds of outage. With a search from t0, the first five good seconds would already count as the recovery, before the fault takes
  effect.
* t_r is an interval, because probes are not continuous (:mod:`.change_point`). Canaries whose intervals overlap saw the same recovery; one that failed
  long after another had recovered has its own interval, and the latest counts.
* Failures after a full hold move t_r only if one canary fails twice in a row, or if more of a hold's probes fail than the share that counts as
  restored allows. Ten seconds of service between two outages are no recovery; a single slow answer in a minute of good ones is no outage.
* Recovery by itself requires t_r + hold *before* t_h. At t_h the harness starts to heal, and from then on its effect cannot be distinguished from the
  platform's own recovery.
* A failure within a doubtful stretch may have been caused by other programs. It can make an interval wider, but not later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closeshave.judge.evidence.columns import Flags, ints, member
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.joins import held_in
from closeshave.judge.evidence.timeline import Life, operations_of, signals_of
from closeshave.judge.evidence.writes import MUTATING
from closeshave.judge.measures import canary
from closeshave.judge.measures.canary import Sequence
from closeshave.judge.measures.change_point import COMPARED, STATED, Caution, ChangePoint, beyond, change_point
from closeshave.plan import Expected


@dataclass(frozen=True, slots=True)
class Recovery:
    """The recovery of one fault's scope as its canaries saw it. Instants are monotonic nanoseconds, ``None`` when they never came."""

    blind: str
    """Why the canaries cannot measure the recovery; empty when they can."""
    impact_ns: int | None
    """The first failed probe before the harness began to heal; ``None`` when the platform tolerated the fault."""
    earliest_ns: int | None
    """The recovery lies after this instant: no other program caused the failures up to it. ``None`` if nothing certainly failed."""
    latest_ns: int | None
    """The recovery lies before this instant."""
    restored_ns: int | None
    """t_r: the most likely instant between the two."""
    failing_ns: int | None
    """The scope had certainly not recovered by this instant, before the harness healed the fault; ``None`` if nothing certainly failed."""
    detected_ns: int | None
    working_ns: int | None
    self_recovered: bool | None
    probes: int
    failed: Flags
    """Over the history's operations: the probes of this fault that failed."""
    sure: Flags
    """Those of them that no doubtful stretch touched."""


def measure(evidence: Evidence, life: Life, lost: Iterable[int] = ()) -> Recovery:
    """Find the instants; ``lost`` are operations whose acknowledged write is missing. Raises :class:`ValueError` for a fault that was never injected."""
    start = life.injected_ns
    if start is None:
        raise ValueError(f"{life.fault.id} was never injected")
    hold_ns = round(evidence.plan.canaries.hold * 1e9)
    rows = evidence.canaries & operations_of(evidence, life.fault) & canary.informative(evidence, lost)
    blind = canary.blindness(evidence, rows, life.fault, start, life.horizon_ns)
    probes = np.flatnonzero(rows & (evidence.intended_ns >= start) & (evidence.intended_ns < life.horizon_ns))
    # By time, then by ID: the order of the file must not matter.
    probes = probes[np.lexsort((evidence.ids[probes], evidence.intended_ns[probes]))]
    seen = canary.sequence(evidence, probes, before=np.flatnonzero(rows & (evidence.intended_ns < start)))
    # Restored means after the operator's step, so for it the whole stretch up to the horizon is looked at.
    until = life.horizon_ns if life.fault.expected is Expected.RESTORED else life.unaided_until_ns
    failed, sure = np.zeros(len(evidence.operations), dtype=np.bool_), np.zeros(len(evidence.operations), dtype=np.bool_)
    failed[probes[seen.bad]] = True
    doubtful = evidence.touched[probes]
    sure[probes[seen.bad & ~doubtful]] = True
    hurt = seen.due[seen.bad & (seen.due < until)]
    impact = int(hurt[0]) if len(hurt) else None
    if impact is None and start + hold_ns > until:
        blind = (
            blind
            or f"the harness healed it or injected another fault within {hold_ns / 1e9:g} s of the injection, which is shorter than the hold"
        )
    share = evidence.plan.canaries.restored_share
    found = _settled(seen, until, hold_ns, share)
    certain = found if not np.any(seen.bad & doubtful) else _settled(seen.where(~(seen.bad & doubtful)), until, hold_ns, share)
    alone = _ended(seen.where((seen.due < until) & ~(seen.bad & doubtful)), until, hold_ns, share)
    high = None if found is None else found.high_ns
    if found is not None and (high is None or high + hold_ns > life.horizon_ns):
        high = None
    restored = start if impact is None else (found.middle_ns if found is not None and high is not None else None)
    return Recovery(
        blind=blind,
        impact_ns=impact,
        earliest_ns=certain.low_ns if certain is not None else None,
        latest_ns=start if impact is None else high,
        restored_ns=restored,
        failing_ns=alone.low_ns if alone is not None else None,
        # A signal after the harness began to heal may be caused by the healing.
        detected_ns=min((signal.at_ns for signal in signals_of(evidence, life) if signal.at_ns < life.unaided_until_ns), default=None),
        working_ns=_working(evidence, life, probes, seen.bad & (seen.due < until)),
        self_recovered=_by_itself(life, start if impact is None else high, hold_ns),
        probes=len(probes),
        failed=failed,
        sure=sure,
    )


def _settled(seen: Sequence, until: int, hold_ns: int, share: float) -> ChangePoint | None:
    """As :func:`_ended`, but without the probes after ``until`` if the outage had been over for a full hold by then.

    Healing may cause another outage: the harness switches back to the old primary. A slow canary has too few good probes between the two outages to
    separate them. If the result is the same with all probes, all are used: the more good probes follow, the narrower the interval.
    """
    whole = _ended(seen, until, hold_ns, share)
    if _held(whole, until, hold_ns):
        return whole
    alone = _ended(seen.where(seen.due < until), until, hold_ns, share)
    return alone if _held(alone, until, hold_ns) else whole


def _held(found: ChangePoint | None, until: int, hold_ns: int) -> bool:
    return found is not None and found.high_ns is not None and found.high_ns + hold_ns <= until


def _ended(seen: Sequence, until: int, hold_ns: int, share: float) -> ChangePoint | None:
    """The end of the last outage that began before ``until``; ``None`` when there was none."""
    first = _last_outage(seen, until, hold_ns, share)
    if first is None:
        return None
    seen = seen.where(seen.due >= first)
    ends = [each for number in np.unique(seen.canary[seen.bad]) if (each := _of_one(seen, int(number), hold_ns, share))]
    # One failure of a canary proves no outage of its own. If no canary has more, the outage was so short that it left one.
    proven = [each for each in ends if each.proven] or ends
    last = max(each.change_point.low_ns for each in proven)
    same = [each for each in proven if each.change_point.high_ns is None or each.change_point.high_ns > last]
    back = min((each.change_point.high_ns for each in same if each.change_point.high_ns is not None), default=None)
    same += [
        each
        for each in ends
        if each not in same and not each.proven and (back is None or each.change_point.low_ns < back) and _after(each.change_point, last)
    ]
    members = np.isin(seen.canary, [each.canary for each in same])
    return _change_point(seen.where(members & (seen.due >= min(each.since_ns for each in same))), share)


def _after(one: ChangePoint, instant: int) -> bool:
    return one.high_ns is None or one.high_ns > instant


@dataclass(frozen=True, slots=True)
class _End:
    """The end of an outage as one canary saw it."""

    canary: int
    since_ns: int
    change_point: ChangePoint
    proven: bool


def _of_one(seen: Sequence, number: int, hold_ns: int, share: float) -> _End | None:
    own = seen.where(seen.canary == number)
    bad = np.flatnonzero(own.bad)
    # Twenty good probes in a row are between two outages, not within one; a single failure after them is no outage.
    begins = [own.due[bad[gap + 1]] for gap in np.flatnonzero(np.diff(bad) > canary.ENOUGH)[::-1]]
    outages = (since for since in begins if _outage(own.where(own.due >= since), hold_ns, share).any())
    own = own.where(own.due >= next(outages, own.due[bad[0]]))
    return _End(number, int(own.due[0]), _change_point(own, share, COMPARED), bool(_outage(own, hold_ns, share).any()))


def _change_point(seen: Sequence, share: float, caution: Caution = STATED) -> ChangePoint:
    """As :func:`change_point`, with the probes in the order of their evidence: a failed one when it was sent, a good one when it was answered."""
    at = np.where(seen.bad, seen.started, seen.ended)
    order = np.argsort(at, kind="stable")
    begin = int(np.argmax(seen.bad[order]))
    found = change_point(at[order][begin:], seen.bad[order][begin:], share, caution)
    released_ns = _released_ns(seen)
    if released_ns is None or found.high_ns is None or not found.low_ns <= released_ns <= found.high_ns:
        return found
    return replace(found, middle_ns=released_ns)


def _released_ns(seen: Sequence) -> int | None:
    """When a hang released its requests: the first of their answers that arrived after its last probe was sent; ``None`` without a hang."""
    if not seen.released.any():
        return None
    last_ns = seen.started[seen.released].max()
    return int(seen.ended[seen.released & (seen.ended >= last_ns)].min())


def _last_outage(seen: Sequence, until: int, hold_ns: int, share: float) -> int | None:
    """The start of the last outage that began before ``until``: the first failure, or one after a full hold that is not a single failure."""
    bad = np.flatnonzero(seen.bad)
    if not len(bad) or seen.due[bad[0]] >= until:
        return None
    marked = np.zeros(len(seen.due), dtype=np.bool_)
    for number in np.unique(seen.canary[seen.bad]):
        own = np.flatnonzero(seen.canary == number)
        marked[own] = _outage(seen.where(seen.canary == number), hold_ns, share)
    first = last = int(seen.due[bad[0]])
    for position in bad[1:]:
        due = int(seen.due[position])
        if due - last < hold_ns:
            last = due
        elif marked[position] and due < until:
            first = last = due
    return first


def _outage(own: Sequence, hold_ns: int, share: float) -> Flags:
    """Which of one canary's probes belong to an outage: failures next to another one, or within a hold with more failures than restored service allows."""
    beside = np.zeros(len(own.bad), dtype=np.bool_)
    beside[1:] |= own.bad[:-1]
    beside[:-1] |= own.bad[1:]
    found: Flags = own.bad & beside
    spacing_ns = max(1.0, float(np.median(np.diff(own.due)))) if len(own.due) > 1 else float(hold_ns)
    width = max(canary.ENOUGH, round(hold_ns / max(spacing_ns, hold_ns / 1000)))
    if len(own.bad) >= width:
        running = np.concatenate([[0], np.cumsum(own.bad)])
        too_many = running[width:] - running[:-width] >= beyond(np.array([width]), 1.0 - share)
        covered = np.convolve(too_many, np.ones(width, dtype=np.int64))[: len(own.bad)] > 0
        found |= own.bad & covered
    return found


def _by_itself(life: Life, restored: int | None, hold_ns: int) -> bool | None:
    """Whether it recovered by itself; ``None`` when the history ends, or the next fault begins, before that can be known."""
    if restored is not None and restored + hold_ns <= life.horizon_ns and (life.healed_ns is None or restored + hold_ns < life.healed_ns):
        return True
    return False if life.healed_ns is not None and life.healed_ns <= life.horizon_ns else None


def _working(evidence: Evidence, life: Life, probes: NDArray[np.int64], failed: Flags) -> int | None:
    """t_w: when the last of the affected shards in scope accepted a write again: the start of its first write that ended ok.

    A write, because replicas and caches answer reads while there is no primary. After the shard's first failure and not after t0, because an
    injection takes some milliseconds to take effect, and a success in that time says nothing about the fail-over. The last shard, because a lost
    region's edge may send its customers to other regions' shards at once, while its own shard still has no primary.
    """
    effects = evidence.history.effects
    hurt = probes[failed]
    if not len(hurt):
        return None
    since_ns = evidence.intended_ns[hurt].min()
    rows = np.flatnonzero(
        evidence.ok & operations_of(evidence, life.fault) & (evidence.started_ns > since_ns) & (evidence.started_ns < life.horizon_ns)
    )
    wrote = rows[held_in(evidence.ids[rows], ints(effects["operation"][member(effects["action"], MUTATING)], -1))]
    started, shards = evidence.started_ns[wrote], evidence.shard[wrote]
    working = []
    for shard in np.unique(evidence.shard[hurt]):
        hurt_ns = evidence.intended_ns[hurt[evidence.shard[hurt] == shard]].min()
        again = started[(shards == shard) & (started > hurt_ns)]
        if not len(again):
            return None
        working.append(int(again.min()))
    return max(working, default=None)
