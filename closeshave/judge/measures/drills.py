"""The figures of a drill: how long it took with its split, what it cost customers, and what was lost."""

from __future__ import annotations

import numpy as np

from closeshave.clock import Anchor
from closeshave.history import ACKNOWLEDGED, BY_HOOKS, LOSS_S, LOST, TIMED
from closeshave.judge.evidence.columns import Flags, Ints, equal, ints, one_of
from closeshave.judge.evidence.drills import DrillLife, customers_within
from closeshave.judge.evidence.evidence import Evidence
from closeshave.judge.evidence.writes import MUTATING, joined
from closeshave.judge.measures import logged_out
from closeshave.judge.measures.analysis import Analysis
from closeshave.judge.measures.fenced import fence_of, waits, writing
from closeshave.judge.measures.restored import Instant, Restoration, compare
from closeshave.judge.verdict import DrillFigures, StepFigures
from closeshave.scope import concerned

RESTORES = ("restore.", "backup.")
OF_FILES = frozenset({"restore.files", "restore.configuration"})
"""Kinds that restore files, and say themselves what of the acknowledged ones came back."""
OF_KEYS = frozenset({"cache.reshard", "cache.replace-node"})
"""Kinds that write keys to a cluster, and say themselves which of the acknowledged ones are there afterwards."""
NEAR_NS = 60_000_000_000
"""Writes that were acknowledged this long before a drill may still be lost by it: a standby may lag."""


def figures(analysis: Analysis, life: DrillLife) -> DrillFigures:
    """Every figure that the evidence allows; the others are ``None``."""
    evidence, drill = analysis.evidence, life.drill
    origin = min((phase.started_ns for phase in evidence.history.manifest.phases), default=0)
    rows = customers_within(evidence, life)
    begun = life.ended is not None and life.in_ledger
    window_s, lost = _loss(analysis, life)
    sessions = logged_out.lost_by(evidence, life) if begun else None
    return DrillFigures(
        id=drill.id,
        kind=drill.kind,
        scope=",".join(f"{key}:{value}" for key, value in drill.scope.items()) or "all",
        ended=life.ended.how if life.ended is not None else None,
        began_at_s=(life.ended.began_ns - origin) / 1e9 if life.ended is not None and begun else None,
        duration_s=(life.ended.ended_ns - _timed_from_ns(life, life.ended.began_ns)) / 1e9 if life.ended is not None and begun else None,
        steps=tuple(StepFigures(step.step, (step.ended_ns - step.began_ns) / 1e9) for step in life.steps),
        put_back_s=(life.put_back_ns - life.ended.ended_ns) / 1e9 if life.ended is not None and life.put_back_ns is not None else None,
        put_back_proven=life.put_back_ns is not None or not life.in_ledger,
        requests=int(np.count_nonzero(rows)) if begun else None,
        not_good=int(np.count_nonzero(rows & ~evidence.good)) if begun else None,
        writes_refused_s=_refused_s(analysis, life),
        loss_window_s=window_s,
        lost_writes=lost,
        proofs=tuple(f"{proof.what}: {proof.saw}" for proof in life.proofs),
        lost_sessions=None if sessions is None else sessions.customers,
        logins_again=None if sessions is None else int(np.count_nonzero(sessions.again)),
        logins_again_per_s=None if sessions is None else sessions.busiest,
    )


def _timed_from_ns(life: DrillLife, began_ns: int) -> int:
    """From when the duration counts: what a drill did only to have something to do is none of it."""
    return next((step.began_ns for step in life.steps if step.facts.get(TIMED)), began_ns)


def restores_rows(life: DrillLife) -> bool:
    """Whether it restores a database, whose rows are then compared with what customers were told."""
    return life.drill.kind.startswith(RESTORES) and life.drill.kind not in OF_FILES and not by_hooks(life)


def says_loss(life: DrillLife) -> str:
    """Whether it says itself what is lost of what it wrote, and of what: ``file``, ``key``; empty if it does not."""
    if by_hooks(life):
        return ""
    return "file" if life.drill.kind in OF_FILES else "key" if life.drill.kind in OF_KEYS else ""


def by_hooks(life: DrillLife) -> bool:
    """Whether the platform's operator carries it out: what that restored, nobody else can read."""
    return any(step.facts.get(BY_HOOKS) for step in life.steps)


def loss_said(life: DrillLife) -> tuple[float, int, int] | None:
    """The loss window of files or keys in seconds, how many of the acknowledged ones are lost, and how many there were; ``None`` if it is not known."""
    for step in life.steps:
        told = [step.facts.get(name) for name in (LOSS_S, LOST, ACKNOWLEDGED)]
        if all(isinstance(each, int | float) for each in told):
            window_s, lost, acknowledged = (float(str(each)) for each in told)
            return window_s, int(lost), int(acknowledged)
    return None


def exact(life: DrillLife) -> bool:
    """Whether a restore was to an instant: then nothing before it may be missing. Otherwise what is missing is its loss."""
    return life.fact("choose", "exact") is not False


def restoration(analysis: Analysis, life: DrillLife) -> Restoration | str:
    """The comparison of what a drill restored; or why there is none, as a clause."""
    if not life.carried_out:
        return f"{life.drill.id} restored nothing that could be compared"
    restored = analysis.evidence.history.restored.get(life.drill.id)
    told = [life.fact("choose", name) for name in ("target_wall_ns", "monotonic_ns", "wall_ns", "uncertainty_ns")]
    if restored is None:
        return "the rows of the restored database are not in the history"
    if not all(isinstance(each, int) for each in told):
        return "the history does not say to which instant the database was restored"
    target, monotonic, wall, unsure = (int(str(each)) for each in told)
    instant = Instant.of(target, Anchor(monotonic, wall, unsure), analysis.evidence.history.manifest.anchor)
    writes = joined(analysis.evidence, MUTATING)
    mine = ints(writes["shard"], -1) == int(life.drill.scope["shard"])
    return compare(writes[mine].frame(), analysis.evidence.operations, restored, analysis.evidence.final, instant)


def lost_rows(analysis: Analysis, life: DrillLife) -> tuple[Flags, Flags]:
    """Over the writes of the run: those of the drill's shards near it that are lost, and all of those that were acknowledged.

    Raises :class:`ValueError` without a final state.
    """
    rows = analysis.writes.rows
    ended: Ints = ints(rows["ended_ns"], 0)
    begun_ns, over_ns = (life.ended.began_ns if life.ended else 0), life.over_ns or 0
    here = one_of(ints(rows["shard"], -1), concerned(life.drill, analysis.evidence.history.manifest.topology))
    near: Flags = here & equal(rows["outcome"], "ok") & (ended >= begun_ns - NEAR_NS) & (ended <= over_ns)
    return near & analysis.writes.lost, near


def _loss(analysis: Analysis, life: DrillLife) -> tuple[float | None, int | None]:
    """The loss window in seconds and how many writes are lost."""
    if life.ended is None or not life.in_ledger:
        return None, None
    if says_loss(life):
        told = loss_said(life)
        return (told[0], told[1]) if told is not None else (None, None)
    if restores_rows(life):
        found = restoration(analysis, life)
        return (None, None) if isinstance(found, str) else (found.window_s, found.missing_count)
    return _moved_loss(analysis, life, life.ended.ended_ns)


def _moved_loss(analysis: Analysis, life: DrillLife, ended_ns: int) -> tuple[float | None, int | None]:
    """The same for a drill that restores nothing."""
    if analysis.evidence.history.bookings is None:
        return None, None
    lost, near = lost_rows(analysis, life)
    if not near.any() or ((near & analysis.writes.unread).any() and not lost.any()):
        return None, None
    oldest = ints(analysis.writes.rows["ended_ns"], 0)[lost]
    return (max(0.0, (ended_ns - int(oldest.min())) / 1e9) if len(oldest) else 0.0), len(oldest)


def _refused_s(analysis: Analysis, life: DrillLife) -> float | None:
    """The longest time between two acknowledged writes of one of the drill's shards while it was under way, if a write to it was refused in between.

    Each shard by itself: what another one accepts is no help to those who are refused. Canaries write all the time, so it is as sharp as their rate. 0 if
    none was refused; ``None`` if nobody wrote. Of a drill that fenced a range it is the longer one of the fence itself and of what a customer of the range
    waited.
    """
    evidence = analysis.evidence
    if life.ended is None or life.over_ns is None:
        return None
    if (fence := fence_of(life)) is not None:
        return max((fence.to_ns - fence.from_ns) / 1e9, waits(evidence, fence).longest_s)
    span_ns = (life.ended.began_ns, life.over_ns)
    return max((_refused_ns(evidence, mine, span_ns) / 1e9 for mine in _by_shard(evidence, life) if len(mine)), default=None)


def _refused_ns(evidence: Evidence, mine: Ints, span_ns: tuple[int, int]) -> int:
    """The same of these writes, which are all to one shard."""
    good = evidence.good[mine]
    due, ended = evidence.intended_ns[mine], evidence.ended_ns[mine]
    acknowledged = np.sort(ended[good])
    longest_ns = 0
    for at in due[~good].tolist():
        place = int(np.searchsorted(acknowledged, at))
        before = int(acknowledged[place - 1]) if place else span_ns[0]
        after = int(acknowledged[place]) if place < len(acknowledged) else span_ns[1]
        longest_ns = max(longest_ns, after - before)
    return longest_ns


def writes_within(evidence: Evidence, life: DrillLife) -> Ints:
    """The positions of the writes to the drill's shards that were due while it was under way, until everything was put back."""
    if life.ended is None or life.over_ns is None:
        return np.empty(0, dtype=np.int64)
    here = one_of(evidence.shard, concerned(life.drill, evidence.history.manifest.topology))
    due = (evidence.intended_ns >= life.ended.began_ns) & (evidence.intended_ns <= life.over_ns)
    return np.flatnonzero(writing(evidence) & here & due)


def _by_shard(evidence: Evidence, life: DrillLife) -> list[Ints]:
    """The same, for each of the drill's shards."""
    mine = writes_within(evidence, life)
    return [mine[evidence.shard[mine] == shard] for shard in concerned(life.drill, evidence.history.manifest.topology)]


def unseen_s(evidence: Evidence, life: DrillLife) -> float:
    """The longest time of the drill in which no write to one of its shards was due, in seconds: what was refused there meanwhile nobody saw."""
    assert life.ended is not None  # or it would not be judged
    longest_ns = 0
    for mine in _by_shard(evidence, life):
        due = np.sort(evidence.intended_ns[mine])
        edges = np.concatenate([[life.ended.began_ns], due[due <= life.ended.ended_ns], [life.ended.ended_ns]])
        longest_ns = max(longest_ns, int(np.diff(edges).max()))
    return longest_ns / 1e9
